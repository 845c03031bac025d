import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.models.battery.protocol import current_at, current_steps, sampled_current
from twin.space import Floats


def abscissa(times: list[float], currents: list[float]) -> Floats:
    return np.stack([times, currents], axis=1)


PULSE = abscissa([0, 5, 10, 15, 20, 30], [2.0, 2.0, 2.0, 0.0, 0.0, -1.0])
levels = st.lists(st.sampled_from([-3.0, 0.0, 1.5, 4.0]), min_size=2, max_size=12)


def test_a_row_holds_the_current_that_flowed_until_then() -> None:
    steps = current_steps(PULSE)
    np.testing.assert_array_equal(steps.start, [0, 10, 20])
    np.testing.assert_array_equal(steps.current, [2, 0, -1])
    np.testing.assert_array_equal(current_at(steps, PULSE[:, 0]), PULSE[:, 1])


@given(levels)
@settings(deadline=None)
def test_the_steps_give_every_rows_current_back_and_pass_its_charge(currents: list[float]) -> None:
    times = np.cumsum(1.0 + np.arange(len(currents))) - 1
    x = abscissa(times.tolist(), currents)
    steps = current_steps(x)
    np.testing.assert_allclose(current_at(steps, times[1:]), currents[1:])
    fine = np.linspace(0, times[-1], 20_001)
    middle = (fine[1:] + fine[:-1]) / 2
    passed = np.sum(current_at(steps, middle)) * (fine[1] - fine[0])
    assert passed == pytest.approx(np.sum(np.diff(times) * x[1:, 1]), abs=0.01 * times[-1])


@given(levels)
@settings(deadline=None)
def test_neighbouring_steps_differ(currents: list[float]) -> None:
    steps = current_steps(abscissa(list(map(float, range(len(currents)))), currents))
    assert np.all(np.diff(steps.current) != 0)
    assert np.all(np.diff(steps.start) > 0) or len(steps.start) == 1 or currents[0] != currents[1]


def test_noise_of_a_cycler_is_averaged_into_one_step() -> None:
    currents = 2.0 + 5e-4 * np.array([1, -1, 1, -1, 1, -1])
    steps = current_steps(abscissa(list(range(6)), currents.tolist()))
    np.testing.assert_allclose(steps.current, [2.0])
    np.testing.assert_array_equal(steps.start, [0.0])


def test_a_change_of_one_percent_is_a_step() -> None:
    assert len(current_steps(abscissa([0, 1, 2, 3], [2.0, 2.0, 2.02, 2.02])).start) == 2


def test_torch_abscissae_are_read_as_data() -> None:
    np.testing.assert_array_equal(current_steps(torch.tensor(PULSE)).current, current_steps(PULSE).current)


def test_a_constant_current_is_no_sampled_current() -> None:
    times = np.arange(4.0)
    assert sampled_current(times, np.array([5.0, 5.05, 4.95, 5.0]), 0.02) is None
    assert sampled_current(times, np.array([-5.0, -5.05, -4.95, -5.0]), 0.02) is None
    varying = np.array([5.0, 5.0, 5.0, 0.0])
    np.testing.assert_array_equal(sampled_current(times, varying, 0.02), varying)
