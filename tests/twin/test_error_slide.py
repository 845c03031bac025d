"""Errors along the abscissa: the error model with the predicted curve's slide holds where the one without does not.

Curves end in a wall, y = -log(1 - x/w), at a w that differs from curve to curve; the map reaches each value a little
early or late. The references end at y = 3.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.error import ErrorModel
from twin.error_fit import Errors, fit_error, reach_of, standardised
from twin.priors import Uniform
from twin.slide import and_beyond, slide_of
from twin.space import Floats, Parameter, Space

SPACE = Space((Parameter("w", "1", Uniform(0.5, 1.2), 1.0, "where the wall stands", "test"),
               Parameter("b", "1", Uniform(-1.0, 1.0), 0.0, "size of the error", "test")))  # fmt: skip
S = np.linspace(0.0, 1.0, 101)
LAST, SIZE, FLAT, STEEP = 3.0, 1e-3, 5e-4, 15.0


def curve(w: Floats, x: Floats) -> Floats:
    """y (..., n), far down where the wall has been passed."""
    return -np.log(np.maximum(1 - x / w[..., None], 1e-6))


def made(n: int, seed: int, size: float = SIZE) -> Errors:
    """Map minus reference: a shift of ``size`` · 3^b, a ramp and white noise, both of ``FLAT``."""
    rng = np.random.default_rng(seed)
    theta = SPACE.draw(n, seed)
    w, truth = theta[:, 0], curve(theta[:, 0], S)
    delta = size * 3.0 ** theta[:, 1] * rng.standard_normal(n)
    places = and_beyond(S[:, None])
    predicted = curve(w / (1 + delta), places[:, 0])
    flat = FLAT * (S * rng.standard_normal((n, 1)) + 0.3 * rng.standard_normal((n, len(S))))
    values = np.where(truth < LAST, predicted[:, :-1] - truth + flat, np.nan)
    return Errors(theta, values[..., None], np.asarray(slide_of(predicted[..., None], places)))


def fit(errors: Errors) -> ErrorModel:
    return fit_error(errors, *reach_of(SPACE))


def without(errors: Errors) -> Errors:
    return replace(errors, slide=None)


@pytest.mark.parametrize("seed", range(3))
def test_where_curves_are_steep_fresh_errors_are_of_size_1_with_the_slide_and_not_without(seed: int) -> None:
    known, fresh = made(256, seed), made(1000, 100 + seed)
    assert fresh.slide is not None
    z = standardised(fit(known), fresh, len(SPACE))
    old = standardised(fit(without(known)), without(fresh), len(SPACE))
    steep = fresh.slide > STEEP
    assert np.nanmean(z[steep] ** 2) == pytest.approx(1.0, abs=0.3)
    assert np.nanmean(old[steep] ** 2) > 5.0
    assert np.nanmean(z[~steep] ** 2) < 1.6


def test_the_size_of_the_shift_and_what_it_depends_on_are_found() -> None:
    model = fit(made(1000, 3))
    assert model.slides
    for b in (-0.8, 0.8):
        at = model.at(np.zeros(0), S)
        assert at.sizes(np.array([0.8, b]))[-1] == pytest.approx(SIZE * 3.0**b, rel=0.2)


def test_flat_errors_alone_hardly_slide() -> None:
    model = fit(made(500, 4, size=0.0))
    at = model.at(np.zeros(0), S)
    assert at.sizes(np.array([0.8, 0.0]))[-1] < 0.3 * SIZE
    fresh = made(1000, 5, size=0.0)
    assert np.nanmean(standardised(model, fresh, len(SPACE)) ** 2) == pytest.approx(1.0, abs=0.25)


def test_the_mean_and_the_last_pattern_follow_the_slide_of_the_curve_at_theta() -> None:
    errors = made(300, 6)
    assert errors.slide is not None
    at = fit(errors).at(np.zeros(0), S)
    theta, slide = errors.joint[:4], errors.slide[:4]
    a, s = at.coefficients(theta)
    assert at.factor(theta, slide).shape == (4, len(S), 1, at.count) == (4, len(S), 1, at.modes.shape[-1] + 1)
    np.testing.assert_allclose(at.factor(theta, slide)[..., -1], s[:, -2, None, None] * slide)
    flat = at.mean(theta, 0 * slide)
    np.testing.assert_allclose(at.mean(theta, slide) - flat, a[:, -1, None, None] * slide, atol=1e-12)
    total = at.variance(theta) + (at.factor(theta, slide) ** 2).sum(-1)
    np.testing.assert_allclose(at.sd(theta, slide) ** 2, total, rtol=1e-12)
    with jax.enable_x64(True):
        by_jax = jax.jit(at.factor)(jnp.asarray(theta), jnp.asarray(slide))
    np.testing.assert_allclose(by_jax, at.factor(theta, slide), rtol=1e-12)


def test_an_error_that_slides_is_refused_without_the_slide() -> None:
    at = fit(made(100, 7)).at(np.zeros(0), S)
    with pytest.raises(ValueError, match="slides along the predicted curve"):
        at.sd(SPACE.nominal)


def test_some_observables_and_parameters_seen_otherwise_slide_as_they_did() -> None:
    errors = made(300, 8)
    assert errors.slide is not None
    two = Errors(errors.joint, np.concatenate([errors.values, 50 * errors.values], axis=-1),
                 np.concatenate([errors.slide, 50 * errors.slide], axis=-1))  # fmt: skip
    at, theta = fit(two).at(np.zeros(0), S), errors.joint[:3]
    whole = at.factor(theta, two.slide[:3] if two.slide is not None else None)
    np.testing.assert_allclose(whole[:, :, 1], 50 * whole[:, :, 0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(at.of((0,)).factor(theta, errors.slide[:3]), whole[:, :, :1], rtol=1e-12)
    swapped = at.of((0,)).seen_through(lambda other: other[..., ::-1])
    np.testing.assert_allclose(swapped.factor(theta[:, ::-1], errors.slide[:3]), whole[:, :, :1], rtol=1e-12)
