import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from twin.models.battery.sphere import SWITCH, eigenvalues, mode_shapes, profile_response, surface_response
from twin.space import Floats

jax.config.update("jax_enable_x64", True)

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
XI, VOLUME = (NODES + 1) / 2, 3 * WEIGHTS / 2 * ((NODES + 1) / 2) ** 2


def by_many_modes(tau: Floats) -> Floats:
    squares = eigenvalues(400) ** 2
    return np.asarray(3 * tau + 0.2 - 2 * np.sum(np.exp(-squares * tau[:, None]) / squares, axis=1))


def test_eigenvalues_are_the_tabulated_roots() -> None:
    np.testing.assert_allclose(eigenvalues(3), [4.493409, 7.725252, 10.904122], atol=5e-7)
    values = eigenvalues(60)
    np.testing.assert_allclose(np.sin(values) / values, np.cos(values), atol=1e-13)
    np.testing.assert_allclose(np.diff(values), np.pi, rtol=0.03)


def test_the_early_surface_answers_like_a_half_space() -> None:
    tau = np.logspace(-14, -6, 9)
    departure = surface_response(tau) - 2 * np.sqrt(tau / np.pi)
    np.testing.assert_allclose(departure, tau, rtol=1e-3, atol=1e-15)


def test_the_early_branch_is_the_complementary_error_function() -> None:
    tau = np.linspace(1e-4, 0.04, 40)
    np.testing.assert_allclose(surface_response(tau), special.erfcx(-np.sqrt(tau)) - 1, atol=1e-11)


def test_the_late_surface_follows_the_mean_at_a_fixed_distance() -> None:
    tau = np.array([2.0, 5.0, 100.0])
    np.testing.assert_allclose(surface_response(tau), 3 * tau + 1 / 5, rtol=1e-14)


def test_both_branches_equal_the_series_of_four_hundred_modes() -> None:
    tau = np.concatenate([np.linspace(0.01, 0.99 * SWITCH, 20), np.linspace(1.01 * SWITCH, 1.0, 20)])
    np.testing.assert_allclose(surface_response(tau), by_many_modes(tau), atol=1e-10)


def test_value_and_slope_are_continuous_at_the_switch() -> None:
    step = 1e-9
    below, at, above = surface_response(np.array([SWITCH - step, SWITCH, SWITCH + step]))
    assert abs(above - at) == pytest.approx(abs(at - below), abs=1e-9)
    assert above - below == pytest.approx(0, abs=1e-8)
    leaf = torch.tensor([SWITCH - step, SWITCH + step], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(surface_response(leaf).sum(), leaf)
    assert slope[0].item() == pytest.approx(slope[1].item(), rel=1e-6)


def test_nothing_answers_before_the_flux_is_switched_on() -> None:
    tau = torch.tensor([-1.0, -1e-9, 0.0], dtype=torch.float64, requires_grad=True)
    response = surface_response(tau)
    (slope,) = torch.autograd.grad(response.sum(), tau)
    np.testing.assert_array_equal(response.detach().numpy(), 0)
    assert torch.all(torch.isfinite(slope))
    np.testing.assert_array_equal(profile_response(np.array([-1.0, 0.0]), XI), 0)


@given(st.floats(1e-9, 50.0), st.floats(1.001, 2.0))
@settings(deadline=None)
def test_the_surface_answer_rises(tau: float, factor: float) -> None:
    first, second = surface_response(np.array([tau, factor * tau]))
    assert 0 < first < second


def test_the_profile_satisfies_diffusion_in_a_sphere() -> None:
    tau, xi, h = np.array([0.02, 0.1, 0.7]), np.array([0.1, 0.4, 0.8, 0.95]), 1e-3

    def at(shift: float, later: float = 0.0) -> Floats:
        return np.asarray(profile_response(tau + later, xi + shift))

    in_time = (at(0, 1e-5) - at(0, -1e-5)) / 2e-5
    slope, curvature = (at(h) - at(-h)) / (2 * h), (at(h) - 2 * at(0) + at(-h)) / h**2
    np.testing.assert_allclose(in_time, curvature + 2 / xi * slope, rtol=2e-5, atol=2e-5)


def test_the_profile_meets_unit_flux_at_the_surface_and_none_at_the_centre() -> None:
    tau, h = np.array([0.02, 0.1, 0.7]), 1e-4
    edge = profile_response(tau, np.array([1 - 2 * h, 1 - h, 1.0, 0.0, h, 2 * h]))
    np.testing.assert_allclose((3 * edge[:, 2] - 4 * edge[:, 1] + edge[:, 0]) / (2 * h), 1, atol=1e-5)
    np.testing.assert_allclose((-3 * edge[:, 3] + 4 * edge[:, 4] - edge[:, 5]) / (2 * h), 0, atol=1e-5)


@pytest.mark.parametrize("tau", [1e-5, 0.003, 0.2, 4.0])
def test_the_mean_of_the_profile_is_three_tau(tau: float) -> None:
    assert profile_response(np.array([tau]), XI)[0] @ VOLUME == pytest.approx(3 * tau, abs=1e-12)


def test_the_profile_at_the_surface_is_the_surface_answer() -> None:
    tau = np.array([0.01, 0.05, 0.3, 2.0])
    np.testing.assert_allclose(profile_response(tau, np.ones(1))[:, 0], surface_response(tau), atol=1e-10)


def test_mode_shapes_are_orthogonal_without_mean_and_one_at_the_surface() -> None:
    phi = mode_shapes(XI, 12)
    gram = (phi * VOLUME) @ phi.T
    np.testing.assert_allclose(gram - np.diag(np.diag(gram)), 0, atol=1e-11)
    np.testing.assert_allclose(phi @ VOLUME, 0, atol=1e-12)
    np.testing.assert_allclose(mode_shapes(np.array([1.0]), 12), 1, rtol=1e-12)
    assert np.all(np.isfinite(mode_shapes(np.zeros(1), 12)))


def test_numpy_torch_and_jax_give_one_answer() -> None:
    tau = np.concatenate([[0.0], np.logspace(-10, 2, 30)])
    ours = surface_response(tau)
    np.testing.assert_allclose(surface_response(torch.tensor(tau)).numpy(), ours, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.asarray(jax.jit(surface_response)(jnp.asarray(tau))), ours, rtol=1e-12, atol=1e-15)
    profile = profile_response(tau, XI[:5])
    np.testing.assert_allclose(profile_response(torch.tensor(tau), XI[:5]).numpy(), profile, rtol=1e-12, atol=1e-14)
    assert math.isfinite(float(jax.grad(lambda t: surface_response(t))(jnp.zeros(()))))
