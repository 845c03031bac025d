"""Reference solution of the circuit: its differential equations by SciPy, from jump to jump of the current.

    dq/dt = I/3600,   dv_k/dt = (I R_k - v_k)/τ_k,   V = U(q) - I R0 - Σ_k v_k        q [A h], v_k [V]

by an explicit Runge-Kutta method of order 8 (Hairer, Nørsett, Wanner 1993, Solving Ordinary Differential Equations I,
section II.5). A state of charge that a rested voltage means is found by bisection, not by Newton's method.
"""

from collections.abc import Mapping

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from twin.models.battery.circuit_curve import BRACKETS, Curve, PlateauAndKnee
from twin.space import Floats

RELATIVE, ABSOLUTE = 1e-10, 1e-12
"""Tolerances [1, and A h or V]."""


def solve(curve: Curve, pairs: int, draw: Mapping[str, float], start: float, times: Floats, currents: Floats) -> Floats:
    """Voltages [V] (n,) at rising times [s] >= 0; NaN from where the solver failed.

    The current [A] of each time flowed since the time before, that of the first since t = 0.
    """
    resistance, tau = (np.array([draw[f"{name}{k}"] for k in range(1, pairs + 1)]) for name in ("R", "tau"))
    states = np.full((len(times), 1 + pairs), np.nan)
    state, begin = np.zeros(1 + pairs), 0.0
    ends = np.flatnonzero(np.diff(currents, append=np.nan) != 0)
    for first, last in zip(np.concatenate([[0], ends[:-1] + 1]), ends, strict=True):
        rows = slice(first, last + 1)
        found = _advanced(resistance, tau, float(currents[first]), begin, state, times[rows])
        if found is None:
            break
        states[rows], state, begin = found, found[-1], float(times[last])
    known = {name: np.array([value]) for name, value in draw.items()}
    rested = _rested(curve, known, start, states[:, 0])
    return np.asarray(rested - currents * draw["R0"] - states[:, 1:].sum(axis=1), dtype=np.float64)


def _advanced(
    resistance: Floats, tau: Floats, current: float, begin: float, state: Floats, times: Floats
) -> Floats | None:
    """States (n, 1 + K) at times from ``begin`` on under one current, None if the solver gave up."""

    def rate(_: float, y: Floats) -> Floats:
        return np.concatenate([[current / 3600.0], (current * resistance - y[1:]) / tau])

    if times[-1] == begin:
        return np.tile(state, (len(times), 1))
    span = (begin, float(times[-1]))
    found = solve_ivp(rate, span, state, method="DOP853", t_eval=times, rtol=RELATIVE, atol=ABSOLUTE)
    return np.asarray(found.y.T) if found.success else None


def _rested(curve: Curve, known: Mapping[str, Floats], start: float, charge: Floats) -> Floats:
    if not isinstance(curve, PlateauAndKnee):
        return np.asarray(curve.after(known, np.array([start]), charge))

    def excess(s: float) -> float:
        return float(curve.voltage(known, np.array([s]))[0]) - start

    s = brentq(excess, BRACKETS[0], BRACKETS[-1], xtol=1e-14)
    return np.asarray(curve.voltage(known, s - charge / known["Q"]))
