"""An error that slides along the predicted curve, in the likelihood: a pattern that depends on θ."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import stats

from twin.arrays import Array, namespace
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.forward import Fixed
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.treatment import Treatment
from twin.slide import STEP
from twin.space import Floats

Make = Callable[..., Experiment]
A, S, MEAN, RATE = 0.01, 0.03, -0.004, 2.0
"""Sizes of the constant pattern and of the slide, the slide's mean, and the second experiment's condition."""


@dataclass(frozen=True, eq=False)
class Sliding:
    """A forward map that claims a constant pattern of size A τ and a slide of N(MEAN, (S τ)²), the rest being 0.01."""

    inner: Any
    slope: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return self.inner(theta, c, x)

    def error(self, c: Array, x: Array) -> ForwardError:
        def coefficients(theta: Array) -> tuple[Array, Array]:
            xp, tau = namespace(theta), theta[..., 1:2]
            mean, size = [0 * tau, 0 * tau + MEAN], [A * tau, S * tau, 0 * tau + 1]
            return xp.concat(mean[: 1 + self.slope], axis=-1), xp.concat(size[: 1 + self.slope] + size[2:], axis=-1)

        rest = np.full((len(x), 1), 0.01)
        return ForwardError(0 * rest, rest, np.sin(x)[..., None], coefficients, self.slope)


def two(voltage_only: Any, make_experiment: Make, **options: Any) -> Likelihood:
    first, second = make_experiment("first", n=12), make_experiment("second", rate=RATE, n=7)
    y = first.y.copy()
    y[3] = np.nan
    masked = replace(first, y=y, mask=np.isfinite(y))
    return Likelihood(Sliding(voltage_only), [masked, second], **options)


def by_hand(theta: Floats, t: Floats, rate: float) -> tuple[Floats, Floats, Floats]:
    """a exp(-t c/τ), its slide (to the next time, and a step beyond the last) and the constant pattern."""
    times = np.append(t, t[-1] * (1 + STEP))
    curve = theta[0] * np.exp(-times * rate / theta[1])
    return curve[:-1], t * np.diff(curve) / np.diff(times), np.sin(t)


THETA = np.array([1.2, 1.1, 0.03])


def test_the_likelihood_is_the_dense_gaussian_with_one_column_more(voltage_only: Any, make_experiment: Make) -> None:
    likelihood = two(voltage_only, make_experiment)
    expected = 0.0
    for block, rate in zip(likelihood.blocks, (1.0, RATE), strict=True):
        t, seen = block.x[:, 0], block.mask[:, 0]
        curve, slide, wave = by_hand(THETA, t, rate)
        own = THETA[1] * np.stack([A * wave, S * slide], axis=-1)
        dense = (np.eye(len(t)) * (0.03**2 + 0.01**2) + own @ own.T)[np.ix_(seen, seen)]
        expected += stats.multivariate_normal((curve - MEAN * slide)[seen], dense).logpdf(block.y[seen, 0])
    assert likelihood.log_prob(THETA) == pytest.approx(expected, rel=1e-11)
    assert [f.names for f in likelihood.patterns] == [
        tuple(f"surrogate_error[{name}][{k}]" for k in (0, 1)) for name in ("first", "second")
    ]


def test_plug_in_subtracts_the_mean_slide_and_none_does_not(voltage_only: Any, make_experiment: Make) -> None:
    for treatment, mean in ((Treatment.PLUG_IN, MEAN), (Treatment.NONE, 0.0)):
        likelihood = two(voltage_only, make_experiment, surrogate_error=treatment)
        for block, rate, found in zip(likelihood.blocks, (1.0, RATE), likelihood.predict(THETA), strict=True):
            curve, slide, _ = by_hand(THETA, block.x[:, 0], rate)
            np.testing.assert_allclose(found[:, 0], curve - mean * slide, rtol=1e-12)


def test_the_error_left_uncorrected_contains_the_slide(voltage_only: Any, make_experiment: Make) -> None:
    (first, _) = two(voltage_only, make_experiment).forward_error(THETA)
    _, slide, wave = by_hand(THETA, np.linspace(0.0, 3.0, 12), 1.0)
    np.testing.assert_allclose(first[:, 0] ** 2, THETA[1] ** 2 * (A**2 * wave**2 + S**2 * slide**2) + 0.01**2)


def test_answers_that_are_given_take_the_place_of_the_curve_but_not_of_its_slide(
    voltage_only: Any, make_experiment: Make
) -> None:
    likelihood = two(voltage_only, make_experiment)
    curves = [by_hand(THETA, b.x[:, 0], rate)[0][:, None] for b, rate in zip(likelihood.blocks, (1, RATE), strict=True)]
    same = likelihood.log_prob(THETA, predicted=tuple(curves))
    assert same == pytest.approx(float(likelihood.log_prob(THETA)), rel=1e-12)
    shifted = tuple((b.y + 0.1, b.mask) for b in likelihood.blocks)
    moved = likelihood.log_prob(THETA, shifted, predicted=tuple(curve + 0.1 for curve in curves))
    assert moved == pytest.approx(float(same), rel=1e-10)


def test_three_libraries_agree_and_gradients_are_those_of_differences(voltage_only: Any, make_experiment: Make) -> None:
    likelihood = two(voltage_only, make_experiment, discrepancy=Discrepancy({"voltage": 0.02}))
    theta = likelihood.space.draw(6, seed=2).reshape(2, 3, -1)
    ours, at = likelihood.log_prob(theta), np.array([1.2, 1.1, 0.03, 0.05])
    np.testing.assert_allclose(likelihood.log_prob(torch.as_tensor(theta)).numpy(), ours, rtol=1e-9, atol=1e-9)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(likelihood.log_prob)(jnp.asarray(theta)), ours, rtol=1e-9, atol=1e-9)
        gradient = jax.jit(jax.grad(likelihood.log_prob))(jnp.asarray(at))
    shifts = 1e-6 * np.eye(4)
    difference = (likelihood.log_prob(at + shifts) - likelihood.log_prob(at - shifts)) / 2e-6
    np.testing.assert_allclose(gradient, difference, rtol=1e-5, atol=1e-3)


def test_sampled_coefficients_integrate_to_the_marginalised_likelihood(
    voltage_only: Any, make_experiment: Make
) -> None:
    whole = two(voltage_only, make_experiment)
    parts = two(voltage_only, make_experiment, noise=StudentT(1e7))
    xi = np.random.default_rng(1).standard_normal((200_000, 4))
    values = parts.log_prob(np.concatenate([np.tile(THETA, (len(xi), 1)), xi], axis=1))
    average = np.logaddexp.reduce(values) - np.log(len(xi))
    assert average == pytest.approx(float(whole.log_prob(THETA)), abs=0.02)


def test_a_parameter_that_is_fixed_slides_as_it_did(voltage_only: Any, make_experiment: Make) -> None:
    whole = two(voltage_only, make_experiment)
    fixed = replace(whole, forward=Fixed(Sliding(voltage_only), {"amplitude": 1.2}))
    assert fixed.log_prob(THETA[1:]) == pytest.approx(float(whole.log_prob(THETA)), rel=1e-12)


def test_one_time_is_enough(voltage_only: Any, make_experiment: Make) -> None:
    e = make_experiment(n=12)
    one = replace(e, x=e.x[5:6], y=e.y[5:6], mask=e.mask[5:6])
    slide = THETA[0] * np.exp(-e.x[5, 0] / THETA[1]) * np.expm1(-STEP * e.x[5, 0] / THETA[1]) / STEP
    variance = 0.03**2 + 0.01**2 + THETA[1] ** 2 * (A**2 * np.sin(e.x[5, 0]) ** 2 + S**2 * slide**2)
    mean = THETA[0] * np.exp(-e.x[5, 0] / THETA[1]) - MEAN * slide
    expected = stats.norm(mean, np.sqrt(variance)).logpdf(e.y[5, 0])
    assert Likelihood(Sliding(voltage_only), [one]).log_prob(THETA) == pytest.approx(expected, rel=1e-10)


def test_a_curve_that_may_slide_cannot_tell_its_time_constant_better(voltage_only: Any, make_experiment: Make) -> None:
    """A relative error of time is one of τ: both scatter by S τ then."""
    e = make_experiment(n=60)
    sds = {}
    for slope in (True, False):
        draws = sample_laplace(density_of(Likelihood(Sliding(voltage_only, slope), [e])), seed=0).theta
        sds[slope] = float(np.std(draws[..., 1]) / np.mean(draws[..., 1]))
    tau = 0.9
    assert sds[True] == pytest.approx(np.hypot(S * tau, sds[False]), rel=0.15)
    assert sds[False] < S
