"""The burning velocity of a flame with one step and unity Lewis numbers: one scalar equation over temperature.

Enthalpy is uniform then, so mass fractions are functions of T, Y_k = Y_k,u + ν_k W_k y(T). With ξ the progress of the
flux and z = y - ξ,

    λ dT/dx = m S(T) z,        dz/dT = y'(T) - λ r/(m² S z),        z(T_b) = 0,        S z m/λ = G at T_u.

m [kg/(m² s)] is the eigenvalue. The equation is integrated backward from the burnt side, where it is stable, off
z ∝ (T_b - T)^s with s = max(n, (1 + n)/2), n being the order of r in T_b - T. The more mass flows, the less z is left
at T_u. G = 0 is the true flame, G > 0 one that begins at a finite gradient, as in a short domain. A preheated mixture
reacts a little before the flame comes, so that z does not vanish: what is below ``GONE`` of the whole progress counts
as gone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from twin.models.flame.gas import Gas, R, density, enthalpies, heat_capacities
from twin.models.flame.kinetics import LEAST, Law, Step
from twin.models.flame.transport import conductivity
from twin.models.flame.unburnt import Fresh, burnt
from twin.space import Floats

TOLERANCE = 1e-10
GONE, LEAST_Z, AT_REST = 1e-5, 1e-6, 0.1
KNOTS = 1001
WIDER = 1.3
"""Factor by which a bracket of the mass flux grows."""
BRACKETS = 40


class Local(NamedTuple):
    """At a temperature: λ [W/(m K)], S [J per unit of progress], y' [unit/(kg K)], y, r [unit/(m³ s)]."""

    conductivity: float
    heat: float
    slope: float
    progress: float
    rate: float


@dataclass(frozen=True, eq=False)
class Front:
    """Between T_u and T_b; the integration begins a share ``start`` of T_b - T_u below T_b."""

    T_u: float
    T_b: float
    at: Callable[[float], Local]
    start: float = 1e-4


def mass_flux(front: Front, guess: float, G: float = 0.0) -> float:
    """The eigenvalue m [kg/(m² s)] with dT/dx = G [K/m] at T_u. ValueError where there is none near the guess."""

    def left(log_m: float) -> float:
        m = math.exp(log_m)
        cold = front.at(front.T_u)
        return _at_cold_end(front, m) - max(G * cold.conductivity / (m * cold.heat), _gone(front))

    low = high = math.log(guess)
    below = above = left(low)
    for _ in range(BRACKETS):
        if below > 0 >= above:
            return _burning(front, math.exp(brentq(left, low, high, xtol=1e-11, rtol=1e-14)))
        if below <= 0:
            high, above, low = low, below, low - math.log(WIDER)
            below = left(low)
        else:
            low, below, high = high, above, high + math.log(WIDER)
            above = left(high)
    raise ValueError(f"no burning velocity within a factor of {WIDER**BRACKETS:.0e} of {guess:g} kg/(m² s)")


def gradient(front: Front, m: float, T: Floats) -> Floats:
    """dT/dx [K/m] (n,) at temperatures (n,) from T_u up to where the integration begins."""
    found = _integrated(front, m, np.sort(T)[::-1])
    local = [front.at(float(t)) for t in found.t]
    slope = np.array([m * one.heat / one.conductivity for one in local]) * found.y[0]
    return np.asarray(np.interp(T, found.t[::-1], slope[::-1], left=0.0))


def position(front: Front, m: float, T: Floats) -> Floats:
    """x [m] (n,) of rising temperatures (n,), 0 at the first."""
    fine = np.unique(np.concatenate([T[0] + (T[-1] - T[0]) * np.linspace(0.0, 1.0, 4001) ** 2, T]))
    slow = 1 / np.maximum(gradient(front, m, fine), 1e-300)
    x = np.concatenate([[0.0], np.cumsum(0.5 * (slow[1:] + slow[:-1]) * np.diff(fine))])
    return np.asarray(np.interp(T, fine, x))


def front_of(gas: Gas, step: Step, law: Law, of: Fresh, spread: float = 1.0) -> Front:
    """The front of one mixture with unity Lewis numbers and ``spread`` times its conductivity; progress in kmol."""
    T_u, p, Y_u = float(of.T[0]), float(of.p[0]), of.Y[0]
    T_b = float(burnt(gas, step, of)[0][0])
    T = np.linspace(T_u, T_b, KNOTS)
    h, nuW = enthalpies(gas, T), step.nu * gas.W
    S = -(h @ nuW)
    y = (h @ Y_u - float(Y_u @ enthalpies(gas, np.array(T_u)))) / S
    Y = Y_u + nuW * y[:, None]
    slope = ((Y * heat_capacities(gas, T)).sum(axis=-1)) / S
    c = density(gas, T, np.full(KNOTS, p), Y)[:, None] * Y / gas.W
    columns = [spread * conductivity(gas, T, Y), S, slope, y, *(c[:, k] for k in step.reactants)]
    spline = CubicSpline(T, np.stack(columns, axis=-1))

    def at(T: float) -> Local:
        lam, heat, rise, progress, *left = spline(T).tolist()
        r = law.A * T**law.b * math.exp(-law.Ea / (R * T))
        for concentration, order in zip(left, law.orders, strict=True):
            r *= (max(concentration, 0.0) + LEAST) ** order
        return Local(lam, heat, rise, progress, r)

    return Front(T_u, T_b, at)


def _burning(front: Front, m: float) -> float:
    """m, if the fresh mixture is at rest compared with the flame. ValueError where it ignites by itself."""
    cold = front.at(front.T_u)
    drifting = cold.conductivity * cold.rate / (m * m * cold.heat * cold.slope)
    if drifting > AT_REST * _gone(front):
        raise ValueError(
            f"the fresh mixture reacts by itself at {front.T_u:g} K: it has no burning velocity of its own"
        )
    return m


def _at_cold_end(front: Front, m: float) -> float:
    """z at T_u, or less than nothing by how early it vanished."""
    found = _integrated(front, m, None)
    if found.t_events[0].size:
        return front.at(front.T_u).progress - front.at(float(found.t_events[0][0])).progress
    return float(found.y[0, -1])


def _integrated(front: Front, m: float, T: Floats | None) -> Any:
    begin = front.T_b - front.start * (front.T_b - front.T_u)
    first = _start(front, m, begin)
    small = _gone(front)

    def equation(T: float, z: Floats) -> list[float]:
        local = front.at(T)
        return [
            local.slope - local.conductivity * local.rate / (m * m * local.heat * max(float(z[0]), LEAST_Z * small))
        ]

    def gone(T: float, z: Floats) -> float:
        return float(z[0]) - small

    gone.terminal, gone.direction = True, -1  # type: ignore[attr-defined]
    return solve_ivp(
        equation, (begin, front.T_u), [first], method="LSODA", t_eval=T, rtol=TOLERANCE, atol=TOLERANCE * small,
        events=gone,
    )  # fmt: skip


def _start(front: Front, m: float, T: float) -> float:
    """z near T_b, from -s z/δ = y' - λ r/(m² S z) with δ = T_b - T."""
    hot, delta = front.at(T), front.T_b - T
    order = math.log2(hot.rate / front.at(front.T_b - 0.5 * delta).rate)
    s = max(order, 0.5 * (1 + order))
    driven = hot.conductivity * hot.rate / (m * m * hot.heat)
    return delta / (2 * s) * (math.sqrt(hot.slope**2 + 4 * s * driven / delta) - hot.slope)


def _gone(front: Front) -> float:
    return GONE * front.at(front.T_b).progress
