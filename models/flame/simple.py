"""Case 1 of FlamePINN-1D: a flame of constant properties, burning fuel in pure oxygen by one step.

    w = A exp(-Ea/(R T)) (ρ Y_F)^n [kg/(m³ s)],   Y_F = Y_F0 - c_p (T - T_u)/q_F,   ρ = p/(R_g T),   Y_F0 = φ/(φ + 4)

(Wu et al. 2025, DOI 10.1016/j.combustflame.2025.113964). The front begins with a gradient of ``GRADIENT``, which is
what fixes it in space there and makes the burning velocity 0.3 % less than that of an endless domain at φ = 0.4.
"""

import math
from dataclasses import dataclass

from twin.arrays import Array, namespace
from twin.models.flame.gas import R
from twin.models.flame.phase_plane import Front, Local, mass_flux

W, C_P, Q_F = 28.97e-3, 1000.0, 5.0e7
"""kg/mol, J/(kg K), J/kg."""
R_MOLAR = 1e-3 * R
"""J/(mol K)."""
R_GAS = R_MOLAR / W
A, N = 1.4e8, 1.6
"""Pre-exponential factor (SI, of the order n) and the order n."""
LAMBDA, EA = 0.026, 1.214172e5
"""W/(m K) and J/mol."""
GRADIENT = 1e5
"""[K/m]"""
START = 2e-4
"""Where the phase plane is entered: the order of 1.6 flattens the hot end."""


@dataclass(frozen=True)
class Simple:
    """Equivalence ratio, T_u [K], p [Pa], λ [W/(m K)], Ea [J/mol]."""

    phi: float
    T_u: float = 298.0
    p: float = 101325.0
    conductivity: float = LAMBDA
    Ea: float = EA

    @property
    def Y_F0(self) -> float:  # noqa: N802 - the paper's symbol
        """Mass fraction of the fuel in the fresh mixture."""
        return self.phi / (self.phi + 4)

    @property
    def T_b(self) -> float:  # noqa: N802 - the paper's symbol
        """[K] where no fuel is left."""
        return self.T_u + Q_F * self.Y_F0 / C_P

    @property
    def density(self) -> float:
        """[kg/m³] of the fresh mixture."""
        return self.p / (R_GAS * self.T_u)


def front(of: Simple) -> Front:
    """The front over temperature, progress in kg of fuel."""

    def at(T: float) -> Local:
        left = max(of.Y_F0 - C_P * (T - of.T_u) / Q_F, 0.0)
        r = A * math.exp(-of.Ea / (R_MOLAR * T)) * (of.p / (R_GAS * T) * left) ** N
        return Local(of.conductivity, Q_F, C_P / Q_F, C_P * (T - of.T_u) / Q_F, r)

    return Front(of.T_u, of.T_b, at, START)


def burning_velocity(of: Simple, G: float = GRADIENT) -> float:
    """S_L [m/s] of a front that begins with the gradient G [K/m]."""
    return mass_flux(front(of), 0.3 * of.density, G) / of.density


def velocity(T: Array, T_u: float, S_L: Array) -> Array:
    """u [m/s] (*batch, n) of a gas at T (*batch, n) that burns with S_L (*batch,) [m/s].

    Mass, momentum and the ideal gas: the subsonic root of u² - (S_L + R_g T_u/S_L) u + R_g T = 0.
    """
    c = (S_L + R_GAS * T_u / S_L)[..., None]
    return 2 * R_GAS * T / (c + namespace(T).sqrt(c * c - 4 * R_GAS * T))
