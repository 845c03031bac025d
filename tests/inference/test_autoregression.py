"""Errors that follow one another, against dense Gaussians written out by hand, and what they do to a calibration."""

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
from twin.inference import _arviz
from twin.inference.checks import check_predictive
from twin.inference.comparison import compare
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.identifiability.design import Candidate, carried_over, imagined, rank
from twin.inference.identifiability.information import information
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.posterior import assemble
from twin.inference.sample import Sample
from twin.inference.units.solve import Units, solve_units
from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, Normal
from twin.space import Floats, Parameter, Space

BOTH = ("voltage", "heat")
GAP = Discrepancy({"voltage": 0.05})


@pytest.fixture(scope="module")
def gappy(decay: Any, make_experiment: Callable[..., Experiment]) -> Callable[..., Likelihood]:
    """Two experiments at uneven times, of voltages that follow one another and heats that do not, both with gaps."""

    def make(**options: Any) -> Likelihood:
        experiments = []
        for name, n, seed in (("first", 12, 1), ("second", 7, 2)):
            e, rng = make_experiment(name, n=n, seed=seed, observables=BOTH), np.random.default_rng(seed)
            y = e.y.copy()
            y[[3, 4], 0] = y[[0, 4], 1] = np.nan
            x = np.cumsum(rng.uniform(0.1, 0.6, (n, 1)), axis=0)
            sd = rng.uniform(0.0, 0.03, (n, 2)) * [1.0, 500.0]
            experiments.append(replace(e, x=x, y=y, sd=sd, mask=np.isfinite(y)))
        return Likelihood(decay(0.002, 0.004), experiments, autoregressive=("voltage",), **options)

    return make


def theta_of(likelihood: Likelihood) -> Floats:
    return likelihood.space.pack(
        {"amplitude": 1.2, "tau": 1.1, "offset": 9.0, "noise_voltage": 0.03, "noise_heat": 12.0}
        | {"correlation_voltage": 0.7} | ({"discrepancy_voltage": 0.04} if likelihood.discrepancy else {})
    )  # fmt: skip


def dense(likelihood: Likelihood, theta: Floats) -> tuple[Floats, Floats, Floats]:
    """Residual, mean and covariance of the measured values, row by row and one experiment after the other."""
    step = np.median(np.concatenate([np.diff(e.x[:, 0]) for e in likelihood.experiments]))
    rho = theta[likelihood.space.index("correlation_voltage")]
    means, covariances = [], []
    for block in likelihood.blocks:
        t, n = block.x[:, 0], len(block.x)
        scale = np.sqrt(theta[3:5] ** 2 + block.own + np.array([0.004, 4.0]) ** 2)
        correlation = np.eye(2 * n).reshape(n, 2, n, 2)
        correlation[:, 0, :, 0] = rho ** (np.abs(t[:, None] - t) / step)
        whole = correlation.reshape(2 * n, 2 * n) * np.outer(scale, scale)
        if likelihood.discrepancy is not None:
            rows = np.zeros((n, 2, likelihood.discrepancy.kernel.terms))
            rows[:, 0] = theta[6] * likelihood.discrepancy.basis(block.x)
            whole = whole + rows.reshape(2 * n, -1) @ rows.reshape(2 * n, -1).T
        seen = block.mask.ravel()
        mean = np.asarray(likelihood.forward(theta[:3], block.c, block.x)) - [0.002, 2.0]
        means.append(mean.ravel()[seen])
        covariances.append(whole[np.ix_(seen, seen)])
    y = np.concatenate([b.y.ravel()[b.mask.ravel()] for b in likelihood.blocks])
    mean = np.concatenate(means)
    covariance = np.zeros((len(y), len(y)))
    start = 0
    for part in covariances:
        covariance[start : start + len(part), start : start + len(part)] = part
        start += len(part)
    return y - mean, mean, covariance


@pytest.mark.parametrize("discrepancy", [None, GAP])
def test_the_joint_density_is_the_dense_gaussian_with_gaps_and_uneven_times(
    gappy: Callable[..., Likelihood], discrepancy: Discrepancy | None
) -> None:
    likelihood = gappy(discrepancy=discrepancy)
    assert likelihood.space.names[:6] == (
        "amplitude", "tau", "offset", "noise_voltage", "noise_heat", "correlation_voltage",
    )  # fmt: skip
    theta = theta_of(likelihood)
    residual, _, covariance = dense(likelihood, theta)
    expected = stats.multivariate_normal(np.zeros(len(residual)), covariance).logpdf(residual)
    assert likelihood.log_prob(theta) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("discrepancy", [None, GAP])
