"""The NREL NMC532 micro cell as a porous one: the calibration study of the PINNSTRIPES papers, their second part."""

import torch

from twin.arrays import Array, like, namespace
from twin.models.battery import pybamm_cells, pybamm_reference
from twin.models.battery.cell import Cell, Draw
from twin.models.battery.dfn import PorousCell, Stretch
from twin.models.battery.layers import Layers
from twin.models.battery.nrel import draw_pinnstripes2
from twin.models.battery.nrel import pinnstripes2 as single_particle
from twin.models.battery.nrel_nmc532 import NREL_CELL
from twin.models.battery.porous import NREL_POROUS
from twin.models.battery.porous_form import Form
from twin.models.battery.porous_lessons import Lessons
from twin.models.battery.presets import TIME, VOLTAGE
from twin.networks import MLP
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

CHARGE = 0.76
"""Nominal capacities that pass at most: 1368 s at 2C."""
FORM = Form(ranges=((0.1, 1.0), (0.3, 0.95)), shifts=True)
LAYERS = Layers(16, 4, 6)
"""The potential of the anode bends sharply, so that its reaction does across the electrode: 6 points leave 0.3 mV."""


def features(cell: Cell, drawn: Draw) -> Array:
    """What the network sees (*batch, 5), each within about ±1."""
    xp = namespace(drawn.exchange_n)
    some = 0 * drawn.exchange_n

    def log(value: Array) -> Array:
        return xp.log(like(value, some) + some)

    columns = [
        (log(drawn.current / cell.capacity) - 0.35) / 1.05,
        (log(drawn.exchange_n) - 0.35) / 1.05,
        (log(drawn.diffusivity_p) - 1.15) / 1.15,
        (drawn.stoichiometry_n - 0.9) / 0.05,
        (drawn.stoichiometry_p - 0.405) / 0.045,
    ]
    return xp.stack([column + some for column in columns], axis=-1)


pinnstripes2 = PorousCell(
    preset="pinnstripes2",
    source=f"Doyle, Fuller and Newman 1993, DOI 10.1149/1.2221597; {NREL_CELL.name}: {NREL_CELL.source}",
    porous=NREL_POROUS,
    form=FORM,
    lessons=Lessons(until=NREL_CELL.cut_off, charge=CHARGE, layers=LAYERS),
    stretch=Stretch(span=0.75, longest=CHARGE),
    space=single_particle.space,
    conditions=single_particle.conditions,
    draw=draw_pinnstripes2,
    reference=pybamm_reference.Reference(
        pybamm_cells.nrel_nmc532,
        radial_points=100,
        cell=pybamm_reference.doyle_fuller_newman,
        across=(60, 20, 30),
        tolerance=1e-7,
    ),
    recipe=Recipe(
        network=MLP(inputs=5, hidden=(96, 96, 96), outputs=FORM.outputs, output_scale=0.1),
        stages=(SOAP(steps=12000, rate=3e-3, batch=128, dtype=torch.float64, precondition_frequency=10),),
        solves=200,
        own_solves=4096,
        scale=1e-3,
        robust=True,
    ),
    coordinates=(TIME,),
    observables=(VOLTAGE,),
    features=features,
    inputs=5,
)
"""Kinetics of the anode and diffusivity of the cathode."""
