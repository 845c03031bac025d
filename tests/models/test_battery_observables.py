from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.arrays import Array
from twin.models.battery import pybamm_reference
from twin.models.battery.lgm50 import soh6
from twin.models.battery.nrel import pinnstripes2
from twin.models.battery.observables import (
    Discharge,
    capacity,
    closed_form,
    concentration,
    differential_voltage,
    incremental_capacity,
    surface_concentration,
    trained,
    until_cut_off,
    voltage,
    voltage_of_charge,
)
from twin.space import Floats
from twin.surrogate import Surrogate

jax.config.update("jax_enable_x64", True)

C = soh6.conditions.nominal
AGED = np.stack(
    [
        soh6.space.pack({"LLI": 0.06, "LAM_n": -0.02, "LAM_p": 0.08, "sDp": 0.7, "s_ct": 1.6, "R0": 0.015}),
        soh6.space.pack({"LLI": 0.15, "LAM_n": 0.05, "sDp": 1.5, "s_ct": 0.6, "R0": 0.04}),
        soh6.space.pack({"LLI": 0.03, "LAM_p": 0.25, "sDp": 0.8, "R0": 0.001}),
    ]
)
"""The last one ends when its cathode's surface is full, the others at the cut-off."""
OVERFILLED = soh6.space.pack({"LAM_n": 0.39})


def pybamms(theta: Floats) -> Any:
    """PyBaMM's solution of one discharge to its end."""
    reference = replace(soh6.reference, radial_points=300, overrun=0.0)
    simulation: Any = pybamm_reference._simulation(reference, None)
    inputs = {k: float(np.squeeze(v)) for k, v in vars(soh6.drawn(theta, C)).items()}
    return simulation.solve([0.0, 8000.0], inputs=inputs)


@pytest.fixture(scope="module")
def solutions() -> list[Any]:
    return [pybamms(theta) for theta in AGED]


def test_the_capacity_is_pybamms_discharge_capacity(solutions: list[Any]) -> None:
    theirs = [solution["Discharge capacity [A.h]"].entries[-1] for solution in solutions]
    ours = capacity(closed_form(soh6, AGED, C))
    np.testing.assert_allclose(ours[:2], theirs[:2], rtol=2e-6)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=3e-4)  # PyBaMM interpolates a voltage that dives


def test_the_discharge_ends_at_the_cut_off_or_at_a_full_cathode() -> None:
    run = closed_form(soh6, AGED, C)
    end = capacity(run)[:, None] * 3600 / run.current
    np.testing.assert_allclose(voltage(run, end)[:2, 0], soh6.cell.cut_off, atol=1e-8)
    assert voltage(run, end)[2, 0] > soh6.cell.cut_off + 0.1
    assert run.fields["positive surface"](end)[2, 0] == pytest.approx(1.0, abs=1e-10)


def test_capacities_of_any_engine_and_batch_are_the_same() -> None:
    ours = capacity(closed_form(soh6, AGED, C))
    by_torch = capacity(closed_form(soh6, torch.tensor(AGED).reshape(3, 1, -1), C))
    by_jax = jax.jit(lambda t: capacity(closed_form(soh6, t, C)))(jnp.asarray(AGED))
    np.testing.assert_allclose(by_torch.numpy(), ours[:, None], rtol=1e-11)
    np.testing.assert_allclose(np.asarray(by_jax), ours, rtol=1e-11)
    for theta, one in zip(AGED, ours, strict=True):
        assert capacity(closed_form(soh6, theta, C)) == pytest.approx(one, rel=1e-11)


def test_the_gradient_of_the_capacity_is_that_of_finite_differences() -> None:
    leaf = torch.tensor(AGED, requires_grad=True)
    (by_torch,) = torch.autograd.grad(capacity(closed_form(soh6, leaf, C)).sum(), leaf)
    step = 1e-5
    for i in range(len(soh6.space)):
        shift = step * np.eye(len(soh6.space))[i]
        up, down = (capacity(closed_form(soh6, AGED + side * shift, C)) for side in (1, -1))
        np.testing.assert_allclose(by_torch[:, i].numpy(), (up - down) / (2 * step), rtol=1e-5, atol=1e-6)


