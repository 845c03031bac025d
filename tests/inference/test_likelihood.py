"""The likelihood against its formula, written out by hand, and the same under three array libraries."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import stats

from twin.experiment import Experiment
from twin.inference.discrepancy import Discrepancy, Matern32, SquaredExponential
from twin.inference.likelihood import Likelihood
from twin.inference.noise import Gaussian, StudentT
from twin.inference.treatment import Treatment

Make = Callable[..., Experiment]
BOTH = ("voltage", "heat")


def decay_by_hand(theta: np.ndarray, t: np.ndarray, rate: float) -> np.ndarray:
    voltage = theta[0] * np.exp(-t * rate / theta[1])
    return np.stack([voltage, 1000 * voltage**2 + theta[2]], axis=-1)


def test_gaussian_of_two_outputs_in_different_units_is_the_sum_written_by_hand(
    decay: Any, make_experiment: Make
) -> None:
    e = make_experiment(observables=BOTH, n=7)
    likelihood = Likelihood(decay(), [e])
    assert likelihood.space.names == ("amplitude", "tau", "offset", "noise_voltage", "noise_heat")
    assert [likelihood.space[n].unit for n in likelihood.space.names[3:]] == ["V", "mW"]
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0])
    f = decay_by_hand(theta, e.x[:, 0], 1.0)
    expected = sum(
        -0.5 * (e.y[i, j] - f[i, j]) ** 2 / s**2 - math.log(s * math.sqrt(2 * math.pi))
        for i in range(7)
        for j, s in enumerate((0.03, 12.0))
    )
    assert likelihood.log_prob(theta) == pytest.approx(expected, rel=1e-13)


def test_student_t_is_scipys(decay: Any, make_experiment: Make) -> None:
    e = make_experiment(observables=BOTH, n=9)
    likelihood = Likelihood(decay(), [e], noise=StudentT(nu=3.5))
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0])
    expected = stats.t.logpdf(e.y, 3.5, loc=decay_by_hand(theta, e.x[:, 0], 1.0), scale=np.array([0.03, 12.0]))
    np.testing.assert_allclose(likelihood.pointwise(theta), np.ravel(expected), rtol=1e-12)


def test_own_sd_and_surrogate_error_add_in_quadrature_and_bias_is_subtracted(decay: Any, make_experiment: Make) -> None:
    e = make_experiment(observables=BOTH, n=9)
    own = np.abs(np.random.default_rng(2).standard_normal((9, 2))) * [0.01, 10.0]
    likelihood = Likelihood(decay(bias=0.002, sd=0.004), [replace(e, sd=own)])
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0])
    mean = decay_by_hand(theta, e.x[:, 0], 1.0) - np.array([0.002, 2.0])
    scale = np.sqrt(np.array([0.03, 12.0]) ** 2 + own**2 + np.array([0.004, 4.0]) ** 2)
    np.testing.assert_allclose(likelihood.pointwise(theta), stats.norm.logpdf(e.y, mean, scale).ravel(), rtol=1e-12)
    np.testing.assert_allclose(likelihood.predict(theta)[0], mean, rtol=1e-14)

    without = Likelihood(decay(bias=0.002, sd=0.004), [replace(e, sd=own)], surrogate_error=Treatment.NONE)
    scale = np.sqrt(np.array([0.03, 12.0]) ** 2 + own**2)
    expected = stats.norm.logpdf(e.y, decay_by_hand(theta, e.x[:, 0], 1.0), scale)
    np.testing.assert_allclose(without.pointwise(theta), np.ravel(expected), rtol=1e-12)

    plugged = Likelihood(decay(bias=0.002, sd=0.004), [replace(e, sd=own)], surrogate_error=Treatment.PLUG_IN)
    expected = stats.norm.logpdf(e.y, mean, scale)
    np.testing.assert_allclose(plugged.pointwise(theta), np.ravel(expected), rtol=1e-12)


@pytest.mark.parametrize("noise", [Gaussian(), StudentT(4.0), StudentT(30.0)])
def test_information_is_the_expected_square_of_the_score(noise: Any) -> None:
    r, step = np.linspace(-400.0, 400.0, 4_000_001), 1e-5
    density = np.exp(noise.log_prob(r, np.ones(1)))
    location = (noise.log_prob(r + step, np.ones(1)) - noise.log_prob(r - step, np.ones(1))) / (2 * step)
    scale = (noise.log_prob(r, np.array([1 + step])) - noise.log_prob(r, np.array([1 - step]))) / (2 * step)
    for score, stated in zip((location, scale), noise.information, strict=True):
        assert np.sum(score**2 * density) * (r[1] - r[0]) == pytest.approx(stated, rel=1e-4)


def test_outputs_are_means_and_log_scales_with_their_information(decay: Any, make_experiment: Make) -> None:
    e = make_experiment(observables=BOTH, n=5)
    y = e.y.copy()
    y[1, 1] = np.nan
    gappy = Experiment(e.name, e.conditions, e.coordinates, e.x, BOTH, y, e.units)
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0])
    values, information, coupled, following = Likelihood(decay(), [gappy]).outputs(theta)
    assert (coupled, following) == (None, None)
    seen, scale = np.isfinite(y), np.array([0.03, 12.0])
    mean = np.where(seen, decay_by_hand(theta, e.x[:, 0], 1.0), 0.0)
    np.testing.assert_allclose(values, np.concatenate([mean.ravel(), (seen * np.log(scale)).ravel()]), rtol=1e-13)
    np.testing.assert_allclose(information, np.concatenate([(seen / scale**2).ravel(), (seen * 2.0).ravel()]))


def test_masked_values_do_not_count_whatever_they_are(decay: Any, make_experiment: Make) -> None:
    e = make_experiment(observables=BOTH, n=9)
    y = e.y.copy()
    y[2, 0] = y[5:, 1] = np.nan
    likelihood = Likelihood(decay(), [Experiment(e.name, e.conditions, e.coordinates, e.x, BOTH, y, e.units)])
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0])
    every = Likelihood(decay(), [e]).pointwise(theta).reshape(9, 2)
    np.testing.assert_allclose(likelihood.pointwise(theta), every[np.isfinite(y)], rtol=1e-14)
    assert likelihood.log_prob(theta) == pytest.approx(every[np.isfinite(y)].sum(), rel=1e-13)


def test_experiments_share_theta_and_may_have_their_own_noise(decay: Any, make_experiment: Make) -> None:
    first, second = make_experiment("a/b", observables=BOTH), make_experiment("second", rate=2.0, n=11)
    shared = Likelihood(decay(), [first, second])
    assert shared.space.names[3:] == ("noise_voltage", "noise_heat")
    own = Likelihood(decay(), [first, second], noise_per_experiment=True)
    assert own.space.names[3:] == ("noise_voltage[a-b]", "noise_voltage[second]", "noise_heat[a-b]")
    theta = np.array([1.2, 1.0, 10.0, 0.03, 0.05, 12.0])
    alone = Likelihood(decay(), [first]).log_prob(theta[[0, 1, 2, 3, 5]])
    other = Likelihood(decay(), [second]).log_prob(theta[[0, 1, 2, 4]])
    assert own.log_prob(theta) == pytest.approx(alone + other, rel=1e-13)
    assert own.pointwise(theta).shape == (80 + 11,)


def full(decay: Any, make_experiment: Make, noise: object) -> tuple[Likelihood, np.ndarray]:
    first, second = make_experiment("first", observables=BOTH), make_experiment("second", rate=2.0, n=11)
    first.y[3, 1] = np.nan
    masked = replace(first, mask=np.isfinite(first.y), sd=np.full(first.y.shape, 0.01))
    gap = Discrepancy({"voltage": 0.01}, Matern32(0.3))
    likelihood = Likelihood(decay(0.001, 0.002), [masked, second], noise=noise, discrepancy=gap)  # type: ignore[arg-type]
    return likelihood, likelihood.space.draw(12, seed=4).reshape(3, 4, -1)


@dataclass(frozen=True)
class Counted:
    """A forward map that remembers how often it was asked; ``looking`` makes it look at the conditions' values."""

    of: Any
    looking: bool = False
    asked: list[int] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def __call__(self, theta: Any, c: Any, x: Any) -> Any:
        self.asked.append(len(x))
        return self.of(theta, np.asarray(c) if self.looking else c, x)


