"""Correlated errors against SciPy's multivariate normal, and what they do to a calibration."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy import stats

from twin.arrays import Array
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference import low_rank
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.orthogonal import sensitivities
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.treatment import Treatment

Make = Callable[..., Experiment]
RNG = np.random.default_rng(0)
R, D, U = RNG.standard_normal((3, 9)), RNG.uniform(0.5, 2.0, (3, 9)), RNG.standard_normal((3, 9, 2))
DENSE = [np.diag(d) + u @ u.T for d, u in zip(D, U, strict=True)]


def test_the_density_is_scipys_and_the_left_out_ones_are_its_conditionals() -> None:
    law = low_rank.correlated(R, D, U)
    expected = [stats.multivariate_normal(np.zeros(9), k).logpdf(r) for r, k in zip(R, DENSE, strict=True)]
    np.testing.assert_allclose(low_rank.log_density(law), expected, rtol=1e-12)
    for i, k in enumerate(DENSE):
        for j in range(9):
            others = np.delete(np.arange(9), j)
            gain = np.linalg.solve(k[np.ix_(others, others)], k[others, j])
            sd = np.sqrt(k[j, j] - gain @ k[others, j])
            alone = stats.norm.logpdf(R[i, j], gain @ R[i, others], sd)
            assert low_rank.left_out(law)[i, j] == pytest.approx(alone, rel=1e-11)


def test_coefficients_scatter_and_coupling_are_those_of_the_dense_matrices() -> None:
    law = low_rank.correlated(R, D, U)
    for i, k in enumerate(DENSE):
        np.testing.assert_allclose(low_rank.coefficients(law)[i], U[i].T @ np.linalg.solve(k, R[i]), rtol=1e-11)
        c = low_rank.coupling(law)[i]
        np.testing.assert_allclose(np.diag(1 / D[i]) - c @ c.T, np.linalg.inv(k), atol=1e-12)
    normal = np.random.default_rng(1).standard_normal((40000, 2))
    one = low_rank.correlated(*(np.broadcast_to(a[0], (40000, *a[0].shape)) for a in (R, D, U)))
    covariance = np.linalg.inv(np.eye(2) + U[0].T @ (U[0] / D[0][:, None]))
    np.testing.assert_allclose(np.cov(low_rank.scatter(one, normal).T), covariance, rtol=0.05, atol=0.01)


def test_values_that_were_not_measured_add_nothing() -> None:
    seen = np.arange(9) != 4
    law = low_rank.correlated(
        np.where(seen, R, 0.0), np.where(seen, D, low_rank.UNMEASURED), np.where(seen[:, None], U, 0.0)
    )
    without = low_rank.correlated(R[:, seen], D[:, seen], U[:, seen])
    np.testing.assert_allclose(low_rank.log_density(law), low_rank.log_density(without), rtol=1e-12)
    np.testing.assert_allclose(low_rank.left_out(law)[:, seen], low_rank.left_out(without), rtol=1e-12)
    np.testing.assert_allclose(low_rank.left_out(law)[:, 4], 0.0, atol=1e-12)


@dataclass(frozen=True, eq=False)
class Wavy:
    """A forward map that claims an error of two patterns whose sizes grow with τ."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return self.inner(theta, c, x)

    def error(self, c: Array, x: Array) -> ForwardError:
        modes = np.stack([np.sin(x), np.cos(3 * x)], axis=-1)
        rest = np.full((len(x), 1), 0.01)

        def coefficients(theta: Array) -> tuple[Array, Array]:
            tau = theta[..., 1:2]
            grown = 0.02 * tau * (tau[..., :1] * 0 + 1)
            return 0.01 * tau + 0 * theta[..., :2], _columns(grown, 2.0 * grown, 0 * grown + 1)

        return ForwardError(0 * x + 0.003, rest, modes, coefficients)


def _columns(*parts: Array) -> Array:
    from twin.arrays import namespace

    return namespace(parts[0]).concat(list(parts), axis=-1)


