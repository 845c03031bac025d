"""The seed papers' networks beside ours: what earlier re-implementations got wrong, and known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twin.case_studies.benchmarks.engine_seeds.actuator_operator import openings, positions, trained_operator
from twin.case_studies.benchmarks.engine_seeds.adaptive import Climbing
from twin.case_studies.benchmarks.engine_seeds.collocation import (
    TOLERANCE,
    collocate,
    first_guess,
    newton_step,
    rows_of,
)
from twin.case_studies.benchmarks.engine_seeds.collocation import Problem as Weak
from twin.case_studies.benchmarks.engine_seeds.few_shot import learned_basis, network
from twin.case_studies.benchmarks.engine_seeds.linearised import linearised
from twin.case_studies.benchmarks.engine_seeds.networks_of_time import ALL, GAS, THETA, TimeNetworks, tau_of
from twin.case_studies.benchmarks.engine_seeds.splines import splines
from twin.case_studies.benchmarks.engine_seeds.task import AIR, CHANNELS, Task, engine_at, task_of
from twin.case_studies.benchmarks.engine_seeds.warm_start import Trail, compared
from twin.case_studies.benchmarks.engine_seeds.window_pinn import (
    TOLERANCES,
    Inputs,
    Schedule,
    Window,
    fit,
    inputs_of,
    rows_at,
)
from twin.models.engine.actuators import Commands, drive_at, lagged
from twin.models.engine.air_path import flows
from twin.models.engine.core import state_of
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.transient import random_transient
from twin.space import Floats
from twin.training.problem import Problem
from twin.training.residual import Residual
from twin.training.stage import State

SMALL = TimeNetworks(ALL, (8, 8))


@pytest.fixture(scope="module")
def task() -> Task:
    return task_of(0)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return SMALL.init(torch.Generator().manual_seed(0))


def true_signals(task: Task) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """All quantities of the networks on the true path, and their derivatives by time, by the equations."""
    rows, t = task.commands, task.time
    drive, engine = drive_at(rows, t, NOMINAL), engine_at(task.truth.tolist())
    at = flows(state_of(task.states), drive, engine, AIR)
    values = dict(zip(CHANNELS[:3], task.states, strict=True)) | {"T_1": at.cylinders.T_1, "x_r": at.cylinders.x_r}
    slopes = dict(zip(CHANNELS[:3], linearised(task.states, task.truth, drive).rates, strict=True))
    for name, command, tau, delay in (
        ("u_egr1", rows.u_egr, NOMINAL.tau_egr1, NOMINAL.tau_degr),
        ("u_egr2", rows.u_egr, NOMINAL.tau_egr2, NOMINAL.tau_degr),
        ("u_vgt", rows.u_vgt, NOMINAL.tau_vgt, NOMINAL.tau_dvgt),
    ):
        values[name] = lagged(t, command, tau, t - delay)
        slopes[name] = (np.interp(t - delay, t, command) - values[name]) / tau
    return tensors(values), tensors(slopes)


def tensors(signals: dict[str, Floats]) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(np.asarray(signal)) for name, signal in signals.items()}


def test_on_the_true_path_no_equation_has_a_residual_and_readings_miss_by_their_noise(task: Task) -> None:
    values, slopes = true_signals(task)
    rows = rows_at(values, slopes, torch.as_tensor(task.truth), Window(task, SMALL, inputs_of(task)))
    for name in TOLERANCES:
        assert float(rows[name].abs().max()) < 0.02
    for name in CHANNELS:
        assert float(rows[name].square().mean()) == pytest.approx(1.0, abs=0.25)


def test_a_delay_shifts_the_command_in_time(task: Task) -> None:
    t = np.arange(0.0, 4.0, 0.2)
    ramp = np.full_like(t, 1000.0), np.full_like(t, 100.0), 20 + 5 * t, 40 + 5 * t
    late = inputs_of(replace(task, commands=Commands(t, *ramp)))
    np.testing.assert_allclose(late.late_egr[1:], 20 + 5 * (t[1:] - NOMINAL.tau_degr))
    np.testing.assert_allclose(late.late_vgt[1:], 40 + 5 * (t[1:] - NOMINAL.tau_dvgt))
    assert float(late.late_egr[0]) == 20.0


def test_the_physics_sees_the_networks_own_actuators_and_cycle(task: Task, weights: dict[str, torch.Tensor]) -> None:
    window = Window(task, SMALL, inputs_of(task))
    before = window.rows(weights)
    for name, moved in (("N4", "rate of p_im"), ("N6", "rate of p_em"), ("N2", "rate of p_em"), ("N3", "T_1")):
        bias = f"{name}.b2"
        after = window.rows(weights | {bias: weights[bias] + 0.1})
        assert float((after[moved] - before[moved]).abs().max()) > 1e-3
        assert torch.equal(after["p_im"], before["p_im"])


def test_what_the_truth_is_makes_no_difference_to_the_rows(task: Task, weights: dict[str, torch.Tensor]) -> None:
    blind = replace(task, truth=0 * task.truth, states=np.nan * task.states)
    for name, row in Window(blind, SMALL, inputs_of(blind)).rows(weights).items():
        assert torch.equal(row, Window(task, SMALL, inputs_of(task)).rows(weights)[name])


def test_each_channel_has_adaptive_weights_of_its_own_that_climb_and_then_stay() -> None:
    rule = Climbing(("a", "b"), rate=0.1, steps=3)
    problem, points = Problem(SMALL, 0), torch.zeros(0)
    state: State = {}
    residual = Residual({}, {"a": torch.tensor([[1.0], [0.0]]), "b": torch.tensor([[0.0], [2.0]])})
    for _ in range(5):
        state = rule.update(problem, points, residual, state)
    found = rule.weigh(problem, points, residual, state)
    assert found["a"].flatten().tolist() == pytest.approx([1.3**2, 1.0], rel=0.02)
    assert found["b"].flatten().tolist() == pytest.approx([1.0, 1.3**2], rel=0.02)


def test_time_derivatives_and_maps_of_the_networks_are_those_of_differences(weights: dict[str, torch.Tensor]) -> None:
    tau, half = tau_of(np.linspace(0.0, 60.0, 40))
    _, slopes = SMALL.along(weights, tau, half)
    h = 1e-6
    ahead, behind = (SMALL.along(weights, tau + s * h / half, half)[0] for s in (1, -1))
    for name, slope in slopes.items():
        torch.testing.assert_close((ahead[name] - behind[name]) / (2 * h), slope, rtol=1e-5, atol=1e-7)


def test_every_output_stays_positive_and_positions_within_their_range(weights: dict[str, torch.Tensor]) -> None:
    wild = {name: 20 * w for name, w in weights.items()}
    values, _ = SMALL.along(wild, torch.linspace(-1, 1, 50, dtype=torch.float64), 30.0)
    assert all(float(v.min()) >= 0 for v in values.values())
    assert all(float(values[name].max()) <= 100 for name in ("u_egr1", "u_egr2", "u_vgt"))


def test_training_lowers_the_loss_of_a_window(task: Task) -> None:
    found = fit(Window(task, TimeNetworks(GAS, (8, 8)), _given(task)), Schedule(20, 2, climb=10), seed=0)
    assert found.history[-1][2] < 0.3 * found.history[0][2]
    assert found.weights[THETA].shape == (4,)


def _given(task: Task) -> Inputs:
    drive = drive_at(task.commands, task.time, NOMINAL)
    return inputs_of(task, (drive.f_egr, drive.f_vgt))


def test_derivatives_by_states_and_parameters_are_those_of_differences(task: Task) -> None:
    drive = drive_at(task.commands, task.time, NOMINAL)
    y, z, h = task.states, 0.05 * np.arange(4.0), 1e-6
    found = linearised(y, z, drive)
    for i in range(7):
        unit = h * np.eye(7)[i]
        ahead, behind = (linearised(y + s * unit[:3, None], z + s * unit[3:], drive).rates for s in (1, -1))
        slope = (ahead - behind) / (2 * h)
        smooth = np.abs(slope - found.rates_by[i]) < 1e-4 * (1 + np.abs(slope))
        assert smooth.mean() > 0.99  # but for corners of clips


def test_collocation_in_splines_finds_the_parameters_within_its_spread(task: Task) -> None:
    found = collocate(task, splines(task.time))
    sd = np.sqrt(np.diag(found.covariance))
    assert np.all(np.abs(found.z - task.truth) < 3 * sd)
    np.testing.assert_allclose(100 * sd, [0.97, 0.22, 1.8, 0.17], rtol=0.15)
    assert np.all(found.misfit < TOLERANCE)


def test_a_dense_basis_and_a_banded_one_give_the_same_step(task: Task) -> None:
    banded = splines(task.time, knots=2.0)
    dense = replace(banded, value=banded.value.toarray(), slope=banded.slope.toarray(), reach=banded.value.shape[1],
                    readings=banded.readings.toarray())  # fmt: skip
    drive = drive_at(task.commands, np.concatenate([banded.points, task.time]), NOMINAL)
    steps = []
    for basis in (banded, dense):
        w = first_guess(task, basis)
        rows = rows_of(w, np.zeros(4), Weak(task, basis, drive, 100 * TOLERANCE))
        steps.append(newton_step(rows, basis.reach))
    for one, other in zip(*steps, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_splines_follow_a_cubic_and_its_derivative_exactly() -> None:
    t = np.linspace(0.0, 3.0, 16)
    basis = splines(t)
    at = np.concatenate([basis.points, t])
    both = np.concatenate([basis.value.toarray(), basis.readings.toarray()])
    w = np.linalg.lstsq(both, at**3 - at, rcond=None)[0]
    np.testing.assert_allclose(basis.slope @ w, 3 * basis.points**2 - 1, atol=1e-9)
    np.testing.assert_allclose(basis.readings @ w, t**3 - t, atol=1e-8)
    assert basis.weights.sum() == pytest.approx(3.0)


def test_a_frozen_bodys_features_are_orthonormal_and_have_the_derivatives_of_differences() -> None:
    body = network(3).init(torch.Generator().manual_seed(1))
    t = np.linspace(0.0, 60.0, 301)
    basis = learned_basis(body, t)
    gram = basis.value.T @ (basis.weights[:, None] * basis.value)
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6)
    rise = basis.readings[1:] - basis.readings[:-1]
    np.testing.assert_allclose(
        rise, np.add.reduceat(basis.weights[:, None] * basis.slope, np.arange(0, 600, 2)), atol=2e-3
    )


def test_the_operator_follows_the_exact_filter_on_unseen_commands() -> None:
    weights = trained_operator(0, epochs=1500).weights
    commands = random_transient(99)
    found = positions(weights, commands.time, commands.u_egr)
    for i, (tau, delay) in enumerate([(0.05, 0.065), (0.13, 0.065), (0.025, 0.04)]):
        filtered = lagged(commands.time, commands.u_egr, tau, commands.time - delay)
        assert np.linalg.norm(found[i] - filtered) < 0.01 * np.linalg.norm(filtered)
    exact = drive_at(commands, commands.time, NOMINAL)
    valve, vanes = openings(weights, commands)
    assert np.abs(valve - exact.f_egr).max() < 0.02
    assert np.abs(vanes - exact.f_vgt).max() < 0.02


def test_commands_that_are_not_every_fifth_of_a_second_are_refused() -> None:
    weights = trained_operator(0, epochs=1).weights
    with pytest.raises(ValueError, match=r"every 0\.2 s"):
        positions(weights, np.linspace(0.0, 1.0, 5), np.zeros(5))


def test_a_warm_start_is_judged_by_when_it_comes_to_stay_within_the_worse_last_error() -> None:
    cold = Trail({}, (100, 200, 300), (1.0, 2.0, 3.0), (0.5, 0.1, 0.05))
    warm = Trail({}, (50, 100, 150), (0.5, 1.0, 1.5), (0.09, 0.3, 0.1))
    found = compared(cold, warm)
    assert found.bar == 0.1
    assert found.cold == (200, 2.0)
    assert found.warm == (150, 1.5)
