"""Pareto-smoothed importance weights of many samples at once.

The largest M = ⌈min(n/5, 3√n)⌉ of n weights are replaced by the expected order statistics of a generalised Pareto
distribution fitted to them (Vehtari et al. 2024, arXiv 1507.02646); its shape k-hat says whether the weights can be
trusted. The fit is the empirical Bayes estimate of Zhang and Stephens 2009, Technometrics 51, 316. Numbers agree with
ArviZ's, which works sample by sample.
"""

import math

import numpy as np

from twin.inference._arviz import psis
from twin.space import Floats

PRIOR_SCALE = 3.0
"""Zhang and Stephens's prior of the scale, in quartiles of the tail (their section 3)."""
PRIOR_SHAPE, PRIOR_COUNT = 0.5, 10.0
"""Prior of the shape: ½, worth ten observations (Vehtari et al. 2024, appendix G)."""
SMALLEST = math.log(float(np.finfo(np.float64).tiny))


def khat_limit(draws: int) -> float:
    """min(1 - 1/log₁₀ n, 0.7): above it n weights are not to be trusted (Vehtari et al. 2024, eq. 13)."""
    return min(1.0 - 1.0 / math.log10(draws), 0.7)


def smooth(log_weights: Floats) -> tuple[Floats, Floats]:
    """Smoothed log weights (m, n), each row normalised to sum 1, and k-hat (m,).

    Rows without a finite weight come back with equal weights and k-hat ∞; NaN and +∞ count as weight 0.
    """
    m, n = log_weights.shape
    usable = np.where(np.isfinite(log_weights), log_weights, -np.inf)
    top = usable.max(axis=1, keepdims=True, initial=-np.inf)
    alive = np.isfinite(top[:, 0])
    x = np.where(alive[:, None], usable - np.where(alive[:, None], top, 0.0), 0.0)
    tail = math.ceil(min(n / 5.0, 3.0 * math.sqrt(n)))
    order = np.argsort(x, axis=1)
    ordered = np.take_along_axis(x, order, axis=1)
    regular = alive & (tail > 4) & (ordered[:, -tail - 1] >= SMALLEST) & (ordered[:, -tail] > ordered[:, -tail - 1])
    khat = np.full(m, np.inf)
    rows = np.flatnonzero(regular)
    if len(rows):
        fitted, khat[rows] = _smooth_tail(ordered[rows, -tail - 1 :])
        x[rows[:, None], order[rows, -tail:]] = fitted
    x = x - np.logaddexp.reduce(x, axis=1, keepdims=True)
    for row in np.flatnonzero(alive & ~regular):
        x[row], khat[row] = psis(usable[row])
    return x, khat


def _smooth_tail(ordered: Floats) -> tuple[Floats, Floats]:
    """Smoothed log weights (m, M) of ascending ones (m, 1 + M) whose first is the cutoff, and k-hat (m,)."""
    cutoff = np.exp(ordered[:, :1])
    excess = np.exp(ordered[:, 1:]) - cutoff
    shape, scale = fit_pareto(excess)
    size = excess.shape[1]
    levels = -np.log1p(-(np.arange(size) + 0.5) / size)
    k = np.where(np.abs(shape) < np.finfo(np.float64).eps, np.finfo(np.float64).eps, shape)[:, None]
    quantiles = scale[:, None] * np.expm1(k * levels) / k
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.minimum(np.log(quantiles + cutoff), 0.0)
    good = np.isfinite(shape) & np.isfinite(found).all(axis=1)
    return np.where(good[:, None], found, ordered[:, 1:]), shape


def fit_pareto(excess: Floats) -> tuple[Floats, Floats]:
    """Shape and scale (m,) of generalised Pareto distributions with ascending samples ``excess`` (m, M)."""
    size = excess.shape[1]
    grid = 30 + int(math.sqrt(size))
    nodes = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    quartile = excess[:, int(size / 4 + 0.5) - 1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        b = nodes / (PRIOR_SCALE * quartile[:, None]) + 1.0 / excess[:, -1:]
        k = np.log1p(-b[:, :, None] * excess[:, None, :]).mean(axis=-1)
        score = size * (np.log(-b / k) - k - 1.0)
        weight = np.exp(score - np.logaddexp.reduce(score, axis=1, keepdims=True))
        weight = np.where(weight >= 10 * np.finfo(np.float64).eps, weight, 0.0)
        best = np.sum(b * weight, axis=1) / np.sum(weight, axis=1)
        shape = np.log1p(-best[:, None] * excess).mean(axis=-1)
        scale = -shape / best
    return (size * shape + PRIOR_COUNT * PRIOR_SHAPE) / (size + PRIOR_COUNT), scale
