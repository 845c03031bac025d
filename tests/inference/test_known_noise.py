"""Errors that are known are not sampled: the same formula with the stated sd, alone or beside a sampled scale."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import stats

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.inference.checks import run_checks
from twin.inference.density import density_of
from twin.inference.held_out import held_out_error
from twin.inference.identifiability.design import Candidate, imagined, rank
from twin.inference.identifiability.identify import identify
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import assemble, describe
from twin.inference.report.tables import setup
from twin.inference.units.solve import Units, solve_units
from twin.model import Coordinate, Forward, Observable, known_errors
from twin.priors import HalfNormal, Normal
from twin.space import Floats, Parameter, Space

HEAT = Observable("heat", "mW", "heat", noise=None, sd=12.0)
BOTH = ("voltage", "heat")
THETA = np.array([1.2, 1.0, 10.0, 0.03])


@pytest.fixture(scope="module")
def mixed(decay: Any) -> Forward:
    """The decay whose voltage has a sampled noise scale and whose heat is read with a known error."""

    @dataclass(frozen=True, eq=False)
    class Mixed(decay):  # type: ignore[misc]
        @property
        def observables(self) -> tuple[Observable, ...]:
            return (super().observables[0], HEAT)

    made: Forward = Mixed()
    return made


@pytest.fixture(scope="module")
def readings(make_experiment: Callable[..., Experiment]) -> Experiment:
    """Nine pairs; the voltage states no error of its own, the heat a different one at each point, but two gaps."""
    e = make_experiment(observables=BOTH, n=9)
    y, sd = e.y.copy(), np.stack([np.zeros(9), np.linspace(8.0, 16.0, 9)], axis=-1)
    y[[2, 5], 1] = sd[[2, 5], 1] = np.nan
    return Experiment(e.name, e.conditions, e.coordinates, e.x, BOTH, y, e.units, sd=sd)


def test_an_observable_has_either_a_prior_of_its_noise_or_a_known_error() -> None:
    assert HEAT.typical == 12.0
    assert Observable("v", "V", "", HalfNormal(1.0)).typical == pytest.approx(0.6745, abs=1e-4)
    for noise, sd in ((None, None), (None, 0.0), (None, np.nan), (HalfNormal(1.0), 1.0), (HalfNormal(1.0), -1.0)):
        with pytest.raises(ValueError, match=r"observable v: expected a prior of its noise, or noise=None .* sd > 0 V"):
            Observable("v", "V", "", noise, sd)


def test_a_known_error_has_no_parameter_and_is_the_whole_scale(mixed: Forward, readings: Experiment) -> None:
    likelihood = Likelihood(mixed, [readings])
    assert likelihood.space.names == ("amplitude", "tau", "offset", "noise_voltage")
    assert likelihood.blocks[0].noise == (3, None)
    assert readings.sd is not None
    f = np.asarray(mixed(THETA[:3], np.array([1.0]), readings.x))
    scale = np.stack([np.full(9, 0.03), readings.sd[:, 1]], axis=-1)
    expected = np.asarray(stats.norm.logpdf(readings.y, f, scale))[readings.mask]
    np.testing.assert_allclose(likelihood.pointwise(THETA), expected, rtol=1e-12)
    assert likelihood.log_prob(THETA) == pytest.approx(expected.sum(), rel=1e-12)


def test_a_known_error_equals_a_sampled_scale_held_at_its_value(
    decay: Any, mixed: Forward, make_experiment: Callable[..., Experiment]
) -> None:
    e = make_experiment(observables=BOTH, n=9)
    known = Likelihood(mixed, [replace(e, sd=known_errors(mixed.observables, 9))])
    free = Likelihood(decay(), [e])
    held = np.array([*THETA, 12.0])
    np.testing.assert_allclose(known.pointwise(THETA), free.pointwise(held), rtol=1e-13)
    np.testing.assert_array_equal(known.replicate(THETA[None], 3)[0], free.replicate(held[None], 3)[0])
    for mine, theirs in zip(known.outputs(THETA)[:2], free.outputs(held)[:2], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)


def test_numpy_torch_and_jax_agree_and_gradients_are_finite_at_gaps(mixed: Forward, readings: Experiment) -> None:
    likelihood = Likelihood(mixed, [readings])
    theta = likelihood.space.draw(6, seed=1).reshape(2, 3, -1)
    expected = likelihood.log_prob(theta)
    tensor = torch.as_tensor(theta).requires_grad_()
    value = likelihood.log_prob(tensor)
    np.testing.assert_allclose(value.detach().numpy(), expected, rtol=1e-12)
    (slope,) = torch.autograd.grad(value.sum(), tensor)
    assert torch.isfinite(slope).all()
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(likelihood.log_prob)(jnp.asarray(theta)), expected, rtol=1e-12)
        in_jax = jax.grad(lambda t: likelihood.log_prob(t).sum())(jnp.asarray(theta))
        np.testing.assert_allclose(in_jax, slope.numpy(), rtol=1e-9)


def test_a_measured_value_whose_error_nobody_knows_is_refused(mixed: Forward, readings: Experiment) -> None:
    assert readings.sd is not None
    zero, gap = readings.sd.copy(), readings.sd.copy()
    zero[4, 1], gap[7, 1] = 0.0, np.nan
    for sd, got in ((None, "no sd"), (zero, "0 at row 4 of 9"), (gap, "nan at row 7 of 9"), (-readings.sd, "-8 at")):
        with pytest.raises(ValueError, match=rf"first: the error of heat .* expected a finite sd > 0 mW .* got {got}"):
            Likelihood(mixed, [replace(readings, sd=sd)])


# A line measured with a known error: the posterior is known in closed form


NONE = Space(())
TWO = Space(tuple(Parameter(n, "mL", Normal(0.0, 2.0), 0.0, "", "test") for n in "ab"))


@dataclass(frozen=True, eq=False)
class Line:
    """y = a + b x, read with a known error."""

    space: Space = TWO
    conditions: Space = NONE
    coordinates: tuple[Coordinate, ...] = (Coordinate("x", "1", ""),)
    observables: tuple[Observable, ...] = (Observable("volume", "mL", "", None, 0.3),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        a, b = theta[..., 0, None], theta[..., 1, None]
        return namespace(theta).stack([a + b * like(x, theta)[:, 0]], axis=-1)

    def error(self, c: Array, x: Array) -> None:
        return None


X = np.linspace(0.0, 1.0, 8)[:, None]
ERRORS = np.linspace(0.2, 0.5, 8)[:, None]
DESIGN = np.concatenate([np.ones_like(X), X], axis=1)


def volumes(seed: int) -> Experiment:
    y = 1.0 - 0.5 * X + ERRORS * np.random.default_rng(seed).standard_normal(X.shape)
    return Experiment(f"set {seed}", {}, ("x",), X, ("volume",), y, {"volume": "mL"}, sd=ERRORS)


def exact(y: Floats) -> tuple[Floats, Floats]:
    """N(Σ Xᵀ(y/ς²), Σ), Σ⁻¹ = Xᵀ diag(1/ς²) X + I/4: mean and covariance."""
    covariance = np.linalg.inv((DESIGN / ERRORS**2).T @ DESIGN + np.eye(2) / 4.0)
    return covariance @ (DESIGN / ERRORS**2).T @ y[:, 0], covariance


def test_the_ladder_finds_the_exact_posterior_and_it_passes_its_checks() -> None:
    likelihood = Likelihood(Line(), [volumes(0)])
    assert likelihood.space.names == ("a", "b")
    sample = sample_ladder(density_of(likelihood), seed=0)
    mean, covariance = exact(likelihood.experiments[0].y)
    draws = sample.theta.reshape(-1, 2)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose((draws.mean(axis=0) - mean) / sd, 0.0, atol=0.06)
    np.testing.assert_allclose(np.cov(draws.T) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.05)
    posterior = assemble(likelihood, sample)
    np.testing.assert_allclose(posterior.series[0].noise, ERRORS[:, 0])
    assert all(check.passed for check in run_checks(posterior))
    assert setup(posterior, {}).content["scales"] == "with the standard errors that the data state"


def test_units_with_known_errors_have_their_exact_posteriors() -> None:
    y = np.stack([volumes(k).y for k in range(5)])
    answers = solve_units(Units(Likelihood(Line(), [volumes(0)])), ((y, np.ones(y.shape, dtype=bool)),))
    for answer in answers:
        mean, covariance = exact(y[answer.unit])
        sd = np.sqrt(np.diag(covariance))
        np.testing.assert_allclose((answer.mean - mean) / sd, 0.0, atol=0.1)
        np.testing.assert_allclose(answer.sd, sd, rtol=0.1)


def test_a_unit_measured_where_the_first_was_not_has_the_usual_error() -> None:
    first = replace(volumes(0), mask=np.arange(8)[:, None] < 5, sd=np.where(np.arange(8)[:, None] < 5, ERRORS, np.nan))
    likelihood = Likelihood(Line(), [first])
    y = volumes(1).y
    found = likelihood.log_prob(np.array([1.0, -0.5]), ((y, np.ones(y.shape, dtype=bool)),))
    scale = np.where(np.arange(8)[:, None] < 5, ERRORS, 0.3)
    assert found == pytest.approx(np.sum(stats.norm.logpdf(y, 1.0 - 0.5 * X, scale)), rel=1e-12)


def test_a_candidate_is_read_with_the_error_of_the_data_or_the_usual_one() -> None:
    likelihood = Likelihood(Line(), [volumes(0)])
    candidate = Candidate("again", {}, X, ("volume",))
    other = imagined(likelihood, candidate)
    np.testing.assert_allclose(other.scale(np.zeros(2))[0], np.exp(np.mean(np.log(ERRORS))))
    (gain,) = rank(likelihood, [candidate], np.zeros((1, 2)))
    now = np.eye(2) + 4.0 * (DESIGN / ERRORS**2).T @ DESIGN
    new = 4.0 * DESIGN.T @ DESIGN / np.exp(np.mean(np.log(ERRORS**2)))
    expected = 0.5 * (np.linalg.slogdet(now + new)[1] - np.linalg.slogdet(now)[1])
    assert gain.gain == pytest.approx(expected, rel=1e-6)


def test_identifiability_needs_no_noise_parameter() -> None:
    likelihood = Likelihood(Line(), [volumes(0)])
    told = identify(likelihood, seed=0, at=np.array([1.0, -0.5]))
    np.testing.assert_allclose(told["mode"]["sd"], np.sqrt(np.diag(exact(volumes(0).y)[1])), rtol=1e-5)


def test_a_held_out_error_is_what_known_errors_do_not_explain() -> None:
    likelihood = Likelihood(Line(), [volumes(0)])
    theta = np.random.default_rng(0).multivariate_normal(*exact(volumes(0).y), size=400)
    off = [replace(volumes(k), y=volumes(k).y + 1.0) for k in range(10, 40)]
    assert held_out_error(likelihood, theta, off)["volume"] == pytest.approx(1.0, abs=0.25)
    assert held_out_error(likelihood, theta, [volumes(50)]).get("volume", 0.0) < 0.3


def test_the_record_tells_known_from_sampled_errors(mixed: Forward, readings: Experiment) -> None:
    told = describe(Likelihood(mixed, [readings]))
    assert (told["known_errors"], told["sampled_errors"]) == (["heat"], ["voltage"])
    told = describe(Likelihood(Line(), [volumes(0)]))
    assert (told["known_errors"], told["sampled_errors"]) == (["volume"], [])
