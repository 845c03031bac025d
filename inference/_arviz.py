"""The four diagnostics we take from ArviZ, whichever of its two generations is installed.

Python 3.11 gets ArviZ 0.23 (functions in ``arviz``), 3.12 and later ArviZ 1.x (functions in ``arviz_stats``).
All take plain arrays: draws (chains, draws) or log weights (n,).
"""

import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from twin.space import Floats

TAIL = (0.05, 0.95)
"""Quantiles whose effective sample size counts as that of the tails (Vehtari et al. 2021, section 4.3)."""


def rhat(draws: Floats) -> float:
    """Rank-normalised split R-hat (Vehtari et al. 2021, eq. 14); NaN when nothing moves."""
    if np.ptp(draws) == 0:
        return float("nan")
    if _stats() is None:
        return float(_legacy().rhat(draws, method="rank"))
    return float(_stats().rhat(draws, method="rank"))


def ess_bulk(draws: Floats) -> float:
    """Effective number of draws for the centre (Vehtari et al. 2021, section 4.1); 0 when nothing moves."""
    if np.ptp(draws) == 0:
        return 0.0
    if _stats() is None:
        return float(_legacy().ess(draws, method="bulk"))
    return float(_stats().ess(draws, method="bulk"))


def ess_tail(draws: Floats) -> float:
    """Effective number of draws for the 5 % and 95 % quantiles, the smaller of the two; 0 when nothing moves."""
    if np.ptp(draws) == 0:
        return 0.0
    if _stats() is None:
        return float(_legacy().ess(draws, method="tail", prob=TAIL))
    return float(_stats().ess(draws, method="tail", prob=TAIL))


def psis(log_weights: Floats) -> tuple[Floats, float]:
    """Pareto-smoothed log weights (n,), normalised to sum 1, and k-hat (Vehtari et al. 2024).

    Equal weights need no smoothing: k-hat is 0. ArviZ 1.x takes log likelihoods, hence its minus sign.
    """
    finite = log_weights[np.isfinite(log_weights)]
    if finite.size == log_weights.size and np.ptp(finite) < 1e-10:
        return np.full(finite.size, -np.log(finite.size)), 0.0
    stats = _stats()
    with np.errstate(over="ignore"):  # its fit of the tail overflows to an infinity that it then discards
        smoothed, khat = _legacy().psislw(log_weights) if stats is None else stats.psislw(-log_weights)
    smoothed = np.asarray(smoothed, dtype=np.float64)
    return smoothed - np.logaddexp.reduce(smoothed), float(khat)


def _stats() -> Any:
    """The array interface of arviz_stats, or None where ArviZ is of the 0.x generation."""
    if find_spec("arviz_stats") is None:
        return None
    return import_module("arviz_stats.base").array_stats


def _legacy() -> Any:
    """ArviZ 0.x, without its notice that 1.0 will be different (this module is the answer to it)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
        import arviz

    return arviz
