"""Simulation-based calibration: does the whole procedure say 90 % when it is right nine times out of ten?

Parameters are drawn from the prior, data are simulated with them and calibrated. Whatever the model, the truth's
position u in its own posterior (its share of draws below the truth) must then be uniform on [0, 1], and
(truth - mean)/sd must have mean 0 and variance 1 (Cook, Gelman & Rubin 2006; Talts et al. 2018, arXiv 1804.06788).

Uniformity is judged by the distribution function at z_i = i/K, where the count R_i of positions up to z_i is
Bin(n, z_i). With the pointwise tail probabilities t_i(r) = 2 min(P(R_i ≤ r), P(R_i ≥ r)), the p-value is

    P(min_i t_i(R_i) ≤ the smallest t_i observed),

which the Markov chain R_1, R_2, … gives exactly, without simulation; bands hold all points at once (Säilynoja,
Bürkner & Vehtari 2022, Stat. Comput. 32:32, arXiv 2103.10522). Several parameters share the level by
Bonferroni's inequality.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, xlog1py, xlogy
from scipy.stats import beta, binom

from twin.space import Floats

SIGNIFICANCE = 0.05
"""Chance of a false alarm, over all points and all parameters."""
MOST_FAILED = 0.05
"""Largest share of data sets without an answer: what failed is missing from the ranks."""
MOST_POINTS = 100

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One simulated data set and its posterior, by parameter: true value, position u, mean, sd and 90 % interval.

    ``rung`` and ``reason`` are the sampler's; ``failed`` says why there is no posterior and is empty where there is
    one. A posterior in which a parameter never moves counts as none.
    """

    index: int
    truth: Mapping[str, float]
    u: Mapping[str, float]
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    q05: Mapping[str, float]
    q95: Mapping[str, float]
    rung: str
    reason: str
    khat: float | None
    failed: str = ""


@dataclass(frozen=True, eq=False)
class Band:
    """Smallest and largest count (K - 1,) of n uniform positions up to ``points`` that hold all at once."""

    points: Floats
    low: Counts
    high: Counts


def weighted_position(draws: Floats, weights: Floats | None, truth: float, rng: np.random.Generator) -> float:
    """Position u in (0, 1) of ``truth`` among ``draws`` (n,) with ``weights`` (n,), or none.

    With F₋ and F₌ the weight of draws below and equal, m = 1/Σw² and V uniform,

        u = (m F₋ + V (m F₌ + 1)) / (m + 1):

    truth counts as one more draw, ties fall either way. Exactly uniform for n independent draws of one weight.
    ValueError for weights that are no weights.
    """
    w = np.ones(len(draws)) if weights is None else np.asarray(weights, dtype=np.float64)
    if w.shape != draws.shape or not np.isfinite(w).all() or np.any(w < 0) or not np.any(w > 0):
        raise ValueError(f"expected {draws.shape} weights that are finite, not negative and not all 0, got {w.shape}")
    w = w / np.sum(w)
    size = 1.0 / float(np.sum(w**2))
    below, equal = float(np.sum(w[draws < truth])), float(np.sum(w[draws == truth]))
    return (size * below + rng.uniform() * (size * equal + 1.0)) / (size + 1.0)


def thinned(draws: Floats, ess: float) -> Floats:
    """Every k-th of ``draws`` (chains, n, …), k = ⌈chains n / ess⌉, as (kept, …): nearly independent ones.

    Ranks among correlated draws are not uniform even where everything is right (Talts et al. 2018).
    ``ess`` is the smallest effective sample size of the parameters. ValueError where it is not positive.
    """
    if not ess > 0:
        raise ValueError(f"the effective sample size must be positive, got {ess}: chains that never move have no ranks")
    chains, n = draws.shape[:2]
    step = min(n, math.ceil(chains * n / ess))
    kept: Floats = draws[:, step - 1 :: step].reshape(-1, *draws.shape[2:])
    return kept


def summarise_sbc(trials: Sequence[Trial], names: Sequence[str], units: Mapping[str, str]) -> dict[str, Any]:
    """What the trials say of every parameter and of all together, as plain data that fits into JSON.

    ``passed`` if all positions are uniform, at ``significance`` over all parameters, and at most 5 % of the data sets
    have no answer. Intervals of the coverages are 95 % Clopper-Pearson; the mean z-score stands with its standard
    error. Statistics are None for fewer than two answers. ValueError for an answer whose numbers are none.
    """
    good = [t for t in trials if not t.failed]
    failed = len(trials) - len(good)
    level = SIGNIFICANCE / max(1, len(names))
    parameters = {name: _parameter(good, name, units.get(name, ""), level) for name in names}
    enough = bool(trials) and failed <= MOST_FAILED * len(trials)
    return {
        "n": len(trials),
        "failed": failed,
        "failed_share": failed / len(trials) if trials else 0.0,
        "failed_limit": MOST_FAILED,
        "failures": dict(Counter(t.failed for t in trials if t.failed)),
        "rungs": dict(Counter(t.rung for t in good)),
        "significance": SIGNIFICANCE,
        "level": level,
        "parameters": parameters,
        "passed": enough and all(entry["uniform"] for entry in parameters.values()),
    }


