"""Measurements against what the posterior predicts, and what remains between them."""

import re
from typing import Any

import numpy as np
from scipy import stats

from twin.inference.posterior import Series
from twin.inference.report.drawing import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    SKY,
    VERMILLION,
    WIDTH,
    axis_label,
    figure,
    spread_out,
)
from twin.space import Floats

MOST_POINTS = 600
"""Points drawn of one series; more would lie on top of each other."""


def noise_factor(law: str) -> float:
    """Half of the law's central 90 % interval in units of its scale; ``law`` as in the metadata, else Gaussian."""
    found = re.fullmatch(r"StudentT\(nu=([\d.]+)\)", law)
    return float(stats.norm.ppf(0.95) if found is None else stats.t.ppf(0.95, float(found.group(1))))


def has_discrepancy(series: Series) -> bool:
    """Whether the fit differs from the physical model alone."""
    return not np.allclose(series.fitted, series.model, rtol=1e-9, atol=0.0, equal_nan=True)


def draw_fit(series: Series, law: str, unit: str) -> Any:
    """Upper panel: points, 50 % and 90 % predictive bands. Lower panel: residuals in the noise's 90 % band.

    ``unit`` is the first coordinate's, or nothing if unknown.
    """
    order = np.argsort(series.x[:, 0], kind="stable")
    shown = order[spread_out(len(order), MOST_POINTS)]
    x = series.x[shown, 0]
    fig = figure(WIDTH, 4.2)
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _bands(top, series, shown, x)
    _residuals(bottom, series, shown, x, noise_factor(law))
    top.set_ylabel(axis_label(series.observable, series.unit))
    bottom.set_ylabel(axis_label("measured − model", series.unit))
    bottom.set_xlabel(axis_label(series.coordinates[0], unit))
    fig.align_ylabels([top, bottom])
    return fig


def _bands(axes: Any, series: Series, shown: Any, x: Floats) -> None:
    new = series.predictive.reshape(-1, series.predictive.shape[-1])[:, shown]
    low, quarter, three, high = np.quantile(new, (0.05, 0.25, 0.75, 0.95), axis=0)
    axes.fill_between(x, low, high, color=SKY, alpha=0.35, linewidth=0, label="90 % predictive")
    axes.fill_between(x, quarter, three, color=SKY, alpha=0.8, linewidth=0, label="50 % predictive")
    axes.plot(x, series.fitted[shown], color=BLUE, label="posterior mean")
    if has_discrepancy(series):
        axes.plot(x, series.model[shown], color=VERMILLION, linestyle="--", label="model alone")
    axes.plot(x, series.y[shown], ".", color=INK, markersize=_size(len(x)), label="measured")
    _legend(axes)


def _residuals(axes: Any, series: Series, shown: Any, x: Floats, factor: float) -> None:
    half = factor * series.noise[shown]
    axes.fill_between(x, -half, half, color=FAINT, alpha=0.7, linewidth=0, label="90 % of the noise")
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    size = _size(len(x))
    if has_discrepancy(series):
        without = (series.y - series.model)[shown]
        axes.plot(x, without, "x", color=VERMILLION, markersize=size, markeredgewidth=0.5, label="model alone")
        axes.plot(x, (series.y - series.fitted)[shown], ".", color=BLUE, markersize=size, label="with discrepancy")
    else:
        axes.plot(x, (series.y - series.fitted)[shown], ".", color=BLUE, markersize=size, label="residual")
    if np.any(series.surrogate[shown]):
        for sign in (-1.0, 1.0):
            label = "± surrogate's error" if sign > 0 else None
            axes.plot(x, sign * series.surrogate[shown], ":", color=INK, linewidth=0.9, label=label)
    _legend(axes)


def _size(n: int) -> float:
    return 5.0 if n <= 60 else 3.5 if n <= 250 else 2.5


def _legend(axes: Any) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=5, borderaxespad=0.1, columnspacing=1.2, handlelength=1.4
    )
