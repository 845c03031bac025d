"""Presets of the NREL NMC532 micro cell: the calibration study of the PINNSTRIPES papers."""

from collections.abc import Mapping

from twin.arrays import Array
from twin.models.battery import pybamm_cells, pybamm_reference
from twin.models.battery.cell import Cell, Draw
from twin.models.battery.diffusion_levels import frozen_diffusivity
from twin.models.battery.nrel_nmc532 import NREL_CELL, REFERENCE_TEMPERATURE
from twin.models.battery.presets import TIME, VOLTAGE, c_rate
from twin.models.battery.spm_diffusion import DiffusionSPM
from twin.networks import MLP
from twin.priors import Uniform
from twin.space import Parameter, Space
from twin.training.gauss_newton import GaussNewton
from twin.training.recipe import Recipe

PAPER = "Hassanaly et al. 2024, DOI 10.1016/j.est.2024.113104"


def draw_pinnstripes2(cell: Cell, theta: Mapping[str, Array], c: Mapping[str, Array]) -> Draw:
    """Anode kinetics and cathode diffusivity."""
    return Draw(
        current=c["c_rate"] * cell.capacity,
        temperature=c["c_rate"] * 0 + REFERENCE_TEMPERATURE,
        stoichiometry_n=c["x_start"],
        stoichiometry_p=c["y_start"],
        diffusivity_p=theta["ds_c"],
        exchange_n=theta["i0_a"],
    )


RECIPE = Recipe(
    network=MLP(inputs=DiffusionSPM.inputs, hidden=(8, 8), outputs=DiffusionSPM.outputs, output_scale=0.1),
    stages=(GaussNewton(steps=120, batch=256),),
    solves=64,
    scale=1e-4,
)

pinnstripes2 = DiffusionSPM(
    name="battery_spm",
    preset="pinnstripes2",
    source=f"single-particle model with D(c) (Atlung et al. 1979); {NREL_CELL.name}: {NREL_CELL.source}",
    cell=NREL_CELL,
    space=Space(
        (
            Parameter("i0_a", "1", Uniform(0.5, 4.0), 2.0, "factor on the anode's exchange-current density", PAPER),
            Parameter("ds_c", "1", Uniform(1.0, 10.0), 2.0, "factor on the cathode's diffusivity", PAPER),
        )
    ),
    conditions=Space(
        (
            c_rate(0.5, 4.0, 2.0),
            Parameter("x_start", "1", Uniform(0.85, 0.95), 0.91, "negative stoichiometry at the start", PAPER),
            Parameter("y_start", "1", Uniform(0.36, 0.45), 0.39, "positive stoichiometry at the start", PAPER),
        )
    ),
    draw=draw_pinnstripes2,
    reference=pybamm_reference.Reference(pybamm_cells.nrel_nmc532, radial_points=150),
    charge_end=0.385,
    lower_level=frozen_diffusivity,
    recipe=RECIPE,
    coordinates=(TIME,),
    observables=(VOLTAGE,),
)