def _parameter(good: Sequence[Trial], name: str, unit: str, level: float) -> dict[str, Any]:
    """Uniformity, coverage, bias and shrinkage of one parameter."""
    if len(good) < 2:
        keys = ("p_value", "coverage50", "coverage90", "z_mean", "z_se", "z_sd", "shrinkage")
        return {"unit": unit, "n": len(good), "uniform": False, **dict.fromkeys(keys)}
    u, truth, mean, sd, low, high = (
        np.array([values[name] for values in column], dtype=np.float64)
        for column in zip(*((t.u, t.truth, t.mean, t.sd, t.q05, t.q95) for t in good), strict=True)
    )
    wrong = ~(np.isfinite(u + truth + mean + sd) & (sd > 0))
    if np.any(wrong):
        which = [t.index for t, bad in zip(good, wrong, strict=True) if bad]
        raise ValueError(f"{name}: data sets {which} have no finite position, mean and sd > 0; mark them as failed")
    z = (truth - mean) / sd
    p_value = uniformity(u)
    return {
        "unit": unit,
        "n": len(good),
        "p_value": p_value,
        "uniform": bool(p_value > level),
        "coverage50": coverage(int(np.sum(np.abs(u - 0.5) <= 0.25)), len(good), 0.5),
        "coverage90": coverage(int(np.sum((low <= truth) & (truth <= high))), len(good), 0.9),
        "z_mean": float(np.mean(z)),
        "z_se": float(np.std(z, ddof=1) / math.sqrt(len(z))),
        "z_sd": float(np.std(z, ddof=1)),
        "shrinkage": float(1.0 - np.mean(sd**2) / np.var(truth, ddof=1)),
    }


def coverage(hits: int, n: int, expected: float) -> dict[str, float]:
    """Share of ``hits`` among n with its 95 % Clopper-Pearson interval."""
    low = beta.ppf(SIGNIFICANCE / 2, hits, n - hits + 1) if hits > 0 else 0.0
    high = beta.ppf(1 - SIGNIFICANCE / 2, hits + 1, n - hits) if hits < n else 1.0
    return {"share": hits / n, "low": float(low), "high": float(high), "expected": expected}


def evaluation_points(n: int) -> Floats:
    """z_i = i/K strictly inside (0, 1), with K = n but at most 100."""
    k = max(2, min(n, MOST_POINTS))
    return np.arange(1, k) / k


def counts_up_to(u: Floats, points: Floats) -> Counts:
    """How many positions lie at or below each point."""
    return np.searchsorted(np.sort(u), points, side="right").astype(np.int64)


def uniformity(u: Floats) -> float:
    """p-value of uniform positions (n,), n ≥ 1, exact; small where the distribution function leaves its band."""
    points = evaluation_points(len(u))
    table = tail_probabilities(len(u), points)
    observed = table[np.arange(len(points)), counts_up_to(u, points)]
    return escape_probability(table, points, float(np.min(observed)))


def band(n: int, significance: float) -> Band:
    """Simultaneous band of the counts of n uniform positions: all inside with probability 1 - ``significance``."""
    points = evaluation_points(n)
    table = tail_probabilities(n, points)
    inside = table > adjusted_level(table, points, significance)
    return Band(points, inside.argmax(axis=1), n - inside[:, ::-1].argmax(axis=1))


def adjusted_level(table: Floats, points: Floats, significance: float) -> float:
    """Largest pointwise level γ whose band is left with a probability of at most ``significance``, by bisection."""
    low, high = math.log(significance / len(points)), 0.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        if escape_probability(table, points, math.exp(middle)) <= significance:
            low = middle
        else:
            high = middle
    return math.exp(low)


def tail_probabilities(n: int, points: Floats) -> Floats:
    """t_i(r) = 2 min(P(R_i ≤ r), P(R_i ≥ r)), at most 1, for R_i ~ Bin(n, z_i): (K - 1, n + 1)."""
    r = np.arange(n + 1)
    law = binom(n, points[:, None])
    return np.minimum(1.0, 2.0 * np.minimum(law.cdf(r), law.sf(r - 1)))


def escape_probability(table: Floats, points: Floats, gamma: float) -> float:
    """P(t_i(R_i) ≤ γ for some i) under uniformity.

    Mass is carried from point to point over the counts that are allowed there, R_{i+1} - R_i | R_i ~ Bin(n - R_i,
    (z_{i+1} - z_i)/(1 - z_i)) (Säilynoja et al. 2022); what is lost on the way has escaped.
    """
    n = table.shape[1] - 1
    logs = gammaln(np.arange(n + 1) + 1.0)
    counts, mass, before = np.array([0]), np.array([1.0]), 0.0
    for row, point in zip(table, points, strict=True):
        allowed = np.flatnonzero(row > gamma)
        p = (point - before) / (1.0 - before)
        left = (n - counts)[:, None]
        step = allowed[None, :] - counts[:, None]
        k = np.clip(step, 0, left)
        log_pmf = logs[left] - logs[k] - logs[left - k] + xlogy(k, p) + xlog1py(left - k, -p)
        mass = mass @ np.where(step >= 0, np.exp(log_pmf), 0.0)
        counts, before = allowed, float(point)
    return float(np.clip(1.0 - np.sum(mass), 0.0, 1.0))
