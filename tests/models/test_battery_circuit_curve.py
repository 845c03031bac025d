"""The open-circuit voltage of unknown materials, and the charge that a cell delivers."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.models.battery.circuit import HOUR, Circuit
from twin.models.battery.circuit_capacity import delivered
from twin.models.battery.circuit_curve import LEAST, PlateauAndKnee
from twin.models.battery_circuit import EMPTY, FULL, PRESETS

jax.config.update("jax_enable_x64", True)

ONE, PULSE = PRESETS["one_pair"], PRESETS["pulse_two_pairs"]
CURVE = PlateauAndKnee(FULL, EMPTY)
DRAWS = ONE.space.draw(200, seed=1)
VALUES = ONE.values(DRAWS)


def test_the_curve_ends_where_it_says_and_rises_everywhere() -> None:
    np.testing.assert_allclose(CURVE.voltage(VALUES, np.ones(1)), FULL, rtol=1e-13)
    np.testing.assert_allclose(CURVE.voltage(VALUES, np.full(1, LEAST)), EMPTY, atol=1e-5)
    assert np.all(np.diff(CURVE.voltage(VALUES, np.linspace(-0.2, 1.3, 400)), axis=-1) > 0)


def test_the_slope_of_the_curve_is_that_of_differences() -> None:
    s, step = np.linspace(-0.1, 1.2, 52), 1e-6
    difference = (CURVE.voltage(VALUES, s + step) - CURVE.voltage(VALUES, s - step)) / (2 * step)
    np.testing.assert_allclose(CURVE.slope(VALUES, s), difference, rtol=1e-5)


@pytest.mark.parametrize("voltage", [3.0, 3.3, 3.6, 3.9, 4.2, 4.25])
def test_the_state_of_charge_of_a_rested_voltage_has_that_voltage(voltage: float) -> None:
    s = CURVE.filling(VALUES, voltage)
    assert s.shape == (200, 1)
    assert np.all((s > 0) & (s < 1.25))
    np.testing.assert_allclose(CURVE.voltage(VALUES, s), voltage, atol=1e-12)


def test_the_state_of_charge_rises_by_the_inverse_slope_of_the_curve() -> None:
    values = {name: jnp.asarray(value) for name, value in ONE.values(DRAWS[0]).items()}
    found = jax.grad(lambda voltage: CURVE.filling(values, voltage)[0])(3.8)
    np.testing.assert_allclose(found, 1 / CURVE.slope(values, CURVE.filling(values, 3.8))[0], rtol=1e-10)


def test_a_cell_of_other_limits_is_the_same_model_with_another_curve() -> None:
    other = replace(ONE, curve=PlateauAndKnee(4.35, 3.0), cut_off=3.0)
    c = other.conditions.pack({"start_voltage": 4.25, "current": 1e-6})
    assert other(other.space.nominal, c, np.array([[0.0]]))[0, 0] == pytest.approx(4.25, abs=1e-6)
    assert delivered(other, other.space.nominal, c, 3.0) < 3.0


def test_a_cell_delivers_less_through_more_resistance_and_all_of_it_at_no_current() -> None:
    c = ONE.conditions.pack({"current": 2.0, "start_voltage": FULL})
    cells = ({"R0": 0.05}, {"R0": 0.10}, {"R0": 0.05, "Q": 3.3}, {"R0": 2.0})
    usual, resistive, larger, dead = delivered(ONE, np.stack([ONE.space.pack(cell) for cell in cells]), c, 2.7)
    assert resistive < usual < larger
    assert np.isnan(dead), "its voltage begins at 0.2 V"
    slow = ONE.conditions.pack({"current": 1e-4, "start_voltage": FULL})
    assert delivered(ONE, ONE.space.nominal, slow, EMPTY) == pytest.approx(3.0, rel=1e-5)


def test_the_voltage_at_the_delivered_charge_is_the_limit_and_its_gradient_that_of_differences() -> None:
    c, theta = ONE.conditions.pack({"current": 2.0}), ONE.space.pack({"R0": 0.08})
    q = float(delivered(ONE, theta, c, 2.7))
    assert ONE(theta, c, np.array([[q * HOUR / 2.0]]))[0, 0] == pytest.approx(2.7, abs=1e-10)
    at = torch.tensor(theta, requires_grad=True)
    same = delivered(ONE, at, c, 2.7)
    assert same.item() == pytest.approx(q, rel=1e-12)
    (gradient,) = torch.autograd.grad(same, at)
    for i, step in enumerate(1e-4 * theta):
        shift = np.eye(len(theta))[i] * step
        ahead, behind = delivered(ONE, theta + shift, c, 2.7), delivered(ONE, theta - shift, c, 2.7)
        assert gradient[i].item() == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("model", "conditions", "limit", "message"),
    [
        (PULSE, {}, 2.7, "follows one pulse and has no capacity; use a preset of discharges"),
        (ONE, {"current": -1.0}, 2.7, "expected a current that discharges, > 0 A, got -1 A"),
        (ONE, {}, 2.0, r"expected a limit of at least 2\.5 V, where the curve ends; got 2 V"),
    ],
)
def test_a_capacity_that_means_nothing_is_refused(
    model: Circuit, conditions: dict[str, float], limit: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        delivered(model, model.space.nominal, model.conditions.pack(conditions), limit)
