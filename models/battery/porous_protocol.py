"""A porous cell under any current that is constant from step to step: charges, pulses, rests.

Each step is walked as a discharge is (``porous_march.py``), from where the last one ended. When the current jumps, the
reaction jumps by as much everywhere, which is where Newton's method begins.
"""

import numpy as np
from scipy.interpolate import CubicSpline

from twin.models.battery.cell import Draw
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_drawn import Drawn, drawn_of
from twin.models.battery.porous_march import COARSE, LARGEST, Path, at_rest, walk
from twin.models.battery.porous_newton import Point
from twin.models.battery.protocol import Steps
from twin.space import Floats

SLOWEST = 0.5
"""Pace [C-rate] at which a rest, or a current below it, is walked."""
EMPTY = 0.5
"""[V] below which no cell is followed."""
SHORT = 1e-3
"""By how much less than a step's length, as a share of it, a walk may end that reached its end."""


def follow(
    porous: Porous, draw: Draw, steps: Steps, times: Floats, *, layers: Layers = COARSE, largest: float = LARGEST
) -> tuple[Floats, Floats]:
    """Voltages [V] and temperatures [K] (B, n) of every draw at increasing times (n,) [s].

    NaN from where a particle is exhausted or the voltage falls below ``EMPTY``. A time at which the current jumps
    belongs to the step that ends there. ValueError for times that do not increase, or lie before the first step.
    """
    if np.any(np.diff(times) <= 0) or times[0] < steps.start[0]:
        raise ValueError(f"times must increase from {steps.start[0]:g} s on, got {times}")
    drawn = drawn_of(porous, draw, layers)
    levels = steps.current / porous.cell.capacity
    ends = np.append(steps.start[1:], max(times[-1], steps.start[-1]))
    found = np.full((2, len(drawn.current), len(times)), np.nan)
    alive = np.ones(len(drawn.current), dtype=bool)
    drawn = _under(drawn, levels[0])
    with np.errstate(all="ignore"):
        point = at_rest(drawn)
        for level, start, end in zip(levels, steps.start, ends, strict=True):
            drawn = _under(drawn, level)
            point = _jumped(point, level)
            pace = np.full(len(drawn.current), max(abs(level), SLOWEST))
            path = walk(drawn, point, pace, until=EMPTY, charge=pace * (end - start) / 3600, largest=largest)
            inside = (times > start) & (times <= end) if start > steps.start[0] else times <= end
            here = np.where(alive[:, None], _read(path, drawn, times[inside] - start), np.nan)
            found[:, :, inside] = here
            alive &= np.nanmax(path.time, axis=1, initial=0.0) >= (1 - SHORT) * (end - start)
    return found[0], found[1]


def _under(drawn: Drawn, level: float) -> Drawn:
    """The draws under a current [C-rate]."""
    return drawn._replace(current=np.full_like(drawn.temperature, level))


def _jumped(point: Point, level: float) -> Point:
    """Reactions whose mean is the new current."""
    q = point.q
    moved = [reaction + (level - reaction.mean(axis=1, keepdims=True)) for reaction in q.reaction]
    return point._replace(q=q._replace(reaction_n=moved[0], reaction_p=moved[1]))


def _read(path: Path, drawn: Drawn, times: Floats) -> Floats:
    """Voltage with series resistance, and temperature, at times since the step began (2, B, n)."""
    found = np.full((2, len(path.time), len(times)), np.nan)
    drop = (drawn.current * drawn.resistance * drawn.porous.cell.capacity)[:, 0]
    for k, (time, volts, kelvin) in enumerate(zip(path.time, path.voltage, path.temperature, strict=True)):
        known = np.isfinite(time)
        if known.sum() < 4:
            continue
        reached = times <= time[known][-1] * (1 + SHORT)
        for row, values in zip(found, (volts[known] - drop[k], kelvin[known]), strict=True):
            row[k, reached] = CubicSpline(time[known], values)(times[reached])
    return found