def wavy(voltage_only: Any, make_experiment: Make, **options: Any) -> Likelihood:
    first, second = make_experiment("first", n=12), make_experiment("second", rate=2.0, n=7)
    first.y[3] = np.nan
    first = Experiment(
        first.name, first.conditions, first.coordinates, first.x, first.observables, first.y, first.units
    )
    return Likelihood(Wavy(voltage_only), [first, second], **options)


def test_the_marginalised_likelihood_is_the_dense_gaussian(voltage_only: Any, make_experiment: Make) -> None:
    likelihood = wavy(voltage_only, make_experiment, discrepancy=Discrepancy({"voltage": 0.02}))
    theta = np.array([1.2, 1.1, 0.03, 0.05])
    expected = 0.0
    for block in likelihood.blocks:
        t, seen = block.x[:, 0], block.mask[:, 0]
        error = likelihood.forward.error(block.c, block.x)
        assert error is not None
        mean = likelihood.forward(theta[:2], block.c, block.x)[:, 0]
        mean = mean - 0.003 - 0.01 * theta[1] * (np.sin(t) + np.cos(3 * t))
        own = theta[1] * np.stack([0.02 * np.sin(t), 0.04 * np.cos(3 * t)], axis=-1)
        basis = theta[3] * Discrepancy({"voltage": 0.02}).basis(block.x)
        dense = np.eye(len(t)) * (0.03**2 + 0.01**2) + own @ own.T + basis @ basis.T
        cut = dense[np.ix_(seen, seen)]
        expected += stats.multivariate_normal(mean[seen], cut).logpdf(block.y[seen, 0])
    assert likelihood.log_prob(theta) == pytest.approx(expected, rel=1e-11)


def test_sampled_coefficients_integrate_to_the_marginalised_likelihood(
    voltage_only: Any, make_experiment: Make
) -> None:
    """With so many degrees of freedom that Student's t is a Gaussian, averaging over the coefficients must agree."""
    whole = wavy(voltage_only, make_experiment)
    parts = wavy(voltage_only, make_experiment, noise=StudentT(1e7))
    assert parts.latent == tuple(f"surrogate_error[{e}][{k}]" for e in ("first", "second") for k in range(2))
    theta = np.array([1.3, 0.9, 0.05])
    xi = np.random.default_rng(1).standard_normal((200_000, 4))
    values = parts.log_prob(np.concatenate([np.tile(theta, (len(xi), 1)), xi], axis=1))
    average = np.logaddexp.reduce(values) - np.log(len(xi))
    assert average == pytest.approx(float(whole.log_prob(theta)), abs=0.02)


def test_three_libraries_agree_on_correlated_errors(voltage_only: Any, make_experiment: Make) -> None:
    likelihood = wavy(voltage_only, make_experiment, discrepancy=Discrepancy({"voltage": 0.02}))
    theta = likelihood.space.draw(6, seed=2).reshape(2, 3, -1)

    def coupled(at: Array) -> Array:
        return likelihood.outputs(at).coupled

    functions: tuple[Callable[[Array], Array], ...] = (likelihood.log_prob, likelihood.pointwise, coupled)
    for function in functions:
        ours = function(theta)
        np.testing.assert_allclose(function(torch.as_tensor(theta)).numpy(), ours, rtol=1e-9, atol=1e-9)
        with jax.enable_x64(True):
            np.testing.assert_allclose(jax.jit(function)(jnp.asarray(theta)), ours, rtol=1e-9, atol=1e-9)


def test_other_data_of_the_same_shape_take_the_place_of_the_likelihoods_own(
    voltage_only: Any, make_experiment: Make
) -> None:
    first, other = make_experiment("first", seed=0), make_experiment("first", seed=9)
    other.y[5:] = np.nan
    theta = np.array([1.2, 1.1, 0.03])
    likelihood = Likelihood(voltage_only, [first])
    data = ((np.nan_to_num(other.y), np.isfinite(other.y)),)
    alone = Likelihood(voltage_only, [replace(other, mask=np.isfinite(other.y))])
    assert likelihood.log_prob(theta, data) == pytest.approx(float(alone.log_prob(theta)), rel=1e-12)
    np.testing.assert_allclose(likelihood.outputs(theta, data).weight, alone.outputs(theta).weight)


