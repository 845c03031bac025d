"""The reference solver: PyBaMM's single-particle or Doyle-Fuller-Newman model at a converged mesh.

Sulzer et al. 2021, DOI 10.5334/jors.309. PyBaMM solves the same equations by finite volumes with its own
parameter functions (LG M50) or with functions written here from the same constants (NREL cell).
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

from twin.arrays import horner
from twin.models.battery import nrel_nmc532 as nrel
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
VOLTAGE = "Voltage [V]"


OPTIONS = {"contact resistance": "true"}
LAYERS = ("x_n", "x_s", "x_p")


def single_particle(pybamm: Any) -> Values:
    """What makes PyBaMM's simulation one of the single-particle model."""
    return {"model": pybamm.lithium_ion.SPM(OPTIONS)}


def doyle_fuller_newman(pybamm: Any) -> Values:
    """The same of the pseudo-two-dimensional model, with Chebyshev's points across its layers."""
    model = pybamm.lithium_ion.DFN(OPTIONS)
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


def chen2020(pybamm: Any) -> Values:
    """PyBaMM's own "Chen2020" set, with every entry that a draw changes multiplied by an input."""
    values = dict(pybamm.ParameterValues("Chen2020"))
    for side, key in (("Negative", "n"), ("Positive", "p")):
        exchange = f"{side} electrode exchange-current density [A.m-2]"
        values[exchange] = _scaled_kinetics(values[exchange], pybamm.InputParameter(f"exchange_{key}"))
        for name, multiplier in (
            (f"{side} particle diffusivity [m2.s-1]", f"diffusivity_{key}"),
            (f"{side} electrode active material volume fraction", f"active_{key}"),
        ):
            values[name] = values[name] * pybamm.InputParameter(multiplier)
    return values


def nrel_nmc532(pybamm: Any) -> Values:
    """The NREL cell (``nrel_nmc532.py``) as a PyBaMM parameter set; the electrolyte plays no part in the SPM."""
    cell = nrel.NREL_CELL
    values = dict(pybamm.ParameterValues("Chen2020"))
    side_length = cell.area**0.5
    inputs = {name: pybamm.InputParameter(name) for name in _INPUT_NAMES}

    def arr(temperature: Any) -> Any:
        return np.exp(nrel.ACTIVATION_ENERGY / 8.314462618 * (1 / nrel.REFERENCE_TEMPERATURE - 1 / temperature))

    def exchange_n(c_e: Any, c: Any, c_max: Any, temperature: Any) -> Any:
        root = (nrel.SALT * (c_max - c) * c / 1e6) ** 0.5
        return inputs["exchange_n"] * 2.5 * 0.27 * arr(temperature) * root

    def exchange_p(c_e: Any, c: Any, c_max: Any, temperature: Any) -> Any:
        return inputs["exchange_p"] * 9.0 * arr(temperature) * horner(nrel.NMC532_EXCHANGE, c / c_max)

    def diffusivity_n(sto: Any, temperature: Any) -> Any:
        return inputs["diffusivity_n"] * 3.0e-14 * arr(temperature)

    def diffusivity_p(sto: Any, temperature: Any) -> Any:
        power = 10.0 ** horner(nrel.NMC532_LOG_DIFFUSIVITY, sto)
        return inputs["diffusivity_p"] * 2.25 * power * arr(temperature)

    values |= {
        "Electrode height [m]": side_length,
        "Electrode width [m]": side_length,
        "Nominal cell capacity [A.h]": cell.capacity,
        "Separator thickness [m]": 20e-6,
        "Reference temperature [K]": cell.temperature,
        "Initial concentration in electrolyte [mol.m-3]": 1200.0,
        "Lower voltage cut-off [V]": cell.cut_off,
        "Upper voltage cut-off [V]": 4.6,
        "Negative electrode OCP [V]": lambda x: horner(nrel.GRAPHITE_OCP, x),
        "Positive electrode OCP [V]": lambda y: horner(nrel.NMC532_OCP, y),
        "Negative electrode exchange-current density [A.m-2]": exchange_n,
        "Positive electrode exchange-current density [A.m-2]": exchange_p,
        "Negative particle diffusivity [m2.s-1]": diffusivity_n,
        "Positive particle diffusivity [m2.s-1]": diffusivity_p,
    }
    for side, electrode, key in (("Negative", cell.negative, "n"), ("Positive", cell.positive, "p")):
        values |= {
            f"{side} electrode thickness [m]": electrode.thickness,
            f"{side} particle radius [m]": electrode.particle_radius,
            f"{side} electrode active material volume fraction": electrode.active_fraction * inputs[f"active_{key}"],
            f"Maximum concentration in {side.lower()} electrode [mol.m-3]": electrode.max_concentration,
        }
    return values


def simulate(reference: Reference, draw: Draw, x: Floats, steps: Steps | None) -> Floats:
    """Voltage (b, n, 1) of every draw at the times x[:, 0].

    NaN from ``overrun`` below the cut-off on, where a particle is exhausted, or where the solver failed (all of a row).
    """
    return solve(reference, draw, np.asarray(x)[:, 0], steps)[..., :1]


def solve(reference: Reference, draw: Draw, times: Floats, steps: Steps | None) -> Floats:
    """All outputs of the reference (b, n, outputs)."""
    inputs = {name: np.atleast_1d(np.asarray(value, dtype=float)) for name, value in vars(draw).items()}
    batch = max(len(v) for v in inputs.values())
    inputs = {name: np.broadcast_to(v, (batch,)) for name, v in inputs.items()}
    if steps is not None:
        times = times - BEFORE * np.isin(times, steps.start[1:])
    key = None if steps is None else (tuple(steps.start), tuple(steps.current))
    simulation = _simulation(reference, key)
    rows = [_one(simulation, reference, {name: float(v[i]) for name, v in inputs.items()}, times) for i in range(batch)]
    return np.stack(rows)


_INPUT_NAMES = tuple(Draw.__dataclass_fields__)


def _scaled_kinetics(function: Callable[..., Any], factor: Any) -> Callable[..., Any]:
    def scaled(c_e: Any, c_surface: Any, c_max: Any, temperature: Any) -> Any:
        return factor * function(c_e, c_surface, c_max, temperature)

    return scaled


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
