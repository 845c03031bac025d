"""Gaussian errors that are correlated by a few patterns, integrated out.

With residual r (N,), independent variances d (N,) and patterns U (N, R), r ~ N(0, D + U Uᵀ) is the same as
r = U β + ε with β ~ N(0, I), ε ~ N(0, D). In terms of the whitened v = r/√d, V = U/√d and A = I + VᵀV = L Lᵀ
(Woodbury; Rasmussen & Williams 2006, eqs. A.9-A.10),

    log p(r) = -½ [vᵀv - |L⁻¹Vᵀv|² + Σ log d + 2 log |L| + N log 2π],     β | r ~ N(A⁻¹Vᵀv, A⁻¹).

Values that were not measured have r = 0, U = 0 and d = 1/2π: they add nothing. Runs under NumPy, PyTorch and JAX.
"""

import math
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace

UNMEASURED = 1.0 / (2.0 * math.pi)
"""Variance at which a residual of 0 has log density 0."""


@dataclass(frozen=True, eq=False)
class Correlated:
    """Whitened residual v (*batch, N) and patterns V (*batch, N, R), log d (*batch, N), and L (*batch, R, R)."""

    residual: Array
    patterns: Array
    log_variance: Array
    cholesky: Array


def correlated(residual: Array, variance: Array, factor: Array) -> Correlated:
    """The law of a residual (*batch, N) with variance (*batch, N) and patterns (*batch, N, R)."""
    xp = namespace(residual)
    sd = xp.sqrt(variance)
    patterns = factor / sd[..., None]
    gram = xp.matmul(xp.matrix_transpose(patterns), patterns)
    unit = like(np.eye(factor.shape[-1]), factor)
    return Correlated(residual / sd, patterns, xp.log(variance), xp.linalg.cholesky(gram + unit))


def log_density(of: Correlated) -> Array:
    """log p(r) (*batch,)."""
    xp = namespace(of.residual)
    explained = _solved(of, _projected(of))
    log_volume = 2.0 * xp.sum(xp.log(xp.linalg.diagonal(of.cholesky)), axis=-1)
    constant = math.log(2.0 * math.pi) * of.residual.shape[-1]
    squares = xp.sum(of.residual**2, axis=-1) - xp.sum(explained**2, axis=-1)
    return -0.5 * (squares + xp.sum(of.log_variance, axis=-1) + log_volume + constant)


def left_out(of: Correlated) -> Array:
    """log p(r_i | all others) (*batch, N): what leave-one-out cross-validation asks for.

    With K⁻¹ the precision, r_i given the others has variance 1/K⁻¹_ii and misses its mean by (K⁻¹r)_i/K⁻¹_ii
    (Bürkner, Gabry & Vehtari 2021, Comput. Stat. 36, eqs. 8-9). Without patterns it is the plain log density.
    """
    xp = namespace(of.residual)
    miss, turned = unexplained(of)
    precision = 1.0 - xp.sum(turned**2, axis=-2)
    return -0.5 * (miss**2 / precision - xp.log(precision) + of.log_variance + math.log(2.0 * math.pi))


def unexplained(of: Correlated) -> tuple[Array, Array]:
    """v - V A⁻¹Vᵀv (*batch, N), and L⁻¹Vᵀ (*batch, R, N)."""
    xp = namespace(of.residual)
    turned = xp.linalg.solve(of.cholesky, xp.matrix_transpose(of.patterns))
    explained = _solved(of, _projected(of))
    return of.residual - xp.matmul(explained[..., None, :], turned)[..., 0, :], turned


def coefficients(of: Correlated) -> Array:
    """E[β | r] (*batch, R)."""
    xp = namespace(of.residual)
    return xp.linalg.solve(xp.matrix_transpose(of.cholesky), _solved(of, _projected(of))[..., None])[..., 0]


def scatter(of: Correlated, normal: Array) -> Array:
    """Draws of β - E[β | r] (*batch, R) from standard normal ones of the same shape."""
    xp = namespace(of.residual)
    return xp.linalg.solve(xp.matrix_transpose(of.cholesky), normal[..., None])[..., 0]


def coupling(of: Correlated) -> Array:
    """C (*batch, N, R) with precision D⁻¹ - C Cᵀ."""
    xp = namespace(of.residual)
    turned = xp.linalg.solve(of.cholesky, xp.matrix_transpose(of.patterns))
    return xp.matrix_transpose(turned) * xp.exp(-0.5 * of.log_variance)[..., None]


def _projected(of: Correlated) -> Array:
    """Vᵀv (*batch, R)."""
    xp = namespace(of.residual)
    return xp.matmul(xp.matrix_transpose(of.patterns), of.residual[..., None])[..., 0]


def _solved(of: Correlated, right: Array) -> Array:
    """L⁻¹ of a vector (*batch, R)."""
    return namespace(right).linalg.solve(of.cholesky, right[..., None])[..., 0]
