"""Terminal voltage of a single-particle cell, given the stoichiometries at the particles' surfaces.

    V = U_p(y_s) - U_n(x_s) + (2RT/F) [asinh(F j_p/2 i₀_p) - asinh(F j_n/2 i₀_n)] - I R₀

Butler-Volmer kinetics with transfer coefficient 1/2, never linearised (Marquis et al. 2019, DOI
10.1149/2.0341915jes, eq. 22). On discharge I > 0, j_n > 0, j_p < 0.
"""

from dataclasses import replace

import numpy as np

from twin.arrays import Array, namespace
from twin.model import Mask
from twin.models.battery.cell import FARADAY, GAS, Cell, Draw, local_current_density
from twin.models.battery.sphere import surface_response
from twin.space import Floats


def terminal_voltage(cell: Cell, draw: Draw, x_surface: Array, y_surface: Array, current: Array) -> Array:
    """V [V] (*batch, n) of surface stoichiometries and current [A] (*batch, n) or broadcastable to it."""
    ratios = kinetic_ratios(cell, replace(draw, current=current))
    return inner_voltage(cell, x_surface, y_surface, ratios, draw.temperature) - current * draw.resistance


def kinetic_ratios(cell: Cell, draw: Draw) -> tuple[Array, Array]:
    """F j/2 [A/m²] of both electrodes over the draw's factor on i₀, positive for I > 0."""
    return (
        local_current_density(cell.negative, cell, draw.active_n, draw.current) / (2 * draw.exchange_n),
        local_current_density(cell.positive, cell, draw.active_p, draw.current) / (2 * draw.exchange_p),
    )


def inner_voltage(
    cell: Cell, x_surface: Array, y_surface: Array, ratios: tuple[Array, Array], temperature: Array
) -> Array:
    """V + I R₀ [V] of ``kinetic_ratios``; all broadcast against each other."""
    negative, positive = cell.negative, cell.positive
    overpotential = _asinh_sum(
        ratios[0] / negative.exchange_current_density(x_surface, temperature),
        ratios[1] / positive.exchange_current_density(y_surface, temperature),
    )
    return (
        positive.potential_at(y_surface, temperature, cell.temperature)
        - negative.potential_at(x_surface, temperature, cell.temperature)
        - 2 * GAS * temperature / FARADAY * overpotential
    )


def above_cut_off(limit: float, voltage: Floats) -> Mask:
    """Where voltages (…, n, 1) in order of time have not yet fallen below the lower limit [V] (…, n)."""
    above = np.asarray(voltage)[..., 0] >= limit
    mask: Mask = np.logical_and.accumulate(above, axis=-1)
    return mask


def over_time(draw: Draw) -> Draw:
    """The draw with a last axis of length one on every entry, to broadcast against times (n,)."""
    expanded = {
        name: value[..., None] for name, value in vars(draw).items() if getattr(value, "shape", None) is not None
    }
    return replace(draw, **expanded)


def surface_change(tau_rate: Array, filling_rate: Array, times: Array) -> Array:
    """Change of the surface stoichiometry since a constant current was switched on.

    ``filling_rate`` 3j/(R c_max) [1/s] and ``tau_rate`` D/R² [1/s]; (filling_rate/3 tau_rate) G(tau_rate t).
    """
    return filling_rate / (3 * tau_rate) * surface_response(tau_rate * times)


def _asinh_sum(a: Array, b: Array) -> Array:
    """asinh a + asinh b of two numbers of the same sign, ± log[(|a| + √(a² + 1)) (|b| + √(b² + 1))]: one logarithm."""
    xp = namespace(a)
    grown_a = xp.abs(a) + xp.sqrt(a * a + 1)
    grown_b = xp.abs(b) + xp.sqrt(b * b + 1)
    return xp.sign(a) * xp.log(grown_a * grown_b)
