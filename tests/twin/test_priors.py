import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from twin.priors import Beta, HalfNormal, LogNormal, Normal, Prior, Uniform

jax.config.update("jax_enable_x64", True)

PRIORS: tuple[Prior, ...] = (
    Normal(1.3, 0.4),
    Normal(-20.0, 7.0),
    LogNormal(2.0, 0.421),
    LogNormal(1e-3, 1.5),
    Uniform(-0.1, 0.4),
    Uniform(3.0, 300.0),
    Beta(2.5, 0.7),
    Beta(1.0, 1.0),
    HalfNormal(0.02),
)
every_prior = pytest.mark.parametrize("prior", PRIORS, ids=repr)


@every_prior
@given(q=st.floats(1e-6, 1 - 1e-6))
@settings(deadline=None)
def test_the_log_density_is_scipys(prior: Prior, q: float) -> None:
    x = np.asarray(prior.scipy().ppf(q))
    assert prior.log_prob(x) == pytest.approx(float(prior.scipy().logpdf(x)), rel=1e-10, abs=1e-10)


@every_prior
def test_the_density_integrates_to_one_over_the_support(prior: Prior) -> None:
    low, high = (float(prior.scipy().ppf(q)) for q in (1e-4, 1 - 1e-4))
    total, _ = integrate.quad(lambda x: float(np.exp(prior.log_prob(np.asarray(x)))), low, high, limit=200)
    assert total == pytest.approx(1 - 2e-4, abs=1e-6)


@every_prior
def test_the_support_is_scipys(prior: Prior) -> None:
    assert prior.support == pytest.approx(prior.scipy().support())


@every_prior
def test_numpy_torch_and_jax_give_one_density(prior: Prior) -> None:
    x = np.asarray(prior.scipy().ppf(np.linspace(0.01, 0.99, 23)))
    ours = prior.log_prob(x)
    np.testing.assert_allclose(prior.log_prob(torch.tensor(x)).numpy(), ours, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(prior.log_prob(jnp.asarray(x))), ours, rtol=1e-12, atol=1e-12)


@every_prior
def test_torch_and_jax_differentiate_the_log_density_alike(prior: Prior) -> None:
    x = np.asarray(prior.scipy().ppf(np.linspace(0.05, 0.95, 7)))
    leaf = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(prior.log_prob(leaf).sum(), leaf)
    step = 1e-6 * (np.abs(x) + 1e-3 * np.ptp(x))
    difference = (prior.scipy().logpdf(x + step) - prior.scipy().logpdf(x - step)) / (2 * step)
    scale = 1 + np.max(np.abs(difference))
    np.testing.assert_allclose(slope.numpy(), difference, atol=1e-6 * scale)
    np.testing.assert_allclose(jax.vmap(jax.grad(prior.log_prob))(jnp.asarray(x)), slope.numpy(), rtol=1e-12)
