"""Draws in their order: does every chain walk over the same distribution?"""

from typing import Any

import numpy as np
from scipy.stats import binom, rankdata

from twin.inference import _arviz
from twin.inference.posterior import Posterior
from twin.inference.report.drawing import (
    BLUE,
    CHAINS,
    DASHES,
    FAINT,
    GREEN,
    MUTED,
    WIDTH,
    figure,
    spread_out,
)
from twin.inference.report.figures_draws import in_digits
from twin.space import Floats

MOST = 12
"""Parameters shown; beyond that those whose chains agree least."""
STEPS = 300
"""Draws shown of a chain."""
BINS = 20
"""Of the rank histograms (Vehtari et al. 2021, section 4.2)."""


def shown(posterior: Posterior, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or the twelve of largest R-hat, in the order of the space."""
    if len(names) <= MOST:
        return names
    worth = [_arviz.rhat(posterior.draws(n)) for n in names]
    chosen = np.argsort(-np.nan_to_num(worth, nan=np.inf), kind="stable")[:MOST]
    return tuple(names[i] for i in sorted(chosen.tolist()))


def draw_chains(posterior: Posterior, names: tuple[str, ...]) -> Any:
    """A row per parameter: traces left, histograms of the ranks right, in the band of draws from one distribution.

    A single chain is compared with itself, first half against second.
    """
    fig = figure(WIDTH, 1.15 * len(names) + 0.5)
    axes = fig.subplots(len(names), 2, squeeze=False, width_ratios=(3, 2))
    for row, name in enumerate(names):
        draws, label = in_digits(posterior, name)
        _trace(axes[row, 0], draws)
        _ranks(axes[row, 1], draws)
        axes[row, 0].set_title(label)
        if row < len(names) - 1:
            for panel in axes[row]:
                panel.tick_params(labelbottom=False)
    axes[0, 1].set_title("draws per rank bin")
    axes[-1, 0].set_xlabel("draw")
    axes[-1, 1].set_xlabel("rank among all chains, share")
    return fig


def _line(chain: int) -> dict[str, Any]:
    """Colour, then dashes, of a chain."""
    return {"color": CHAINS[chain % len(CHAINS)], "linestyle": DASHES[chain // len(CHAINS) % len(DASHES)]}


def _trace(panel: Any, draws: Floats) -> None:
    steps = spread_out(draws.shape[1], STEPS)
    for chain, values in enumerate(draws):
        panel.plot(steps, values[steps], linewidth=0.45, alpha=0.8, **_line(chain))
    panel.set_xlim(0, max(1, draws.shape[1] - 1))
    panel.locator_params(axis="y", nbins=3)


def _ranks(panel: Any, draws: Floats) -> None:
    parts = draws if len(draws) > 1 else np.stack(np.array_split(draws[0, : draws.shape[1] // 2 * 2], 2))
    ranks = rankdata(parts).reshape(parts.shape) / parts.size
    low, high = binom.interval(0.99, parts.shape[1], 1.0 / BINS)
    panel.axhspan(low, high, color=FAINT, alpha=0.7, linewidth=0)
    panel.axhline(parts.shape[1] / BINS, color=MUTED, linewidth=0.6)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    for chain, values in enumerate(ranks):
        counts = np.histogram(values, edges)[0]
        panel.stairs(counts, edges, linewidth=0.9, baseline=None, **_line(chain))
    panel.set_xlim(0, 1)
    panel.set_ylim(bottom=0)
    panel.locator_params(axis="y", nbins=3)


def draw_energy(energy: Floats) -> Any:
    """Spread of the energy over all draws against that of its steps (Betancourt 2016, section 3)."""
    fig = figure(0.62 * WIDTH, 2.0)
    panel = fig.subplots()
    level = (energy - energy.mean(axis=1, keepdims=True)).ravel()
    step = np.diff(energy, axis=1).ravel()
    width = float(np.max(np.abs(np.concatenate([level, step])))) or 1.0
    edges = np.linspace(-width, width, 61)
    for values, colour, label in ((level, BLUE, "energy minus its mean"), (step, GREEN, "step of the energy")):
        counts, _ = np.histogram(values, edges, density=True)
        panel.stairs(counts, edges, color=colour, fill=True, alpha=0.25)
        dash = "-" if colour == BLUE else "--"
        panel.stairs(counts, edges, color=colour, linestyle=dash, label=label)
    panel.set_yticks([])
    panel.set_ylim(bottom=0)
    panel.spines.left.set_visible(False)
    panel.set_xlabel("energy [nat]")
    panel.legend(loc="upper right")
    return fig
