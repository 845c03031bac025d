import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.arrays import Array
from twin.models.battery.cell import (
    FARADAY,
    Cell,
    Electrode,
    arrhenius,
    flux_ratio,
    local_current_density,
)
from twin.models.battery.chen2020 import LG_M50
from twin.models.battery.nrel_nmc532 import NREL_CELL
from twin.models.battery.pybamm_reference import require_pybamm
from twin.space import Floats

jax.config.update("jax_enable_x64", True)

STOICHIOMETRIES = np.linspace(0.02, 0.98, 49)
T_CHEN, T_NREL = np.asarray(298.15), np.asarray(303.15)


@pytest.fixture(scope="module")
def chen() -> Any:
    return require_pybamm().ParameterValues("Chen2020")


def pybamms(values: Any, name: str, *arguments: float) -> float:
    """A function of PyBaMM's set at numbers."""
    scalars = [require_pybamm().Scalar(a) for a in arguments]
    return float(np.squeeze(values.evaluate(values[name](*scalars))))


@pytest.mark.parametrize("side", ["Negative", "Positive"])
def test_open_circuit_potentials_are_pybamms(chen: Any, side: str) -> None:
    electrode = LG_M50.negative if side == "Negative" else LG_M50.positive
    theirs = [pybamms(chen, f"{side} electrode OCP [V]", x) for x in STOICHIOMETRIES]
    np.testing.assert_allclose(electrode.open_circuit_potential(STOICHIOMETRIES), theirs, atol=1e-12)


@pytest.mark.parametrize("temperature", [273.15, 298.15, 318.15])
@pytest.mark.parametrize("side", ["Negative", "Positive"])
def test_exchange_current_densities_are_pybamms(chen: Any, side: str, temperature: float) -> None:
    electrode = LG_M50.negative if side == "Negative" else LG_M50.positive
    top = electrode.max_concentration
    name = f"{side} electrode exchange-current density [A.m-2]"
    theirs = [pybamms(chen, name, 1000.0, x * top, top, temperature) for x in STOICHIOMETRIES]
    ours = electrode.exchange_current_density(STOICHIOMETRIES, np.asarray(temperature))
    np.testing.assert_allclose(ours, theirs, rtol=2e-7)


@pytest.mark.parametrize("side", ["Negative", "Positive"])
def test_numbers_of_the_lg_m50_are_pybamms(chen: Any, side: str) -> None:
    electrode = LG_M50.negative if side == "Negative" else LG_M50.positive
    maximum = chen[f"Maximum concentration in {side.lower()} electrode [mol.m-3]"]
    theirs = {
        "thickness": chen[f"{side} electrode thickness [m]"],
        "particle_radius": chen[f"{side} particle radius [m]"],
        "active_fraction": chen[f"{side} electrode active material volume fraction"],
        "max_concentration": maximum,
        "start_stoichiometry": chen[f"Initial concentration in {side.lower()} electrode [mol.m-3]"] / maximum,
    }
    for name, value in theirs.items():
        assert getattr(electrode, name) == pytest.approx(value, rel=1e-12, abs=0), name
    diffusivity = electrode.diffusivity(np.asarray(0.5), T_CHEN)
    assert diffusivity == pytest.approx(chen[f"{side} particle diffusivity [m2.s-1]"], rel=1e-12, abs=0)


def test_the_plate_of_the_lg_m50_is_pybamms(chen: Any) -> None:
    assert LG_M50.area == pytest.approx(chen["Electrode height [m]"] * chen["Electrode width [m]"])
    assert LG_M50.capacity == chen["Nominal cell capacity [A.h]"]
    assert LG_M50.cut_off == chen["Lower voltage cut-off [V]"]
    assert LG_M50.temperature == chen["Reference temperature [K]"]


def molar_flux(cell: Cell, electrode: Electrode, current: float) -> float:
    """j [mol/m²/s]."""
    return float(local_current_density(electrode, cell, 1.0, np.asarray(current))) / FARADAY


DERIVED = {
    "Q_n of the LG M50 [A h]": (LG_M50.electrode_capacity(LG_M50.negative), 5.828, 5e-4),
    "Q_p of the LG M50 [A h]": (LG_M50.electrode_capacity(LG_M50.positive), 8.732, 5e-4),
    "j_n of the LG M50 at 1C": (molar_flux(LG_M50, LG_M50.negative, 5.0), 1.54246e-5, 5e-11),
    "j_p of the LG M50 at 1C": (molar_flux(LG_M50, LG_M50.positive, 5.0), 1.74640e-5, 5e-11),
    "R²/D, negative [s]": (LG_M50.negative.particle_radius**2 / 3.3e-14, 1041, 0.5),
    "R²/D, positive [s]": (LG_M50.positive.particle_radius**2 / 4e-15, 6812, 0.5),
    "OCV of the LG M50 [V]": (
        float(
            LG_M50.positive.open_circuit_potential(np.asarray(LG_M50.positive.start_stoichiometry))
            - LG_M50.negative.open_circuit_potential(np.asarray(LG_M50.negative.start_stoichiometry))
        ),
        4.18094,
        5e-6,
    ),
    "Q_n of the NREL cell [mA h]": (1e3 * NREL_CELL.electrode_capacity(NREL_CELL.negative), 27.37, 5e-3),
    "Q_p of the NREL cell [mA h]": (1e3 * NREL_CELL.electrode_capacity(NREL_CELL.positive), 37.26, 5e-3),
    "j_n of the NREL cell at 2C": (molar_flux(NREL_CELL, NREL_CELL.negative, 0.0378), 1.56146e-5, 5e-11),
    "j_p of the NREL cell at 2C": (molar_flux(NREL_CELL, NREL_CELL.positive, 0.0378), 8.38749e-6, 5e-12),
    "F j_n [A/m²]": (FARADAY * molar_flux(NREL_CELL, NREL_CELL.negative, 0.0378), 1.5066, 5e-5),
    "F j_p [A/m²]": (FARADAY * molar_flux(NREL_CELL, NREL_CELL.positive, 0.0378), 0.8093, 5e-5),
}


