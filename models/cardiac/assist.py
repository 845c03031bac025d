"""An assist pump over time: its speed follows a schedule, and no limit cycle is waited for.

The published protocol (Simaan et al. 2009; Kuang et al. 2024, arXiv 2403.00177): from the unassisted beat the speed
rises by 400 rpm/s from 5000 rpm until the pump flow's minimum over a beat falls from one beat to the next, which is
where the ventricle begins to be sucked empty. The pump then works at that speed over a margin, 1.4 as published.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twin.models.cardiac.loop import Loop
from twin.models.cardiac.pump import START, Pump
from twin.models.cardiac.reference import PUMP, as_numbers, integrated_beat, limit_cycle
from twin.space import Floats

FIRST, RISE = 5000.0, 400.0
"""Of the ramp: speed at its start [rpm], and how fast it rises [rpm/s]."""
MARGIN = 1.4
LONGEST = 60
"""Beats of a ramp: no pump turns as fast as it would then."""

Schedule = Callable[[float], float]
"""Time [s] -> speed [rpm]."""


@dataclass(frozen=True, eq=False)
class Course:
    """Beat by beat (n,): time at its start [s], speed then [rpm], least and mean pump flow [mL/s]."""

    t: Floats
    speed: Floats
    least: Floats
    mean: Floats


def course(loop: Loop, schedule: Schedule, beats: int, *, pump: Pump = PUMP, points: int = 200) -> Course:
    """What a pump does that is switched on in the unassisted limit cycle and follows a schedule.

    ValueError where the unassisted loop has no limit cycle.
    """
    patient = as_numbers(loop)
    state = _switched_on(patient)
    rows = []
    for k in range(beats):
        begin = k * patient.beat
        path = integrated_beat(patient, state, lambda t, b=begin: schedule(b + t), pump, points)  # type: ignore[misc]
        rows.append((begin, schedule(begin), float(path[:, 5].min()), float(path[:, 5].mean())))
        state = path[-1]
        if not np.all(np.isfinite(state)):
            break
    return Course(*np.array(rows).T)


def suction_speed(loop: Loop, *, pump: Pump = PUMP) -> float:
    """Speed [rpm] of the ramp at which the least flow of a beat begins to fall; NaN where it never does.

    The slope is taken over three beats, as published, after the flow has once risen: a pump that starts lets its first
    flow run down.
    """
    found = course(loop, lambda t: FIRST + RISE * t, LONGEST, pump=pump)
    slope = found.least[2:] - found.least[:-2]
    rising = np.flatnonzero(slope > 0)
    if not len(rising):
        return float("nan")
    falling = np.flatnonzero(slope[rising[0] :] < 0)
    return float(found.speed[rising[0] + falling[0] + 1]) if len(falling) else float("nan")


def _switched_on(patient: Loop) -> Floats:
    cycle = limit_cycle(patient)
    if not cycle.settled:
        raise ValueError("the loop has no limit cycle without the pump")
    s = cycle.state
    return np.array([s.x[0], s.P_la[0], s.P_s[0], s.P_ao[0], s.Q[0], START])
