"""The density is likelihood, prior and Jacobian; its gradients agree with each other and with differences."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from twin.inference.coordinates import Coordinates
from twin.inference.density import LogDensity, density_of, potential, prior_whitening
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

EVERY_KIND = Space(
    (
        Parameter("a", "1", Normal(1.0, 2.0), 1.0, "", ""),
        Parameter("b", "1", LogNormal(1.0, 2.0), 1.0, "", ""),
        Parameter("c", "1", Uniform(-3.0, 7.0), 1.0, "", ""),
        Parameter("d", "1", Normal(1.0, 2.0), 1.0, "", "", upper=2.5),
        Parameter("e", "1", Beta(2.0, 3.0), 0.5, "", ""),
        Parameter("f", "1", HalfNormal(2.0), 1.0, "", "", lower=0.5),
        Parameter("g", "1", Normal(1.0, 2.0), 1.0, "", "", lower=-1.0),
        Parameter("h", "1", Normal(1.0, 2.0), 1.0, "", ""),
    )
)


def test_grouped_coordinates_are_the_spaces_own() -> None:
    grouped, z = Coordinates(EVERY_KIND), np.random.default_rng(0).normal(0, 3, (5, 4, 8))
    theta = EVERY_KIND.constrain(z)
    np.testing.assert_allclose(grouped.constrain(z), theta, rtol=1e-13)
    np.testing.assert_allclose(grouped.log_jacobian(z), EVERY_KIND.log_jacobian(z), rtol=1e-12)
    np.testing.assert_allclose(grouped.log_prior(theta), EVERY_KIND.log_prior(theta), rtol=1e-12)


def test_density_is_likelihood_times_prior_times_jacobian_in_all_three_libraries(
    decay: Any, make_experiment: Any
) -> None:
    likelihood = Likelihood(decay(), [make_experiment()], discrepancy=Discrepancy({"voltage": 0.01}))
    density, space = density_of(likelihood), likelihood.space
    z = space.unconstrain(space.draw(6, seed=0))
    theta = space.constrain(z)
    expected = likelihood.log_prob(theta) + space.log_prior(theta) + space.log_jacobian(z)
    np.testing.assert_allclose(density(z), expected, rtol=1e-12)
    np.testing.assert_allclose(density(torch.as_tensor(z)).numpy(), expected, rtol=1e-12)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(density)(jnp.asarray(z)), expected, rtol=1e-12)


def test_torch_and_jax_gradients_agree_with_central_differences(decay: Any, make_experiment: Any) -> None:
    likelihood = Likelihood(decay(), [make_experiment()])
    density = density_of(likelihood)
    energy = potential(density, prior_whitening(density.space))
    w = np.random.default_rng(1).standard_normal(len(density.space))
    at = torch.as_tensor(w).requires_grad_(True)
    (from_torch,) = torch.autograd.grad(energy(at), at)
    with jax.enable_x64(True):
        from_jax = np.asarray(jax.jit(jax.grad(energy))(jnp.asarray(w)))
    steps = 1e-6 * np.eye(len(w))
    differences = (energy(w + steps) - energy(w - steps)) / 2e-6
    np.testing.assert_allclose(from_torch.numpy(), from_jax, rtol=1e-10)
    np.testing.assert_allclose(from_jax, differences, rtol=1e-5, atol=1e-4)


def test_whitening_by_the_prior_gives_prior_draws_unit_scale() -> None:
    whitening = prior_whitening(EVERY_KIND)
    w = whitening.inverse(EVERY_KIND.unconstrain(EVERY_KIND.draw(4000, seed=1)))
    np.testing.assert_allclose(np.median(w, axis=0), 0.0, atol=0.08)
    np.testing.assert_allclose(np.quantile(w, 0.95, axis=0) - np.quantile(w, 0.05, axis=0), 3.29, rtol=0.06)
    np.testing.assert_allclose(whitening(w), EVERY_KIND.unconstrain(EVERY_KIND.draw(4000, seed=1)), rtol=1e-9)


def test_nan_in_the_forward_map_is_no_probability() -> None:
    density = LogDensity(EVERY_KIND, lambda theta: theta[..., 0] * float("nan"))
    assert density(np.zeros(8)) == -np.inf
