"""One self-contained page about a simulation-based calibration, in the look of the posterior's report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from twin.atomic import replaced
from twin.inference.report.drawing import BLUE, FAINT, INK, MUTED, VERMILLION, WIDTH, embed, figure
from twin.inference.report.numbers import MINUS, NONE, given, percent, unit_text
from twin.inference.report.page import environment
from twin.inference.report.words import ICONS
from twin.inference.sbc import SIGNIFICANCE, Band, Trial, band, counts_up_to
from twin.space import Floats

MOST_DRAWN = 12
"""Parameters drawn; beyond that those of smallest p-value. The table has all."""
BIASED = 3.0
"""Standard errors of the mean z-score from which a bias is put into words."""


def write_sbc(
    summary: Mapping[str, Any], trials: Sequence[Trial], path: Path, *, title: str, facts: Mapping[str, str]
) -> None:
    """Writes the page in one move."""
    text = render_sbc(summary, trials, title=title, facts=facts)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render_sbc(summary: Mapping[str, Any], trials: Sequence[Trial], *, title: str, facts: Mapping[str, str]) -> str:
    """The page as text; ``summary`` is that of the same trials, ``facts`` stand below the title.

    ValueError where the summary does not belong to the trials.
    """
    good = [t for t in trials if not t.failed]
    if (summary["n"], summary["failed"]) != (len(trials), len(trials) - len(good)):
        raise ValueError(
            f"the summary is of {summary['n']} data sets, {summary['failed']} of them failed, the trials are "
            f"{len(trials)} with {len(trials) - len(good)} failed; summarise these trials"
        )
    entries = summary["parameters"]
    drawn = _drawn(entries) if len(good) > 1 else ()
    positions = {name: np.array([t.u[name] for t in good]) for name in drawn}
    content = {
        "title": title,
        "verdict": _verdict(summary),
        "facts": list(facts.items()),
        "rows": [_row(name, entry) for name, entry in entries.items()],
        "svg": embed(lambda: draw_positions(positions, summary), "sbc", "positions of the truth") if drawn else None,
        "left_out": len(entries) - len(drawn),
        "bins": _bins(len(good)),
        "rungs": list(summary["rungs"].items()),
        "failures": list(summary["failures"].items()),
        "failed_limit": percent(summary["failed_limit"]),
        "alarm": percent(summary["significance"]),
        "sure": percent(1.0 - summary["significance"]),
    }
    return environment().get_template("sbc.html.j2").render(content)


def _verdict(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Headline and sentences of the box on top."""
    wrong = [name for name, entry in summary["parameters"].items() if not entry["uniform"]]
    n, failed = summary["n"], summary["failed"]
    sentences = [f"{n} data sets were simulated with parameters drawn from the prior; {n - failed} have an answer."]
    if n - failed < 2:
        sentences.append("That is too few to judge anything.")
    elif wrong:
        sentences.append(f"The true values do not fall into the posteriors as they should: {', '.join(wrong)}.")
    else:
        sentences.append("The true values fall into the posteriors as often, and where, they should.")
    if failed > summary["failed_limit"] * n:
        sentences.append(
            f"{failed} data sets ({percent(summary['failed_share'])}) have none, more than "
            f"{percent(summary['failed_limit'])}: what is missing may be what is difficult."
        )
    tone = "good" if summary["passed"] else "bad"
    headline = "Calibrated" if summary["passed"] else "Not calibrated"
    return {"tone": tone, "icon": ICONS[tone], "headline": headline, "sentences": sentences}


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    known = entry["p_value"] is not None
    return {
        "name": name,
        "unit": unit_text(entry["unit"]),
        "n": str(entry["n"]),
        "p_value": p_text(entry["p_value"]) if known else NONE,
        "uniform": entry["uniform"],
        "coverage50": _coverage(entry["coverage50"]) if known else NONE,
        "coverage90": _coverage(entry["coverage90"]) if known else NONE,
        "z": _signed(entry["z_mean"], entry["z_se"]) if known else NONE,
        "shrinkage": percent(entry["shrinkage"]) if known else NONE,
        "remarks": remarks(entry) if known else ["too few answers"],
    }


