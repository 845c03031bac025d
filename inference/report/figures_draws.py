"""Draws without their order: the density of one parameter, regions and correlations of pairs."""

from typing import Any

import numpy as np
from markupsafe import Markup
from scipy.ndimage import gaussian_filter

from twin.inference.checks import natural
from twin.inference.posterior import Posterior
from twin.inference.report.drawing import (
    BLUE,
    INK,
    MUTED,
    WIDTH,
    axis_label,
    figure,
    spread_out,
)
from twin.inference.report.numbers import digits
from twin.space import Floats, Parameter

MOST_PAIRS = 10
LEVELS = ("#a9d2ea", BLUE)
"""Of the 90 % and the 50 % region."""


def sparkline(parameter: Parameter, draws: Floats) -> Markup:
    """Prior (grey line) and posterior (filled) over the prior's 99 % and all draws, each to its own height.

    Over log θ where the prior is log-normal.
    """
    law, (low, high) = parameter.prior.scipy(), parameter.bounds
    cut = law.cdf(low), law.cdf(high)
    ends = law.ppf([cut[0] + q * (cut[1] - cut[0]) for q in (0.005, 0.995)])
    span = natural(parameter, np.array([min(ends[0], draws.min()), max(ends[1], draws.max())]))
    margin = 0.02 * (span[1] - span[0]) or 1.0
    grid = np.linspace(span[0] - margin, span[1] + margin, 121)
    theta = np.exp(grid) if natural(parameter, np.array([1.0]))[0] == 0.0 else grid
    before = law.pdf(theta) * (theta if theta is not grid else 1.0) * ((theta >= low) & (theta <= high))
    after = density(natural(parameter, draws.ravel()), grid)
    return Markup(
        '<svg class="spark" viewBox="0 0 120 34" preserveAspectRatio="none" role="img" '
        'aria-label="prior and posterior density">'
        f'<polygon class="after" points="{_outline(after, closed=True)}"/>'
        f'<polyline class="before" points="{_outline(before, closed=False)}"/></svg>'
    )


def density(values: Floats, grid: Floats) -> Floats:
    """Smoothed histogram of ``values`` on the even ``grid``, reflected at the outermost draws; a spike if constant."""
    step = grid[1] - grid[0]
    spread = min(float(np.std(values)), float(np.subtract(*np.quantile(values, (0.75, 0.25)))) / 1.34)
    edges = np.concatenate([grid - step / 2, grid[-1:] + step / 2])
    counts = np.histogram(values, edges)[0].astype(np.float64)
    width = 0.9 * spread * len(values) ** -0.2 / step
    inside = np.flatnonzero(counts)
    smooth = counts.copy()
    if width > 0.3 and len(inside):
        part = slice(inside[0], inside[-1] + 1)
        smooth[part] = gaussian_filter(counts[part], width, mode="reflect")
    return smooth


def _outline(heights: Floats, *, closed: bool) -> str:
    peak = float(np.max(heights)) if np.isfinite(heights).all() and np.max(heights) > 0 else 1.0
    tops = np.nan_to_num(heights, nan=0.0, posinf=peak) / peak
    points = [f"{i:g},{33 - 31 * h:.1f}" for i, h in enumerate(tops)]
    return " ".join(["0,33", *points, f"{len(points) - 1},33"] if closed else points)


def correlations(posterior: Posterior, names: tuple[str, ...]) -> Floats:
    """Correlation matrix of the named parameters; 0 with a parameter that never moves."""
    draws = np.stack([posterior.draws(n).ravel() for n in names], axis=-1)
    centred = draws - draws.mean(axis=0)
    scale = np.sqrt(np.sum(centred**2, axis=0))
    moving = scale > 1e-12 * np.abs(draws).max(axis=0) * np.sqrt(len(draws))
    unit = np.where(moving, centred / np.where(moving, scale, 1.0), 0.0)
    matrix: Floats = unit.T @ unit
    np.fill_diagonal(matrix, 1.0)
    return matrix


