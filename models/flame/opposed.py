"""A premixed flame between two opposed jets: its equations over a coordinate that moves with it (``stretched.py``).

    (ρu)' + 2 ρV = 0,        ρu V' + ρV² + Λ - (μV')' = 0
    ρu c_p T' - (λT')' + (Σ j_k c_p,k) T' + Σ h_k W_k ω_k = 0,        ρu Y_k' + j_k' = W_k ω_k

(Kee, Coltrin and Glarborg 2003, ch. 17) with V = v/r and Λ = (1/r) dp/dr, mixture-averaged diffusion. At x = 0 there
are u = m_u/ρ_u, V = 0, T_u and the fresh mixture, at x = L u = -m_b/ρ_n, V = 0, T_u and nitrogen.

The unknowns are ln Λ and, at the N - 1 inner points, V, T and Y_k of all species but the last, as differences to the
closed form of ``streams.py`` in units of that flame. ρu is an integral, whose value at x = L is the equation for Λ; so
mass is conserved whatever the unknowns are. Newton's method solves the equations; its matrix comes from local
derivatives by dual numbers, and no derivative by parameters flows through it or the guess: that of q - J⁻¹ R is the
implicit function theorem's.

Everything depends on L, p, κ and A through m L/κ and A L² p^n/κ alone, but for units (``counterflow.py``).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from twin import dual
from twin.arrays import Array, detached, like, namespace
from twin.models.flame.gas import Gas, R, enthalpies, heat_capacities, mean_weight, mole_fractions
from twin.models.flame.kinetics import Kinetics, Step, rate
from twin.models.flame.newton import stepped
from twin.models.flame.streams import Sheets, Streams, profile
from twin.models.flame.stretched import Points
from twin.models.flame.transport import (
    binary_diffusivities,
    conductivities,
    mixed_conductivity,
    mixed_diffusivities,
    viscosity,
)

SHARE = 1e-4
"""ε of the rate, over the concentration of the fresh gas: an order below 1 makes an edge where a reactant is used up,
which is rounded so. Λ changes by less than 1e-3 (a test)."""
LEAST = 1e-12
"""Mass fraction that every species has at least where transport is asked for."""
LONGEST = 0.5
"""By how much one iteration may change a number."""


class Opposed(NamedTuple):
    """Gas, step and points; jets, their sheets and the laws of kinetics, each over (*batch,)."""

    gas: Gas
    step: Step
    at: Points
    of: Streams
    by: Sheets
    law: Kinetics

    def frozen(self) -> "Opposed":
        """The same, through which no derivative flows."""
        return self._replace(by=self.by.frozen(), law=self.law.frozen())


class Fields(NamedTuple):
    """At all points: Λ [Pa/m²] (*batch, 1), ρu [kg/(m² s)] (*batch, N + 1); V, T, Y_k (*batch, s + 1, N + 1)."""

    eigenvalue: Array
    flux: Array
    values: Array


class Grid(NamedTuple):
    """x [m] and dx/ds (*batch, N + 1), matrices that differentiate and integrate over x (*batch, N + 1, N + 1)."""

    x: Array
    slope: Array
    derivative: Array
    integral: Array


def grid_of(problem: Opposed) -> Grid:
    """The points in space."""
    x, slope = problem.by.stretch.at(problem.at.s)
    derivative = like(problem.at.slope, x) / slope[..., None]
    return Grid(x, slope, derivative, like(problem.at.integral, x) * slope[..., None, :])


def units(problem: Opposed) -> Array:
    """Of V, T and Y_k (*batch, s + 1, 1)."""
    of, fast = problem.of, problem.by.pressure
    xp = namespace(fast)
    rows = [fast * like(of.density_burnt**-0.5, fast), like(of.T_b - of.T_u, fast) + 0 * fast]
    for k in range(of.fresh.shape[-1] - 1):
        rows.append(like(0.5 * (of.fresh[..., k] + of.burnt[..., k]), fast) + 0 * fast)
    return xp.stack(rows, axis=-1)[..., None]


def unknowns(problem: Opposed) -> int:
    """How many."""
    return 1 + (int(problem.of.fresh.shape[-1]) + 1) * (len(problem.at.s) - 2)


def fields_of(problem: Opposed, q: Array) -> Fields:
    """What the unknowns (*batch, 1 + (s + 1) (N - 1)) stand for."""
    return _fields(problem, grid_of(problem), q)


def residual(problem: Opposed, q: Array) -> Array:
    """Relative, of the unknowns' shape."""
    grid = grid_of(problem)
    found = _fields(problem, grid, q)
    slopes = found.values @ namespace(q).matrix_transpose(grid.derivative)
    count = found.values.shape[-2]
    own = [found.values[..., i, :] for i in range(count)]
    local = _terms(problem, own, [slopes[..., i, :] for i in range(count)], found.flux, found.eigenvalue)
    return _rows(problem, grid, local, found.flux)


