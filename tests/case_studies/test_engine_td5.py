"""The Td5's road log: boost of the unseen half, and the gain of its air-mass sensor."""

import numpy as np
import pytest

from twin.case_studies.engine_td5 import halves, log, study
from twin.data import DataNotFoundError
from twin.experiment import Experiment


@pytest.fixture(scope="module")
def record() -> Experiment:
    try:
        return log()
    except DataNotFoundError as absent:
        pytest.skip(str(absent))


def test_halves_share_no_reading(record: Experiment) -> None:
    first, second = halves(record)
    assert not np.any(first.mask & second.mask)
    np.testing.assert_array_equal(first.mask | second.mask, record.mask)


def test_pressure_of_the_unseen_half_and_gain_of_the_sensor(record: Experiment) -> None:
    found = study(record)
    assert found.rmse < 6.0
    assert 0.85 < found.coverage90 <= 0.97
    low, middle, high = found.quantiles["gain_W_air"]
    assert 1.1 < middle < 1.25
    assert 0.05 < high - low < 0.25