def remarks(entry: Mapping[str, Any]) -> list[str]:
    """What is wrong with one parameter in words; nothing where its positions are uniform."""
    if entry["uniform"]:
        return []
    biased = abs(entry["z_mean"]) > BIASED * entry["z_se"]
    found = {
        "posteriors too low": biased and entry["z_mean"] > 0,
        "posteriors too high": biased and entry["z_mean"] < 0,
        "posteriors too narrow": entry["coverage90"]["high"] < 0.9 or entry["coverage50"]["high"] < 0.5,
        "posteriors too wide": entry["coverage90"]["low"] > 0.9 or entry["coverage50"]["low"] > 0.5,
    }
    return [text for text, holds in found.items() if holds] or ["not uniform"]


def p_text(p_value: float) -> str:
    """``0.34``, ``< 0.0001``."""
    return "< 0.0001" if p_value < 1e-4 else given(p_value, 2)


def _coverage(entry: Mapping[str, float]) -> str:
    return f"{percent(entry['share'])} [{100 * entry['low']:.0f}, {100 * entry['high']:.0f}]"


def _signed(mean: float, se: float) -> str:
    return f"{mean:+.2f} ± {se:.2f}".replace("-", MINUS)


def _drawn(entries: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the parameters to draw, in their order."""
    worst = sorted(entries, key=lambda name: entries[name]["p_value"])[:MOST_DRAWN]
    return tuple(name for name in entries if name in worst)


def _bins(n: int) -> int:
    """Bins of the histogram: some ten data sets in each, at most 20."""
    return max(4, min(20, n // 10))


def draw_positions(positions: Mapping[str, Floats], summary: Mapping[str, Any]) -> Any:
    """A row per parameter: distribution function minus u with its bands left, histogram with its band right."""
    fig = figure(WIDTH, 1.5 * len(positions) + 0.6)
    axes = fig.subplots(len(positions), 2, squeeze=False, width_ratios=(3, 2), sharex=True)
    n = len(next(iter(positions.values())))
    bands = band(n, SIGNIFICANCE), band(n, summary["level"])
    for row, (name, u) in enumerate(positions.items()):
        entry = summary["parameters"][name]
        colour = BLUE if entry["uniform"] else VERMILLION
        _difference(axes[row, 0], u, bands, colour)
        _histogram(axes[row, 1], u, colour)
        axes[row, 0].set_title(f"{name}, p = {p_text(entry['p_value'])}".replace("= <", "<"))
    axes[0, 1].set_title("data sets per bin")
    for panel in axes[-1]:
        panel.set_xlabel("position u of the truth in its posterior")
    fig.supylabel("share of positions up to u, minus u", fontsize=8.0, color=INK)
    return fig


def _difference(panel: Any, u: Floats, bands: tuple[Band, Band], colour: str) -> None:
    """ECDF minus u at the points where it is judged; one band filled, the one shared by all parameters as lines."""
    alone, shared = bands
    z = np.concatenate([[0.0], alone.points, [1.0]])
    low, high, low_all, high_all, ecdf = (
        np.concatenate([[0.0], counts / len(u) - alone.points, [0.0]])
        for counts in (alone.low, alone.high, shared.low, shared.high, counts_up_to(u, alone.points))
    )
    panel.fill_between(z, low, high, color=FAINT, alpha=0.7, linewidth=0)
    for edge in (low_all, high_all):
        panel.plot(z, edge, color=MUTED, linewidth=0.6, linestyle=":")
    panel.axhline(0.0, color=MUTED, linewidth=0.6)
    panel.plot(z, ecdf, color=colour)
    panel.set_xlim(0, 1)
    panel.locator_params(axis="y", nbins=5)


def _histogram(panel: Any, u: Floats, colour: str) -> None:
    """Counts per bin, and the band that holds all of them with 95 % probability (Bonferroni)."""
    bins = _bins(len(u))
    edges = np.linspace(0.0, 1.0, bins + 1)
    low, high = binom.interval(1.0 - SIGNIFICANCE / bins, len(u), 1.0 / bins)
    panel.axhspan(low, high, color=FAINT, alpha=0.7, linewidth=0)
    panel.axhline(len(u) / bins, color=MUTED, linewidth=0.6)
    counts = np.histogram(u, edges)[0]
    panel.stairs(counts, edges, color=colour, fill=True, alpha=0.35)
    panel.stairs(counts, edges, color=colour, linewidth=0.9)
    panel.set_ylim(0, 1.1 * max(high, counts.max()))
    panel.locator_params(axis="y", nbins=4)
