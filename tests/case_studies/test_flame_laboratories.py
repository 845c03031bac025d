"""Lean methane flames of several laboratories, and one that was left out."""

import numpy as np
import pytest

from twin.case_studies.flame_laboratories import (
    LABORATORIES,
    Laboratories,
    forward,
    left_out,
    likelihood_of,
    measured,
)
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
    plain = forward()
    theta = np.array([0.1, 30.0, 0.5, 3.0, -4.0])
    x = MODEL.abscissa(MODEL.conditions.nominal, 5)
    base = np.asarray(plain(theta[:2], MODEL.conditions.nominal, x))[:, 0]
    rows = np.column_stack([x, [0.0, 1.0, 1.0, 0.0, 1.0]])
    found = Laboratories(plain, ("a", "b"))(theta, MODEL.conditions.nominal, rows)
    np.testing.assert_allclose(found[:, 0] - base, [1.5, -2.0, -2.0, 1.5, -2.0])


def test_what_one_step_misses_is_one_function_for_all_laboratories(laboratories: list[Experiment]) -> None:
    likelihood = likelihood_of(laboratories, discrepancy=True, without="CH4-Wu")
    (block,) = likelihood.blocks
    phi = block.x[:, 0]
    theta = np.append(likelihood.forward.space.nominal, [0.3, 2.0])
    missed = np.asarray(likelihood.predict(theta)[0] - likelihood.predict(theta, discrepancy=False)[0])[:, 0]
    order = np.argsort(phi)
    steps = np.abs(np.diff(missed[order])) / np.maximum(np.diff(phi[order]), 1e-9)
    assert steps[np.diff(phi[order]) > 1e-3].max() < 40.0, "cm/s per unit of phi: smooth over all laboratories"
    assert np.abs(missed).max() > 0.2


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
