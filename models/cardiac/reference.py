"""Reference solution: the limit cycle by LSODA, one beat after the other.

Beats are iterated until a beat's end is its start; after six beats that do not agree, by Newton's method on the beat
map, whose monodromy matrix is singular in the direction of the stressed volume: the equation that holds the volume is
solved with it in least squares. Ideal valves unless another law is given.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from scipy.integrate import odeint

from twin.models.cardiac.activation import activation, peak_phase, periodic_activation
from twin.models.cardiac.loop import START_PRESSURE, Loop, State, rates
from twin.models.cardiac.pump import START, Pump
from twin.space import Floats

IDEAL: Callable[[float], float] = partial(max, 0.0)
PUMP = Pump()

TOLERANCE = 1e-8
"""Of LSODA, relative and absolute."""
SETTLED = 1e-7
"""Largest |Δx|/(1 + |x|) from beat to beat."""
PATIENCE, NEWTON, MOST = 6, 6, 60
"""Beats before Newton's method, its steps, beats altogether."""
NEAR = 0.3
"""Residual below which Newton's method is tried."""
PHASES = np.linspace(0.0, 1.0, 801)
LEAST_START = 5.0
"""Stressed volume at the start [mL]."""
LARGEST_STEP = 1.0 / 50.0
"""Share of a beat; longer steps pass over the valves' events."""


@dataclass(frozen=True, eq=False)
class Cycle:
    """One beat at n times: state [mL, mmHg, mL/s] and ventricular pressure (n,), the pump's flow or None.

    ``settled`` says whether it is the limit cycle, ``beats`` how many were integrated.
    """

    t: Floats
    state: State
    P_lv: Floats
    pump: Floats | None
    settled: bool
    beats: int


def limit_cycle(
    loop: Loop,
    *,
    phases: Floats = PHASES,
    valve: Callable[[float], float] = IDEAL,
    speed: float | None = None,
    pump: Pump = PUMP,
    periodic: bool = True,
    start: Floats | None = None,
) -> Cycle:
    """The limit cycle of one patient at ``phases`` (n,) of [0, 1], with a pump where a ``speed`` [rpm] is given.

    ``periodic`` takes the residue of the activation away (``activation.py``). ``start`` (5,) or (6,) is where to begin.
    Failing to settle is data: see ``Cycle.settled``.
    """
    patient = as_numbers(loop)
    derivative = _derivative(patient, valve, None if speed is None else lambda _: speed, pump, periodic)
    x = initial_state(patient, speed is not None) if start is None else np.asarray(start, dtype=np.float64)
    x, settled, beats = _settle(partial(_beat, derivative, patient.beat), x, _volume_row(patient, len(x)), patient.SBV)
    t = phases * patient.beat * (1 - 1e-12)
    path = _integrate(derivative, x, t, patient.beat)
    elastance = np.array([_elastance(patient, time, periodic) for time in t])
    state = State(*path[:, :5].T)
    flow = path[:, 5] if speed is not None else None
    return Cycle(t, state, elastance * state.x, flow, bool(settled and np.all(np.isfinite(path))), beats)


def integrated_beat(
    patient: Loop, start: Floats, speed: Callable[[float], float], pump: Pump = PUMP, points: int = 200
) -> Floats:
    """States (points, 6) over a beat from ``start`` (6,), the pump's speed [rpm] a function of time in it [s]."""
    t = np.linspace(0.0, patient.beat * (1 - 1e-12), points)
    return _integrate(_derivative(patient, IDEAL, speed, pump, periodic=True), start, t, patient.beat)


def as_numbers(loop: Loop) -> Loop:
    """The same with plain numbers, which Python computes fastest."""
    return Loop(**{f.name: float(getattr(loop, f.name)) for f in fields(loop)})


