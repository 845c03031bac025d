"""A porous cell as a draw has it, and what is unknown of it at one instant."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, to_numpy
from twin.models.battery.cell import FARADAY, GAS, Draw, Electrode, flux_ratio, local_current_density
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous


class Side(NamedTuple):
    """One electrode of a draw, entries (*batch, 1): its sign, -1 where the particles are emptied on discharge.

    ``fill`` is the rate of the mean stoichiometry [1/s] and ``local`` F j [A/m²] at J = 1, ``exchange`` and
    ``diffusion`` the factors on i₀ and D, ``energy`` an activation energy of the latter [J/mol], ``start`` the
    stoichiometry at rest.
    """

    electrode: Electrode
    sign: float
    fill: Array
    local: Array
    exchange: Array
    diffusion: Array
    energy: Array
    start: Array
    conductivity: float


class Drawn(NamedTuple):
    """A porous cell as a draw has it; temperatures [K], of the cell and around it, current [C-rate], heat capacity
    [J/K], heat transfer [W/K] and series resistance [Ω] (*batch, 1). An infinite capacity holds the temperature.
    """

    porous: Porous
    layers: Layers
    sides: tuple[Side, Side]
    temperature: Array
    ambient: Array
    current: Array
    heat_capacity: Array
    heat_transfer: Array
    resistance: Array

    @property
    def density(self) -> float:
        """i₁ [A/m²]."""
        return self.porous.cell.capacity / self.porous.cell.area

    @property
    def thermal(self) -> Array:
        """2 R T/F [V] (*batch, 1)."""
        return 2 * GAS * self.temperature / FARADAY


class Unknowns(NamedTuple):
    """ĉ (*batch, M), and in each electrode J (*batch, N) and φ_s - φ_e at its first point (*batch, 1)."""

    salt: Array
    reaction_n: Array
    start_n: Array
    reaction_p: Array
    start_p: Array

    @property
    def reaction(self) -> tuple[Array, Array]:
        """J of both electrodes."""
        return self.reaction_n, self.reaction_p

    @property
    def start(self) -> tuple[Array, Array]:
        """φ_s - φ_e at the first point of both."""
        return self.start_n, self.start_p


class Stage(NamedTuple):
    """The stage: length γ Δt [s] (*batch, 1), ĉ before it (*batch, M), and of each electrode A and G, which broadcast
    against (*batch, N).
    """

    length: Array
    salt: Array
    offset: tuple[Array, Array]
    gain: tuple[Array, Array]

    def surface(self, k: int, reaction: Array) -> Array:
        """Stoichiometries y_s (*batch, N)."""
        return self.offset[k] + self.gain[k] * reaction


def drawn_of(porous: Porous, draw: Draw, layers: Layers) -> Drawn:
    """A draw (B,) as the equations take it."""
    columns = {name: np.atleast_1d(np.asarray(to_numpy(value), dtype=float)) for name, value in vars(draw).items()}
    batch = np.broadcast_shapes(*(column.shape for column in columns.values()))
    return _described(
        porous, {name: np.broadcast_to(column, batch)[:, None] for name, column in columns.items()}, layers
    )


def drawn_over_time(porous: Porous, draw: Draw, layers: Layers) -> Drawn:
    """A draw (*batch,) of any kind of array with entries (*batch, 1, 1), to stand against times and points."""
    some = 0 * (draw.stoichiometry_n + draw.current)
    columns = {name: (like(value, some) + some)[..., None, None] for name, value in vars(draw).items()}
    return _described(porous, columns, layers)


def _described(porous: Porous, at: Mapping[str, Array], layers: Layers) -> Drawn:
    cell = porous.cell
    sides = tuple(
        Side(
            electrode, sign, sign * flux_ratio(electrode, cell, at[f"active_{key}"], cell.capacity),
            local_current_density(electrode, cell, at[f"active_{key}"], cell.capacity), at[f"exchange_{key}"],
            at[f"diffusivity_{key}"], at[f"energy_{key}"], at[f"stoichiometry_{key}"], conductivity,
        )
        for electrode, key, sign, conductivity in (
            (cell.negative, "n", -1.0, porous.conductivity[0]), (cell.positive, "p", 1.0, porous.conductivity[1])
        )
    )  # fmt: skip
    return Drawn(
        porous, layers, (sides[0], sides[1]), at["temperature"], at["temperature"], at["current"] / cell.capacity,
        at["heat_capacity"], at["heat_transfer"], at["resistance"],
    )  # fmt: skip
