"""Two opposed jets of equal temperature: a fresh mixture at x = 0, nitrogen at x = L; and the sheets they make.

Without viscosity and with flame and mixing layer as sheets, velocities are parabolas of x in each of the three layers.
With m_L = ρ_u S_L the mass flux that a free flame burns, g = √((1 - m_L/m_u)/ρ_u), and densities ρ_u, ρ_b, ρ_n of
fresh mixture, burnt gas and nitrogen,

    √-Λ L = m_u g + (m_L/ρ_b)/(g + ρ_b^-½) + m_b ρ_n^-½,        x_f = m_u g/√-Λ,        L - x_m = m_b ρ_n^-½/√-Λ

(own derivation): within 5 % of Λ (docs/flame_profiles.md), which is where Newton's method and the network begin.
"""

from typing import NamedTuple

import numpy as np

from twin.arrays import Array, detached, like, namespace
from twin.models.flame.cold_start import cold_start
from twin.models.flame.gas import Gas, density
from twin.models.flame.kinetics import Kinetics, Step
from twin.models.flame.mixtures import mixtures
from twin.models.flame.nodes import nodes
from twin.models.flame.spectral import Problem as Front
from twin.models.flame.stretched import Stretch
from twin.models.flame.unburnt import burnt, fresh
from twin.space import Floats

OTHER = "N2"
"""What the second jet is."""
NODES = 8
"""Of the closed-form burning velocity."""
FLAME_WIDTH, MIXING_WIDTH = 0.6e-3, 5.3
"""dx/ds at the flame, times m_L [kg/(m s)]; at the mixing layer, over √(diffusivity/strain rate)."""
BEHIND = 0.12
"""By how many of its widths the flame stands behind its sheet."""
WARM = 1.8e-4, 0.35
"""Diffusivity [m²/s] and density [kg/m³] of the mixing layer at 1 atm, at 1000 K or so."""
FASTEST = 0.9
"""m_L/m_u beyond which the flame sits on the burner."""
ATM = 101325.0


class Streams(NamedTuple):
    """Known inputs, each (*batch,): T_u and T_b of complete combustion [K], p [Pa], L [m], mass fluxes [kg/(m² s)]
    and densities [kg/m³]; mass fractions ``fresh`` and ``burnt`` (*batch, s).
    """

    T_u: Floats
    T_b: Floats
    p: Floats
    length: Floats
    flux_fresh: Floats
    flux_other: Floats
    density_fresh: Floats
    density_burnt: Floats
    density_other: Floats
    fresh: Floats
    burnt: Floats
    front: Front


class Sheets(NamedTuple):
    """The closed form, each (*batch,): √-Λ, m_L, velocity gradient at the flame [1/s]; and the coordinate."""

    pressure: Array
    flux: Array
    gradient: Array
    stretch: Stretch

    def frozen(self) -> "Sheets":
        """The same, through which no derivative flows."""
        return Sheets(
            detached(self.pressure), detached(self.flux), detached(self.gradient),
            Stretch(detached(self.stretch.targets)),
        )  # fmt: skip


def streams(
    gas: Gas, step: Step, phi: Floats, T_u: Floats, p: Floats, fluxes: tuple[Floats, Floats], L: Floats
) -> Streams:
    """Of equivalence ratios, temperatures, pressures, mass fluxes and distances (*batch,). ValueError for φ <= 0."""
    shape = np.shape(phi)
    phi, T_u, p, m_u, m_b, L = (np.ravel(np.asarray(part, dtype=float)) for part in (phi, T_u, p, *fluxes, L))
    of = fresh(gas, step, phi, T_u, p)
    T_b, Y_b = burnt(gas, step, of)
    other = np.zeros(len(gas.names))
    other[gas.index(OTHER)] = 1.0
    rho = (density(gas, T_u, p, of.Y), density(gas, T_b, p, Y_b), density(gas, T_u, p, other + 0 * of.Y))
    T_u, T_b, p, L, m_u, m_b, rho_u, rho_b, rho_n = (
        np.reshape(part, shape) for part in (T_u, T_b, p, L, m_u, m_b, *map(np.asarray, rho))
    )
    at = nodes(NODES)
    front = Front(gas, step, at, mixtures(gas, step, of, at))
    Y_u, Y_b = (np.reshape(part, (*shape, -1)) for part in (of.Y, Y_b))
    return Streams(T_u, T_b, p, L, m_u, m_b, rho_u, rho_b, rho_n, Y_u, Y_b, front)


