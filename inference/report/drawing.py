"""Drawing for the report: one style, and figures as text that goes into a page without reaching out of it.

Matplotlib's object interface only. The same numbers give the same bytes: ids come from a fixed salt, no dates.
"""

import base64
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

INK, MUTED, FAINT = "#1c2430", "#5b6675", "#d5dae1"
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9"
CHAINS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK)
"""Okabe & Ito 2008: told apart with any colour vision."""
DASHES = ("-", "--", ":", "-.")

WIDTH = 7.4  # inches: a page's text width
HEAVY = 60_000  # bytes above which a picture may be cheaper than a drawing
DOTS = 160  # per inch, of a picture

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "twincal",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.useoffset": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.2,
    "path.simplify": True,
    "path.simplify_threshold": 0.3,
}


@contextmanager
def style() -> Iterator[None]:
    """The report's drawing style. Letters our font lacks are left to the browser's fonts."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def figure(width: float, height: float) -> Any:
    """An empty figure [inch]."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def embed(draw: Callable[[], Any], key: str, alt: str) -> Markup:
    """The figure that ``draw`` makes as inline SVG, or as PNG if that takes fewer bytes; ``key`` keeps ids apart."""
    with style():
        drawn = draw()
        drawing = _svg(drawn, key, alt)
        drawn.set_layout_engine("none")  # keep what was laid out
        if len(drawing.encode()) <= HEAVY:
            return Markup(drawing)
        picture = _png(drawn, alt)
    return Markup(min(drawing, picture, key=len))


def _svg(drawn: Any, key: str, alt: str) -> str:
    """SVG without declaration, metadata, name spaces and rules that would hold for the whole page."""
    buffer = io.StringIO()
    drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style type=\"text/css\">.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    opening, inside = body.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    inside = inside.replace("xlink:href=", "href=")
    inside = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{key}-", inside)
    inside = re.sub(r"\n\s*", "\n", inside)
    shape = f'{box.group(0) if box else ""} style="{_widths(drawn)}"'
    return f'<svg class="figure" {shape} role="img" aria-label="{escape(alt, quote=True)}">{inside.strip()}'


def _png(drawn: Any, alt: str) -> str:
    """PNG of at most 128 colours as a data address."""
    buffer, small = io.BytesIO(), io.BytesIO()
    drawn.savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    data = base64.b64encode(small.getvalue()).decode()
    label = escape(alt, quote=True)
    return f'<img class="figure" style="{_widths(drawn)}" src="data:image/png;base64,{data}" alt="{label}">'


def _widths(drawn: Any) -> str:
    """Letters neither too large on a screen nor too small on a phone, where the figure is scrolled instead."""
    inches = drawn.get_figwidth()
    return f"max-width:{inches * 108:.0f}px;min-width:{inches * 72:.0f}px"


def spread_out(n: int, most: int) -> npt.NDArray[np.intp]:
    """At most ``most`` of n positions, evenly spaced, first and last among them."""
    if n <= most:
        return np.arange(n)
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.intp))


def axis_label(quantity: str, unit: str) -> str:
    """``voltage [V]``; the quantity alone where the unit is not known."""
    return f"{quantity} [{unit}]" if unit else quantity