def improved(problem: Opposed, q: Array, longest: float = LONGEST) -> Array:
    """The unknowns after one iteration of Newton's method, none changed by more than ``longest``."""
    still = detached(q)
    return stepped(still, jacobian(problem.frozen(), still), residual(problem, still), longest)


def jacobian(problem: Opposed, q: Array) -> Array:
    """∂R/∂q (*batch, M, M)."""
    xp, grid = namespace(q), grid_of(problem)
    found = _fields(problem, grid, q)
    slopes = found.values @ xp.matrix_transpose(grid.derivative)
    count, size = found.values.shape[-2], units(problem)
    everything = [found.values[..., i, :] for i in range(count)] + [slopes[..., i, :] for i in range(count)]
    marks = dual.variables([*everything, found.flux, found.eigenvalue + 0 * found.flux])
    local = _terms(problem, marks[:count], marks[count : 2 * count], marks[-2], marks[-1])
    whole, inner, D = (len(marks), *found.flux.shape), slice(1, -1), grid.derivative
    mass = xp.broadcast_to(local.mass.slope, whole)
    carried = [-2 * grid.integral * mass[g][..., None, :] for g in range(count)]
    none = 0 * found.eigenvalue[..., None]
    last = [carried[g][..., -1:, inner] * size[..., g, :, None] for g in range(count)]
    rows = [xp.concat([none, *last], axis=-1) / like(problem.of.flux_fresh, q)[..., None, None]]
    one = like(np.eye(len(problem.at.s)), q)
    for e, scale in enumerate(_scales(problem)):
        flux, source = (xp.broadcast_to(part[e].slope, whole) for part in (local.fluxes, local.sources))
        columns = [(source[-1] * found.eigenvalue)[..., inner, None]]
        for g in range(count):
            steep = one * flux[g][..., None, :] + flux[count + g][..., None] * D
            block = D @ steep + one * source[g][..., None, :] + source[count + g][..., None] * D
            block = block + source[-2][..., None] * carried[g]
            columns.append(block[..., inner, inner] * size[..., g, :, None])
        rows.append(xp.concat(columns, axis=-1) / scale[..., None, None])
    return xp.concat(rows, axis=-2)


class _Terms(NamedTuple):
    """At the points, arrays or dual numbers: fluxes and sources of the equations of V, T and Y_k, each
    flux' + source = 0; and ρV.
    """

    fluxes: list[Any]
    sources: list[Any]
    mass: Any


