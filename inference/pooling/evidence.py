"""What each unit's own data say, as a Gaussian: the evidence that a population of units is first judged by.

A unit's answer is a posterior under the ordinary prior. With its mean μ and covariance Σ in prior-whitened coordinates
and the ordinary log prior ℓ, its likelihood is about

    log e(u) = gᵀd - ½ dᵀ Λ d,   d = u - μ,   g = -∇ℓ(μ),   Λ = Σ⁻¹ + ∇²ℓ(μ), negative curvature cut off,

so that evidence times prior has the answer's moments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import UnitDensity
from twin.inference.units.solve import UnitAnswer
from twin.space import Floats

FEW = 3
"""Fewest units that a population is asked of: two say next to nothing of a spread."""


@dataclass(frozen=True, eq=False)
class Alone:
    """Answers of the units ``rows`` (U,) in whitened coordinates: weighted draws, and why others cannot be used.

    ``u`` has (n_i, p) per unit, ``log_weights`` (n_i,).
    """

    rows: Rows
    u: list[Floats]
    log_weights: list[Floats]
    refused: dict[int, str]

    @property
    def mean(self) -> Floats:
        """Posterior means (U, p)."""
        return np.stack([np.exp(w) @ u for u, w in zip(self.u, self.log_weights, strict=True)])

    @property
    def covariance(self) -> Floats:
        """Posterior covariances (U, p, p)."""
        away = [u - m for u, m in zip(self.u, self.mean, strict=True)]
        return np.stack([(np.exp(w)[:, None] * d).T @ d for d, w in zip(away, self.log_weights, strict=True)])

    @property
    def sd(self) -> Floats:
        """Posterior standard deviations (U, p)."""
        return np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Centres μ (U, p), slopes g (U, p) and precisions Λ (U, p, p)."""

    centre: Floats
    slope: Floats
    precision: Floats


def alone_of(density: UnitDensity, answers: Sequence[UnitAnswer], *, doubtful: bool) -> Alone:
    """The answers, in the order of their units; ``doubtful``: those that did not converge too.

    Units without draws are refused. ValueError when fewer than three are left.
    """
    space, p = density.likelihood.space, len(density.likelihood.space)
    rows, us, weights, refused = [], [], [], {}
    for answer in sorted(answers, key=lambda a: a.unit):
        if not len(answer.theta):
            refused[answer.unit] = answer.reason
        elif not (answer.converged or doubtful):
            refused[answer.unit] = f"its own answer did not converge: {answer.reason}"
        else:
            u = density.scale.inverse(space.unconstrain(answer.theta).reshape(-1, p))
            finite = np.isfinite(u).all(axis=1)
            log_weights = answer.log_weights[finite]
            rows.append(answer.unit)
            us.append(u[finite])
            weights.append(log_weights - np.logaddexp.reduce(log_weights))
    if len(rows) < FEW:
        told = "; ".join(f"unit {unit}: {reason}" for unit, reason in refused.items()) or "none was refused"
        raise ValueError(f"a population needs at least {FEW} units that can be used, got {len(rows)} ({told})")
    return Alone(np.array(rows), us, weights, refused)


def evidence_of(density: UnitDensity, alone: Alone) -> Evidence:
    """The Gaussian evidence of every unit."""
    mean = alone.mean
    slope, bend = prior_shape(density, mean)
    precision = np.linalg.inv(alone.covariance) + bend
    e, axes = np.linalg.eigh(0.5 * (precision + precision.swapaxes(-1, -2)))
    kept = axes * np.maximum(e, 0.0)[:, None, :] @ axes.swapaxes(-1, -2)
    return Evidence(mean, -slope, kept)


def prior_shape(density: UnitDensity, u: Floats) -> tuple[Floats, Floats]:
    """Slope (U, p) and Hessian (U, p, p) of the ordinary log prior at u (U, p)."""
    with jax.enable_x64(True):
        at = jnp.asarray(u)
        found = jax.jit(jax.vmap(lambda v: (jax.grad(density.prior)(v), jax.hessian(density.prior)(v))))(at)
    return np.asarray(found[0]), np.asarray(found[1])


def no_evidence(units: int, p: int) -> Evidence:
    """That of units whose data say nothing."""
    return Evidence(np.zeros((units, p)), np.zeros((units, p)), np.zeros((units, p, p)))