def test_more_resistance_never_means_more_capacity() -> None:
    thetas = np.stack([soh6.space.pack({"R0": r}) for r in (0.0, 0.02, 0.05, 0.1)])
    assert np.all(np.diff(capacity(closed_form(soh6, thetas, C))) < 0)


def test_a_start_that_cannot_be_has_no_observables() -> None:
    run = closed_form(soh6, np.stack([OVERFILLED, AGED[0]]), C)
    np.testing.assert_array_equal(np.isnan(capacity(run)), [True, False])
    charge = np.array([0.1, 1.0])
    assert np.all(np.isnan(voltage_of_charge(run, charge)[0]))
    assert np.all(np.isfinite(voltage_of_charge(run, charge)[1]))


def test_the_voltage_over_charge_is_pybamms_and_ends_with_it(solutions: list[Any]) -> None:
    charge = np.linspace(0.02, 5.0, 300)
    ours = voltage_of_charge(closed_form(soh6, AGED, C), charge)
    for row, solution in zip(ours, solutions, strict=True):
        passed = solution["Discharge capacity [A.h]"].entries
        np.testing.assert_array_equal(np.isnan(row), charge > passed[-1])
        inside = charge < 0.97 * passed[-1]
        theirs = solution["Voltage [V]"](charge[inside] * 3600 / 5.0)
        np.testing.assert_allclose(row[inside], theirs, atol=1e-3)
        assert np.sqrt(np.mean((row[inside] - theirs) ** 2)) < 2e-4


def test_after_the_first_crossing_nothing_comes_back() -> None:
    run = closed_form(soh6, AGED[0], C)
    end = float(capacity(run)) * 3600 / run.current
    times = np.linspace(0, 1.3 * end, 500)
    kept = until_cut_off(run, times, times)
    np.testing.assert_array_equal(np.isnan(kept), times >= end)
    np.testing.assert_array_equal(kept[times < end], times[times < end])


