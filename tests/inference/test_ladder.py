"""The ladder stands on the lowest rung that can be trusted, says why, and its answers are the known ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from twin.arrays import Array, namespace
from twin.inference._arviz import psis
from twin.inference.density import LogDensity
from twin.inference.ladder import sample_ladder
from twin.inference.rungs.pareto import khat_limit, smooth
from twin.inference.rungs.split_t import Bend, SplitT, draw, joined, log_density, points
from twin.priors import Normal, Uniform
from twin.space import Floats, Parameter, Space


def normal_space(*sds: float) -> Space:
    return Space(tuple(Parameter(f"p{i}", "1", Normal(0.0, sd), 0.0, "", "test") for i, sd in enumerate(sds)))


def funnel() -> LogDensity:
    """Neal's funnel in nine dimensions: v ~ N(0, 3²), x_i | v ~ N(0, e^v); no mode describes it."""
    space = normal_space(3.0, *[1e3] * 8)

    def log_likelihood(theta: Array) -> Array:
        xp = namespace(theta)
        v, x = theta[..., 0], theta[..., 1:]
        return -0.5 * xp.sum(x**2, axis=-1) * xp.exp(-v) - 4.0 * v

    return LogDensity(space, log_likelihood)


def hills(distance: float, share: float) -> LogDensity:
    """Two unit hills in two dimensions, the left one with the given share of the mass."""
    space = normal_space(20.0, 20.0)

    def log_likelihood(theta: Array) -> Array:
        xp = namespace(theta)
        a, b = theta[..., 0], theta[..., 1]
        right = -0.5 * ((a - distance) ** 2 + b**2) + np.log(1 - share)
        return xp.logaddexp(right, -0.5 * ((a + distance) ** 2 + b**2) + np.log(share))

    return LogDensity(space, log_likelihood)


def at_an_edge() -> LogDensity:
    """1/a is measured, so a has a long tail that the end of its box cuts; b is another's neighbour."""
    a = Parameter("a", "1", Uniform(0.5, 4.0), 2.0, "", "test")
    b = Parameter("b", "1", Uniform(0.0, 10.0), 5.0, "", "test")

    def log_likelihood(theta: Array) -> Array:
        away = (1 / theta[..., 0] - INVERSE) / APART
        return -0.5 * (away**2 + ((theta[..., 1] - 5 - 0.3 * away) / 0.1) ** 2)

    return LogDensity(Space((a, b)), log_likelihood)


INVERSE, APART = 1 / 2.6, 0.45 / 2.6**2
"""1/a as measured, and its standard deviation."""


def test_a_normal_posterior_stands_on_the_first_rung(targets: Any) -> None:
    target = targets["conjugate"]()
    sample = sample_ladder(target.density, seed=0)
    assert (sample.sampler, sample.rung) == ("ladder", "laplace")
    assert "k-hat" in sample.reason
    assert "ESS" in sample.reason
    draws = target.read(sample.theta.reshape(-1, 3))
    np.testing.assert_allclose((draws.mean(axis=0) - target.mean) / target.sd, 0.0, atol=0.06)
    np.testing.assert_allclose(draws.std(axis=0), target.sd, rtol=0.05)


def test_a_banana_needs_no_markov_chain(targets: Any) -> None:
    target = targets["banana"]()
    sample = sample_ladder(target.density, seed=0)
    assert sample.rung in ("laplace", "mixture")
    draws = target.read(sample.theta.reshape(-1, 2))
    np.testing.assert_allclose((draws.mean(axis=0) - target.mean) / target.sd, 0.0, atol=0.08)
    np.testing.assert_allclose(draws.std(axis=0), target.sd, rtol=0.08)


