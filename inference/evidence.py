"""What many units' data say of a forward map's m outputs: a Gaussian likelihood each, of full covariance.

    log L_i(f) = -½ |W_i f - t_i|²        (up to a constant in f)

A measurement ŷ with covariance C gives WᵀW = C⁻¹ and t = W ŷ; values that were not measured have rows of zeros. What is
known of further errors is worked in afterwards: a bias moves t, an error along a pattern is integrated out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.space import Floats

Mask = npt.NDArray[np.bool_]


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
