"""From a cycler's table to the experiment of a circuit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.models.battery.circuit import Circuit
from twin.models.battery.circuit_record import in_step
from twin.models.battery_circuit import PRESETS
from twin.space import Floats
from twin.table import Table, read_table

DISCHARGE, PULSE = PRESETS["one_pair"], PRESETS["pulse_one_pair"]
TIMES = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
CURRENT = np.array([0.001, 0.004, 2.0, 2.01, 1.99, 0.002, 0.0])
VOLTAGE = np.array([4.19, 4.188, 4.0, 3.9, 3.8, 3.95, 3.99])
FALLING = np.array([4.19, 4.0, 3.95, 3.9, 3.85, 3.8, 3.75])


def table(folder: Path, times: Floats, current: Floats, voltage: Floats, cycle: Floats | None = None) -> Table:
    cycles = np.ones(len(times)) if cycle is None else cycle
    rows = [f"{c:g},{t},{i},{v}" for c, t, i, v in zip(cycles, times, current, voltage, strict=True)]
    path = folder / "run.csv"
    path.write_text("\n".join(["cycle,time_s,current_A,voltage_V", *rows]) + "\n")
    return read_table(path)


def read(folder: Path, model: Circuit = DISCHARGE, **given: float) -> Experiment:
    return model.experiments(table(folder, TIMES, CURRENT, VOLTAGE), given)


def test_the_last_row_at_rest_is_the_start_and_the_relaxation_after_a_discharge_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.conditions == {"current": pytest.approx(2.0), "start_voltage": 4.188}
    assert found.coordinates == ("time",)
    assert found.x[:, 0].tolist() == [10.0, 20.0, 30.0]
    assert found.y[:, 0].tolist() == [4.0, 3.9, 3.8]
    assert found.notes == (
        "start voltage 4.188 V from line 3, the last at rest",
        "2 readings of the relaxation after the load are not used",
    )


def test_a_pulse_keeps_its_relaxation_and_its_currents(tmp_path: Path) -> None:
    found = read(tmp_path, PULSE)
    assert found.conditions == {"current": pytest.approx(2.0), "start_voltage": 4.188, "duration": 30.0}
    assert found.coordinates == ("time", "current")
    np.testing.assert_array_equal(found.x, np.stack([TIMES[2:] - 10.0, CURRENT[2:]], axis=1))
    assert found.y[:, 0].tolist() == VOLTAGE[2:].tolist()


def test_a_constant_current_is_the_one_that_passes_the_same_charge(tmp_path: Path) -> None:
    times = np.array([0.0, 1.0, 100.0, 101.0])
    found = DISCHARGE.experiments(table(tmp_path, times, np.array([0.0, 1.98, 2.0, 2.02]), FALLING[:4]), {})
    assert found.conditions["current"] * 101.0 == pytest.approx(1.98 + 99 * 2.0 + 2.02)


def test_a_current_that_varies_is_kept_row_by_row(tmp_path: Path) -> None:
    current = np.array([0.0, 2.0, 2.0, 1.0, 1.0, 3.0, 3.0])
    found = DISCHARGE.experiments(table(tmp_path, TIMES, current, FALLING), {})
    assert found.coordinates == ("time", "current")
    assert found.x[:, 1].tolist() == current[1:].tolist()


def test_the_rest_may_stand_in_the_row_before_the_selection(tmp_path: Path) -> None:
    whole = table(tmp_path, TIMES, CURRENT, VOLTAGE, np.array([0, 0, 1, 1, 1, 2, 2]))
    found = DISCHARGE.experiments(whole.select("cycle", ["1"]), {})
    assert found.conditions["start_voltage"] == 4.188
    assert found.x[0, 0] == 10.0
    assert found.notes == ("start voltage 4.188 V from the row before the first one",)


def test_a_rest_of_another_cycle_whose_clock_ran_on_is_no_start(tmp_path: Path) -> None:
    times = np.array([0.0, 900.0, 5.0, 15.0, 25.0])
    whole = table(tmp_path, times, CURRENT[:5], VOLTAGE[:5], np.array([1, 1, 2, 2, 2]))
    found = DISCHARGE.experiments(whole.select("cycle", ["2"]), {})
    assert found.x[:, 0].tolist() == [0.0, 10.0, 20.0]
    assert found.conditions["start_voltage"] == DISCHARGE.conditions["start_voltage"].nominal
    assert found.notes == ("start voltage assumed to be 4.19 V: no rest precedes the data",)


def test_a_pulse_without_a_rest_before_it_is_refused_unless_its_voltage_is_given(tmp_path: Path) -> None:
    loaded = table(tmp_path, TIMES[2:], CURRENT[2:], VOLTAGE[2:])
    with pytest.raises(
        ValueError, match=r"needs the rested voltage before it, but the first row of run carries 2 A; keep"
    ):
        PULSE.experiments(loaded, {})
    assert PULSE.experiments(loaded, {"start_voltage": 4.1}).conditions["start_voltage"] == 4.1


def test_readings_from_the_first_below_the_cut_off_on_are_masked(tmp_path: Path) -> None:
    current, voltage = np.full(7, 2.0), np.array([4.0, 3.5, 3.0, 2.49, 2.6, 2.4, 2.3])
    found = DISCHARGE.experiments(table(tmp_path, TIMES, current, voltage), {})
    assert found.mask[:, 0].tolist() == [True, True, True, False, False, False, False]
    assert "4 readings from the first below 2.5 V on are not used" in found.notes


@pytest.mark.parametrize("model", [DISCHARGE, PULSE], ids=["discharge", "pulse"])
def test_a_current_of_the_wrong_sign_is_refused(tmp_path: Path, model: Circuit) -> None:
    with pytest.raises(ValueError, match=r"the current is -2 A but the voltage falls; current must be positive on"):
        model.experiments(table(tmp_path, TIMES, -CURRENT, VOLTAGE), {})


def test_a_charge_has_a_negative_current_and_a_rising_voltage(tmp_path: Path) -> None:
    found = DISCHARGE.experiments(table(tmp_path, TIMES, -CURRENT, 8.0 - VOLTAGE), {})
    assert found.conditions["current"] == pytest.approx(-2.0)
    with pytest.raises(ValueError, match=r"the current is 2 A but the voltage rises"):
        DISCHARGE.experiments(table(tmp_path, TIMES, np.full(7, 2.0), np.linspace(3.5, 4.0, 7)), {})


@pytest.mark.parametrize(
    ("current", "message"),
    [
        (np.zeros(7), "the current is zero in every row; nothing can be learnt from a rest"),
        (np.array([0, 0, 0, 2.0, 0, 0, 0]), "1 reading under load in run; expected at least 2"),
    ],
)
def test_a_table_without_a_load_is_refused(tmp_path: Path, current: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DISCHARGE.experiments(table(tmp_path, TIMES, current, VOLTAGE), {})


def test_names_that_mean_nothing_are_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no parameter 'curent'; did you mean 'current'"):
        read(tmp_path, curent=1.0)
    path = tmp_path / "run.csv"
    with pytest.raises(
        ValueError, match=r"--column volts: a cell's table has no such quantity; did you mean 'voltage'"
    ):
        DISCHARGE.experiments(read_table(path, rename={"volts": "voltage_V"}), {})


def test_a_start_beyond_the_curve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"start_voltage = 4\.6 V lies outside the valid range \[3, 4\.25\] V"):
        read(tmp_path, start_voltage=4.6)


def test_a_jump_of_the_current_stands_where_the_voltage_jumps() -> None:
    voltage = np.array([3.70, 3.46, 3.46, 3.45, 3.45, 3.67, 3.68])
    late, early = np.array([0, 0, 7.5, 7.5, 0, 0, 0]), np.array([0, 7.5, 7.5, 7.5, 7.5, 0, 0])
    np.testing.assert_array_equal(in_step(late, voltage, 0.75), early)
    np.testing.assert_array_equal(in_step(early, voltage, 0.75), early)


def test_the_measured_pulses_have_their_current_in_step(data_file: Callable[[str], Path]) -> None:
    whole = read_table(data_file("battery/lgm50_pulses.csv.gz"))
    for temperature, cell in (("25", "1"), ("0", "19"), ("45", "7")):
        one = whole.select("T_amb_C", [temperature]).select("soc_nominal", ["0.5"]).select("cell", [cell])
        found = PULSE.experiments(one, {})
        assert "current of 2 rows moved to the side of the jump on which their voltage is" in found.notes
        assert found.conditions["duration"] == pytest.approx(10.1, abs=0.15)
        assert found.conditions["start_voltage"] == one.number("voltage", "V")[0]
        assert abs(found.x[0, 1]) == pytest.approx(found.conditions["current"], rel=0.01)


@pytest.mark.parametrize(("cell", "shortest"), [("b0005", 1.28), ("b0006", 1.15), ("b0007", 1.40)])
def test_every_measured_discharge_is_read(data_file: Callable[[str], Path], cell: str, shortest: float) -> None:
    parts = read_table(data_file(f"battery/nasa_{cell}_discharge.csv.gz")).by("cycle")
    assert len(parts) == 168
    for _, part in parts[::9]:
        found = DISCHARGE.experiments(part, {})
        assert found.coordinates == ("time",)
        assert found.conditions["current"] == pytest.approx(2.0, abs=0.03)
        assert 4.1 < found.conditions["start_voltage"] < 4.25
        assert found.x[-1, 0] * found.conditions["current"] / 3600 > shortest
