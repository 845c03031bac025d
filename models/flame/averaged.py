"""A freely propagating flame with one step and mixture-averaged transport, integrated over temperature.

With ε_k = Y_k,u + ν_k W_k ξ the flux fractions, enthalpy and species have first integrals that hold for any diffusion,

    λ dT/dx = m (Σ ε_k h_k(T) - h_u),        m dξ/dx = r,        j_k = m (ε_k - Y_k)

so that temperature serves as the coordinate and ξ and the mole fractions are all that is left:

    dX_k/dx = -W̄ j*_k/(ρ W_k D'_k),        j*_k = j_k + Y_k J,        J such that Σ dX_k/dx = 0

Backward from the burnt side all of them are stable, so they start on the slow manifold of unity Lewis numbers; what
that is off by has faded after a share of the front. m is the eigenvalue for which ξ = 0 at T_u.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from twin.models.flame.gas import (
    Gas,
    R,
    density,
    enthalpies,
    heat_capacities,
    mass_fractions,
    mean_weight,
    mole_fractions,
)
from twin.models.flame.kinetics import LEAST, Law, Step
from twin.models.flame.phase_plane import GONE, front_of, mass_flux
from twin.models.flame.transport import conductivity, mixture_diffusivities
from twin.models.flame.unburnt import Fresh, burnt
from twin.space import Floats

TOLERANCE = 1e-8
LEAST_SLOPE = 1e-3
"""[K/m], for trial steps of the solver."""
START = 1e-3
"""Share of T_b - T_u below T_b where the integration begins."""
NEAR = 0.08
"""By how much the logarithm of m is looked for around that of unity Lewis numbers at first."""


@dataclass(frozen=True, eq=False)
class Flame:
    """Mass flux [kg/(m² s)], burning velocity [m/s], and over rising T (n,): x [m], Y (n, s), dT/dx [K/m]."""

    m: float
    S_L: float
    T: Floats
    x: Floats
    Y: Floats
    gradient: Floats


def solve(gas: Gas, step: Step, law: Law, of: Fresh, *, spread: float = 1.0, points: int = 201) -> Flame:
    """The flame; ``spread`` multiplies all transport coefficients. ValueError where none burns."""
    h_u = float(of.Y @ enthalpies(gas, np.array(of.T)))
    plane = _Plane(gas, step, law, of, burnt(gas, step, of)[0], h_u, spread)
    front = front_of(gas, step, law, of, spread)
    rho = float(density(gas, np.array(of.T), np.array(of.p), of.Y))
    middle = math.log(mass_flux(front, 0.3 * rho))

    def left(log_m: float) -> float:
        return plane.excess(math.exp(log_m))

    for width in (NEAR, 4 * NEAR, 16 * NEAR):
        low, high = middle - width, middle + width
        if left(low) < 0 < left(high):
            m = math.exp(brentq(left, low, high, xtol=1e-9, rtol=1e-12))
            return plane.flame(m, rho, points)
    raise ValueError(f"no burning velocity near {math.exp(middle) / rho:g} m/s, that of unity Lewis numbers")


@dataclass(frozen=True, eq=False)
class _Plane:
    """The equations of one mixture."""

    gas: Gas
    step: Step
    law: Law
    of: Fresh
    T_b: float
    h_u: float
    spread: float

    def gradient(self, T: float, xi: float, m: float, Y: Floats) -> float:
        """dT/dx [K/m]."""
        at = np.array(T)
        eps = self.of.Y + self.step.nu * self.gas.W * xi
        return float(m * (eps @ enthalpies(self.gas, at) - self.h_u) / self.conductivity(at, Y))

    def slopes(self, T: float, state: Floats, m: float) -> Floats:
        """d(ξ, X)/dT."""
        gas, xi, at, p = self.gas, state[0], np.array(T), np.array(self.of.p)
        Y = mass_fractions(gas, np.maximum(state[1:], 0.0))
        rho = float(density(gas, at, p, Y))
        r = self.rate(T, rho * Y / gas.W)
        a = 1 / (gas.W * self.spread * mixture_diffusivities(gas, at, p, Y))
        j = m * (self.of.Y + self.step.nu * gas.W * xi - Y)
        rises = -float(mean_weight(gas, Y)) / rho * a * (j - Y * (a @ j) / (a @ Y))
        return np.concatenate([[r / m], rises]) / max(self.gradient(T, xi, m, Y), LEAST_SLOPE)

    def conductivity(self, T: Floats, Y: Floats) -> Floats:
        """λ [W/(m K)]."""
        return np.asarray(self.spread * conductivity(self.gas, T, Y))

    def rate(self, T: float, c: Floats) -> float:
        """r [kmol/(m³ s)]."""
        r = float(self.law.A * T**self.law.b) * math.exp(-self.law.Ea / (R * T))
        for k, order in zip(self.step.reactants, self.law.orders, strict=True):
            r *= (float(c[k]) + LEAST) ** order
        return r

    def start(self, m: float) -> tuple[float, Floats]:
        """Temperature, and ξ and X of the slow manifold there."""
        T = self.T_b - START * (self.T_b - self.of.T)
        at, nuW = np.array(T), self.step.nu * self.gas.W
        S, y = -float(enthalpies(self.gas, at) @ nuW), self.progress(T)
        Y = self.of.Y + nuW * y
        rho = float(density(self.gas, at, np.array(self.of.p), Y))
        r, lam = self.rate(T, rho * Y / self.gas.W), float(self.conductivity(at, Y))
        slope = float(Y @ heat_capacities(self.gas, at)) / S
        return T, np.concatenate([[y - lam * r / (m * m * S * slope)], mole_fractions(self.gas, Y)])

    def integrated(self, m: float, T: Floats | None = None) -> Any:
        """From the burnt side down to T_u, or to where the gradient vanishes."""
        begin, first = self.start(m)

        def equation(T: float, state: Floats) -> Floats:
            return self.slopes(T, state, m)

        def gone(T: float, state: Floats) -> float:
            return self.progress(T) - float(state[0]) - GONE * self.of.progress

        gone.terminal, gone.direction = True, -1  # type: ignore[attr-defined]
        scale = np.concatenate([[self.of.progress], np.ones(len(self.gas.names))])
        return solve_ivp(
            equation, (begin, self.of.T), first, method="LSODA", t_eval=T, rtol=TOLERANCE, atol=TOLERANCE * scale,
            events=gone,
        )  # fmt: skip

    def excess(self, m: float) -> float:
        """Above 0 if m is too large: ξ at T_u, or the progress y at the temperature where the gradient is gone."""
        found = self.integrated(m)
        if found.t_events[0].size:
            return self.progress(float(found.t_events[0][0]))
        return float(found.y[0, -1]) + GONE * self.of.progress

    def progress(self, T: float) -> float:
        """y [kmol/kg] at T, with unity Lewis numbers: what ξ is at most."""
        h = enthalpies(self.gas, np.array(T))
        return -(float(self.of.Y @ h) - self.h_u) / float(h @ (self.step.nu * self.gas.W))

    def flame(self, m: float, rho: float, points: int) -> Flame:
        """The profile at the eigenvalue."""
        begin, _ = self.start(m)
        T = np.linspace(begin, self.of.T + 1e-3 * (begin - self.of.T), points)
        found = self.integrated(m, T)
        T, rows = found.t[::-1], found.y.T[::-1]
        Y = mass_fractions(self.gas, np.maximum(rows[:, 1:], 0.0))
        up = np.array([self.gradient(float(t), float(row[0]), m, y) for t, row, y in zip(T, rows, Y, strict=True)])
        slow = 1 / up
        x = np.concatenate([[0.0], np.cumsum(0.5 * (slow[1:] + slow[:-1]) * np.diff(T))])
        return Flame(m, m / rho, T, x, Y, up)
