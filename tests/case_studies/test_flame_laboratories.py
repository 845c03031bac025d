"""Lean methane flames of several laboratories, and one that was left out."""

import numpy as np
import pytest

from twin.case_studies.flame_laboratories import LABORATORIES, Laboratories, left_out, measured
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
    forward, plain = Laboratories(forward_of(MODEL), ("a", "b"), False), forward_of(MODEL)
    theta = np.array([0.1, 30.0, 0.5, 3.0, -4.0])
    x = MODEL.abscissa(MODEL.conditions.nominal, 5)
    base = np.asarray(plain(theta[:2], MODEL.conditions.nominal, x))
    for k, offset in ((0, 1.5), (1, -2.0), (-1, 0.0)):
        c = np.append(MODEL.conditions.nominal, float(k))
        np.testing.assert_allclose(forward(theta, c, x), base + offset)


def test_what_one_step_misses_is_one_function_for_all_laboratories() -> None:
    forward = Laboratories(forward_of(MODEL), ("a", "b"), True)
    theta = forward.space.draw(1, 0)[0]
    x = MODEL.abscissa(MODEL.conditions.nominal, 9)
    bare = Laboratories(forward_of(MODEL), ("a", "b"), False)
    missed = [
        forward(theta, np.append(MODEL.conditions.nominal, k), rows)
        - bare(theta[: len(bare.space)], np.append(MODEL.conditions.nominal, k), rows)
        for k, rows in ((0.0, x), (1.0, x), (-1.0, x[3:]))
    ]
    np.testing.assert_allclose(missed[0], missed[1], atol=1e-12)
    np.testing.assert_allclose(missed[2], missed[0][3:], atol=1e-12)
    many = forward.space.draw(4000, 1)
    size = many[:, forward.space.names.index("alpha")]
    c = np.append(MODEL.conditions.nominal, -1.0)
    drawn = (np.asarray(forward(many, c, x)) - np.asarray(bare(many[:, : len(bare.space)], c, x)))[..., 0]
    np.testing.assert_allclose((drawn / size[:, None]).std(axis=0), 1.0, atol=0.06)


def test_no_points_are_counted_twice(laboratories: list[Experiment]) -> None:
    assert tuple(one.name for one in laboratories) == LABORATORIES
    assert not any("redigitised" in name for name in LABORATORIES)
    assert all(one.x[:, 0].max() <= 0.96 for one in laboratories)
    assert all(one.sd is not None and one.sd.min() > 0.5 for one in laboratories)


def test_a_laboratory_is_predicted_from_the_others(laboratories: list[Experiment]) -> None:
    found = left_out(laboratories, 0, discrepancy=True, seed=0)
    assert found.laboratory == "CH4-Bosschaart"
    assert 0.7 <= found.coverage90 <= 1.0
    low, middle, high = found.quantiles["Ea"]
    assert 28.0 < middle < 42.0
    assert high - low < 15.0