def test_masking_leaves_no_nan_in_the_gradient_of_what_remains() -> None:
    leaf = torch.tensor(AGED[0], requires_grad=True)
    values = voltage_of_charge(closed_form(soh6, leaf, C), torch.linspace(0.1, 5.0, 40, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(values[torch.isfinite(values)].sum(), leaf)
    assert torch.isnan(values).any()
    assert torch.all(torch.isfinite(gradient))


def test_the_differential_voltage_is_the_slope_by_automatic_differentiation() -> None:
    run = closed_form(soh6, torch.tensor(AGED), C)
    charge = np.linspace(0.1, 3.5, 40)
    at = torch.tensor(charge * 3600 / 5.0, requires_grad=True)
    slopes = [torch.autograd.grad(voltage(run, at)[i].sum(), at)[0].numpy() * 3600 / 5.0 for i in range(len(AGED))]
    ours = differential_voltage(run, torch.tensor(charge)).numpy()
    inside = np.isfinite(ours)
    np.testing.assert_allclose(ours[inside], np.array(slopes)[inside], rtol=1e-4)
    np.testing.assert_allclose(incremental_capacity(run, charge).numpy()[inside], 1 / ours[inside], rtol=1e-12)


def test_the_slope_is_steep_at_first_and_finite_from_the_first_charge_on() -> None:
    slope = differential_voltage(closed_form(soh6, AGED, C), np.array([1e-6, 1e-4, 0.1]))
    assert np.all(np.isfinite(slope))
    assert np.all(np.diff(np.abs(slope)) < 0)


@pytest.mark.parametrize("electrode", ["negative", "positive"])
def test_concentrations_are_pybamms(solutions: list[Any], electrode: str) -> None:
    run = closed_form(soh6, AGED, C)
    times, xi = np.array([60.0, 600.0, 2000.0]), np.array([0.1, 0.5, 0.9])
    side = soh6.cell.negative if electrode == "negative" else soh6.cell.positive
    surface, inside = surface_concentration(run, electrode, times), concentration(run, electrode, times, xi)
    assert inside.shape == (3, 3, 3)
    for i, solution in enumerate(solutions):
        theirs = solution[f"X-averaged {electrode} particle surface concentration [mol.m-3]"](times)
        np.testing.assert_allclose(surface[i], theirs, atol=3e-4 * side.max_concentration)
        profile = solution[f"X-averaged {electrode} particle concentration [mol.m-3]"]
        at = np.squeeze(profile(t=times, r=xi * side.particle_radius)).T
        np.testing.assert_allclose(inside[i], at, atol=3e-4 * side.max_concentration)


def test_concentrations_end_with_the_discharge() -> None:
    run = closed_form(soh6, AGED[:1], C)
    times = np.array([100.0, 6000.0])
    assert np.isnan(surface_concentration(run, "positive", times)[0]).tolist() == [False, True]
    assert np.isnan(concentration(run, "negative", times, np.array([0.0, 1.0]))[0]).tolist() == [
        [False] * 2,
        [True] * 2,
    ]


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a discharge \(c_rate > 0\), got a current of -5 A"):
        closed_form(soh6, AGED, soh6.conditions.pack({"c_rate": -1.0}))
    with pytest.raises(ValueError, match="no electrode 'anode'; known: negative, positive"):
        surface_concentration(closed_form(soh6, AGED, C), "anode", np.ones(1))


def surrogate_run(surrogate: Surrogate, theta: Array) -> Discharge:
    return trained(surrogate, theta, pinnstripes2.conditions.nominal)


def test_a_surrogate_answers_like_its_voltage_and_only_as_far_as_it_was_trained(trained_nrel: Surrogate) -> None:
    theta, c = np.array([[2.0, 2.0], [0.5, 1.0]]), pinnstripes2.conditions.nominal
    run = surrogate_run(trained_nrel, theta)
    x = pinnstripes2.abscissa(c, 20)
    charge = x[:, 0] * 0.0378 / 3600
    np.testing.assert_allclose(voltage_of_charge(run, charge)[:, :-1], trained_nrel(theta, c, x)[:, :-1, 0], rtol=1e-12)
    assert np.all(np.isnan(voltage_of_charge(run, 1.001 * charge)[:, -1]))
    assert np.all(np.isnan(capacity(run))), "training covers no cut-off"


def test_a_surrogate_knows_its_capacity_to_a_cut_off_it_reaches(trained_nrel: Surrogate) -> None:
    cell = replace(pinnstripes2.cell, cut_off=3.7)
    surrogate = replace(trained_nrel, model=replace(pinnstripes2, cell=cell))
    run = surrogate_run(surrogate, torch.tensor([[2.0, 2.0], [0.5, 1.0]], dtype=torch.float64))
    end = capacity(run) * 3600 / run.current
    np.testing.assert_allclose(voltage(run, end[:, None])[:, 0].numpy(), 3.7, atol=1e-8)


@pytest.mark.parametrize("electrode", ["negative", "positive"])
def test_a_surrogates_profiles_conserve_lithium(trained_nrel: Surrogate, electrode: str) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(64)
    xi, volume = (nodes + 1) / 2, 3 * weights / 2 * ((nodes + 1) / 2) ** 2
    times = np.array([0.0, 300.0, 1200.0])
    run = surrogate_run(trained_nrel, np.array([[2.0, 2.0]]))
    side = pinnstripes2.cell.negative if electrode == "negative" else pinnstripes2.cell.positive
    sign, start = (-1, 0.91) if electrode == "negative" else (1, 0.39)
    moved = 0.0378 * times / 3600 / pinnstripes2.cell.electrode_capacity(side)
    mean = concentration(run, electrode, times, xi)[0] @ volume / side.max_concentration
    np.testing.assert_allclose(mean, start + sign * moved, rtol=1e-8)
