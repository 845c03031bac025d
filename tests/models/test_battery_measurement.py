from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.models.battery.lgm50 import esoh4, soh6
from twin.models.battery.lgm50_porous import soh6 as porous
from twin.models.battery.nrel import pinnstripes2
from twin.space import Floats
from twin.table import Table, read_table

T = np.array([100.0, 200.0, 300.0, 400.0])
FALLING = np.array([4.0, 3.9, 3.8, 3.7])
HEADER = "time_s,current_A,voltage_V,step"


def rows(times: Floats, current: Floats | float, voltage: Floats, step: str = "discharge") -> list[str]:
    currents = np.broadcast_to(current, times.shape)
    return [f"{t},{i},{v},{step}" for t, i, v in zip(times, currents, voltage, strict=True)]


def table(folder: Path, lines: list[str], header: str = HEADER) -> Table:
    path = folder / "run.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return read_table(path)


def after_rest(folder: Path, current: Floats | float = 2.5, rest: str = "90,0.0,4.179,initial") -> Experiment:
    return soh6.experiments(table(folder, [rest, *rows(T, current, FALLING)]).select("step", ["discharge"]), {})


def test_a_constant_current_becomes_a_rate_and_times_start_at_the_rest_before(tmp_path: Path) -> None:
    found = after_rest(tmp_path)
    assert found.conditions["c_rate"] == pytest.approx(0.5)
    assert found.conditions["start_voltage"] == 4.179
    assert found.conditions["temperature"] == 298.15
    assert found.coordinates == ("time",)
    np.testing.assert_allclose(found.x[:, 0], T - 90)
    np.testing.assert_allclose(found.y[:, 0], FALLING)
    assert any("start voltage 4.179 V from the row before" in note for note in found.notes)


def test_a_start_voltage_that_is_given_takes_the_place_of_the_row_before_and_the_note_says_so(tmp_path: Path) -> None:
    rest = table(tmp_path, ["90,0.0,4.179,initial", *rows(T, 2.5, FALLING)]).select("step", ["discharge"])
    found = soh6.experiments(rest, {"start_voltage": 4.15})
    assert found.conditions["start_voltage"] == 4.15
    assert [note for note in found.notes if "4.179 V from the row before the first one: not used" in note]


def test_without_a_rest_times_start_at_the_first_row_and_the_assumption_is_noted(tmp_path: Path) -> None:
    found = soh6.experiments(table(tmp_path, rows(T, 2.5, FALLING)), {})
    np.testing.assert_allclose(found.x[:, 0], T - 100)
    assert found.conditions["start_voltage"] == soh6.conditions["start_voltage"].nominal
    assert any("assumed to be 4.18 V" in note for note in found.notes)


def test_a_row_before_that_carries_current_is_no_rest(tmp_path: Path) -> None:
    found = after_rest(tmp_path, rest="90,-1.5,4.179,charge")
    np.testing.assert_allclose(found.x[:, 0], T - 100)
    assert found.conditions["start_voltage"] != 4.179


def test_what_the_user_gives_wins(tmp_path: Path) -> None:
    found = soh6.experiments(table(tmp_path, rows(T, 2.5, FALLING)), {"start_voltage": 4.1, "temperature": 283.15})
    assert (found.conditions["start_voltage"], found.conditions["temperature"]) == (4.1, 283.15)
    assert not found.notes


def test_an_ambient_temperature_in_the_table_is_taken_in_kelvin(tmp_path: Path) -> None:
    lines = [f"{row},10" for row in rows(T, 2.5, FALLING)]
    found = soh6.experiments(table(tmp_path, lines, f"{HEADER},T_amb_C"), {})
    assert found.conditions["temperature"] == pytest.approx(283.15)


def test_a_varying_current_becomes_the_second_column(tmp_path: Path) -> None:
    current = np.array([2.5, 2.5, 0.0, 0.0])
    found = after_rest(tmp_path, current)
    assert found.coordinates == ("time", "current")
    np.testing.assert_allclose(found.x, np.stack([T - 90, current], axis=1))


def test_a_varying_current_is_refused_where_the_surrogate_needs_a_constant_one(tmp_path: Path) -> None:
    varying = table(tmp_path, rows(T, np.array([0.0378, 0.0378, 0.0, 0.0]), FALLING))
    with pytest.raises(ValueError, match=r"needs a constant current, but it varies between 0 and 0.0378 A; choose one"):
        pinnstripes2.experiments(varying, {})