def test_each_value_given_all_others_is_the_conditional_of_the_dense_gaussian(
    gappy: Callable[..., Likelihood], discrepancy: Discrepancy | None
) -> None:
    likelihood = gappy(discrepancy=discrepancy)
    theta = theta_of(likelihood)
    r, _, k = dense(likelihood, theta)
    found = likelihood.pointwise(theta)
    assert found.shape == r.shape
    for j in range(len(r)):
        others = np.delete(np.arange(len(r)), j)
        gain = np.linalg.solve(k[np.ix_(others, others)], k[others, j])
        alone = stats.norm.logpdf(r[j], gain @ r[others], np.sqrt(k[j, j] - gain @ k[others, j]))
        assert found[j] == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("discrepancy", [None, GAP])
def test_the_outputs_give_the_fisher_information_of_the_dense_gaussian(
    gappy: Callable[..., Likelihood], discrepancy: Discrepancy | None
) -> None:
    """Mᵀ K⁻¹ M of the means; without patterns also ½ tr(K⁻¹ K' K⁻¹ K') of scales and correlation, exactly."""
    likelihood = gappy(discrepancy=discrepancy)
    theta = theta_of(likelihood)
    nodes = theta + 1e-6 * np.concatenate([np.eye(len(theta)), -np.eye(len(theta))]) * theta
    wide = likelihood.outputs(nodes).values
    jacobian = (wide[: len(theta)] - wide[len(theta) :]) / (2e-6 * theta[:, None])
    found = likelihood.outputs(theta).fisher(jacobian)
    sides = [dense(likelihood, node)[1:] for node in nodes]
    mean, bend = (
        np.stack([(sides[j][i] - sides[j + len(theta)][i]) / (2e-6 * t) for j, t in enumerate(theta)]) for i in (0, 1)
    )
    inverse = np.linalg.inv(dense(likelihood, theta)[2])
    np.testing.assert_allclose(found[:3, :3], (mean @ inverse @ mean.T)[:3, :3], rtol=1e-6, atol=1e-6)
    if discrepancy is None:
        expected = mean @ inverse @ mean.T + 0.5 * np.einsum("ab,ibc,cd,jda->ij", inverse, bend, inverse, bend)
        size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        np.testing.assert_allclose(found / size, expected / size, atol=1e-6)


def test_information_is_that_of_the_whole_covariance(gappy: Callable[..., Likelihood]) -> None:
    likelihood = gappy()
    theta = theta_of(likelihood)
    found = information(likelihood, theta[None])
    nodes = theta + 1e-6 * np.concatenate([np.eye(6), -np.eye(6)])[[0, 1, 2, 6, 7, 8]]
    means = np.stack([dense(likelihood, node)[1] for node in nodes])
    slope = (means[:3] - means[3:]) / 2e-6 * found.reach[0, :, None]
    expected = slope @ np.linalg.solve(dense(likelihood, theta)[2], slope.T)
    np.testing.assert_allclose(found.matrix[0], expected, rtol=1e-4)


def test_without_correlation_errors_are_independent(gappy: Callable[..., Likelihood]) -> None:
    likelihood = gappy()
    plain = replace(likelihood, autoregressive=())
    theta = theta_of(likelihood)
    for rho in (0.0, 1e-90):
        theta[5] = rho
        np.testing.assert_allclose(likelihood.log_prob(theta), plain.log_prob(theta[:5]), rtol=1e-11)
        np.testing.assert_allclose(likelihood.pointwise(theta), plain.pointwise(theta[:5]), rtol=1e-9)


