"""What temperature does to the LG M50 beyond kinetics: its entropy, and activation energies of diffusion.

O'Regan, Brosa Planella, Widanage, Kendrick 2022, DOI 10.1016/j.electacta.2022.140700; also PyBaMM's parameter set
"ORegan2022".
"""

from dataclasses import replace

from twin.arrays import Array, namespace
from twin.models.battery.cell import Cell

DIFFUSION = (17.4e3, 12.0e3)
"""Activation energies of both diffusivities [J/mol]."""


def graphite_siox_entropic_change(x: Array) -> Array:
    """dU_n/dT [V/K], without the step that the paper's discussion leaves out too."""
    xp = namespace(x)
    return 1e-3 * (0.3561 * xp.exp(-(x - 0.08309) * (x - 0.08309) / 0.004616) - 0.1112 * x + 0.02914)


def nmc811_entropic_change(y: Array) -> Array:
    """dU_p/dT [V/K]."""
    xp = namespace(y)
    first = 0.04006 * xp.exp(-(y - 0.2828) * (y - 0.2828) / 0.0009855)
    return 1e-3 * (first - 0.06656 * xp.exp(-(y - 0.8032) * (y - 0.8032) / 0.02179))


def with_entropy(cell: Cell) -> Cell:
    """The cell, whose rested potentials depend on temperature."""
    return replace(
        cell,
        negative=replace(cell.negative, entropic_change=graphite_siox_entropic_change),
        positive=replace(cell.positive, entropic_change=nmc811_entropic_change),
    )
