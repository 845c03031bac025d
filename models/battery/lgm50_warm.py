"""The LG M50's porous cell with a temperature of its own: heat that is set free, stored and given off."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from twin.arrays import Array, like, namespace
from twin.model import Observable
from twin.models.battery import lgm50_porous, pybamm_cells, pybamm_reference
from twin.models.battery.cell import Cell, Draw, arrhenius
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
    "68 g of 800 to 1000 J/kg/K, as of other 21700 and 18650 cells", 35.0, 100.0,
)  # fmt: skip
OF_DIFFUSION = "weakly informative: 17 and 12 kJ/mol (O'Regan et al. 2022) to 80 kJ/mol (Ecker et al. 2015)"
E_DN = Parameter(
    "E_Dn", "kJ/mol", LogNormal(35.0, 0.5), 17.4, "activation energy of the negative particles' diffusivity",
    OF_DIFFUSION, 8.0, 90.0,
)  # fmt: skip
E_DP = Parameter(
    "E_Dp", "kJ/mol", LogNormal(35.0, 0.5), 12.0, "activation energy of the positive particles' diffusivity",
    OF_DIFFUSION, 8.0, 60.0,
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


SD_KINETICS = 0.8
"""Standard deviation of a kinetic factor's logarithm: 90 % within x/÷ 3.7."""
SLOWEST, FASTEST = 0.1, 10.0
"""Of the negative particles' diffusivity, and of kinetics, whose overpotential then is small beside ohmic losses."""


def _widened(parameter: Parameter) -> Parameter:
    """A factor of the isothermal presets with more room where a cell that warms asks for it."""
    if parameter.name == "sDn":
        return replace(parameter, prior=LogNormal(1.0, SD_KINETICS), lower=SLOWEST)
    if parameter.name in ("si0n", "si0p", "s_ct"):
        return replace(parameter, prior=LogNormal(1.0, SD_KINETICS), upper=FASTEST)
    return R0 if parameter.name == R0.name else parameter


def _warmed(space: Space) -> Space:
    """With wider factors, a narrower series resistance, both thermal properties and energies of diffusion."""
    return Space((*map(_widened, space.parameters), H_TH, C_TH, E_DN, E_DP))


def draw(cell: Cell, theta: Mapping[str, Array], c: Mapping[str, Array]) -> Draw:
    """As of the cell whose temperature does not change; that of the conditions is around it, and its own at first."""
    cold = lgm50_porous.draw_cold(cell, theta, c)
    return replace(
        cold, heat_capacity=theta["C_th"], heat_transfer=theta["H_th"],
        energy_n=1e3 * theta["E_Dn"], energy_p=1e3 * theta["E_Dp"],
    )  # fmt: skip


def features(cell: Cell, drawn: Draw) -> Array:
    """What the network sees (*batch, 15), each within about ±1."""
    xp = namespace(drawn.active_n)
    some = 0 * drawn.active_n
    n, p = (arrhenius(energy, drawn.temperature, cell.temperature) for energy in (drawn.energy_n, drawn.energy_p))
    as_cold = replace(drawn, diffusivity_n=drawn.diffusivity_n * n, diffusivity_p=drawn.diffusivity_p * p)
    own = [
        *((like(energy, some) - 35e3) / 30e3 + some for energy in (drawn.energy_n, drawn.energy_p)),
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
        network=MLP(inputs=15, hidden=(128, 128, 128, 128), outputs=FORM.outputs, output_scale=0.1),
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
    inputs=15,
)  # fmt: skip
"""All that voltage and temperature can tell of."""
soh9 = replace(warm, preset="soh9", space=_warmed(lgm50_porous.soh7.space), sibling=warm)
"""Lithium and active material lost, both diffusivities, kinetics, resistance, and both thermal properties."""
