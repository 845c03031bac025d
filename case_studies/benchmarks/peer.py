"""PyBaMM as the peer of a timing: compiled once, solved again with new inputs."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.models.battery.cell import Draw
from twin.models.battery.pybamm_reference import LAYERS, VOLTAGE, Reference, require_pybamm
from twin.space import Floats

INPUTS = {
    "Current function [A]": "current",
    "Ambient temperature [K]": "temperature",
    "Initial temperature [K]": "temperature",
    "Contact resistance [Ohm]": "resistance",
}


@dataclass(frozen=True)
class Fineness:
    """Radial cells, tolerances of the integrator; whether points across the layers are the reference's."""

    name: str
    radial_points: int
    rtol: float
    atol: float
    across: bool = True


DEFAULT = Fineness("default mesh, rtol 1e-4", 20, 1e-4, 1e-6, across=False)
CONVERGED = Fineness("Nr 150, rtol 1e-8", 150, 1e-8, 1e-8)
PYBAMMS = (20, 20, 20)
"""Its default across the layers, evenly spaced; the single-particle model needs none."""


def of_reference(reference: Reference) -> Fineness:
    """What a surrogate is held against."""
    rtol = reference.tolerance
    return Fineness(f"the reference's mesh, rtol {rtol:g}", reference.radial_points, rtol, rtol)


def idaklu(
    reference: Reference, fineness: Fineness, draw: Draw, times: Floats, sensitivities: tuple[str, ...] = ()
) -> Callable[[], Any]:
    """A function that solves the draw once (IDAKLU, voltage only), with dV/d(input) where inputs are named."""
    pybamm = require_pybamm()
    values = reference.values(pybamm)
    values |= {key: pybamm.InputParameter(name) for key, name in INPUTS.items()}
    for side, key in (("negative", "n"), ("positive", "p")):
        largest = values[f"Maximum concentration in {side} electrode [mol.m-3]"]
        start = largest * pybamm.InputParameter(f"stoichiometry_{key}")
        values[f"Initial concentration in {side} electrode [mol.m-3]"] = start
    cell, points = reference.cell(pybamm), reference.across
    if "submesh_types" in cell and not fineness.across:
        del cell["submesh_types"]
        points = PYBAMMS
    mesh = fineness.radial_points
    simulation = pybamm.Simulation(
        **cell,
        parameter_values=pybamm.ParameterValues(values),
        var_pts=dict(zip(LAYERS, points, strict=True)) | {"r_n": mesh, "r_p": mesh},
        solver=pybamm.IDAKLUSolver(rtol=fineness.rtol, atol=fineness.atol, output_variables=[VOLTAGE]),
    )
    inputs = {name: float(np.squeeze(value)) for name, value in vars(draw).items()}
    wanted = {"calculate_sensitivities": list(sensitivities)} if sensitivities else {}

    def solve() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            solution = simulation.solve([0.0, times[-1]], t_interp=times, inputs=inputs, **wanted)
            return solution[VOLTAGE].entries[-len(times) :]

    return solve
