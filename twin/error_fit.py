"""A forward map's error model from held-out solves, and whether it holds on further ones.

Patterns are the principal components of the scaled errors. Each component's coefficient, and what the patterns
leave, gets a mean and a spread that may depend on parameters and conditions: constant, linear or quadratic by ridge
regression, whichever predicts best a point that was left out.

Errors have heavy tails: a few solves are ten times as wrong as is usual, and what they do to means, patterns and mean
squares belongs to no other. So they count less for the first two (``_importance``), and a spread is such that 90 % of
errors are inside their central 90 %, whatever the rest does.

Errors that slide are first relieved of δ_i p_i, with p_i the slide of curve i (``slide.py``) and

    δ_i = Σ p_i e_i/Σ p_i²,

where steep places outweigh flat ones by the square of their slope. δ is then one coefficient more. To fit a smooth
curve to the flat errors beside it made δ uncertain where nothing is steep, and the error model worse.
"""

from dataclasses import dataclass

import numpy as np

from twin.error import ErrorModel, linear_terms, terms
from twin.space import Floats, Space

MOST_MODES = 6
EXPLAINED = 0.99
"""Share of the errors' variance at which no further pattern is taken."""
RIDGE = 1e-3
GAIN = 0.98
"""A higher degree must bring the leave-one-out error below this share of the lower one's."""
USUAL = 2.0
"""Root mean squares of a solve's errors, over their median, above which it counts less."""
CENTRAL = 1.6448536269514722
"""Standard deviations of a normal law that hold its central 90 %."""
LOG_NORMAL = -0.6351814227307391
"""E log |ξ| of a standard normal ξ, -(γ + log 2)/2."""
ROUNDING = 1e-10
"""A spread below this share of the bias is none."""
NEVER = -300.0
"""log s of a pattern that no solve shows."""
TINY = 1e-3
"""Residuals below this share of their root mean square tell nothing about the spread."""


@dataclass(frozen=True, eq=False)
class Errors:
    """Forward map minus reference ``values`` (N, m, q), NaN where there is no reference, at ``joint`` (N, d).

    ``slide`` (N, m, q) is the forward map's where errors slide.
    """

    joint: Floats
    values: Floats
    slide: Floats | None = None


def fit_error(errors: Errors, centre: Floats, width: Floats) -> ErrorModel:
    """The error model over ``joint``, whose coordinates are u = (joint - centre)/width (d,).

    Solves without a single reference value do not count.
    """
    joint, values, slides = _apart(errors)
    counted = np.isfinite(values)
    many = np.maximum(counted.sum(axis=0), 1)
    weight = _importance(values)
    weighted = counted * weight[:, None, None]
    bias = np.where(counted, weighted * values, 0.0).sum(axis=0) / np.maximum(weighted.sum(axis=0), TINY)
    centred = np.where(counted, values - bias, 0.0)
    unit = np.sqrt(np.mean(centred**2, axis=(0, 1)))
    unit = np.where(unit > ROUNDING * np.abs(bias).max(axis=0), unit, 0.0)
    scaled = np.where(unit > 0, centred / np.where(unit > 0, unit, 1.0), 0.0)
    modes, scores = _patterns(scaled, weight)
    left = np.where(counted, scaled - np.einsum("nr,mqr->nmq", scores, modes), np.nan)
    basis = terms((joint - centre) / width)
    means, log_scale = [], []
    for column in [*scores.T, *slides]:
        rough = _spread_of(basis, _regress(basis, column, weight).left_out)
        means.append(_regress(basis, column, weight / _squares(basis @ rough)))
        log_scale.append(_spread_of(basis, means[-1].left_out))
    whole, carried = (scaled**2).sum(axis=0) / many, (modes**2) @ np.mean(scores**2, axis=0)
    rest = np.sqrt(np.maximum(np.nansum(left**2, axis=0) / many, whole - carried))
    log_scale.append(_spread_of_rest(basis, left, rest))
    return ErrorModel(
        fraction=np.linspace(0.0, 1.0, bias.shape[0]),
        bias=bias,
        rest=rest * unit,
        modes=modes * unit[:, None],
        centre=centre,
        width=width,
        mean=_table([found.weights for found in means], basis.shape[1]),
        log_scale=_table(log_scale, basis.shape[1]),
    )


def standardised(model: ErrorModel, errors: Errors, p: int) -> Floats:
    """(error - mean)/sd of each value (N, m, q) under the model; the first ``p`` of ``joint`` are parameters.

    NaN where there is no reference; no error where none is expected counts as 0.
    """
    rows = []
    slides = [None] * len(errors.joint) if errors.slide is None else errors.slide
    for joint, values, slide in zip(errors.joint, errors.values, slides, strict=True):
        at = model.at(joint[p:], model.fraction)
        away, sd = values - at.mean(joint[:p], slide), at.sd(joint[:p], slide)
        with np.errstate(divide="ignore"):
            rows.append(np.where(away == 0, 0.0, away / sd))
    return np.stack(rows)


def reach_of(space: Space) -> tuple[Floats, Floats]:
    """Centre and half-width (d,) of the prior's central 98 %: u = ±1 at its ends."""
    low, high = (space.from_unit(np.full((1, len(space)), level))[0] for level in (0.01, 0.99))
    return 0.5 * (low + high), 0.5 * (high - low)


