"""The reference solver: PyBaMM's single-particle or Doyle-Fuller-Newman model at a converged mesh.

Sulzer et al. 2021, DOI 10.5334/jors.309. PyBaMM solves the same equations by finite volumes with its own
parameter functions (LG M50) or with functions written from the same constants (NREL cell, ``pybamm_cells.py``).
"""

import functools
import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.models.battery.cell import Draw
from twin.models.battery.protocol import Steps
from twin.space import Floats

RADIAL_POINTS = 150
"""Finite volumes per particle; the convergence table in docs/battery.md says what that leaves."""
TOLERANCE = 1e-8
"""Relative tolerance of the integrator; the absolute one is the same."""
OVERRUN = 0.5
"""[V] below the cell's lower limit to which a solution goes on, so that a likelihood has no edge at the limit."""
BEFORE = 1e-6
"""[s] by which a time at which the current jumps is read early: it belongs to the step that ends there."""

Values = dict[str, Any]
VOLTAGE, TEMPERATURE = "Voltage [V]", "Volume-averaged cell temperature [K]"
OPTIONS = {"contact resistance": "true"}
LAYERS = ("x_n", "x_s", "x_p")


def single_particle(pybamm: Any) -> Values:
    """What makes PyBaMM's simulation one of the single-particle model."""
    return {"model": pybamm.lithium_ion.SPM(OPTIONS)}


def doyle_fuller_newman(pybamm: Any) -> Values:
    """The same of the pseudo-two-dimensional model, with Chebyshev's points across its layers."""
    return _porous(pybamm, pybamm.lithium_ion.DFN(OPTIONS))


def warming_doyle_fuller_newman(pybamm: Any) -> Values:
    """The same with one temperature that follows from what is set free and given off."""
    return _porous(pybamm, pybamm.lithium_ion.DFN(OPTIONS | {"thermal": "lumped"}))


def _porous(pybamm: Any, model: Any) -> Values:
    submeshes = dict(model.default_submesh_types)
    for layer in ("negative electrode", "separator", "positive electrode"):
        submeshes[layer] = pybamm.Chebyshev1DSubMesh
    return {"model": model, "submesh_types": submeshes}


@dataclass(frozen=True)
class Reference:
    """Which solver answers for a model, how fine, how tight, and how far below the cut-off [V] it goes on."""

    values: Callable[[Any], Values]
    radial_points: int = RADIAL_POINTS
    overrun: float = OVERRUN
    outputs: tuple[str, ...] = (VOLTAGE,)
    cell: Callable[[Any], Values] = single_particle
    across: tuple[int, int, int] = (5, 5, 5)
    """Points in the three layers; the single-particle model needs none."""
    tolerance: float = TOLERANCE


def simulate(reference: Reference, draw: Draw, x: Floats, steps: Steps | None) -> Floats:
    """Voltage (b, n, 1) of every draw at the times x[:, 0].

    NaN from ``overrun`` below the cut-off on, where a particle is exhausted, or where the solver failed (all of a row).
    """
    return solve(reference, draw, np.asarray(x)[:, 0], steps)[..., :1]


def solve(reference: Reference, draw: Draw, times: Floats, steps: Steps | None) -> Floats:
    """All outputs of the reference (b, n, outputs)."""
    inputs = {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in vars(draw).items()}
    batch = max(len(v) for v in inputs.values())
    inputs = {name: np.broadcast_to(v, (batch,)) for name, v in inputs.items() if np.isfinite(v).all()}
    if steps is not None:
        times = times - BEFORE * np.isin(times, steps.start[1:])
    key = None if steps is None else (tuple(steps.start), tuple(steps.current))
    simulation = _simulation(reference, key)
    rows = [_one(simulation, reference, {name: float(v[i]) for name, v in inputs.items()}, times) for i in range(batch)]
    return np.stack(rows)


_INPUT_NAMES = tuple(Draw.__dataclass_fields__)


def _one(simulation: Any, reference: Reference, inputs: dict[str, float], times: Floats) -> Floats:
    pybamm = require_pybamm()
    result = np.full((len(times), len(reference.outputs)), np.nan)
    end = float(max(times[-1], 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            solution = simulation.solve([0.0, end], t_interp=np.unique(times), inputs=inputs)
        except pybamm.SolverError:
            return result
    reached = times <= solution.t[-1] + 1e-9
    for j, name in enumerate(reference.outputs):
        result[reached, j] = np.asarray(solution[name](times[reached]))
    return result


@functools.lru_cache(maxsize=8)
def _simulation(reference: Reference, steps: tuple[tuple[float, ...], tuple[float, ...]] | None) -> Any:
    pybamm = require_pybamm()
    values = reference.values(pybamm)
    if steps is None:
        current: Any = pybamm.InputParameter("current")
    else:
        changes = zip(steps[0], np.diff(steps[1], prepend=0.0), strict=True)
        current = sum((float(change) * (pybamm.t >= start) if start else float(change)) for start, change in changes)
    maxima = {side: values[f"Maximum concentration in {side} electrode [mol.m-3]"] for side in SIDES}
    values |= {
        "Lower voltage cut-off [V]": values["Lower voltage cut-off [V]"] - reference.overrun,
        "Current function [A]": current,
        "Ambient temperature [K]": pybamm.InputParameter("temperature"),
        "Initial temperature [K]": pybamm.InputParameter("temperature"),
        "Contact resistance [Ohm]": pybamm.InputParameter("resistance"),
        "Initial concentration in negative electrode [mol.m-3]": maxima["negative"]
        * pybamm.InputParameter("stoichiometry_n"),
        "Initial concentration in positive electrode [mol.m-3]": maxima["positive"]
        * pybamm.InputParameter("stoichiometry_p"),
    }
    points = dict(zip(LAYERS, reference.across, strict=True))
    return pybamm.Simulation(
        **reference.cell(pybamm),
        var_pts=points | {"r_n": reference.radial_points, "r_p": reference.radial_points},
        parameter_values=pybamm.ParameterValues(values),
        solver=pybamm.IDAKLUSolver(rtol=reference.tolerance, atol=reference.tolerance),
    )


SIDES = ("negative", "positive")


def require_pybamm() -> Any:
    """The PyBaMM module; ValueError with the extra to install where it is missing."""
    if importlib.util.find_spec("pybamm") is None:
        raise ValueError(
            "the reference solver of the battery models is PyBaMM, which is not installed; "
            "install it with: pip install 'twincal[battery]'"
        )
    os.environ.setdefault("PYBAMM_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("SUNLOGGER_ERROR_FILENAME", os.devnull)  # a solve that fails is NaN, and counted by who asked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("pybamm")
