"""Intensive-care pressures beat by beat: counts, numbers, and what a decay's posterior may claim."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies import cardiac_icu as study
from twin.models.cardiac.beats import Beats
from twin.models.cardiac.diastole import decays

COUNTS = {
    "3975656": (94, {}),
    "mixedsignals": (381, {"irregular period": 12, "unusual shape": 10}),
    "041s": (24, {"unusual shape": 1}),
    "03700181": (1222, {"irregular period": 65, "unusual shape": 8}),
}
RATES = {"3975656": 59.0, "mixedsignals": 104.0, "041s": 95.0}
"""[1/min], those of the records' descriptions."""


@pytest.fixture
def beats_of(data_file: Callable[[str], Path]) -> Callable[[str], tuple[study.Record, Beats]]:
    def read(name: str) -> tuple[study.Record, Beats]:
        record = next(r for r in study.RECORDS if r.name == name)
        data_file(record.file)
        return record, study.beats_of(record)

    return read


@pytest.mark.parametrize("name", COUNTS)
def test_beats_and_what_is_set_aside_are_counted(
    name: str, beats_of: Callable[[str], tuple[study.Record, Beats]]
) -> None:
    _, beats = beats_of(name)
    assert (len(beats.all), beats.counts) == COUNTS[name]
    if name in RATES:
        assert 60 / np.median([b.period for b in beats.measured]) == pytest.approx(RATES[name], abs=1.0)


def test_numbers_of_a_beat_are_in_order(beats_of: Callable[[str], tuple[study.Record, Beats]]) -> None:
    _, beats = beats_of("mixedsignals")
    for beat in beats.measured:
        row = study.numbers(beats, beat)
        assert row["DBP_mmHg"] < row["MAP_mmHg"] < row["SBP_mmHg"]
        assert row["PP_mmHg"] == pytest.approx(row["SBP_mmHg"] - row["DBP_mmHg"])


def test_a_decay_tells_the_time_constant_only_together_with_the_asymptote(
    beats_of: Callable[[str], tuple[study.Record, Beats]],
) -> None:
    record, beats = beats_of("041s")
    found = decays(beats)
    answers = study.posteriors(beats, found, 0, following=False)
    table = study.joined(beats, found, answers)
    told = study.summary(record, beats, table)
    assert told["converged"] == 1.0
    assert told["correlation"] < -0.9
    assert not {"R", "C"} & set(table.columns)
    assert told["tau_s"][0] < told["tau_s"][1] < told["tau_s"][2]
    assert "041s" in study.lines([told | {"errors": "independent"}])
