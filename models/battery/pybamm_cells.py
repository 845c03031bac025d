"""The cells as parameter sets of PyBaMM, with every entry that a draw changes multiplied by an input.

PyBaMM's own functions where it has the cell (LG M50); else functions written here from the same constants (NREL cell).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from twin.arrays import horner
from twin.models.battery import nrel_nmc532 as nrel
from twin.models.battery.cell import GAS, Draw
from twin.models.battery.porous import NREL_POROUS, WARMED, gen2_conductivity, gen2_transference

Values = dict[str, Any]
WARM_REFERENCE = 298.15
"""[K] at which Chen et al. measured."""


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


def chen2020_warm(pybamm: Any) -> Values:
    """The same with entropies (PyBaMM's own "ORegan2022"), coefficients that depend on temperature, and activation
    energies, a heat capacity and a heat transfer as inputs.
    """
    values, entropic = chen2020(pybamm), pybamm.ParameterValues("ORegan2022")
    for side, key in (("Negative", "n"), ("Positive", "p")):
        name = f"{side} particle diffusivity [m2.s-1]"
        values[name] = _activated(values[name], pybamm.InputParameter(f"energy_{key}"))
        change = f"{side} electrode OCP entropic change [V.K-1]"
        values[change] = entropic[change]
    for name in ("Electrolyte diffusivity [m2.s-1]", "Electrolyte conductivity [S.m-1]"):
        values[name] = _warmed(values[name])
    volume, surface = values["Cell volume [m3]"], values["Cell cooling surface area [m2]"]
    for part in ("Negative current collector", "Negative electrode", "Separator", "Positive electrode",
                 "Positive current collector"):  # fmt: skip
        values[f"{part} density [kg.m-3]"] = 1.0
        values[f"{part} specific heat capacity [J.kg-1.K-1]"] = pybamm.InputParameter("heat_capacity") / volume
    values["Total heat transfer coefficient [W.m-2.K-1]"] = pybamm.InputParameter("heat_transfer") / surface
    return values


def nrel_nmc532(pybamm: Any) -> Values:
    """The NREL cell (``nrel_nmc532.py``) as a PyBaMM parameter set; the electrolyte plays no part in the SPM."""
    cell = nrel.NREL_CELL
    values = dict(pybamm.ParameterValues("Chen2020"))
    side_length = cell.area**0.5
    inputs = {name: pybamm.InputParameter(name) for name in Draw.__dataclass_fields__}

    def arr(temperature: Any) -> Any:
        return np.exp(nrel.ACTIVATION_ENERGY / GAS * (1 / nrel.REFERENCE_TEMPERATURE - 1 / temperature))

    def exchange_n(c_e: Any, c: Any, c_max: Any, temperature: Any) -> Any:
        return inputs["exchange_n"] * 2.5 * 0.27 * arr(temperature) * (c_e * (c_max - c) * c / 1e9) ** 0.5

    def exchange_p(c_e: Any, c: Any, c_max: Any, temperature: Any) -> Any:
        salt = (c_e / (1e3 * nrel.SALT)) ** 0.5
        return inputs["exchange_p"] * 9.0 * arr(temperature) * salt * horner(nrel.NMC532_EXCHANGE, c / c_max)

    def diffusivity_n(sto: Any, temperature: Any) -> Any:
        return inputs["diffusivity_n"] * 3.0e-14 * arr(temperature)

    def diffusivity_p(sto: Any, temperature: Any) -> Any:
        power = 10.0 ** horner(nrel.NMC532_LOG_DIFFUSIVITY, sto)
        return inputs["diffusivity_p"] * 2.25 * power * arr(temperature)

    values |= {
        "Electrode height [m]": side_length,
        "Electrode width [m]": side_length,
        "Nominal cell capacity [A.h]": cell.capacity,
        "Separator thickness [m]": NREL_POROUS.separator,
        "Electrolyte diffusivity [m2.s-1]": _gen2_diffusivity,
        "Electrolyte conductivity [S.m-1]": gen2_conductivity,
        "Cation transference number": gen2_transference,
        "Thermodynamic factor": _gen2_thermodynamic_factor,
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
            f"{side} electrode conductivity [S.m-1]": NREL_POROUS.conductivity[0],
            f"{side} electrode Bruggeman coefficient (electrode)": 0.0,
            f"{side} particle radius [m]": electrode.particle_radius,
            f"{side} electrode active material volume fraction": electrode.active_fraction * inputs[f"active_{key}"],
            f"Maximum concentration in {side.lower()} electrode [mol.m-3]": electrode.max_concentration,
        }
    for layer, porosity in zip(
        ("Negative electrode", "Separator", "Positive electrode"), NREL_POROUS.porosity, strict=True
    ):
        values[f"{layer} porosity"] = porosity
        values[f"{layer} Bruggeman coefficient (electrolyte)"] = NREL_POROUS.bruggeman
    return values


def _gen2_diffusivity(c_e: Any, temperature: Any) -> Any:
    c = c_e / 1e3
    d = temperature - (-24.83763 + 64.07366 * c)
    return 1e-4 * 10 ** (
        (-0.5688226 - 1607.003 / d) + (-0.8108721 + 475.291 / d) * c + (-0.005192312 - 33.43827 / d) * c**2
    )


def _gen2_thermodynamic_factor(c_e: Any, temperature: Any) -> Any:
    c = c_e / 1e3
    second, first = 0.54 * np.exp(329 / temperature), 0.00225 * np.exp(1360 / temperature)
    return 1 + second * c**2 - first * c + 0.341 * np.exp(261 / temperature)


def _activated(value: Any, energy: Any) -> Callable[..., Any]:
    return lambda sto, temperature: value * np.exp(energy / GAS * (1 / WARM_REFERENCE - 1 / temperature))


def _warmed(function: Callable[..., Any]) -> Callable[..., Any]:
    def warmed(c_e: Any, temperature: Any) -> Any:
        return function(c_e, temperature) * np.exp(WARMED / GAS * (1 / WARM_REFERENCE - 1 / temperature))

    return warmed


def _scaled_kinetics(function: Callable[..., Any], factor: Any) -> Callable[..., Any]:
    def scaled(c_e: Any, c_surface: Any, c_max: Any, temperature: Any) -> Any:
        return factor * function(c_e, c_surface, c_max, temperature)

    return scaled
