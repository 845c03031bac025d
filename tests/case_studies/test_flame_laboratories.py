"""Lean methane flames of several laboratories, and one that was left out."""

import numpy as np
import pytest

from twin.case_studies.flame_laboratories import LABORATORIES, WithOffsets, left_out, measured
from twin.case_studies.forwards import forward_of
from twin.data import DataNotFoundError
from twin.experiment import Experiment
from twin.models.flame_free import MODEL


@pytest.fixture(scope="module")
def laboratories() -> list[Experiment]:
    try:
        return measured()
    except DataNotFoundError as absent:
        pytest.skip(str(absent))


def test_offsets_are_added_to_the_readings_of_their_laboratory_alone() -> None:
    forward, plain = WithOffsets(forward_of(MODEL), ("a", "b")), forward_of(MODEL)
    theta = np.array([0.1, 30.0, 0.5, 3.0, -4.0])
    x = MODEL.abscissa(MODEL.conditions.nominal, 5)
    base = np.asarray(plain(theta[:2], MODEL.conditions.nominal, x))
    for k, offset in enumerate((1.5, -2.0)):
        c = np.append(MODEL.conditions.nominal, float(k))
        np.testing.assert_allclose(forward(theta, c, x), base + offset)


def test_no_points_are_counted_twice(laboratories: list[Experiment]) -> None:
    assert tuple(one.name for one in laboratories) == LABORATORIES
    assert not any("redigitised" in name for name in LABORATORIES)
    assert all(one.x[:, 0].max() <= 0.96 for one in laboratories)
    assert all(one.sd is not None and one.sd.min() > 0.5 for one in laboratories)


def test_a_laboratory_is_predicted_from_the_others(laboratories: list[Experiment]) -> None:
    found = left_out(laboratories, 0, 0)
    assert found.laboratory == "CH4-Bosschaart"
    assert 0.7 <= found.coverage90 <= 1.0
    low, middle, high = found.quantiles["Ea"]
    assert 28.0 < middle < 42.0
    assert high - low < 15.0