@pytest.mark.parametrize("name", DERIVED)
def test_numbers_derived_from_the_cells_are_those_of_the_specification(name: str) -> None:
    ours, stated, half_digit = DERIVED[name]
    assert ours == pytest.approx(stated, abs=half_digit)


def at(value: float) -> Floats:
    return np.asarray(value)


NREL_VALUES = {
    "U_n(0.91)": (NREL_CELL.negative.open_circuit_potential(at(0.91)), 0.08478, 5e-6),
    "U_p(0.39)": (NREL_CELL.positive.open_circuit_potential(at(0.39)), 4.18743, 5e-6),
    "i0_n(0.91)": (NREL_CELL.negative.exchange_current_density(at(0.91), T_NREL), 6.46, 5e-3),
    "i0_p(0.39)": (NREL_CELL.positive.exchange_current_density(at(0.39), T_NREL), 4.80, 5e-3),
    "i0_p(0.9)": (NREL_CELL.positive.exchange_current_density(at(0.9), T_NREL), 1.86, 5e-3),
    "D_p(0.39)": (NREL_CELL.positive.diffusivity(at(0.39), T_NREL), 4.6e-15, 5e-17),
    "D_p(0.8)": (NREL_CELL.positive.diffusivity(at(0.8), T_NREL), 2.1e-15, 5e-17),
    "D_n": (NREL_CELL.negative.diffusivity(at(0.5), T_NREL), 3.0e-14, 1e-20),
}


@pytest.mark.parametrize("name", NREL_VALUES)
def test_polynomials_of_the_nrel_cell_take_the_stated_values(name: str) -> None:
    ours, stated, half_digit = NREL_VALUES[name]
    assert float(ours) == pytest.approx(stated, abs=half_digit)


def test_the_two_c_discharge_of_the_nrel_cell_ends_at_the_stated_stoichiometries() -> None:
    moved = {
        name: 1350 * float(flux_ratio(electrode, NREL_CELL, 1.0, np.asarray(0.0378)))
        for name, electrode in (("negative", NREL_CELL.negative), ("positive", NREL_CELL.positive))
    }
    assert 0.91 - moved["negative"] == pytest.approx(0.392, abs=5e-4)
    assert 0.39 + moved["positive"] == pytest.approx(0.770, abs=6e-4)


def test_the_mean_stoichiometry_moves_at_three_fluxes_over_radius_and_maximum() -> None:
    for cell in (LG_M50, NREL_CELL):
        for electrode in (cell.negative, cell.positive):
            j = molar_flux(cell, electrode, 0.7)
            expected = 3 * j / (electrode.particle_radius * electrode.max_concentration)
            assert float(flux_ratio(electrode, cell, 1.0, np.asarray(0.7))) == pytest.approx(expected, rel=1e-12, abs=0)
            assert float(flux_ratio(electrode, cell, 0.8, np.asarray(0.7))) == pytest.approx(
                expected / 0.8, rel=1e-12, abs=0
            )


def test_arrhenius_is_one_at_the_reference_and_grows_with_temperature() -> None:
    assert float(arrhenius(35e3, np.asarray(298.15), 298.15)) == 1.0
    expected = math.exp(35e3 / 8.314462618 * (1 / 298.15 - 1 / 318.15))
    assert float(arrhenius(35e3, np.asarray(318.15), 298.15)) == pytest.approx(expected, rel=1e-12)
    assert expected > 2
    ratio = NREL_CELL.negative.exchange_current_density(at(0.5), at(323.15)) / 1.0
    base = NREL_CELL.negative.exchange_current_density(at(0.5), T_NREL)
    assert ratio / base == pytest.approx(math.exp(30e3 / 8.314462618 * (1 / 303.15 - 1 / 323.15)), rel=1e-12)


@pytest.mark.parametrize("x", [-0.2, 0.0, 1.0, 1.3])
@pytest.mark.parametrize("cell", [LG_M50, NREL_CELL], ids=lambda cell: cell.name)
def test_exchange_current_densities_stay_positive_with_a_finite_slope_at_empty_and_full(cell: Cell, x: float) -> None:
    for electrode in (cell.negative, cell.positive):
        leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        density = electrode.exchange_current_density(leaf, torch.tensor(300.0, dtype=torch.float64))
        (slope,) = torch.autograd.grad(density, leaf)
        assert density.item() > 0
        assert math.isfinite(slope.item())


@pytest.mark.parametrize("cell", [LG_M50, NREL_CELL], ids=lambda cell: cell.name)
def test_numpy_torch_and_jax_give_one_answer(cell: Cell) -> None:
    temperature = 310.0

    def everything(x: Array) -> list[Array]:
        warm = x * 0 + temperature
        return [
            f(*a) + 0 * x
            for e in (cell.negative, cell.positive)
            for f, a in (
                (e.open_circuit_potential, (x,)),
                (e.exchange_current_density, (x, warm)),
                (e.diffusivity, (x, warm)),
            )
        ]

    x = np.linspace(0.05, 0.95, 19)
    ours = everything(x)
    for a, b, c in zip(ours, everything(torch.tensor(x)), jax.jit(everything)(jnp.asarray(x)), strict=True):
        np.testing.assert_allclose(b.numpy(), a, rtol=1e-12)
        np.testing.assert_allclose(np.asarray(c), a, rtol=1e-9)  # JAX fuses degree 28 into other roundings
