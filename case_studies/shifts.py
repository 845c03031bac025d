"""A surrogate's error in the unit that matters: by how many posterior sds it would move each parameter.

Linearised at the truth, with J = ∂y/∂θ, error e of the map and noise of sd σ,

    Δθ = -(JᵀJ + σ² P)⁻¹ Jᵀ e,      sd² = σ² diag (JᵀJ + σ² P)⁻¹,      P = 1/Var(prior) on the diagonal.
"""

import numpy as np

from twin.acceptance import Differences
from twin.model import Forward
from twin.space import Floats

STEP = 1e-4
"""Half-width of the differences for J, as a share of the prior's central 90 %."""


def posterior_shifts(forward: Forward, found: Differences, noise: float) -> dict[str, dict[str, float]]:
    """Median, p95 and maximum of |Δθ|/sd over held-out points, by parameter."""
    shifts = np.array([_shift(forward, found, i, noise) for i in range(len(found.values))])
    return {
        name: {
            "median": float(np.median(column)),
            "p95": float(np.percentile(column, 95)),
            "max": float(np.max(column)),
        }
        for name, column in zip(forward.space.names, shifts.T, strict=True)
    }


def _shift(forward: Forward, found: Differences, i: int, noise: float) -> Floats:
    solves, p = found.solves, len(forward.space)
    low, high = (forward.space.from_unit(np.full((1, p), u))[0] for u in (0.05, 0.95))
    steps = np.diag(STEP * (high - low))
    inside = np.clip(solves.theta[i], low, high)
    ends = [np.asarray(forward(inside + side * steps, solves.c[i], solves.x[i])) for side in (1, -1)]
    jacobian = ((ends[0] - ends[1]) / (2 * np.diag(steps))[:, None, None]).reshape(p, -1).T
    error = found.values[i].reshape(-1)
    counted = np.isfinite(error) & np.isfinite(jacobian).all(axis=1)
    jacobian, error = jacobian[counted], error[counted]
    prior = np.diag([noise**2 / parameter.prior.scipy().var() for parameter in forward.space.parameters])
    covariance = np.linalg.inv(jacobian.T @ jacobian + prior)
    return np.asarray(np.abs(covariance @ jacobian.T @ error) / (noise * np.sqrt(np.diag(covariance))))