@pytest.mark.parametrize("looking", [False, True])
def test_experiments_of_unequal_length_are_compiled_as_one_where_conditions_may_be_traced(
    decay: Any, make_experiment: Make, looking: bool
) -> None:
    every = [make_experiment(f"e{n}", rate=0.1 * n, n=n, observables=BOTH) for n in (4, 11, 7)]
    counted = Counted(decay(0.001, 0.002), looking)
    likelihood = Likelihood(counted, every)
    theta = likelihood.space.draw(3, seed=1)
    expected = likelihood.log_prob(theta)
    assert likelihood.together is not looking
    counted.asked.clear()
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(likelihood.log_prob)(jnp.asarray(theta)), expected, rtol=1e-12)
    assert counted.asked == ([4, 11, 7] if looking else [11])


@pytest.mark.parametrize("noise", [Gaussian(), StudentT(4.0)])
def test_numpy_torch_and_jax_agree_to_rounding_and_batches_equal_loops(
    decay: Any, make_experiment: Make, noise: Any
) -> None:
    likelihood, theta = full(decay, make_experiment, noise)
    expected, points = likelihood.log_prob(theta), likelihood.pointwise(theta)
    assert expected.shape == (3, 4)
    if not noise.gaussian:
        np.testing.assert_allclose(points.sum(-1), expected, rtol=1e-12)
    one_by_one = [[likelihood.log_prob(t) for t in row] for row in theta]
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-12)
    np.testing.assert_allclose(likelihood.log_prob(torch.as_tensor(theta)).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(likelihood.pointwise(torch.as_tensor(theta)).numpy(), points, rtol=1e-12, atol=1e-12)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(likelihood.log_prob)(jnp.asarray(theta)), expected, rtol=1e-12)
        in_jax = jax.jit(likelihood.pointwise)(jnp.asarray(theta))
        np.testing.assert_allclose(in_jax, points, rtol=1e-12, atol=1e-12)


