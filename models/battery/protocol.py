"""Piecewise-constant currents, read off the abscissa.

An abscissa with the column time [s] alone means a constant current. With a second column current [A] the
current of row i flowed from the time of row i - 1 to that of row i, as a cycler's log has it; runs of equal
current are one step.
"""

from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, to_numpy
from twin.space import Floats

SAME_CURRENT = 1e-3
"""Currents that differ by less than this share of the largest one are one step."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Current ``current[k]`` [A] flows from ``start[k]`` [s] until the next step."""

    start: Floats
    current: Floats


def current_steps(x: Array) -> Steps:
    """Steps of an abscissa (n, 2) of times [s] and currents [A]. The abscissa is data, never a traced array."""
    times, currents = to_numpy(x).T
    tolerance = SAME_CURRENT * max(float(np.max(np.abs(currents))), 1e-12)
    starts, levels = [0.0], [float(currents[0])]
    members = [float(currents[0])]
    for i in range(1, len(times)):
        if abs(currents[i] - levels[-1]) > tolerance:
            starts.append(float(times[i - 1]))
            levels.append(float(currents[i]))
            members = []
        members.append(float(currents[i]))
        levels[-1] = float(np.mean(members))
    return Steps(np.array(starts), np.array(levels))


def current_at(steps: Steps, times: Floats) -> Floats:
    """I(t) [A], the step that ends at t belonging to t."""
    index = np.searchsorted(steps.start, times, side="left") - 1
    return np.asarray(steps.current[np.maximum(index, 0)])


def sampled_current(times: Floats, currents: Floats, constant_within: float) -> Floats | None:
    """None if the current is constant to ``constant_within`` (relative), else the currents as they are."""
    level = float(np.median(currents))
    if np.all(np.abs(currents - level) <= constant_within * abs(level)):
        return None
    return currents
