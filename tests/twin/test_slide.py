"""The slide of a curve: x times its slope, a step ahead, whatever the abscissae are."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.slide import STEP, and_beyond, slide_of
from twin.space import Floats

UNEVEN = np.array([0.0, 0.1, 0.13, 1.0, 1.002, 3.0, 7.0])[:, None]


def power(x: Floats, k: float) -> Floats:
    return np.stack([x[:, 0] ** k, 1000 * x[:, 0]], axis=-1)


def slide(x: Floats, k: float) -> Floats:
    places = and_beyond(x)
    return np.asarray(slide_of(power(places, k), places))


def test_a_line_has_the_slide_of_its_slope_on_any_abscissae() -> None:
    np.testing.assert_allclose(slide(UNEVEN, 1.0), UNEVEN * [1, 1000], rtol=1e-10)


@pytest.mark.parametrize("k", [0.5, 2.0, 5.0])
def test_a_power_has_its_exponent_times_itself_up_to_the_step(k: float) -> None:
    x = np.linspace(0.5, 3.0, 1500)[:, None]
    found = slide(x, k)[:, 0]
    np.testing.assert_allclose(found, k * x[:, 0] ** k, rtol=0.7 * abs(k - 1) * STEP)
    assert found[-1] == pytest.approx(3.0**k * ((1 + STEP) ** k - 1) / STEP, rel=1e-10)


def test_a_wall_less_than_a_step_ahead_counts_as_steep_from_the_last_abscissa_too() -> None:
    def wall(x: Floats) -> Floats:
        return -1e3 * np.maximum(x - 1.0, 0.0)

    for n in (10, 400, 4000):
        places = and_beyond(np.linspace(0.0, 0.999, n)[:, None])
        found = slide_of(wall(places), places)[:, 0]
        assert found[-1] == pytest.approx(wall(np.array(0.999 * (1 + STEP))) / STEP, rel=1e-9)
        np.testing.assert_allclose(found[places[:-1, 0] < 0.999 / (1 + STEP) - 1.0 / n], 0.0, atol=1e-12)


def test_order_and_repetition_of_the_abscissae_do_not_matter() -> None:
    order = np.array([4, 2, 6, 0, 2, 5, 3, 1, 6])
    np.testing.assert_allclose(slide(UNEVEN[order], 2.0), slide(UNEVEN, 2.0)[order], rtol=1e-12)


def test_one_abscissa_is_enough_and_the_start_has_none() -> None:
    np.testing.assert_allclose(slide(UNEVEN[5:6], 2.0)[:, 0], 18.0, rtol=STEP)
    np.testing.assert_array_equal(slide(UNEVEN[:1], 2.0), 0.0)


def test_further_coordinates_stay_as_they_are() -> None:
    x = np.array([[1.0, 5.0], [2.0, 6.0], [1.5, 7.0]])
    np.testing.assert_allclose(and_beyond(x), [*x, [2 * (1 + STEP), 6.0]])


def test_three_libraries_agree_and_the_gradient_is_that_of_differences() -> None:
    places = and_beyond(UNEVEN)
    rates = np.random.default_rng(0).uniform(0.5, 2.0, (2, 3))

    def of(rate: Any, xp: Any) -> Any:
        return slide_of(xp.exp(-rate[..., None, None] * xp.asarray(places)), places)

    ours = of(rates, np)
    assert ours.shape == (2, 3, len(UNEVEN), 1)
    np.testing.assert_allclose(of(torch.as_tensor(rates), torch).numpy(), ours, rtol=1e-9, atol=1e-12)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jax.jit(lambda r: of(r, jnp))(jnp.asarray(rates)), ours, rtol=1e-9, atol=1e-12)
        gradient = jax.jacrev(lambda r: of(r, jnp)[:, 0])(jnp.asarray(rates[0, 0]))
    difference = (of(rates[0, 0] + 1e-6, np) - of(rates[0, 0] - 1e-6, np))[:, 0] / 2e-6
    np.testing.assert_allclose(gradient, difference, rtol=1e-6, atol=1e-8)