def test_replicates_scatter_around_the_prediction_with_the_scale(decay: Any, make_experiment: Make) -> None:
    likelihood = Likelihood(decay(sd=0.01, bias=0.0), [make_experiment(observables=BOTH, n=4)])
    theta = np.tile([1.2, 1.0, 10.0, 0.03, 12.0], (40000, 1))
    (new,), (mean,), (scale,) = likelihood.replicate(theta, 1), likelihood.predict(theta), likelihood.scale(theta)
    np.testing.assert_array_less(np.abs(new.mean(0) - mean[0]), 4.5 * scale[0] / 200)
    np.testing.assert_allclose(new.std(0), scale[0], rtol=0.02)
    assert np.array_equal(new, likelihood.replicate(theta, 1)[0])


@pytest.mark.parametrize("kernel", [SquaredExponential(0.2), SquaredExponential(0.5), Matern32(0.2)])
def test_discrepancy_has_the_kernels_covariance(kernel: Any) -> None:
    x = np.linspace(2.0, 6.0, 41)[:, None]
    basis = Discrepancy({"voltage": 0.01}, kernel).basis(x)
    assert basis.shape == (41, kernel.terms)
    r = np.abs(x - x.T) / (kernel.lengthscale * 4.0)
    exact = np.exp(-0.5 * r**2)
    if isinstance(kernel, Matern32):
        exact = (1 + math.sqrt(3) * r) * np.exp(-math.sqrt(3) * r)
    assert np.max(np.abs(basis @ basis.T - exact)) < 0.06


def test_sampled_discrepancy_adds_size_times_basis_times_coefficients(decay: Any, make_experiment: Make) -> None:
    e, gap = make_experiment(observables=BOTH, n=9), Discrepancy({"heat": 5.0})
    likelihood = Likelihood(decay(), [e], noise=StudentT(4.0), discrepancy=gap)
    assert likelihood.space["discrepancy_heat"].unit == "mW"
    assert len(likelihood.latent) == gap.kernel.terms
    beta = np.random.default_rng(0).standard_normal(gap.kernel.terms)
    theta = np.array([1.2, 1.0, 10.0, 0.03, 12.0, 7.0, *beta])
    (mean,), (plain,) = likelihood.predict(theta), likelihood.predict(theta, discrepancy=False)
    np.testing.assert_allclose(mean - plain, np.stack([np.zeros(9), 7.0 * gap.basis(e.x) @ beta], -1), atol=1e-12)


def test_what_does_not_fit_is_refused_with_what_was_expected(decay: Any, make_experiment: Make) -> None:
    e = make_experiment()
    cases = [
        ([], "at least one experiment"),
        ([e, e], "different names"),
        ([replace(e, coordinates=("distance",))], r"coordinates must be \('time',\)"),
        ([replace(e, observables=("volt",))], "did you mean 'voltage'"),
        ([replace(e, units={"voltage": "mV"})], "voltage must be in V, got mV"),
        ([replace(e, conditions={"rate": 9.0})], r"outside the valid range \[0.1, 3\]"),
        ([replace(e, conditions={"speed": 1.0})], "no parameter 'speed'"),
    ]
    for experiments, message in cases:
        with pytest.raises(ValueError, match=message):
            Likelihood(decay(), experiments)
    with pytest.raises(ValueError, match="no observable 'heat' was measured"):
        _ = Likelihood(decay(), [e], discrepancy=Discrepancy({"heat": 1.0})).space
