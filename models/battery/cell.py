"""What describes a cell with two porous electrodes, and what a draw of the parameters changes about it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twin.arrays import Array, like, namespace
from twin.space import Space

FARADAY = 96485.33212
"""[C/mol], CODATA 2018."""
GAS = 8.314462618
"""[J/mol/K], CODATA 2018."""


@dataclass(frozen=True)
class Electrode:
    """One electrode. Functions take the stoichiometry and, where they depend on it, the temperature [K]."""

    thickness: float
    """L [m]"""
    particle_radius: float
    """R [m]"""
    active_fraction: float
    """ε, volume fraction of active material"""
    max_concentration: float
    """c_max [mol/m³]"""
    start_stoichiometry: float
    """of the fresh cell at full charge"""
    open_circuit_potential: Callable[[Array], Array]
    """U [V]"""
    exchange_current_density: Callable[[Array, Array], Array]
    """i₀ [A/m²]"""
    diffusivity: Callable[[Array, Array], Array]
    """D [m²/s]"""
    entropic_change: Callable[[Array], Array] | None = None
    """dU/dT [V/K]; U does not depend on temperature without one"""

    def potential_at(self, y: Array, temperature: Array | float, reference: float) -> Array:
        """U + (T - T_ref) dU/dT [V]; at 0 K what a reaction gives as work and heat together, U - T_ref dU/dT."""
        known = self.open_circuit_potential(y)
        if self.entropic_change is None:
            return known
        return known + (temperature - reference) * self.entropic_change(y)

    @property
    def specific_area(self) -> float:
        """a = 3 ε/R [1/m]."""
        return 3 * self.active_fraction / self.particle_radius


@dataclass(frozen=True)
class Cell:
    """Two electrodes of the same plate area, wired to a nominal capacity."""

    name: str
    source: str
    negative: Electrode
    positive: Electrode
    area: float
    """A [m²]"""
    capacity: float
    """nominal [A h], defines the C-rate"""
    temperature: float
    """reference [K]"""
    cut_off: float
    """lower voltage limit [V]"""

    def electrode_capacity(self, electrode: Electrode) -> float:
        """F A L ε c_max/3600 [A h]."""
        volume = self.area * electrode.thickness * electrode.active_fraction
        return FARADAY * volume * electrode.max_concentration / 3600


@dataclass(frozen=True, eq=False)
class Draw:
    """A cell as one draw of the parameters has it; every entry is an array (*batch,) or a number."""

    current: Array
    """I [A], positive on discharge"""
    temperature: Array
    """T [K]"""
    stoichiometry_n: Array
    stoichiometry_p: Array
    """at the start"""
    active_n: Array | float = 1.0
    active_p: Array | float = 1.0
    diffusivity_n: Array | float = 1.0
    diffusivity_p: Array | float = 1.0
    exchange_n: Array | float = 1.0
    exchange_p: Array | float = 1.0
    """multipliers of active fraction, diffusivity and exchange-current density"""
    resistance: Array | float = 0.0
    """R₀ [Ω]"""
    heat_capacity: Array | float = math.inf
    """of the whole cell [J/K]; its temperature does not change where it is infinite"""
    heat_transfer: Array | float = 0.0
    """to what is around it [W/K]"""
    energy_n: Array | float = 0.0
    energy_p: Array | float = 0.0
    """activation energies of the diffusivities [J/mol], beside what an electrode's own law makes of the temperature"""


Rule = Callable[[Cell, Mapping[str, Array], Mapping[str, Array]], Draw]
"""What a preset makes of parameters and conditions by name."""


def draw_at(rule: Rule, cell: Cell, space: Space, conditions: Space, theta: Array, c: Array) -> Draw:
    """The cell that θ (*batch, p) and c (k,) or (*batch, k) describe by a preset's rule."""
    values = {name: theta[..., i] for i, name in enumerate(space.names)}
    known = {name: like(c, theta)[..., i] for i, name in enumerate(conditions.names)}
    return rule(cell, values, known)


def flux_ratio(electrode: Electrode, cell: Cell, active: Array | float, current: Array) -> Array:
    """Rate of the mean stoichiometry, 3 j/(R c_max) = I/(F A L ε c_max) [1/s], positive for I > 0."""
    capacity = cell.electrode_capacity(electrode) * 3600
    return current / (capacity * active)


def local_current_density(electrode: Electrode, cell: Cell, active: Array | float, current: Array) -> Array:
    """F j = I/(A L a) [A/m²], positive for I > 0."""
    return current / (cell.area * electrode.thickness * electrode.specific_area * active)


def rounded(p: Array, edge: float) -> Array:
    """(p + √(p² + w²))/2, p where it is well above w = ``edge`` and small but positive below 0, to full precision."""
    xp = namespace(p)
    size = xp.sqrt(p * p + edge * edge)
    positive = p > 0
    away = xp.where(positive, size, size - p)
    return 0.5 * xp.where(positive, p + size, edge * edge / away)


def arrhenius(energy: Array | float, temperature: Array, reference: float) -> Array:
    """exp[(E/R)(1/T_ref - 1/T)], E in [J/mol]."""
    xp = namespace(temperature)
    return xp.exp(energy / GAS * (1 / reference - 1 / temperature))
