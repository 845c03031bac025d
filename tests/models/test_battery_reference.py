import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from twin.model import until_end
from twin.models.battery import pybamm_reference
from twin.models.battery.lgm50 import esoh4, soh6
from twin.models.battery.nrel import pinnstripes2

C = soh6.conditions.nominal


def test_a_missing_pybamm_is_answered_with_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pybamm_reference._simulation.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"PyBaMM, which is not installed; .* pip install 'twincal\[battery\]'"):
        soh6.simulate(soh6.space.nominal[None], C, np.array([[0.0], [10.0]]))


def test_the_solution_goes_on_past_the_cut_off_and_then_ends_for_good() -> None:
    x = np.linspace(0, 5000, 2001)[:, None]
    y = soh6.simulate(soh6.space.pack({"LLI": 0.15})[None], C, x)
    ended = np.isnan(y[0, :, 0])
    assert ended.any()
    assert not ended.all()
    assert np.all(np.diff(ended.astype(int)) >= 0), "once ended, it stays ended"
    assert soh6.cell.cut_off - 0.5 <= y[0, ~ended, 0].min() < soh6.cell.cut_off - 0.1
    counted = until_end(soh6, y)[0, :, 0]
    assert np.nanmin(counted) >= soh6.cell.cut_off
    assert np.nanmin(counted) < 2.7


def test_past_the_cut_off_the_closed_form_and_the_reference_still_agree() -> None:
    x = np.linspace(0, 5000, 2001)[:, None]
    theta = soh6.space.pack({"LLI": 0.15})[None]
    y = soh6.simulate(theta, C, x)[0, :, 0]
    below = y < soh6.cell.cut_off
    assert below.sum() > 3
    np.testing.assert_allclose(soh6(theta, C, x)[0, below, 0], y[below], atol=2e-3)


def test_a_start_that_cannot_be_is_no_number_and_leaves_the_others_alone() -> None:
    good = soh6.space.nominal
    overfilled = soh6.space.pack({"LAM_n": 0.39})
    x = np.array([[0.0], [600.0]])
    y = soh6.simulate(np.stack([good, overfilled, good]), C, x)
    assert np.all(np.isnan(y[1]))
    np.testing.assert_array_equal(y[0], y[2])
    np.testing.assert_array_equal(y[0], soh6.simulate(good[None], C, x)[0])


def test_times_may_repeat_and_need_not_be_evenly_spaced() -> None:
    x = np.array([[0.0], [5.0], [5.0], [1000.0]])
    y = soh6.simulate(soh6.space.nominal[None], C, x)[0, :, 0]
    assert y[1] == y[2]
    assert np.all(np.diff(y[[0, 1, 3]]) < 0)


ANCHORS = {
    (0.5, 1.0): (4.08618, 3.73325, 3.57021),
    (2.0, 2.0): (4.09521, 3.74660, 3.58223),
    (4.0, 10.0): (4.09673, 3.75409, 3.58818),
}
"""Specification 8.2: NREL cell, 2C, voltages [V] at 0, 675 and 1350 s by (i0_a, ds_c), at 60 radial cells."""


@pytest.mark.parametrize("theta", ANCHORS)
def test_the_nrel_cell_passes_the_specifications_anchors(theta: tuple[float, float]) -> None:
    c = pinnstripes2.conditions.nominal
    at_the_specifications_mesh = replace(pinnstripes2.reference, radial_points=60)
    model = replace(pinnstripes2, reference=at_the_specifications_mesh)
    y = model.simulate(np.array([theta]), c, np.array([[0.0], [675.0], [1350.0]]))[0, :, 0]
    np.testing.assert_allclose(y, ANCHORS[theta], atol=3e-5)


def test_the_reference_passes_the_anchors_of_the_lg_m50() -> None:
    theta = esoh4.space.pack({"x100": 29866 / 33133, "y100": 17038 / 63104})
    y = esoh4.simulate(theta[None], esoh4.conditions.nominal, np.array([[300.0], [1200.0], [2400.0]]))[0, :, 0]
    np.testing.assert_allclose(y, [3.95043, 3.71593, 3.45897], atol=1e-4)
