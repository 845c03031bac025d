"""The error model finds what errors were made of, where they depend on θ, and holds on further draws."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.error import ErrorModel, constant_error, terms
from twin.error_fit import CENTRAL, Errors, fit_error, reach_of, standardised
from twin.priors import LogNormal, Uniform
from twin.space import Floats, Parameter, Space

SPACE = Space(
    (
        Parameter("a", "1", Uniform(-1.0, 3.0), 1.0, "", "test"),
        Parameter("b", "1", LogNormal(1.0, 0.4), 1.0, "", "test"),
    )
)
CONDITIONS = Space((Parameter("c", "1", Uniform(0.0, 1.0), 0.5, "", "test"),))
JOINT = SPACE + CONDITIONS
S = np.linspace(0.0, 1.0, 21)
SHAPES = np.stack([np.sin(np.pi * S), np.cos(2 * np.pi * S)], axis=-1)


def made(n: int, seed: int, *, moving: bool = True, uneven: bool = True) -> Errors:
    """0.1 + (u_a + ξ s) sin + 0.3 ξ' cos + white noise of 0.01, with u_a the centred parameter a; s = e^(u_c)."""
    rng = np.random.default_rng(seed)
    joint = JOINT.draw(n, seed)
    centre, width = reach_of(JOINT)
    u = (joint - centre) / width
    mean = u[:, 0] if moving else 0 * u[:, 0]
    size = np.exp(u[:, 2]) if uneven else 1 + 0 * u[:, 2]
    weights = np.stack([mean + size * rng.standard_normal(n), 0.3 * rng.standard_normal(n)], axis=-1)
    values = 0.1 + weights @ SHAPES.T + 0.01 * rng.standard_normal((n, len(S)))
    return Errors(joint, values[..., None])


def fit(space: Space, errors: Errors) -> ErrorModel:
    return fit_error(errors, *reach_of(space))


