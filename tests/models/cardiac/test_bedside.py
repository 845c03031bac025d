"""A patient's numbers and curves at the door: what is masked, what is refused, and with which words."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies.calibration import typed_units
from twin.experiment import Experiment
from twin.models.cardiac.clinic import NUMBERS
from twin.models.cardiac_loop import default
from twin.table import read_table, typed_table


def typed(**values: float) -> Experiment:
    return default.experiments(typed_table(values, typed_units(default)), {})


def written(path: Path, text: str, given: Mapping[str, float] | None = None) -> Experiment:
    path.write_text(text)
    return default.experiments(read_table(path), given or {})


def test_typed_numbers_carry_the_usual_errors_of_their_kind() -> None:
    found = typed(EDV=138, ESV=68, SBP=120, DBP=80, HR=75)
    assert found.conditions == {"HR": 75.0}
    assert found.observables == ("EDV", "ESV", "SBP", "DBP")
    np.testing.assert_array_equal(found.y, [[138, 68, 120, 80]])
    usual = {o.name: o.sd for o in NUMBERS}
    assert found.sd is not None
    np.testing.assert_array_equal(found.sd, [[usual[name] for name in found.observables]])


def test_a_stated_error_takes_the_place_of_the_usual_one() -> None:
    found = typed(EDV=138, EDV_sd=5, HR=75)
    assert found.sd is not None
    assert found.sd[0, 0] == 5.0


def test_what_follows_from_the_volumes_is_not_counted_twice() -> None:
    found = typed(EDV=138, ESV=69, EF=50, SV=69, HR=75)
    assert found.observables == ("EDV", "ESV")
    assert any("EF follows" in note for note in found.notes)


@pytest.mark.parametrize(("values", "words"), [
    ({"EDV": 68, "ESV": 138, "HR": 75}, "EDV 68 must be larger than ESV 138"),
    ({"SBP": 80, "DBP": 120, "HR": 75}, "SBP 80 must be larger than DBP 120"),
    ({"EDV": 138, "ESV": 68, "EF": 70, "HR": 75}, "EF 70 % contradicts"),
    ({"EDV": 138, "ESV": 68, "SV": 40, "HR": 75}, "SV 40 mL contradicts"),
    ({"EF": 0.55, "HR": 75}, "per cent"),
    ({"EF": 120, "HR": 75}, "below 100 %"),
    ({"EDV": -5, "HR": 75}, "EDV must be positive"),
    ({"EDV": 138, "HR": 0}, "HR"),
    ({"EDV": 138}, "no heart rate"),
    ({"HR": 75}, "no measurement"),
    ({"EDV": 138, "EDV_sd": -1, "HR": 75}, "EDV_sd must be positive"),
    ({"EDVV": 138, "HR": 75}, "EDVV: no such measurement; did you mean 'EDV'"),
])  # fmt: skip
def test_impossible_numbers_are_refused_with_the_reason(values: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        typed(**values)


def test_missing_values_of_a_table_are_masked_and_counted(tmp_path: Path) -> None:
    found = written(tmp_path / "p.csv", "EDV_mL,ESV_mL,SBP_mmHg,HR [1/min]\n138,68,120,75\n,70,NA,76\n")
    np.testing.assert_array_equal(found.mask, [[True, True, True], [False, True, False]])
    assert found.conditions["HR"] == 75.5
    assert any("2 missing values" in note for note in found.notes)


def test_rates_that_change_within_an_experiment_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one heart rate"):
        written(tmp_path / "p.csv", "EDV_mL,HR [1/min]\n138,60\n140,100\n")


def test_a_flushed_and_gappy_pressure_trace_is_masked_and_counted(tmp_path: Path) -> None:
    rows = [f"{0.01 * i:g},{90 + i:g}" for i in range(20)]
    rows[3], rows[4], rows[5] = "0.03,", "0.04,320", "0.05,-40"
    found = written(tmp_path / "p.csv", "time_s,pressure_mmHg\n" + "\n".join(rows) + "\n", {"HR": 75.0})
    assert found.mask.sum() == 17
    assert any("1 of 20 values missing" in note for note in found.notes)
    assert any("2 of 20 values outside" in note for note in found.notes)


def test_text_in_a_number_column_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 2.*'high'"):
        written(tmp_path / "p.csv", "EDV_mL,HR [1/min]\nhigh,75\n")