def initial_state(loop: Loop, pump: bool) -> Floats:
    """A state (5,) or (6,) that holds the stressed volume: the arteries at 75 mmHg, or lower where that is too much."""
    arterial = START_PRESSURE
    x = (loop.SBV - arterial * (loop.Cs + loop.Ca)) / (1 + loop.Cr * loop.Emin)
    if x < LEAST_START:
        x = LEAST_START
        arterial = (loop.SBV - x * (1 + loop.Cr * loop.Emin)) / (loop.Cs + loop.Ca)
    state = [x, loop.Emin * x, arterial, arterial, 0.0]
    return np.array([*state, START] if pump else state)


def _elastance(loop: Loop, t: float, periodic: bool) -> float:
    """E(t) [mmHg/mL]."""
    phase, tau = t / loop.beat, peak_phase(loop.beat)
    e = periodic_activation(phase, tau) if periodic else activation(phase / tau)
    return float(loop.Emin + (loop.Emax - loop.Emin) * e)


Derivative = Callable[[float, Floats], tuple[float, ...]]


def _derivative(
    loop: Loop,
    valve: Callable[[float], float],
    speed: Callable[[float], float] | None,
    pump: Pump,
    periodic: bool,
) -> Derivative:
    def without(t: float, x: Floats) -> tuple[float, ...]:
        state = State(*x.tolist())
        return rates(state, _elastance(loop, t, periodic) * state.x, loop, valve)

    turning = speed or (lambda _: 0.0)

    def with_pump(t: float, x: Floats) -> tuple[float, ...]:
        *others, flow = x.tolist()
        state = State(*others)
        P_lv = _elastance(loop, t, periodic) * state.x
        return (*rates(state, P_lv, loop, valve, flow), pump.rate(flow, P_lv, state.P_ao, turning(t), IDEAL))

    if speed is None:
        return without
    return with_pump


def _integrate(derivative: Derivative, x: Floats, t: Floats, beat: float) -> Floats:
    """The state (n, 5 or 6) at times t within one beat."""
    path = odeint(
        derivative, x, t, tfirst=True, rtol=TOLERANCE, atol=TOLERANCE, hmax=LARGEST_STEP * beat, mxstep=5000,
    )  # fmt: skip
    return np.asarray(path)


def _beat(derivative: Derivative, beat: float, x: Floats) -> Floats:
    """The state one beat later."""
    return np.asarray(_integrate(derivative, x, np.array([0.0, beat * (1 - 1e-12)]), beat)[-1])


def _volume_row(loop: Loop, size: int) -> Floats:
    """c with SBV = cᵀx."""
    return np.array([1.0, loop.Cr, loop.Cs, loop.Ca, 0.0, 0.0][:size])


def _settle(beat: Callable[[Floats], Floats], x: Floats, volume: Floats, total: float) -> tuple[Floats, bool, int]:
    """State at the start of the limit cycle, whether it is that, and the beats it took."""
    used, newton = 0, 0
    while used < MOST:
        after = beat(x)
        used += 1
        if not np.all(np.isfinite(after)):
            return x, False, used
        away = float(np.max(np.abs(after - x) / (1 + np.abs(x))))
        if away < SETTLED:
            return after, True, used
        if used >= PATIENCE and away < NEAR and newton < NEWTON:
            newton, used = newton + 1, used + len(x)
            x = _newton(beat, x, after, volume, total)
        else:
            x = after
    return x, False, used


def _newton(beat: Callable[[Floats], Floats], x: Floats, after: Floats, volume: Floats, total: float) -> Floats:
    """One step for Φ(x) = x with cᵀx = SBV."""
    columns = []
    for i, step in enumerate(1e-4 * (1 + np.abs(x))):
        moved = x.copy()
        moved[i] += step
        columns.append((beat(moved) - after) / step)
    matrix: Any = np.vstack([np.eye(len(x)) - np.stack(columns, axis=1), volume])
    right = np.append(after - x, total - volume @ x)
    return np.asarray(x + np.linalg.lstsq(matrix, right, rcond=None)[0])