@pytest.mark.parametrize("discrepancy", [None, GAP])
def test_replicates_have_the_dense_covariance(
    gappy: Callable[..., Likelihood], discrepancy: Discrepancy | None
) -> None:
    """Around the posterior of the patterns, whose covariance given the data adds to the noise's."""
    likelihood = gappy(discrepancy=discrepancy)
    theta, n = theta_of(likelihood), 40_000
    new = likelihood.replicate(np.tile(theta, (n, 1)), seed=1)
    seen = [b.mask.ravel() for b in likelihood.blocks]
    drawn = np.concatenate([part.reshape(n, -1)[:, s] for part, s in zip(new, seen, strict=True)], axis=1)
    noise = dense(replace(likelihood, discrepancy=None), theta[:6])[2]
    expected = noise
    if discrepancy is not None:
        patterns = dense(likelihood, theta)[2] - noise
        expected = noise + patterns - patterns @ np.linalg.solve(noise + patterns, patterns)
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.max(np.abs(np.cov(drawn.T) - expected) / size) < 6.0 / np.sqrt(n)


@pytest.mark.parametrize("discrepancy", [None, GAP])
def test_numpy_torch_and_jax_agree_and_batches_equal_loops(
    gappy: Callable[..., Likelihood], discrepancy: Discrepancy | None
) -> None:
    likelihood = gappy(discrepancy=discrepancy)
    theta = likelihood.space.draw(6, seed=3).reshape(2, 3, -1)
    functions: tuple[Callable[[Array], Array], ...] = (
        likelihood.log_prob, likelihood.pointwise, lambda t: likelihood.outputs(t).weight,
    )  # fmt: skip
    for function in functions:
        ours = function(theta)
        np.testing.assert_allclose([[function(t) for t in row] for row in theta], ours, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(function(torch.as_tensor(theta)).numpy(), ours, rtol=1e-9, atol=1e-9)
        with jax.enable_x64(True):
            np.testing.assert_allclose(jax.jit(function)(jnp.asarray(theta)), ours, rtol=1e-9, atol=1e-9)
    tensor = torch.as_tensor(theta).requires_grad_()
    (slope,) = torch.autograd.grad(likelihood.log_prob(tensor).sum(), tensor)
    with jax.enable_x64(True):
        in_jax = jax.grad(lambda t: likelihood.log_prob(t).sum())(jnp.asarray(theta))
    np.testing.assert_allclose(in_jax, slope.numpy(), rtol=1e-8, atol=1e-8)


def test_other_data_may_have_gaps_of_their_own(gappy: Callable[..., Likelihood]) -> None:
    """Traced masks, one for each of several data sets, as batched units have them."""
    likelihood = gappy(discrepancy=GAP)
    theta, rng = theta_of(likelihood), np.random.default_rng(5)
    masks = tuple((rng.uniform(size=(3, *b.y.shape)) < 0.7) & b.mask for b in likelihood.blocks)
    data = tuple((np.where(m, b.y, 0.0), m) for b, m in zip(likelihood.blocks, masks, strict=True))
    expected = []
    for k in range(3):
        own = [replace(b.experiment, mask=m[k], y=b.y) for b, m in zip(likelihood.blocks, masks, strict=True)]
        expected.append(replace(likelihood, experiments=own).log_prob(theta))
    whole = np.broadcast_to(theta, (3, len(theta)))
    np.testing.assert_allclose(likelihood.log_prob(whole, data), expected, rtol=1e-11)
    with jax.enable_x64(True):
        traced = jax.jit(likelihood.log_prob)(jnp.asarray(whole), data)
        np.testing.assert_allclose(traced, expected, rtol=1e-11)
        wide = jax.jit(lambda t, d: likelihood.log_prob(t, tuple((y[:, None], m[:, None]) for y, m in d)))
        np.testing.assert_allclose(wide(jnp.asarray(whole[:, None]), data)[:, 0], expected, rtol=1e-11)


def test_the_true_solver_is_held_to_the_same_law(gappy: Callable[..., Likelihood]) -> None:
    likelihood = gappy()
    theta = np.tile(theta_of(likelihood), (40, 1))
    theta[:, 0] += np.linspace(-0.01, 0.01, 40)
    solved = tuple(p + 0.001 for p in likelihood.predict(theta))
    found = compare(likelihood, theta, solved)
    exact = replace(likelihood, forward=type(likelihood.forward)())
    expected = exact.log_prob(theta, predicted=solved) - likelihood.log_prob(theta)
    np.testing.assert_allclose(found.log_ratio, expected, rtol=1e-9)


def test_a_candidate_at_other_times_has_the_same_process(gappy: Callable[..., Likelihood]) -> None:
    likelihood = gappy()
    step = float(np.median(np.concatenate([np.diff(e.x[:, 0]) for e in likelihood.experiments])))
    theta = theta_of(likelihood)[None]
    slow = Candidate("slow", {"rate": 1.0}, 2.0 * step * np.arange(5.0)[:, None], BOTH)
    other = imagined(likelihood, slow)
    extended = carried_over(likelihood, other, theta)[0]
    assert extended[other.space.index("correlation_voltage")] == pytest.approx(0.7**2)
    once = imagined(likelihood, replace(slow, x=slow.x[:1]))
    assert once.autoregressive == ()
    assert rank(likelihood, [slow], theta)[0].gain > 0


def test_what_cannot_follow_is_refused(decay: Any, make_experiment: Callable[..., Experiment]) -> None:
    e = make_experiment()
    back = replace(e, x=np.where(np.arange(40)[:, None] == 7, e.x[5], e.x))
    single = replace(e, x=e.x[:1], y=e.y[:1], mask=np.ones((1, 1), dtype=bool))
    for experiment, options, words in (
        (e, {"autoregressive": ("volt",)}, "no observable 'volt' was measured; did you mean 'voltage'"),
        (e, {"autoregressive": ("voltage",), "noise": StudentT(4.0)}, r"must be Gaussian, got StudentT\(nu=4.0\)"),
        (back, {"autoregressive": ("voltage",)}, r"first: errors of voltage .* must increase: got .* in row 7"),
        (single, {"autoregressive": ("voltage",)}, "at least two readings of voltage"),
        (e, {"autoregressive": ("voltage", "voltage")}, "names must differ"),
    ):
        with pytest.raises(ValueError, match=words):
            Likelihood(decay(), [experiment], **options)


# A line under correlated errors: does the calibration know what it knows?

NONE = Space(())
TWO = Space(tuple(Parameter(n, "mmHg", Normal(0.0, 1.0), 0.0, "", "test") for n in ("level", "slope")))
COUNT, POINTS = 200, 50
X = np.linspace(0.0, 1.0, POINTS)[:, None]


@dataclass(frozen=True, eq=False)
class Line:
    """pressure = level + slope x."""

    space: Space = TWO
    conditions: Space = NONE
    coordinates: tuple[Coordinate, ...] = (Coordinate("time", "s", ""),)
    observables: tuple[Observable, ...] = (Observable("pressure", "mmHg", "", HalfNormal(1.0)),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        a, b = theta[..., 0, None], theta[..., 1, None]
        return namespace(theta).stack([a + b * like(x, theta)[:, 0]], axis=-1)

    def error(self, c: Array, x: Array) -> None:
        return None


def lines(y: Floats, **options: Any) -> Likelihood:
    return Likelihood(Line(), [Experiment("run", {}, ("time",), X, ("pressure",), y, {"pressure": "mmHg"})], **options)


@pytest.fixture(scope="module")
def simulated() -> tuple[Floats, Floats]:
    """Truths drawn from the prior and their data, errors made by the recursion, step by step."""
    likelihood = lines(np.zeros((POINTS, 1)), autoregressive=("pressure",))
    truth = likelihood.space.draw(COUNT, seed=8)
    normal = np.random.default_rng(9).standard_normal((COUNT, POINTS))
    error, rho = normal.copy(), truth[:, 3]
    for i in range(1, POINTS):
        error[:, i] = rho * error[:, i - 1] + np.sqrt(1 - rho**2) * normal[:, i]
    mean = Line()(truth[:, :2], np.zeros(0), X)
    return truth, mean + (truth[:, 2:3] * error)[..., None]


def coverage(likelihood: Likelihood, truth: Floats, y: Floats) -> Floats:
    """Share (p,) of the data sets whose central 90 % intervals hold the truth."""
    inside = np.zeros((COUNT, truth.shape[1]))
    for answer in solve_units(Units(likelihood), ((y, np.ones(y.shape, dtype=bool)),)):
        assert answer.converged, answer.reason
        low, high = answer.quantile(np.array([0.05, 0.95]))
        inside[answer.unit] = (low < truth[answer.unit]) & (truth[answer.unit] < high)
    return np.asarray(inside.mean(axis=0))


def test_intervals_hold_the_truth_as_often_as_they_say_and_those_of_independent_errors_do_not(
    simulated: tuple[Floats, Floats],
) -> None:
    truth, y = simulated
    low, high = stats.binom.interval(0.999, COUNT, 0.9)
    follow = coverage(lines(y[0], autoregressive=("pressure",)), truth, y)
    assert np.all((follow * COUNT >= low) & (follow * COUNT <= high)), follow
    alone = coverage(lines(y[0]), truth[:, :3], y)
    assert np.all(alone * COUNT < low), alone
    assert np.all(alone[:2] < 0.7), alone


def test_the_predictive_check_knows_that_points_leave_the_band_together() -> None:
    """At the truth it passes as often as its 99 % say; counted as independent, points fail it often."""
    theta = np.tile([0.3, -0.5, 0.2, 0.97], (4, 100, 1))
    blank = lines(np.zeros((POINTS, 1)), autoregressive=("pressure",))
    passed = {"together": 0, "alone": 0}
    for y in blank.replicate(theta[0, :40], seed=4)[0]:
        sample = Sample("ladder", "laplace", theta, seed=1, seconds=0.0, stats={}, reason="the truth")
        posterior = assemble(lines(y, autoregressive=("pressure",)), sample)
        passed["together"] += check_predictive(posterior).passed
        alone = replace(posterior, metadata={**posterior.metadata, "autoregressive": []})
        passed["alone"] += check_predictive(alone).passed
    assert passed["together"] >= 38, passed
    assert passed["alone"] <= 36, "one in a hundred would fail by chance"


def exact_levels(y: Floats, draws: Floats, levels: Floats) -> Floats:
    """Exact posterior probabilities (k, 4) below the ``levels`` quantiles of draws (n, 4) of level, slope, σ and ρ.

    Level and slope are integrated out in closed form on a grid of log σ and logit ρ.
    """
    sigma, rho = np.exp(np.linspace(-4.0, 1.6, 250)), 1.0 / (1.0 + np.exp(-np.linspace(-8.0, 10.0, 300)))
    at = np.quantile(draws, levels, axis=0)
    design = np.concatenate([np.ones_like(X), X], axis=1)
    log_weight = np.empty((len(sigma), len(rho)))
    below = np.empty((len(sigma), len(rho), len(levels), 2))
    for j, r in enumerate(rho):
        root = np.sqrt(1 - r**2)
        a, b = (np.concatenate([v[:1], (v[1:] - r * v[:-1]) / root]) for v in (design, y))
        precision = np.eye(2) + a.T @ a / sigma[:, None, None] ** 2
        mean = np.linalg.solve(precision, (a.T @ b) / sigma[:, None, None] ** 2)[..., 0]
        sd = np.sqrt(np.diagonal(np.linalg.inv(precision), axis1=-2, axis2=-1))
        log_weight[:, j] = (
            -0.5 * (np.sum(b**2) / sigma**2 - np.einsum("ki,kij,kj->k", mean, precision, mean) + sigma**2)
            - (POINTS - 1) * np.log(sigma * root) - 0.5 * np.linalg.slogdet(precision)[1] + 2.0 * np.log(r * (1 - r))
        )  # fmt: skip
        below[:, j] = stats.norm.cdf(at[None, :, :2], mean[:, None], sd[:, None])
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    line = np.einsum("ij,ijkl->kl", weight, below)
    margins = ((sigma, weight.sum(axis=1)), (rho, weight.sum(axis=0)))
    rest = [np.interp(at[:, 2 + m], grid, np.cumsum(w) - 0.5 * w) for m, (grid, w) in enumerate(margins)]
    return np.concatenate([line, np.stack(rest, axis=-1)], axis=1)


def test_ladder_and_nuts_have_the_exact_posterior(simulated: tuple[Floats, Floats]) -> None:
    truth, y = simulated
    k, levels = int(np.argmin(np.abs(truth[:, 3] - 0.5))), np.array([0.05, 0.5, 0.95])
    density = density_of(lines(y[k], autoregressive=("pressure",)))
    for sample in (sample_ladder(density, seed=0), sample_nuts(density, seed=0)):
        draws = sample.theta.reshape(-1, 4)
        ess = min(_arviz.ess_bulk(sample.theta[..., j]) for j in range(4))
        error = np.sqrt(levels * (1 - levels) / min(ess, sample.weight_ess or ess))
        away = exact_levels(y[k], draws, levels) - levels[:, None]
        assert np.all(np.abs(away) < 4.0 * error[:, None]), (sample.rung, away)
