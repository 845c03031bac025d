"""A posterior that is carried from window to window, drifts and forgets.

Every parameter has a level u and a rate v that is its wear. Between windows, Δt apart, with white noise on both,

    u ← u + v Δt + N(0, q_u² Δt + q_v² Δt³/3),     v ← v + N(0, q_v² Δt),     covariance q_v² Δt²/2

so q_u sets how fast levels forget and q_v how fast a wear may change its pace. A window's evidence (``baseline.py``)
about the levels is combined with that by the Kalman filter (1960). With q_u = q_v = 0 it is the regression of all
windows on straight lines, and without rates on constants.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.monitor.baseline import Evidence
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Belief:
    """Mean (2p,) and covariance (2p, 2p) of levels, then rates, now."""

    state: Floats
    joint: Floats

    @property
    def mean(self) -> Floats:
        """Mean (p,) of the levels."""
        return self.state[: len(self.state) // 2]

    @property
    def covariance(self) -> Floats:
        """Covariance (p, p) of the levels."""
        p = len(self.state) // 2
        return self.joint[:p, :p]

    @property
    def sd(self) -> Floats:
        """Standard deviations (p,) of the levels."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))


@dataclass(frozen=True, eq=False)
class Motion:
    """q_u (p,) and q_v (p,)."""

    walk: Floats
    rate_walk: Floats


def believed(mean: Floats, covariance: Floats, rates: Floats) -> Belief:
    """Levels with mean (p,) and covariance (p, p), rates N(0, ``rates``²) (p,) that nothing is known of yet."""
    zero = np.zeros_like(covariance)
    return Belief(np.concatenate([mean, 0 * mean]), np.block([[covariance, zero], [zero, np.diag(rates**2)]]))


def later(belief: Belief, motion: Motion, dt: float) -> Belief:
    """The belief dt later."""
    one = np.eye(len(motion.walk))
    move = np.block([[one, dt * one], [0 * one, one]])
    level, rate = np.diag(motion.walk**2), np.diag(motion.rate_walk**2)
    noise = np.block([[level * dt + rate * dt**3 / 3, rate * dt**2 / 2], [rate * dt**2 / 2, rate * dt]])
    return Belief(move @ belief.state, move @ belief.joint @ move.T + noise)


def updated(belief: Belief, seen: Evidence) -> Belief:
    """The belief after a window."""
    p, news = len(belief.mean), surprise(belief, seen)
    reach = belief.joint[:, :p]
    joint = belief.joint - reach @ news.precision @ reach.T
    return Belief(belief.state + reach @ news.shift, 0.5 * (joint + joint.T))


def surprise(belief: Belief, seen: Evidence) -> Evidence:
    """The score of a change since the belief, and its information: M = (P⁻¹ + C)⁻¹ and M (estimate - mean)."""
    share = np.linalg.inv(np.eye(len(belief.mean)) + seen.precision @ belief.covariance)
    precision = share @ seen.precision
    return Evidence(0.5 * (precision + precision.T), share @ (seen.shift - seen.precision @ belief.mean))