@pytest.mark.parametrize(("current", "voltage"), [(-2.5, FALLING), (2.5, FALLING[::-1])])
def test_a_current_of_the_wrong_sign_is_refused(tmp_path: Path, current: float, voltage: Floats) -> None:
    with pytest.raises(ValueError, match=r"run\.csv: the current is .*2\.5 A but the voltage .*positive on discharge"):
        esoh4.experiments(table(tmp_path, rows(T, current, voltage)), {})


def test_a_charge_has_a_negative_current_and_a_rising_voltage(tmp_path: Path) -> None:
    found = esoh4.experiments(table(tmp_path, rows(T, -2.5, FALLING[::-1])), {})
    assert found.conditions["c_rate"] == pytest.approx(-0.5)


def test_a_rest_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zero in every row"):
        esoh4.experiments(table(tmp_path, rows(T, 0.0, FALLING)), {})


def test_a_rate_outside_the_box_is_refused_with_the_box(tmp_path: Path) -> None:
    fast = table(tmp_path, rows(T, 5 * 0.0189, FALLING))
    with pytest.raises(ValueError, match=r"c_rate = 5 1/h lies outside the valid range \[0.5, 4\] 1/h"):
        pinnstripes2.experiments(fast, {})
    slow = table(tmp_path, rows(T, 2 * 0.0189, FALLING))
    with pytest.raises(ValueError, match=r"y_start = 0.6 1 lies outside the valid range \[0.36, 0.45\]"):
        pinnstripes2.experiments(slow, {"y_start": 0.6})


def test_an_unknown_condition_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no parameter 'temprature'; did you mean 'temperature'"):
        soh6.experiments(table(tmp_path, rows(T, 2.5, FALLING)), {"temprature": 300.0})


@pytest.mark.parametrize("missing", ["time", "current", "voltage"])
def test_a_missing_column_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    header = ",".join(name if not name.startswith(missing) else "other" for name in HEADER.split(","))
    with pytest.raises(ValueError, match=rf"no column for {missing} \["):
        soh6.experiments(table(tmp_path, rows(T, 2.5, FALLING), header), {})


def test_times_that_step_back_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time must rise row by row"):
        soh6.experiments(table(tmp_path, rows(T[[0, 2, 1, 3]], 2.5, FALLING)), {})


@pytest.mark.parametrize(("c_rate", "start"), [("0.1", 4.1785), ("0.5", 4.1785), ("1", 4.1785)])
def test_the_measured_lg_m50_discharges_start_from_their_relaxed_voltage(
    data_file: Callable[[str], Path], c_rate: str, start: float
) -> None:
    whole = read_table(data_file("battery/lgm50_rate_discharge.csv"))
    run = whole.select("T_amb_C", ["25"]).select("c_rate", [c_rate]).select("step", ["discharge"])
    found = soh6.experiments(run, {})
    assert found.conditions["start_voltage"] == pytest.approx(start, abs=2e-3)
    assert found.conditions["c_rate"] == pytest.approx(float(c_rate), rel=0.02)
    assert found.conditions["temperature"] == pytest.approx(298.15)
    assert found.coordinates == ("time",)
    assert np.all(np.diff(found.x[:, 0], prepend=-1.0) > 0)


def test_a_first_row_that_averages_rest_and_load_says_when_the_current_was_switched_on(tmp_path: Path) -> None:
    current = np.array([1.25, 2.5, 2.5, 2.5])
    lines = ["90,0.0,4.179,initial", *rows(T, current, FALLING)]
    found = porous.experiments(table(tmp_path, lines).select("step", ["discharge"]), {})
    np.testing.assert_allclose(found.x[:, 0], T[1:] - 95.0)
    np.testing.assert_allclose(found.y[:, 0], FALLING[1:])
    assert found.conditions["c_rate"] == pytest.approx(0.5)
    assert any("first row left out: its current, 1.25 A" in note for note in found.notes)


def test_a_current_that_varies_later_is_still_refused(tmp_path: Path) -> None:
    lines = ["90,0.0,4.179,initial", *rows(T, np.array([1.25, 2.5, 2.0, 2.5]), FALLING)]
    with pytest.raises(ValueError, match="needs a constant current"):
        porous.experiments(table(tmp_path, lines).select("step", ["discharge"]), {})
