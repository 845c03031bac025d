"""The reference solver: all eight states by SciPy's LSODA, restarted wherever a command jumps.

Five states of the gas, two lags of the EGR valve and one of the vanes; commands arrive late by the actuators' delays,
so a jump acts then. Where inputs are smooth no restart is needed.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.integrate import LSODA, OdeSolver, solve_ivp

from twin.arrays import Array
from twin.models.engine.actuators import Commands, clipped
from twin.models.engine.air_path import Drive, Oxygen, State, flows, oxygen_rates, rates
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.orifice import valve_opening
from twin.models.engine.turbine import vane_opening
from twin.space import Floats

RTOL = 1e-6
SIZE = np.array([1e5, 1e5, 5e3, 0.2, 0.2, 50.0, 50.0, 50.0])
"""Of p_im, p_em, ω_t, X_Oim, X_Oem, u_egr1, u_egr2, u_vgt: absolute tolerances are RTOL times a thousandth of it."""


class Trajectory(NamedTuple):
    """States and what drove the engine at times (n,); rows of NaN from where the solver failed."""

    state: State
    oxygen: Oxygen
    drive: Drive


def solve(
    commands: Commands, start: State, at: Floats, engine: Engine, air: Ambient,
    *, oxygen: Oxygen | None = None, rtol: float = RTOL, method: type[OdeSolver] = LSODA,
) -> Trajectory:  # fmt: skip
    """The trajectory at times ``at`` (n,) that rise from the first row's on.

    Constants of the engine are numbers. Actuators are at rest at first, and oxygen, if not given, is that of air.
    """
    rows = clipped(commands)
    first = oxygen or Oxygen(air.X_Oc, air.X_Oc)
    y = np.array([*start, *first, rows.u_egr[0], rows.u_egr[0], rows.u_vgt[0]], dtype=float)
    found = np.full((len(SIZE), len(at)), np.nan)
    edges = _edges(rows, engine, float(at[-1]))
    for begin, end in pairwise(edges):
        inside = (at >= begin) & (at < end) if end < edges[-1] else at >= begin
        times = np.union1d(at[inside], [end])
        rate = _rate(rows, engine, air, begin, end)
        try:
            piece = solve_ivp(
                rate, (begin, max(end, begin + 1e-9)), y, method=method, t_eval=times, rtol=rtol,
                atol=1e-3 * rtol * SIZE,
            )  # fmt: skip
        except (ArithmeticError, ValueError):
            break  # a root or power of a negative number: the state has left the submodels' domain
        if not piece.success:
            break
        found[:, inside] = piece.y[:, : inside.sum()]
        y = piece.y[:, -1]
    return _trajectory(found, rows, at, engine)


def _edges(rows: Commands, engine: Engine, last: float) -> list[float]:
    """Start, times at which jumps act, and end."""
    jumps = rows.time[1:][np.diff(rows.time) == 0]
    late = {0.0, engine.tau_degr, engine.tau_dvgt}
    inner = {float(t + delay) for t in jumps for delay in late}
    start = float(rows.time[0])
    return [start, *sorted(t for t in inner if start < t < last), last]


def _line(time: Floats, column: Floats, begin: float, end: float, delay: float) -> Callable[[float], float]:
    """A command by time, from within the stretch (begin, end) where a jump stands at its edge."""
    hair = 1e-12 * max(1.0, abs(end))
    first, last = begin + hair, end - hair
    knots: list[float] = time.tolist()
    values: list[float] = column.tolist()

    def value(t: float) -> float:
        s = min(max(t, first), last) - delay
        i = bisect_right(knots, s)
        if i in (0, len(knots)):
            return values[max(i - 1, 0)]
        share = (s - knots[i - 1]) / (knots[i] - knots[i - 1])
        return values[i - 1] + share * (values[i] - values[i - 1])

    return value


def _rate(
    rows: Commands, engine: Engine, air: Ambient, begin: float, end: float
) -> Callable[[float, Floats], list[float]]:
    """The right-hand side over a stretch, in Python numbers: NumPy's single ones cost ten times as much."""
    n_e, u_delta = (_line(rows.time, column, begin, end, 0.0) for column in (rows.n_e, rows.u_delta))
    egr = _line(rows.time, rows.u_egr, begin, end, engine.tau_degr)
    vgt = _line(rows.time, rows.u_vgt, begin, end, engine.tau_dvgt)

    def rate(t: float, values: Floats) -> list[float]:
        y = values.tolist()
        state, oxygen = State(*y[:3]), Oxygen(*y[3:5])
        here = flows(state, _drive(n_e(t), u_delta(t), y, engine), engine, air)
        gas = (*rates(state, here, engine), *oxygen_rates(oxygen, state, here, engine, air))
        valve, vanes = egr(t), vgt(t)
        lags = (valve - y[5]) / engine.tau_egr1, (valve - y[6]) / engine.tau_egr2, (vanes - y[7]) / engine.tau_vgt
        return [*gas, *lags]

    return rate


def _drive(n_e: Array, u_delta: Array, y: Sequence[Array] | Floats, engine: Engine) -> Drive:
    position = engine.K_egr * y[5] - (engine.K_egr - 1) * y[6]
    return Drive(n_e, u_delta, valve_opening(position, engine), vane_opening(y[7], engine))


def _trajectory(y: Floats, rows: Commands, at: Floats, engine: Engine) -> Trajectory:
    n_e, u_delta = np.interp(at, rows.time, rows.n_e), np.interp(at, rows.time, rows.u_delta)
    return Trajectory(State(*y[:3]), Oxygen(*y[3:5]), _drive(n_e, u_delta, y, engine))