def test_a_posterior_that_leans_on_its_boxs_edge_is_as_wide_as_integration_says() -> None:
    sample = sample_ladder(at_an_edge(), seed=0)
    a = np.linspace(0.5, 4.0, 20001)
    mass = np.exp(-0.5 * ((1 / a - INVERSE) / APART) ** 2)
    mean = np.average(a, weights=mass)
    sd = np.sqrt(np.average((a - mean) ** 2, weights=mass))
    found = sample.theta[..., 0].ravel()
    assert sample.rung == "mixture"
    assert abs(found.mean() - mean) < 0.05 * sd
    assert abs(found.std() / sd - 1) < 0.05


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_two_modes_are_weighted_by_their_mass_on_the_second_rung(share: float) -> None:
    sample = sample_ladder(hills(6.0, share), seed=1)
    assert sample.rung == "mixture"
    assert sample.reason.startswith("laplace: 2 modes of comparable mass")
    assert np.mean(sample.theta[..., 0] < 0) == pytest.approx(share, abs=0.04)
    assert sample.khat is not None
    assert sample.khat <= 0.7


def test_a_funnel_falls_to_nuts_and_the_record_says_what_was_tried() -> None:
    sample = sample_ladder(funnel(), seed=0)
    assert sample.rung == "nuts"
    assert "laplace: " in sample.reason
    assert "mixture after" in sample.reason
    assert sample.khat is None


def heavy(shape: float, n: int, seed: int) -> Floats:
    """Log weights whose tail is Pareto with the given shape."""
    return -shape * np.log(np.random.default_rng(seed).uniform(size=n))


@pytest.mark.parametrize(
    "draw", [lambda s: heavy(0.3, 512, s), lambda s: heavy(0.9, 512, s), lambda s: heavy(0.5, 4000, s)]
)
def test_khat_and_smoothed_weights_are_arvizs(draw: Callable[[int], Floats]) -> None:
    together = np.stack([draw(seed) for seed in range(6)])
    weights, khats = smooth(together)
    for row, ours, khat in zip(together, weights, khats, strict=True):
        theirs, expected = psis(row)
        assert khat == pytest.approx(expected, abs=1e-8)
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_draws_that_cannot_be_have_no_weight_and_do_not_spoil_the_others() -> None:
    row = heavy(0.2, 600, 0)
    holes = np.where(np.arange(600) % 7 == 0, -np.inf, row)
    (weights,), _ = smooth(holes[None])
    assert np.all(np.isneginf(weights[::7]))
    assert np.exp(weights).sum() == pytest.approx(1.0)
    _, (none,) = smooth(np.full((1, 600), -np.inf))
    assert not none <= khat_limit(600)


def bent_proposal(m: int, p: int) -> SplitT:
    """A split t of unequal half-axes along a curve, for each of m targets."""
    rng = np.random.default_rng(0)
    axes = rng.standard_normal((m, 1, p, p)) + 2 * np.eye(p)
    plus, minus = rng.uniform(0.5, 2.0, (2, m, 1, p))
    shift, stretch = 0.3 * rng.standard_normal((2, m, 1, 3, p))
    shift[..., 0], stretch[..., 0] = 0.0, 0.0
    reach = np.broadcast_to(np.array([-2.0, 2.5]), (m, 1, 2))
    return SplitT(np.ones((m, 1)), rng.standard_normal((m, 1, p)), axes, plus, minus, Bend(shift, 0.1 * stretch, reach))


def test_a_bent_split_t_is_normalised_and_knows_the_density_of_its_draws() -> None:
    proposal = bent_proposal(3, 2)
    u, log_q = draw(proposal, points(256, 2, seed=0))
    np.testing.assert_allclose(log_density(proposal, u), log_q, atol=1e-9)
    straight = SplitT(np.ones((3, 1)), proposal.centre, 4 * proposal.axes, np.ones((3, 1, 2)), np.ones((3, 1, 2)))
    both = joined(proposal, straight, 0.5)
    v, log_both = draw(both, points(1 << 14, 2, seed=1))
    assert np.exp(log_density(proposal, v) - log_both).mean(axis=1) == pytest.approx(1.0, abs=0.02)