def paired(posterior: Posterior, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or those ten whose largest correlation with another is largest, in the order of the space."""
    if len(names) <= MOST_PAIRS:
        return names
    strength = np.abs(correlations(posterior, names) - np.eye(len(names))).max(axis=0)
    chosen = set(np.argsort(-strength, kind="stable")[:MOST_PAIRS].tolist())
    return tuple(name for i, name in enumerate(names) if i in chosen)


def draw_pairs(posterior: Posterior, names: tuple[str, ...]) -> Any:
    """Below the diagonal 50 % and 90 % regions, on it the densities, above it the correlations."""
    p = len(names)
    side = WIDTH if p > 3 else 2.4 * p
    fig = figure(side, side)
    fig.set_layout_engine("none")
    edge = 0.95 / side
    grid = fig.add_gridspec(p, p, left=edge, right=0.995, bottom=edge, top=0.995, wspace=0.08, hspace=0.08)
    matrix = correlations(posterior, names)
    scaled = {name: in_digits(posterior, name) for name in names}
    flat = {name: draws.ravel() for name, (draws, _) in scaled.items()}
    for i, below in enumerate(names):
        for j, beside in enumerate(names):
            panel = fig.add_subplot(grid[i, j])
            if i < j:
                _coefficient(panel, float(matrix[i, j]))
                continue
            panel.set_xlim(*_wide(flat[beside]))
            if i == j:
                _margin(panel, flat[below])
            else:
                panel.set_ylim(*_wide(flat[below]))
                _region(panel, flat[beside], flat[below])
            _label(panel, [label for _, label in scaled.values()], i, j)
    return fig


def _margin(panel: Any, draws: Floats) -> None:
    if np.ptp(draws) == 0:
        panel.axvline(draws[0], color=BLUE)
    else:
        grid = np.linspace(draws.min(), draws.max(), 61)
        panel.fill_between(grid, density(draws, grid), color=BLUE, alpha=0.35, linewidth=0)
    panel.set_ylim(bottom=0)
    panel.spines.left.set_visible(False)


def _region(panel: Any, x: Floats, y: Floats) -> None:
    """Smallest regions that hold 50 % and 90 % of the draws, from a smoothed histogram; dots if one never moves."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        some = spread_out(len(x), 200)
        panel.plot(x[some], y[some], ".", color=BLUE, markersize=2)
        return
    counts, xs, ys = np.histogram2d(x, y, bins=36, range=[_wide(x), _wide(y)])
    smooth = gaussian_filter(counts, 1.3).T
    ordered = np.sort(smooth.ravel())[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    ninety, fifty = (ordered[min(int(np.searchsorted(mass, m)), len(ordered) - 1)] for m in (0.9, 0.5))
    levels: list[float] = [*sorted({float(ninety), float(fifty)}), float(ordered[0]) * 1.001]
    middles = 0.5 * (xs[1:] + xs[:-1]), 0.5 * (ys[1:] + ys[:-1])
    panel.contourf(*middles, smooth, levels, colors=LEVELS[-(len(levels) - 1) :])


def _wide(values: Floats) -> tuple[float, float]:
    """The draws' range without stragglers and with a margin; some width even where nothing moves."""
    low, high = np.quantile(values, (0.001, 0.999))
    margin = 0.12 * (high - low) or 0.5 * float(np.ptp(values)) or 0.05 * abs(float(low)) or 1.0
    return float(low - margin), float(high + margin)


def _coefficient(panel: Any, value: float) -> None:
    strong = abs(value)
    text = f"{value if strong >= 0.005 else 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
    weight = "bold" if strong >= 0.7 else "normal"
    panel.text(0.5, 0.5, text, ha="center", va="center", weight=weight, color=INK if strong >= 0.3 else MUTED)
    panel.set_axis_off()


def _label(panel: Any, names: list[str], i: int, j: int) -> None:
    """Names and numbers at the left and lower rim only."""
    small = len(names) > 6
    room = 72 * panel.get_position().width * panel.figure.get_figwidth() / 0.56
    column, row = _lines(names[j]), _lines(names[i])
    fitting = [max(4.5, min(6.5 if small else 7.5, room / max(map(len, t.split("\n"))))) for t in (column, row)]
    panel.tick_params(labelsize=5.5 if small else 6.5, length=2)
    panel.locator_params(axis="x", nbins=3, prune="upper")
    if i == len(names) - 1:
        panel.set_xlabel(column, fontsize=fitting[0])
        panel.tick_params(axis="x", labelrotation=40)
        panel.xaxis.set_label_coords(0.5, -0.5 / (panel.get_position().height * panel.figure.get_figheight()))
    else:
        panel.tick_params(axis="x", labelbottom=False)
    if j == 0 and i > 0:
        panel.locator_params(axis="y", nbins=3)
        panel.set_ylabel(row, fontsize=fitting[1])
        panel.yaxis.set_label_coords(-0.62 / (panel.get_position().width * panel.figure.get_figwidth()), 0.5)
    else:
        panel.set_yticks([])


def _lines(label: str, most: int = 24) -> str:
    """The label in two lines, its name shortened in the middle."""
    name, gap, unit = label.partition(" [")
    short = name if len(name) <= most else f"{name[: most // 2]}…{name[1 - most // 2 :]}"
    return short + gap.replace(" ", "\n") + unit


def in_digits(posterior: Posterior, name: str) -> tuple[Floats, str]:
    """Draws (chains, draws) over a power of ten that suits them, and the axis' label that says so."""
    draws = posterior.draws(name)
    form = digits(float(np.mean(draws)), float(np.std(draws)))
    unit = posterior.space[name].unit
    parts = [part for part in (form.power, "" if unit == "1" else unit) if part]
    return draws / 10.0**form.exponent, axis_label(name, " ".join(parts))