def _apart(errors: Errors) -> tuple[Floats, Floats, list[Floats]]:
    """``joint`` and ``values`` of solves with a reference, without what slides of them, and δ (N,) where errors do."""
    solved = np.isfinite(errors.values).any(axis=(1, 2))
    joint, values = errors.joint[solved], errors.values[solved]
    if errors.slide is None:
        return joint, values, []
    slide = errors.slide[solved]
    counted = np.isfinite(values) & np.isfinite(slide)
    e, p = np.where(counted, values, 0.0), np.where(counted, slide, 0.0)
    square = np.sum(e**2, axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1)
    weight = 1 / np.where(square > 0, square, np.inf)
    power = np.sum(weight * p**2, axis=(1, 2))
    delta = np.sum(weight * p * e, axis=(1, 2)) / np.where(power > 0, power, np.inf)
    return joint, values - delta[:, None, None] * slide, [delta]


def _importance(values: Floats) -> Floats:
    """How much each solve's errors (N, m, q) count for means and patterns (N,): 1, and less where they are large."""
    scale = np.sqrt(np.nanmean(values**2, axis=(0, 1)))
    relative = values / np.where(scale > 0, scale, np.inf)
    size = np.sqrt(np.nanmean(relative**2, axis=(1, 2)))
    most = USUAL * np.median(size)
    return np.where(size > most, most / np.where(size > most, size, 1.0), 1.0) ** 2


def _patterns(scaled: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Patterns (m, q, r) of unit norm and scores (N, r) of the scaled errors (N, m, q), which count by weight (N,)."""
    n, m, q = scaled.shape
    flat = scaled.reshape(n, m * q)
    _, strength, right = np.linalg.svd(weight[:, None] * flat, full_matrices=False)
    power = strength**2
    if power.sum() == 0:
        return np.zeros((m, q, 0)), np.zeros((n, 0))
    needed = 1 + int(np.searchsorted(np.cumsum(power) / power.sum(), EXPLAINED))
    r = min(needed, MOST_MODES, max(1, n // 8))
    return right[:r].T.reshape(m, q, r), flat @ right[:r].T


@dataclass(frozen=True, eq=False)
class Regression:
    """Coefficients (f,), and each point's residual (n,) to a fit without it."""

    weights: Floats
    left_out: Floats


def _squares(logs: Floats) -> Floats:
    """e^(2 l) of logarithms l of spreads (N,), none below ``TINY`` of the largest."""
    return np.asarray(np.exp(2 * np.maximum(logs, logs.max() + np.log(TINY))))


def _regress(basis: Floats, target: Floats, weight: Floats | None = None) -> Regression:
    """The best of a constant, a plane and a quadratic, judged by leaving each point out.

    A degree is tried where there are twice as many points as terms. Points count by ``weight`` (n,), alike without.
    """
    n, f = basis.shape
    weight = np.ones(n) if weight is None else n * weight / weight.sum()
    best = _fit(basis[:, :1], target, weight, 0.0)
    for count in (linear_terms(f), f):
        if n < 2 * count:
            break
        tried = _fit(basis[:, :count], target, weight, RIDGE * n)
        if np.sum(weight * tried.left_out**2) < GAIN * np.sum(weight * best.left_out**2):
            best = tried
    return Regression(np.r_[best.weights, np.zeros(f - len(best.weights))], best.left_out)


def _fit(basis: Floats, target: Floats, weight: Floats, ridge: float) -> Regression:
    """Weighted ridge regression that does not penalise the constant."""
    penalty = ridge * np.diag(np.r_[0.0, np.ones(basis.shape[1] - 1)])
    solve = np.linalg.solve(basis.T @ (weight[:, None] * basis) + penalty, basis.T * weight)
    fitted = solve @ target
    leverage = np.einsum("nf,fn->n", basis, solve)
    return Regression(fitted, (target - basis @ fitted) / np.maximum(1 - leverage, 1e-3))


def _spread_of(basis: Floats, residual: Floats) -> Floats:
    """Coefficients (f,) of log s, scaled so that the central 90 % of a normal law holds 90 % of residual/s."""
    size = np.sqrt(np.mean(residual**2))
    if size == 0:
        return np.asarray(np.r_[NEVER, np.zeros(basis.shape[1] - 1)])
    logs = np.log(np.maximum(np.abs(residual), TINY * size))
    found = _regress(basis, logs - LOG_NORMAL)
    return _holding(found, np.abs(residual) / np.exp(logs - LOG_NORMAL - found.left_out))


def _spread_of_rest(basis: Floats, left: Floats, rest: Floats) -> Floats:
    """The same for what the patterns leave, relative to its table ``rest`` (m, q)."""
    relative = left / np.where(rest > 0, rest, np.nan)
    counted = np.isfinite(relative)
    solved = counted.any(axis=(1, 2))
    if not solved.any():
        return np.zeros(basis.shape[1])
    squares = np.where(counted, relative, 0.0) ** 2
    size = np.sqrt(squares.sum(axis=(1, 2))[solved] / counted.sum(axis=(1, 2))[solved])
    logs = np.log(np.maximum(size, TINY))
    found = _regress(basis[solved], logs)
    standard = np.abs(relative[solved]) / np.exp(logs - found.left_out)[:, None, None]
    return _holding(found, standard[np.isfinite(standard)])


def _holding(found: Regression, standard: Floats) -> Floats:
    """The coefficients shifted so that sizes over spreads predicted without them are below ``CENTRAL`` in 90 %."""
    shift = np.log(max(np.quantile(standard, 0.9), TINY) / CENTRAL)
    return np.asarray(found.weights + np.r_[shift, np.zeros(len(found.weights) - 1)])


def _table(columns: list[Floats], f: int) -> Floats:
    """Columns side by side (f, r); a single row where none depends on anything."""
    table = np.stack(columns, axis=-1) if columns else np.zeros((f, 0))
    return table if np.any(table[1:]) else table[:1]