def test_a_correlated_error_widens_the_posterior_where_plug_in_does_not(
    voltage_only: Any, make_experiment: Make
) -> None:
    """An error along a parameter's own sensitivity cannot be told from that parameter."""
    e = make_experiment(n=60)

    @dataclass(frozen=True, eq=False)
    class Aliased(Wavy):
        def error(self, c: Array, x: Array) -> ForwardError:
            slope = np.exp(-x[:, :1] * c[0] / 0.9)

            def coefficients(theta: Array) -> tuple[Array, Array]:
                one = theta[..., :1] * 0 + 1
                return 0 * one, _columns(0.1 * one, one)

            return ForwardError(0 * x, 0 * x, slope[..., None], coefficients)

    sds = {}
    for treatment in (Treatment.PLUG_IN, Treatment.MARGINALISED):
        likelihood = Likelihood(Aliased(voltage_only), [e], surrogate_error=treatment)
        sds[treatment] = sample_laplace(density_of(likelihood), seed=0).theta[..., 0].std()
    assert sds[Treatment.PLUG_IN] < 0.02
    assert sds[Treatment.MARGINALISED] == pytest.approx(np.hypot(0.1, sds[Treatment.PLUG_IN]), rel=0.1)


def test_an_orthogonal_discrepancy_does_not_move_the_parameters(voltage_only: Any, make_experiment: Make) -> None:
    e = make_experiment(n=80, seed=4)
    e.y[:, 0] += 0.05 * np.sin(4.0 * np.pi * e.x[:, 0] / 3.0)
    plain = Likelihood(voltage_only, [e])
    best = sample_laplace(density_of(plain), seed=0).theta.reshape(-1, 3).mean(axis=0)[:2]
    gap = Discrepancy({"voltage": 0.05}, orthogonal_at=best)
    orthogonal = replace(plain, discrepancy=gap)
    weighted = sensitivities(voltage_only, plain.blocks, best).T @ orthogonal.patterns[0].columns(best, [None])
    np.testing.assert_allclose(weighted, 0.0, atol=1e-10)

    free = replace(plain, discrepancy=replace(gap, orthogonal_at=None))
    means, sds = {}, {}
    for name, likelihood in (("orthogonal", orthogonal), ("free", free)):
        draws = sample_laplace(density_of(likelihood), seed=1).theta.reshape(-1, 4)
        means[name], sds[name] = draws[:, :2].mean(0), draws[:, :2].std(0)
        assert draws[:, 2].mean() < 0.03, "the misfit is taken up either way"
    assert np.all(np.abs(means["orthogonal"] - best) < 0.3 * sds["orthogonal"])
    assert np.all(sds["free"] > 2.0 * sds["orthogonal"])


def test_predictions_follow_the_misfit_and_replicates_scatter_around_them(
    voltage_only: Any, make_experiment: Make
) -> None:
    e = make_experiment(n=80, seed=4)
    misfit = 0.06 * np.sin(2.0 * np.pi * e.x / 3.0)
    e.y[:] += misfit
    likelihood = Likelihood(voltage_only, [e], discrepancy=Discrepancy({"voltage": 0.05}))
    theta = np.tile([1.3, 0.9, 0.02, 0.05], (4000, 1))
    (fit,), (plain,), (new,) = (
        likelihood.predict(theta),
        likelihood.predict(theta, discrepancy=False),
        likelihood.replicate(theta, seed=3),
    )
    np.testing.assert_allclose((fit - plain)[0], misfit, atol=0.03)
    np.testing.assert_allclose(new.mean(axis=0), fit[0], atol=0.003)
    spread = new.std(axis=0)
    assert np.all((spread > 0.0195) & (spread < 0.03)), "noise, and what is not known of the discrepancy"
