"""What many units' data say of a forward map's m outputs: a Gaussian likelihood each, of full covariance.

    log L_i(f) = -½ |W_i f - t_i|²        (up to a constant in f)

A measurement ŷ with covariance C gives WᵀW = C⁻¹ and t = W ŷ. A regression trained on a population does not measure: it
answers with a posterior N(m, C) under its population's own law N(m₀, C₀), shrunk towards m₀. What it saw is the
quotient

    L(f) ∝ N(f; m, C)/N(f; m₀, C₀),     precision C⁻¹ - C₀⁻¹,

without which a prior over f's causes would count the population twice. In coordinates where C₀ is the identity and C
diagonal, λ_j, the precision is 1/λ_j - 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.space import Floats

Mask = npt.NDArray[np.bool_]

UNINFORMED = 0.95
"""Share λ of the population's variance that is left, from which on a direction counts as not seen."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """``whitening`` W (units, m, m) and ``target`` t (units, m)."""

    whitening: Floats
    target: Floats

    def __len__(self) -> int:
        return len(self.target)

    def of(self, rows: npt.NDArray[np.int64]) -> "Evidence":
        """The evidence of some units."""
        return Evidence(self.whitening[rows], self.target[rows])


def measured(mean: Floats, covariance: Floats, mask: Mask) -> Evidence:
    """Of measurements (units, m) with covariances (units, m, m); where the mask is False nothing was measured."""
    whitening, target = np.zeros(covariance.shape), np.zeros(mean.shape)
    for i, seen in enumerate(mask):
        rows, block = np.flatnonzero(seen), np.ix_(seen, seen)
        inverse = np.linalg.inv(np.linalg.cholesky(covariance[i][block]))
        whitening[i][np.ix_(rows, rows)] = inverse
        target[i, rows] = inverse @ mean[i, seen]
    return Evidence(whitening, target)


def regressed(mean: Floats, covariance: Floats, mask: Mask, centre: Floats, spread: Floats) -> Evidence:
    """Of a regression's answers, whose population has mean ``centre`` (m,) and covariance ``spread`` (m, m).

    Directions in which more than 95 % of the population's variance is left count as not seen.
    """
    whitening, target = np.zeros(covariance.shape), np.zeros(mean.shape)
    for i, seen in enumerate(mask):
        rows, block = np.flatnonzero(seen), np.ix_(seen, seen)
        inverse = np.linalg.inv(np.linalg.cholesky(spread[block]))
        left, turn = np.linalg.eigh(inverse @ covariance[i][block] @ inverse.T)
        told = left < UNINFORMED
        precision = np.where(told, 1.0 / np.maximum(left, 1e-12) - 1.0, 0.0)
        own = np.sqrt(precision)[:, None] * (turn.T @ inverse)
        centred = mean[i, seen] - centre[seen]
        stretched = np.where(told, 1.0 / np.where(told, 1.0 - left, 1.0), 0.0)
        whitening[i][np.ix_(rows, rows)] = own
        target[i, rows] = stretched * (own @ centred) + own @ centre[seen]
    return Evidence(whitening, target)


def shifted(evidence: Evidence, shift: Floats) -> Evidence:
    """Where f plus ``shift`` (m,) or (units, m) is what was seen."""
    moved = (evidence.whitening @ np.broadcast_to(shift, evidence.target.shape)[..., None])[..., 0]
    return Evidence(evidence.whitening, evidence.target - moved)


def blurred(evidence: Evidence, pattern: Floats) -> Evidence:
    """Where f plus ε times ``pattern`` (m,) or (units, m) is what was seen, ε ~ N(0, 1), integrated out.

    With a = W pattern the residuals have covariance I + a aᵀ, whose inverse square root is I - γ a aᵀ with
    γ |a|² = 1 - 1/√(1 + |a|²).
    """
    a = (evidence.whitening @ np.broadcast_to(pattern, evidence.target.shape)[..., None])[..., 0]
    square = np.sum(a**2, axis=-1)
    gamma = (1.0 - 1.0 / np.sqrt(1.0 + square)) / np.maximum(square, 1e-300)
    outer = gamma[:, None] * a
    return Evidence(
        evidence.whitening - outer[:, :, None] * np.einsum("um,umk->uk", a, evidence.whitening)[:, None, :],
        evidence.target - outer * np.sum(a * evidence.target, axis=-1)[:, None],
    )


def population(mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance (m,), (m, m) of a population whose members were answered with N(m_i, C_i).

    By the law of total variance, C₀ = Cov(m_i) + mean C_i.
    """
    return mean.mean(axis=0), np.asarray(np.cov(mean.T) + covariance.mean(axis=0))
