"""Profiles of a linear model are exact parabolas; what the data do not bound stays open."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.inference.discrepancy import Discrepancy
from twin.inference.identifiability.profiles import LIMIT, Profile, profiles
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space

SD = 0.1
NONE = Space(())
X = np.linspace(0.1, 1.0, 25)


@dataclass(frozen=True, eq=False)
class Curve:
    """voltage = formula(θ, x)."""

    space: Space
    formula: Callable[[Array, Floats], Array]
    conditions: Space = NONE
    coordinates: tuple[Coordinate, ...] = (Coordinate("current", "A", "current"),)
    observables: tuple[Observable, ...] = (Observable("voltage", "V", "voltage", HalfNormal(SD)),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return self.formula(theta, np.asarray(x)[:, 0])[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


def fitted(
    formula: Callable[[Array, Floats], Array], truth: list[float], *priors: Any, **changes: Any
) -> tuple[Likelihood, Floats]:
    """A likelihood of data made at the truth, and the truth with its noise scale."""
    space = Space(tuple(Parameter(k, "Ohm", q, 1.0, "", "") for k, q in zip("abc", priors, strict=False)))
    forward = Curve(space, formula)
    y = np.asarray(forward(np.array(truth), np.empty(0), X[:, None]))
    y = y + SD * np.random.default_rng(2).standard_normal(y.shape)
    experiment = Experiment("run", {}, ("current",), X[:, None], ("voltage",), y, {"voltage": "V"})
    likelihood = Likelihood(forward, [experiment], **changes)
    theta = likelihood.space.nominal.copy()
    theta[: len(truth)], theta[len(truth)] = truth, SD
    return likelihood, theta


def straight(theta: Array, x: Floats) -> Array:
    return theta[..., 0, None] + theta[..., 1, None] * like(x, theta)


def in_series(theta: Array, x: Floats) -> Array:
    return (theta[..., 0, None] + theta[..., 1, None]) * like(x, theta)


def saturating(theta: Array, x: Floats) -> Array:
    """A rate beyond about 100 cannot be told from an infinite one."""
    return theta[..., 0, None] * (1.0 - namespace(theta).exp(-theta[..., 1, None] * like(x, theta)))


def ends_of(profile: Profile) -> tuple[float, float]:
    assert profile.low is not None
    assert profile.high is not None
    return profile.low, profile.high


WIDE = Normal(0.0, 3.0)


def test_the_profile_of_a_linear_model_is_the_exact_parabola() -> None:
    likelihood, theta = fitted(straight, [0.5, -1.0], WIDE, WIDE)
    design = np.stack([np.ones_like(X), X], axis=-1)
    covariance = SD**2 * np.linalg.inv(design.T @ design)
    best = np.linalg.lstsq(design, likelihood.experiments[0].y[:, 0])[0]
    for i, profile in enumerate(profiles(likelihood, theta)):
        exact = 0.5 * (profile.values - best[i]) ** 2 / covariance[i, i]
        np.testing.assert_allclose(profile.drop, exact, atol=1e-5)
        ends = best[i] + np.array([-1, 1]) * norm.ppf(0.95) * np.sqrt(covariance[i, i])
        np.testing.assert_allclose(ends_of(profile), ends, rtol=1e-4)
        assert profile.drop.max() > 2 * LIMIT


def test_a_slice_with_the_others_held_is_no_profile() -> None:
    likelihood, theta = fitted(straight, [0.5, -1.0], WIDE, WIDE)
    profile = profiles(likelihood, theta)[0]
    held = np.tile(theta, (len(profile.values), 1))
    held[:, 0] = profile.values
    slice_ = likelihood.log_prob(held).max() - likelihood.log_prob(held)
    assert slice_.max() > 2 * profile.drop.max()


def test_of_two_resistors_in_series_neither_is_bounded_by_the_data() -> None:
    likelihood, theta = fitted(in_series, [1.0, 1.0], Normal(1.0, 0.5), Normal(1.0, 0.5))
    for profile in profiles(likelihood, theta):
        assert profile.open_sides == ("left", "right")
        assert profile.drop.max() < 1e-3
        np.testing.assert_allclose(profile.values[[0, -1]], 1.0 + 0.5 * 3.29 * np.array([-1, 1]), rtol=1e-6)


def test_a_rate_too_fast_to_see_is_open_to_the_right_only() -> None:
    likelihood, theta = fitted(saturating, [1.0, 60.0], Normal(1.0, 0.5), LogNormal(30.0, 1.0))
    amplitude, rate = profiles(likelihood, theta)
    assert amplitude.open_sides == ()
    assert rate.open_sides == ("right",)
    assert rate.low is not None
    assert rate.low < 60.0


def test_the_profile_does_not_depend_on_how_the_prior_is_written() -> None:
    narrow, wide = Uniform(0.2, 1.8), Normal(1.0, 3.0)
    found: list[Profile] = []
    for prior in (narrow, wide):
        likelihood, theta = fitted(saturating, [1.0, 5.0], prior, LogNormal(5.0, 1.0))
        found.append(profiles(likelihood, theta)[0])
    np.testing.assert_allclose(ends_of(found[0]), ends_of(found[1]), rtol=2e-3)


def test_profiles_start_at_the_best_fit_wherever_they_are_asked_to_look_first() -> None:
    likelihood, theta = fitted(saturating, [1.0, 5.0], Normal(1.0, 0.5), LogNormal(5.0, 1.0))
    elsewhere = theta.copy()
    elsewhere[:2] = [1.4, 2.0]
    for here, there in zip(profiles(likelihood, theta), profiles(likelihood, elsewhere), strict=True):
        np.testing.assert_allclose(ends_of(here), ends_of(there), rtol=2e-3)
        assert here.drop.min() == pytest.approx(0.0, abs=1e-3)


def test_heavy_tails_and_a_discrepancy_follow_the_likelihood_itself() -> None:
    """Each point of a profile is a maximum: no other value of the other parameter does better."""
    laws: tuple[dict[str, Any], ...] = ({"noise": StudentT(nu=4.0)}, {"discrepancy": Discrepancy({"voltage": 0.02})})
    for law in laws:
        likelihood, theta = fitted(straight, [0.5, -1.0], WIDE, WIDE, **law)
        profile = profiles(likelihood, theta)[0]
        slopes = np.linspace(-5.0, 3.0, 4001)
        grid = np.tile(theta, (len(profile.values), len(slopes), 1))
        grid[..., 0], grid[..., 1] = profile.values[:, None], slopes
        best = likelihood.log_prob(grid.reshape(-1, grid.shape[-1])).reshape(grid.shape[:2]).max(axis=1)
        np.testing.assert_allclose(profile.drop - profile.drop.min(), best.max() - best, atol=2e-3)


def test_a_place_without_a_likelihood_is_refused() -> None:
    likelihood, theta = fitted(straight, [0.5, -1.0], WIDE, WIDE)
    broken = replace(likelihood.experiments[0], y=np.full((25, 1), np.nan), mask=np.ones((25, 1), dtype=bool))
    with pytest.raises(ValueError, match="not finite at"):
        profiles(replace(likelihood, experiments=[broken]), theta)
