"""What teaches a surrogate of a porous cell: cells that can start, and their discharges by the equations alone."""

from dataclasses import dataclass

import numpy as np

from twin.models.battery.balance import fresh_lithium
from twin.models.battery.cell import Cell, Draw
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_march import march
from twin.space import Floats, Space

STARTS = (0.45, 0.995)
"""Negative stoichiometries at the start, where they follow from the lithium lost."""
STEEP = 4.0
"""[V] per nominal capacity: where a curve is steeper, an error counts as one of capacity."""
POINTS = 128
FACTORS = {"sDn", "sDp", "si0n", "si0p", "s_ct", "i0_a", "ds_c", "c_rate", "H_th"}
"""What is drawn evenly in its logarithm."""


@dataclass(frozen=True)
class Lessons:
    """Discharges go to ``until`` [V] and ``charge`` nominal capacities at most, on ``layers``."""

    until: float
    charge: float
    layers: Layers


def even_points(spaces: Space, cube: Floats) -> Floats:
    """Values (N, d) at points of the unit cube (N, d): even over the ranges, factors in their logarithm."""
    low, high = spaces.bounds.T
    values = low + (high - low) * cube
    for i in (i for i, name in enumerate(spaces.names) if name in FACTORS):
        values[:, i] = low[i] * (high[i] / low[i]) ** cube[:, i]
    return np.asarray(values)


def lithium_lost(cell: Cell, losses: tuple[Floats, Floats], rested: Floats, share: Floats) -> Floats:
    """LLI that lets cells begin between ``STARTS``: of material lost at both electrodes, and rested voltage [V]."""
    x = STARTS[0] + (STARTS[1] - STARTS[0]) * share
    wanted = rested + cell.negative.open_circuit_potential(x)
    grid = np.linspace(0.1, 0.95, 4001)
    y = np.interp(-wanted, -cell.positive.open_circuit_potential(grid), grid)
    Q_n, Q_p = (
        (1 - lost) * cell.electrode_capacity(electrode)
        for lost, electrode in zip(losses, (cell.negative, cell.positive), strict=True)
    )
    return np.asarray(1 - (x * Q_n + y * Q_p) / fresh_lithium(cell))


def discharges(porous: Porous, draw: Draw, lessons: Lessons) -> tuple[Floats, Floats, Floats]:
    """``POINTS`` times [s] (B, n), voltages [V] without series resistance and temperatures [K] (B, n, 2), and by how
    much a voltage's error counts less where the curve is steep (B, n).
    """
    found = march(porous, draw, until=lessons.until, charge=lessons.charge, layers=lessons.layers)
    count = np.isfinite(found.time).sum(axis=1)[:, None]
    index = (np.linspace(0, 1, POINTS) * (count - 1)).round().astype(int)
    t, v, T = (np.take_along_axis(part, index, axis=1) for part in (found.time, found.voltage, found.temperature))
    rate = np.broadcast_to(np.asarray(draw.current) / porous.cell.capacity, (len(t),))[:, None]
    slope = np.gradient(found.voltage, axis=1) / np.gradient(found.time * rate / 3600, axis=1)
    steep = np.take_along_axis(slope, index, axis=1)
    return t, np.stack([v, T], axis=-1), np.sqrt(1 + (np.nan_to_num(steep) / STEEP) ** 2)
