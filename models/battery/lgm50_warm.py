"""The LG M50's porous cell with a temperature of its own: heat that is set free, stored and given off."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from twin.arrays import Array, like, namespace
from twin.model import Observable
from twin.models.battery import lgm50_porous, pybamm_cells, pybamm_reference
from twin.models.battery.cell import Cell, Draw, arrhenius
from twin.models.battery.chen2020 import DIFFUSION
from twin.models.battery.dfn import PorousCell, Stretch
from twin.models.battery.porous import LG_M50_WARM
from twin.models.battery.porous_form import Form
from twin.models.battery.presets import c_rate, start_voltage, temperature
from twin.networks import MLP
from twin.priors import HalfNormal, LogNormal
from twin.space import Parameter, Space
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

STRETCH = Stretch()
FORM = Form(shifts=True, warms_over=STRETCH.longest)
CELL_TEMPERATURE = Observable("cell_temperature", "K", "temperature of the cell, one for all of it", HalfNormal(1.0))
H_TH = Parameter(
    "H_th", "W/K", LogNormal(0.09, 0.5), 0.09, "heat transfer to the surroundings over the temperature difference",
    "10 to 30 W/m²/K over the 53 cm² of a 21700 cell", 0.04, 0.4,
)  # fmt: skip
C_TH = Parameter(
    "C_th", "J/K", LogNormal(62.0, 0.15), 62.0, "heat capacity of the cell",
    "68 g of 800 to 1000 J/kg/K, as of other 21700 and 18650 cells", 40.0, 100.0,
)  # fmt: skip
R0 = Parameter(
    "R0",
    "Ohm",
    HalfNormal(0.020),
    0.010,
    "series resistance, which heats the cell",
    "weakly informative: 20 mΩ",
    0.0,
    0.04,
)


def _warmed(space: Space) -> Space:
    """With this series resistance, whose range is narrower, and both thermal properties."""
    return Space((*(p for p in space.parameters if p.name != R0.name), R0, H_TH, C_TH))


def draw(cell: Cell, theta: Mapping[str, Array], c: Mapping[str, Array]) -> Draw:
    """As of the cell whose temperature does not change; that of the conditions is around it, and its own at first."""
    cold = lgm50_porous.draw_cold(cell, theta, c)
    return replace(cold, heat_capacity=theta["C_th"], heat_transfer=theta["H_th"])


def features(cell: Cell, drawn: Draw) -> Array:
    """What the network sees (*batch, 13), each within about ±1."""
    xp = namespace(drawn.active_n)
    some = 0 * drawn.active_n
    warm = [arrhenius(energy, drawn.temperature, cell.temperature) for energy in DIFFUSION]
    as_cold = replace(drawn, diffusivity_n=drawn.diffusivity_n * warm[0], diffusivity_p=drawn.diffusivity_p * warm[1])
    own = [
        (xp.log(like(drawn.heat_transfer, some) + some) + 2.07) / 1.15,
        (like(drawn.heat_capacity, some) - 70.0) / 30.0 + some,
        (like(drawn.resistance, some) - 0.02) / 0.02 + some,
    ]
    return xp.concat([lgm50_porous.features(cell, as_cold), xp.stack(own, axis=-1)], axis=-1)


warm = PorousCell(
    preset="warm",
    source=lgm50_porous.wide.source,
    porous=LG_M50_WARM,
    form=FORM,
    lessons=lgm50_porous.LESSONS,
    stretch=STRETCH,
    space=_warmed(lgm50_porous.wide.space),
    conditions=Space((c_rate(0.08, 2.05, 1.0), temperature(271.15, 320.15, 298.15), start_voltage(3.95, 4.22, 4.18))),
    draw=draw,
    reference=pybamm_reference.Reference(
        pybamm_cells.chen2020_warm, radial_points=120, cell=pybamm_reference.warming_doyle_fuller_newman,
        across=(60, 20, 60), tolerance=1e-6, outputs=(pybamm_reference.VOLTAGE, pybamm_reference.TEMPERATURE),
    ),
    recipe=Recipe(
        network=MLP(inputs=13, hidden=(128, 128, 128, 128), outputs=FORM.outputs, output_scale=0.1),
        stages=(SOAP(steps=16000, rate=3e-3, batch=128, dtype=torch.float64, precondition_frequency=10),),
        solves=200,
        own_solves=8192,
        scale=(1e-3, 0.1),
        robust=True,
        sliding=True,
    ),
    coordinates=lgm50_porous.wide.coordinates,
    observables=(*lgm50_porous.wide.observables, CELL_TEMPERATURE),
    features=features,
    inputs=13,
)  # fmt: skip
"""All that voltage and temperature can tell of."""
soh9 = replace(warm, preset="soh9", space=_warmed(lgm50_porous.soh7.space), sibling=warm)
"""Lithium and active material lost, both diffusivities, kinetics, resistance, and both thermal properties."""
