"""Figures of what the data can tell: the spectrum with its combinations, and profile likelihoods."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.inference.identifiability.profiles import BEYOND, LIMIT
from twin.inference.report.drawing import BLUE, FAINT, INK, MUTED, VERMILLION, WIDTH, axis_label, figure
from twin.inference.report.numbers import MINUS, SUPERSCRIPTS, digits
from twin.space import Floats

MOST = 12
"""Combinations and profiles drawn."""
FAINTEST = 1e-2
"""Strength [noise sds per prior sd] at which the axis ends; what is weaker is drawn there."""
COLUMNS = 4


def draw_spectrum(found: Mapping[str, Any]) -> Any:
    """A row per combination, stiffest on top: strength over prior draws and at the mode, and what it is made of.

    The least informed ones where there are too many.
    """
    p = len(found["names"])
    rows = list(range(p))[-MOST:]
    fig = figure(WIDTH, 0.3 * len(rows) + 1.0)
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=(3, 4) if p <= MOST else (1, 0.001))
    _strengths(left, found, rows)
    if p <= MOST:
        _weights(right, found, rows)
    else:
        right.set_axis_off()
    return fig


def _strengths(panel: Any, found: Mapping[str, Any], rows: Sequence[int]) -> None:
    places = np.arange(len(rows))
    levels = found["prior"]["eigenvalues"]
    if all(v is not None for v in levels["q50"]):
        low, middle, high = (_strength(levels[key], rows) for key in ("q05", "q50", "q95"))
        panel.hlines(places, low, high, color=FAINT, linewidth=6.0, label="90 % of the prior")
        panel.plot(middle, places, "|", color=MUTED, markersize=8, label="median")
    here = _strength([d["eigenvalue"] for d in found["directions"]], rows)
    sloppy = here < 1.0
    panel.plot(here[~sloppy], places[~sloppy], "o", color=BLUE, markersize=4.5, label="at the mode")
    if sloppy.any():
        panel.plot(here[sloppy], places[sloppy], "D", color=VERMILLION, markersize=4.5, label="at the mode, sloppy")
    panel.axvline(1.0, color=INK, linewidth=0.8, linestyle="--")
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(_power_of_ten)
    panel.xaxis.set_minor_formatter(lambda value, place: "")
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_yticks(places, [str(i + 1) for i in rows])
    panel.set_ylabel("combination")
    panel.set_xlabel("noise sds per prior sd")
    panel.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.1, columnspacing=1.0)


def _power_of_ten(value: float, place: int | None) -> str:
    """``10⁻²``; 1 and 10 as they are."""
    exponent = round(math.log10(value))
    return f"{value:g}" if exponent in (0, 1) else f"10{str(exponent).translate(SUPERSCRIPTS)}"


def _strength(eigenvalues: Sequence[float], rows: Sequence[int]) -> Floats:
    return np.maximum(np.sqrt(np.asarray(eigenvalues, dtype=np.float64)[list(rows)]), FAINTEST)


def _weights(panel: Any, found: Mapping[str, Any], rows: Sequence[int]) -> None:
    weights = np.array([found["directions"][i]["weights"] for i in rows], dtype=np.float64)
    n, p = weights.shape
    edges = np.arange(p + 1) - 0.5, np.arange(n + 1) - 0.5
    panel.pcolormesh(*edges, weights, cmap="PuOr_r", vmin=-1.6, vmax=1.6, edgecolors="white", linewidth=1.0)
    for i, j in np.ndindex(n, p):
        text = f"{weights[i, j]:.1f}".replace("-0.0", "0.0").replace("-", MINUS)
        strong = abs(weights[i, j]) >= 0.3
        panel.text(j, i, text, ha="center", va="center", fontsize=6.5, color=INK if strong else MUTED)
    panel.set_xticks(np.arange(p), found["names"], rotation=30, ha="right")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title("weights, in prior sds")


def draw_profiles(found: Sequence[Mapping[str, Any]]) -> Any:
    """A panel per parameter: loss of log likelihood against its value, and the limit of the 90 % interval."""
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    fig = figure(WIDTH * columns / COLUMNS, 1.5 * rows + 0.2)
    panels = fig.subplots(rows, columns, sharey=True, squeeze=False)
    for panel, profile in zip(panels.flat, found, strict=False):
        _curve(panel, profile)
    for panel in panels.flat[len(found) :]:
        panel.set_axis_off()
    for panel in panels[:, 0]:
        panel.set_ylabel("drop [nat]")
    return fig


def _curve(panel: Any, profile: Mapping[str, Any]) -> None:
    values, drop = (np.asarray(profile[key], dtype=np.float64) for key in ("values", "drop"))
    form = digits(float(np.mean(values)), float(np.std(values)))
    unit = " ".join(part for part in (form.power, "" if profile["unit"] == "1" else profile["unit"]) if part)
    closed = profile["low"] is not None and profile["high"] is not None
    panel.plot(values / 10.0**form.exponent, drop, ".-", color=BLUE if closed else VERMILLION, markersize=3)
    panel.axhline(LIMIT, color=INK, linewidth=0.8, linestyle="--")
    panel.set_ylim(-0.1, BEYOND)
    panel.locator_params(axis="x", nbins=3)
    panel.set_title(axis_label(profile["name"], unit))