def test_patterns_means_and_spreads_are_those_the_errors_were_made_of() -> None:
    model = fit(JOINT, made(1500, seed=0))
    assert model.modes.shape[-1] == 2
    first = model.modes[:, 0, 0]
    assert abs(np.corrcoef(first, SHAPES[:, 0])[0, 1]) > 0.99
    centre, width = reach_of(JOINT)
    for u in ([0.8, 0.0, -0.8], [-0.8, 0.3, 0.8]):
        at = model.at(np.array([u[2] * width[2] + centre[2]]), S)
        theta = np.array(u[:2]) * width[:2] + centre[:2]
        expected = np.sqrt((np.exp(u[2]) * SHAPES[:, 0]) ** 2 + (0.3 * SHAPES[:, 1]) ** 2 + 0.01**2)
        away = np.abs(at.mean(theta)[:, 0] - 0.1 - u[0] * SHAPES[:, 0])
        assert np.all(away < 0.25 * expected + 0.02), "a small part of what scatters there"
        np.testing.assert_allclose(at.sd(theta)[:, 0], expected, rtol=0.35, atol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_the_error_model_holds_on_further_draws(seed: int) -> None:
    model = fit(JOINT, made(400, seed=seed))
    z = standardised(model, made(1000, seed=100 + seed), len(SPACE))
    assert np.mean(np.abs(z) < 1.645) == pytest.approx(0.9, abs=0.03)
    assert np.mean(z**2) == pytest.approx(1.0, abs=0.2)


def test_a_few_wild_solves_move_neither_the_mean_nor_the_spread_of_all_others() -> None:
    tame, wild = made(300, seed=5, moving=False, uneven=False), made(300, seed=5, moving=False, uneven=False)
    wild.values[:12] += 20.0
    expected, found = (fit(JOINT, errors).at(np.array([0.5]), S) for errors in (tame, wild))
    theta = SPACE.nominal
    usual = expected.sd(theta)
    assert np.abs(found.mean(theta) - expected.mean(theta)).max() < 0.2 * usual.max()
    assert np.sqrt(np.mean(found.sd(theta) ** 2)) < 1.25 * np.sqrt(np.mean(usual**2))
    z = standardised(fit(JOINT, wild), made(300, seed=6, moving=False, uneven=False), len(SPACE))
    assert 0.86 < np.mean(np.abs(z) < CENTRAL) < 0.96


def test_a_model_that_ignores_theta_does_not_hold_where_errors_depend_on_it() -> None:
    blind = fit(Space((JOINT.parameters[1], JOINT.parameters[1].__class__(**{**vars(JOINT["c"]), "name": "d"}))),
                      Errors(np.random.default_rng(0).uniform(0.5, 1, (400, 2)), made(400, seed=1).values))  # fmt: skip
    assert len(blind.log_scale) == 1
    fresh = made(2000, seed=5)
    corner = fresh.joint[:, 2] > 0.9
    at = blind.at(np.array([0.7]), S)
    z = (fresh.values[corner] - at.mean(np.array([0.7]))) / at.sd(np.array([0.7]))
    assert np.mean(np.abs(z) < 1.645) < 0.8


def test_nothing_depends_on_theta_unless_the_errors_do() -> None:
    model = fit(JOINT, made(400, seed=2, moving=False, uneven=False))
    assert len(model.mean) == len(model.log_scale) == 1


def test_values_after_the_end_of_the_reference_do_not_count() -> None:
    errors = made(400, seed=3)
    errors.values[:, 15:][::2] = np.nan
    model = fit(JOINT, errors)
    assert all(np.isfinite(table).all() for table in vars(model).values())
    z = standardised(model, made(1000, seed=8), len(SPACE))
    assert np.mean(np.abs(z) < 1.645) == pytest.approx(0.9, abs=0.06)


def some_model() -> ErrorModel:
    return fit(JOINT, made(300, seed=4))


def test_the_covariance_is_low_rank_plus_diagonal_under_three_libraries() -> None:
    at = some_model().at(np.array([0.3]), np.array([0.1, 0.4, 0.5, 0.93]))
    theta = SPACE.draw(6, seed=1).reshape(2, 3, 2)
    parts: dict[str, Any] = {"mean": at.mean, "factor": at.factor, "variance": at.variance, "sd": at.sd}
    for name, part in parts.items():
        ours: Floats = part(theta)
        assert ours.shape[:4] == (2, 3, 4, 1), name
        np.testing.assert_allclose(part(theta[1, 2]), ours[1, 2], rtol=1e-12)
        np.testing.assert_allclose(part(torch.as_tensor(theta)).numpy(), ours, rtol=1e-12)
        with jax.enable_x64(True):
            np.testing.assert_allclose(jax.jit(part)(jnp.asarray(theta)), ours, rtol=1e-12)
    total = at.variance(theta) + (at.factor(theta) ** 2).sum(-1)
    np.testing.assert_allclose(at.sd(theta) ** 2, total, rtol=1e-12)


def test_polynomials_are_not_followed_far_outside_the_prior() -> None:
    far = np.array([[50.0, -50.0]])
    np.testing.assert_allclose(terms(far), terms(np.array([[1.5, -1.5]])))


def test_a_constant_error_is_what_was_given_and_can_be_cut() -> None:
    bias, sd = np.arange(6.0).reshape(3, 2), np.arange(1.0, 7.0).reshape(3, 2)
    error, theta = constant_error(bias, sd), SPACE.draw(4, seed=0)
    np.testing.assert_array_equal(error.mean(theta), np.broadcast_to(bias, (4, 3, 2)))
    np.testing.assert_allclose(error.sd(theta), np.broadcast_to(sd, (4, 3, 2)))
    np.testing.assert_array_equal(error.of((1,)).mean(theta)[..., 0], np.broadcast_to(bias[:, 1], (4, 3)))


def test_solves_without_a_reference_change_nothing() -> None:
    errors, lost = made(200, seed=6), made(50, seed=7)
    model = fit(JOINT, errors)
    joint = np.concatenate([errors.joint, lost.joint])
    more = fit(JOINT, Errors(joint, np.concatenate([errors.values, np.full_like(lost.values, np.nan)])))
    for name, table in vars(model).items():
        np.testing.assert_array_equal(vars(more)[name], table)
