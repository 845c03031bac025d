"""Delayed acceptance draws from the true density, however wrong the cheap one is."""

from typing import Any

import numpy as np
import pytest

from twin.arrays import Array
from twin.inference._arviz import ess_bulk
from twin.inference.delayed_acceptance import sample_delayed
from twin.inference.density import LogDensity
from twin.inference.rungs.laplace import sample_laplace
from twin.priors import Normal
from twin.space import Floats, Parameter, Space

SPACE = Space(tuple(Parameter(name, "1", Normal(0.0, 10.0), 0.0, "", "test") for name in "ab"))


def gaussian(mean: float, sd: float) -> LogDensity:
    return LogDensity(SPACE, lambda theta: -0.5 * (((theta - mean) / sd) ** 2).sum(axis=-1) if isinstance(
        theta, np.ndarray) else _jax(theta, mean, sd))  # fmt: skip


def _jax(theta: Array, mean: float, sd: float) -> Any:
    from twin.arrays import namespace

    return -0.5 * namespace(theta).sum(((theta - mean) / sd) ** 2, axis=-1)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (0.8, 1.5), (-0.3, 0.9)])
def test_the_moments_are_the_true_densitys(mean: float, sd: float) -> None:
    cheap, right = gaussian(mean, sd), gaussian(0.0, 1.0)
    start = sample_laplace(cheap, seed=0)
    found = sample_delayed(cheap, lambda z: np.asarray(right(z)), start, seed=1, seconds=60, draws=3000, chains=8)
    flat = found.theta.reshape(-1, 2)
    exact = 1 / (1 + 1 / 100)
    error = np.array([1 / np.sqrt(ess_bulk(found.theta[..., i])) for i in range(2)])
    assert np.all(error < 0.06)
    np.testing.assert_array_less(np.abs(flat.mean(axis=0)), 4 * error)
    np.testing.assert_allclose(flat.std(axis=0), np.sqrt(exact), rtol=0.06)
    rate = found.stats["acceptance_rate"].mean()
    assert (rate > 0.99) if (mean, sd) == (0.0, 1.0) else (0.2 < rate < 0.95)
    assert found.rung == "delayed acceptance"


def test_where_the_true_density_has_no_answer_no_chain_goes() -> None:
    cheap = gaussian(0.0, 1.0)

    def half(z: Floats) -> Floats:
        return np.where(z[:, 0] > 0, np.asarray(cheap(z)), np.nan)

    found = sample_delayed(cheap, half, sample_laplace(cheap, seed=0), seed=1, seconds=60, draws=500)
    assert np.all(found.theta[..., 0] > 0)
    with pytest.raises(ValueError, match="no answer at any of 100 draws"):
        sample_delayed(cheap, lambda z: z[:, 0] * np.nan, sample_laplace(cheap, seed=0), seed=1, seconds=5)


def test_a_time_budget_too_short_for_anything_says_so() -> None:
    cheap = gaussian(0.0, 1.0)
    with pytest.raises(ValueError, match=r"only 0 steps fit into 0 s; give more time"):
        sample_delayed(cheap, lambda z: np.asarray(cheap(z)), sample_laplace(cheap, seed=0), seed=1, seconds=0)
