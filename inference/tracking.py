"""A posterior that is carried from window to window, and forgets.

Between windows the parameters walk, u_k+1 = u_k + N(0, diag(q²) Δt): q sets how fast the past is forgotten. A window's
evidence (``baseline.py``) is combined with the walk by the Kalman filter (1960), in its information form.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.baseline import Evidence
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Belief:
    """Mean (p,) and covariance (p, p) of the parameters now."""

    mean: Floats
    covariance: Floats

    @property
    def sd(self) -> Floats:
        """Standard deviations (p,)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))


def later(belief: Belief, walk: Floats, dt: float) -> Belief:
    """The belief dt later, with a walk of ``walk`` (p,) per square root of time."""
    return Belief(belief.mean, belief.covariance + np.diag(walk**2 * dt))


def updated(belief: Belief, seen: Evidence) -> Belief:
    """The belief after a window."""
    gain = np.linalg.inv(np.eye(len(belief.mean)) + belief.covariance @ seen.precision)
    covariance = gain @ belief.covariance
    mean = belief.mean + covariance @ (seen.shift - seen.precision @ belief.mean)
    return Belief(mean, 0.5 * (covariance + covariance.T))


def surprise(belief: Belief, seen: Evidence) -> Evidence:
    """The score of a change since the belief, and its information: M = (P⁻¹ + C)⁻¹ and M (estimate - mean)."""
    share = np.linalg.inv(np.eye(len(belief.mean)) + seen.precision @ belief.covariance)
    precision = share @ seen.precision
    return Evidence(0.5 * (precision + precision.T), share @ (seen.shift - seen.precision @ belief.mean))
