"""An engine's own baseline: where its parameters are while it is known to be well, and how windows scatter about it.

A model that is wrong by a few percent finds other parameters in every window, as its errors differ with what the engine
does. With windows k of information (Λ_k, η_k) (``windows.py``), window values u_k ~ N(μ, S) and μ ~ N(0, D), the
expectation-maximisation algorithm (Dempster et al. 1977) gives the scatter S, under an inverse Wishart prior:

    C_k = (Λ_k + S⁻¹)⁻¹,  m_k = C_k (η_k + S⁻¹ μ),    S ← (Σ C_k + (m_k - μ)(m_k - μ)ᵀ + n₀ s₀² I)/(W + n₀)

A window then says of μ as much as a reading with covariance Λ_k⁻¹ + S does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.inference.monitor.windows import Information
from twin.space import Floats

ROUNDS = 60
STRENGTH, TYPICAL = 4.0, 0.1
"""n₀ above the number of parameters, and s₀ in standard deviations of the prior."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a window says of the engine behind it: precision P (p, p) and P times its estimate (p,)."""

    precision: Floats
    shift: Floats

    def of(self, which: Sequence[int]) -> "Evidence":
        """That of some of the parameters, the others being what they were."""
        return Evidence(self.precision[np.ix_(which, which)], self.shift[list(which)])


@dataclass(frozen=True, eq=False)
class Baseline:
    """Mean (p,) with covariance (p, p), the scatter S (p, p) of windows about it, and how many windows it is from."""

    mean: Floats
    covariance: Floats
    scatter: Floats
    windows: int

    def evidence(self, precision: Floats, shift: Floats) -> Evidence:
        """P = (Λ⁻¹ + S)⁻¹ and P Λ⁻¹ η, also where Λ is singular."""
        p = len(self.mean)
        share = np.eye(p) - np.linalg.solve(precision + np.linalg.inv(self.scatter), precision).T
        whole = share @ precision
        return Evidence(0.5 * (whole + whole.T), share @ shift)


def baseline_of(windows: Information, tight: Floats) -> Baseline:
    """From windows (W, …) of an engine that is known to be well, with μ ~ N(0, diag(tight²)).

    ValueError for fewer than two windows.
    """
    count, p = np.shape(windows.shift)
    if count < 2:
        raise ValueError(f"a baseline needs at least two windows, got {count}; let the engine run on")
    mean, covariance, scatter = np.zeros(p), np.eye(p), TYPICAL**2 * np.eye(p)
    prior = STRENGTH + p
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(scatter)
        own = np.linalg.inv(windows.precision + inverse)
        values = np.einsum("kij,kj->ki", own, windows.shift + inverse @ mean)
        away = values - mean
        scatter = (own.sum(axis=0) + away.T @ away + prior * TYPICAL**2 * np.eye(p)) / (count + prior)
        found = Baseline(mean, np.eye(p), scatter, count)
        mean, covariance = _mean(found, windows, tight)
    return Baseline(mean, covariance, scatter, count)


def _mean(at: Baseline, windows: Information, tight: Floats) -> tuple[Floats, Floats]:
    parts = [at.evidence(precision, shift) for precision, shift in zip(windows.precision, windows.shift, strict=True)]
    covariance = np.linalg.inv(np.diag(tight**-2.0) + sum(part.precision for part in parts))
    return covariance @ np.sum([part.shift for part in parts], axis=0), np.asarray(covariance)
