"""The measured LG M50 curves, as far as a test can afford: reading, and how far the literature is off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies import battery_lgm50, calibration
from twin.models.battery.lgm50 import soh6


@pytest.fixture(scope="module")
def measured(data_file: Callable[[str], Path]) -> Path:
    return data_file(battery_lgm50.FILE)


def test_each_rate_is_one_experiment_that_starts_from_its_rested_voltage(measured: Path, tmp_path: Path) -> None:
    study = battery_lgm50.study_of(battery_lgm50.READINGS[0], tmp_path, battery_lgm50.FITTED, 0)
    (slow, fast), _ = calibration.experiments_of(study, soh6)
    assert (len(slow.y), len(fast.y)) == (299, 148)
    np.testing.assert_allclose([slow.conditions["c_rate"], fast.conditions["c_rate"]], [0.1, 0.5], rtol=1e-3)
    np.testing.assert_allclose([slow.conditions["start_voltage"], fast.conditions["start_voltage"]], [4.1784, 4.1796])
    assert slow.x[0, 0] == 0.0
    assert fast.x[0, 0] == pytest.approx(2.16)


def test_untouched_literature_parameters_miss_the_measured_curves_by_tens_of_millivolts(
    measured: Path, tmp_path: Path
) -> None:
    errors = battery_lgm50.literature(tmp_path)
    assert all(0.03 < error < 0.15 for error in errors.values())