def _terms(problem: Opposed, own: Sequence[Any], slopes: Sequence[Any], flux: Any, eigenvalue: Any) -> _Terms:
    gas, step = problem.gas, problem.step
    law = problem.law.over_points()
    (V, T, *shares), (V_x, T_x, *share_slopes) = own, slopes
    xp = namespace(T)
    Y = xp.stack([*shares, 1 - sum(shares)], axis=-1)
    Y_x = xp.stack([*share_slopes, -1 * sum(share_slopes)], axis=-1)
    held = xp.maximum(Y, LEAST + 0 * Y)
    X, weight = mole_fractions(gas, held), mean_weight(gas, held)
    p = like(problem.of.p[..., None], T)
    rho = p * weight / (R * T)
    D = law.spread[..., None] * mixed_diffusivities(gas, X, held, binary_diffusivities(gas, T, p))
    each = Y_x * like(1 / gas.W, T)
    X_x = (each - X * xp.sum(each, axis=-1)[..., None]) * weight[..., None]
    plain = D * X_x * (rho / weight)[..., None] * like(-gas.W, T)
    j = plain - Y * xp.sum(plain, axis=-1)[..., None]
    c_p = heat_capacities(gas, T)
    least = SHARE * problem.of.p / (R * problem.of.T_u)
    r = rate(step, law, T, rho[..., None] * Y * like(1 / gas.W, T), like(least[..., None], T))
    heat = xp.sum(enthalpies(gas, T) * like(step.nu * gas.W, T), axis=-1)
    fluxes = [-1 * law.spread * viscosity(gas, T, held) * V_x,
              -1 * law.spread * mixed_conductivity(X, conductivities(gas, T)) * T_x]  # fmt: skip
    warmth = flux * xp.sum(Y * c_p, axis=-1) + xp.sum(j * c_p, axis=-1)
    sources = [flux * V_x + rho * V * V + eigenvalue, warmth * T_x + heat * r]
    for k in range(len(gas.names) - 1):
        fluxes.append(j[..., k])
        sources.append(flux * share_slopes[k] - r * float(step.nu[k] * gas.W[k]))
    return _Terms(fluxes, sources, rho * V)


def _fields(problem: Opposed, grid: Grid, q: Array) -> Fields:
    values = _values(problem, grid, q)
    flux = _flux(problem, grid, _density(problem, values) * values[..., 0, :])
    return Fields(-namespace(q).exp(q[..., :1]) * problem.by.pressure[..., None] ** 2, flux, values)


def _rows(problem: Opposed, grid: Grid, local: _Terms, flux: Array) -> Array:
    xp, of = namespace(flux), problem.of
    end = (flux[..., -1:] + like(of.flux_other, flux)[..., None]) / like(of.flux_fresh, flux)[..., None]
    rows = [end]
    for term, source, scale in zip(local.fluxes, local.sources, _scales(problem), strict=True):
        turned = (term[..., None, :] @ xp.matrix_transpose(grid.derivative))[..., 0, :]
        rows.append((turned + source)[..., 1:-1] / scale[..., None])
    return xp.concat(rows, axis=-1)


def _scales(problem: Opposed) -> list[Array]:
    """Of the equations of V, T and Y_k, each (*batch,)."""
    of, size = problem.of, units(problem)[..., 0]
    carried = 10 * like(of.flux_fresh / of.length, size)
    heat = [problem.by.pressure**2, 1400.0 * carried * size[..., 1]]
    return heat + [carried * size[..., 2 + k] for k in range(size.shape[-1] - 2)]


def _values(problem: Opposed, grid: Grid, q: Array) -> Array:
    xp, of = namespace(q), problem.of
    start = profile(of, problem.by, grid.x)
    count, inner = start.shape[-2], start.shape[-1] - 2
    change = xp.reshape(q[..., 1:], (*q.shape[:-1], count, inner)) * units(problem)
    middle = start[..., 1:-1] + change
    none, some = 0 * of.T_u, of.fresh[..., :-1]
    left = np.concatenate([np.stack([none, of.T_u], axis=-1), some], axis=-1)
    right = np.concatenate([np.stack([none, of.T_u], axis=-1), 0 * some], axis=-1)
    ends = [like(side[..., None], q) + 0 * middle[..., :1] for side in (left, right)]
    return xp.concat([ends[0], middle, ends[1]], axis=-1)


def _density(problem: Opposed, values: Array) -> Array:
    xp = namespace(values)
    shares = xp.matrix_transpose(values[..., 2:, :])
    Y = xp.concat([shares, 1 - xp.sum(shares, axis=-1)[..., None]], axis=-1)
    held = xp.maximum(Y, LEAST + 0 * Y)
    return like(problem.of.p[..., None], values) * mean_weight(problem.gas, held) / (R * values[..., 1, :])


def _flux(problem: Opposed, grid: Grid, mass: Array) -> Array:
    """ρu = m_u - 2 ∫ ρV dx."""
    carried = (mass[..., None, :] @ namespace(mass).matrix_transpose(grid.integral))[..., 0, :]
    return like(problem.of.flux_fresh, mass)[..., None] - 2 * carried