def sheets(of: Streams, law: Kinetics) -> Sheets:
    """The closed form under laws (*batch,)."""
    flux = _burnt_flux(of, law)
    xp = namespace(flux)
    densities = (of.density_fresh, of.density_burnt, of.density_other)
    root_u, root_b, root_n = (like(np.sqrt(part), flux) for part in densities)
    m_u, m_n, length = (like(part, flux) for part in (of.flux_fresh, of.flux_other, of.length))
    flux = xp.minimum(flux, FASTEST * m_u)
    g = xp.sqrt(1 - flux / m_u) / root_u
    pressure = (m_u * g + flux / root_b**2 / (g + 1 / root_b) + m_n / root_n) / length
    flame, mixing = m_u * g / pressure, length - m_n / root_n / pressure
    diffusivity, rho = WARM[0] * ATM / of.p, WARM[1] * of.p / ATM
    layer = MIXING_WIDTH * xp.sqrt(law.spread * like(diffusivity * np.sqrt(rho), flux) / (2 * pressure))
    width = FLAME_WIDTH * law.spread / flux
    targets = [0 * flame, flame + BEHIND * width, mixing, length + 0 * flame, width, layer]
    return Sheets(pressure, flux, g * pressure, Stretch(xp.stack(targets, axis=-1)))


def profile(of: Streams, by: Sheets, x: Array) -> Array:
    """V [1/s], T [K] and mass fractions of all species but the last over x (*batch, n): (*batch, s + 1, n).

    What the sheets separate is blended over their widths.
    """
    xp = namespace(x)
    _, flame, mixing, length, sharp, wide = (by.stretch.targets[..., i, None] for i in range(6))
    fast, m_L = by.pressure[..., None], by.flux[..., None]
    rho_b = like(of.density_burnt[..., None], x)
    left, right = (like(part[..., None], x) for part in (of.flux_fresh, of.flux_other))
    burnt = 0.5 * (1 + xp.tanh(2.8 * (x - flame) / sharp))
    there = 0.5 * (1 - xp.tanh((x - mixing) / (0.37 * wide)))
    before = fast * fast * x / left
    gradient = by.gradient[..., None]
    hot = gradient + (x - flame) * (fast * fast / rho_b - gradient * gradient) * rho_b / m_L
    hot = xp.where(x < flame, before, xp.minimum(hot, fast / xp.sqrt(rho_b)))
    V = hot * there + (1 - there) * fast * fast * (length - x) / right
    T_u, T_b = like(of.T_u[..., None], x), like(of.T_b[..., None], x)
    rows = [xp.where(x < flame, before, V), T_u + (T_b - T_u) * burnt * there]
    for k in range(of.fresh.shape[-1] - 1):
        Y_u, Y_b = (like(part[..., k, None], x) for part in (of.fresh, of.burnt))
        rows.append((Y_u + (Y_b - Y_u) * burnt) * there)
    return xp.stack(rows, axis=-2)


def _burnt_flux(of: Streams, law: Kinetics) -> Array:
    """m_L [kg/(m² s)] (*batch,): one fresh mixture for all laws, or one for each."""
    if of.T_u.ndim:
        return namespace(law.Ea).exp(cold_start(of.front, law)[..., 0])
    return namespace(law.Ea).exp(cold_start(of.front, law.over_points())[..., 0, 0])
