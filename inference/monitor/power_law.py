"""When will something that fades first be measured beyond a limit?

Values y_k at k = 1, 2, … fade by a power law, about which they wander slowly:

    y_k = c - A (k/n)^β + e_k,    e_k = φ e_{k-1} + ε_k,    ε_k ~ N(0, σ²)

β lies between ½, growth limited by diffusion as of the SEI of a lithium-ion cell (Pinson and Bazant 2013, J.
Electrochem. Soc. 160, A243), and 1, a constant loss per cycle. Within a cell deviations last: a rest gives back what
the next cycles take again. For each β and φ on a grid the posterior of c, A ≥ 0 and σ is that of generalised least
squares with flat priors of c, A and log σ; the grid is weighed by the marginal likelihood. Draws of all are run on from
the last value, deviations and all, so that what is forecast is the first measurement beyond the limit.
"""

from dataclasses import dataclass

import numpy as np

from twin.space import Floats

POWERS = np.linspace(0.5, 1.0, 11)
MEMORIES = np.concatenate([np.arange(0.0, 0.9, 0.1), [0.9, 0.94, 0.97, 0.99]])
LEAST = 10
"""Values that a law of this many numbers needs."""


@dataclass(frozen=True, eq=False)
class Fit:
    """At one β and φ: least squares c and A with covariance/σ² ``spread``, residual sum of squares, log evidence."""

    power: float
    memory: float
    mean: Floats
    spread: Floats
    square: float
    log_evidence: float


def fits_of(values: Floats) -> list[Fit]:
    """Over the grid. ValueError for fewer values than ``LEAST``."""
    if len(values) < LEAST:
        raise ValueError(f"a law of fading needs at least {LEAST} values, got {len(values)}")
    return [_fit(values, power, memory) for power in POWERS.tolist() for memory in MEMORIES.tolist()]


def _fit(values: Floats, power: float, memory: float) -> Fit:
    n = len(values)
    design = np.stack([np.ones(n), -_law(n, n, power)], axis=1)
    x, y = _whitened(design, memory), _whitened(values[:, None], memory)[:, 0]
    spread = np.asarray(np.linalg.inv(x.T @ x), dtype=np.float64)
    mean: Floats = spread @ x.T @ y
    square = float(np.sum((y - x @ mean) ** 2))
    log_evidence = 0.5 * np.log1p(-(memory**2)) + 0.5 * np.linalg.slogdet(spread)[1] - 0.5 * (n - 2) * np.log(square)
    return Fit(power, memory, mean, spread, square, float(log_evidence))


def _law(n: int, last: int, power: float) -> Floats:
    """(k/n)^β for k = 1, …, last."""
    return np.asarray((np.arange(1, last + 1) / n) ** power)


def _whitened(rows: Floats, memory: float) -> Floats:
    first = np.sqrt(1.0 - memory**2) * rows[:1]
    return np.concatenate([first, rows[1:] - memory * rows[:-1]])


def crossings(values: Floats, limit: float, horizon: int, draws: int, seed: int) -> Floats:
    """First k (draws,) at which a value after the last known one is below ``limit``; infinite beyond ``horizon``."""
    rng, n = np.random.default_rng(seed), len(values)
    fits = fits_of(values)
    weights = np.exp(np.array([fit.log_evidence for fit in fits]) - max(fit.log_evidence for fit in fits))
    found: list[float] = []
    while len(found) < draws:
        fit = fits[int(rng.choice(len(fits), p=weights / weights.sum()))]
        sigma = float(np.sqrt(fit.square / rng.chisquare(n - 2)))
        level, loss = rng.multivariate_normal(fit.mean, sigma**2 * fit.spread)
        if loss < 0:
            continue
        trend = level - loss * _law(n, n + horizon, fit.power)
        found.append(n + _first_below(trend[n - 1 :], values[-1] - trend[n - 1], fit.memory, sigma, limit, rng))
    return np.array(found)


def _first_below(
    trend: Floats, deviation: float, memory: float, sigma: float, limit: float, rng: np.random.Generator
) -> float:
    """Steps from the first of a trend, where the deviation is known, to the first value below the limit."""
    steps = rng.standard_normal(len(trend) - 1) * sigma
    for k, step in enumerate(steps, start=1):
        deviation = memory * deviation + step
        if trend[k] + deviation < limit:
            return float(k)
    return float("inf")
