"""How long a cumulative sum of standard normal scores runs until it alarms though nothing has changed.

S ← max(0, S + min(ℓ, c)) with ℓ = δ z - δ²/2, z ~ N(0, 1), alarms above h. On a grid of states it is a Markov chain
(Brook and Evans 1972, Biometrika 59, 539): with R its transitions between states that do not alarm, the mean run
lengths μ from each state solve (I - R) μ = 1.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from twin.space import Floats

STATES = 240
HIGHEST = 60.0
"""A threshold above all that are asked for: exp(60) windows."""


def run_length(threshold: float, size: float, share: float) -> float:
    """Mean windows from S = 0 to an alarm, with h = ``threshold``, δ = ``size`` and c = ``share`` h."""
    width = 2.0 * threshold / (2 * STATES - 1)
    at = width * np.arange(STATES)
    edges = np.concatenate([at + 0.5 * width])
    below = _capped(edges[None, :] - at[:, None], size, share * threshold)
    moves = np.diff(below, axis=1, prepend=0.0)
    return float(np.linalg.solve(np.eye(STATES) - moves, np.ones(STATES))[0])


def _capped(steps: Floats, size: float, most: float) -> Floats:
    """P(min(ℓ, c) ≤ step)."""
    return np.where(steps >= most, 1.0, ndtr((steps + 0.5 * size**2) / size))


def threshold_for(windows: float, size: float, share: float) -> float:
    """h at which false alarms are ``windows`` apart on average. ValueError for fewer than 2."""
    if not windows >= 2.0:
        raise ValueError(f"expected at least 2 windows between false alarms, got {windows:g}")

    def excess(h: float) -> float:
        return float(np.log(run_length(h, size, share) / windows))

    low, high = 0.05, 2.0
    while excess(high) < 0 and high < HIGHEST:
        low, high = high, 1.5 * high
    return float(brentq(excess, low, high, xtol=1e-6)) if excess(low) < 0 else low
