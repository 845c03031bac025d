"""Of a table nothing is lost: each unit and window is read, masked with a count, or refused with a reason."""

import csv
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies.benchmarks.fleet_fuzz import CUT, lost, malformed, read, sound
from twin.case_studies.fleet_tables import NAMELESS, Cut, FleetTable, fleet_of, shape_of
from twin.case_studies.make_fleet_table import HEADER
from twin.models.battery_circuit import MODEL
from twin.table import read_table

Rows = list[list[str]]
BASE = sound(np.random.default_rng(3))
FUZZED = 100


def table_of(folder: Path, rows: Rows, cut: Cut = CUT) -> FleetTable:
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return fleet_of(MODEL, read_table(path), cut, {})


def changed(place: int, column: int, cell: str) -> Rows:
    rows = [list(row) for row in BASE]
    rows[place][column] = cell
    return rows


@pytest.mark.parametrize("first", range(0, FUZZED, 25))
def test_no_malformed_table_crashes_and_none_loses_a_row(tmp_path: Path, first: int) -> None:
    path = tmp_path / "fuzz.csv"
    refused = 0
    for seed in range(first, first + 25):
        path.write_text(malformed(seed), newline="")
        found = read(path)
        if isinstance(found, str):
            assert "expected" in found or "column" in found or "read" in found, found
            refused += 1
        else:
            assert lost(path, found) == []
    assert refused < 20


def test_windows_do_not_depend_on_how_the_units_rows_are_interleaved(tmp_path: Path) -> None:
    whole = table_of(tmp_path, BASE)
    body = BASE[1:]
    order = np.argsort([float(row[2]) for row in body], kind="stable")
    mixed = table_of(tmp_path, [BASE[0], *(body[i] for i in order)])
    assert len(whole.pieces) > 3
    units = list(dict.fromkeys(row[0] for row in BASE[1:]))
    keys = [(units.index(p.unit), p.time or 0.0) for p in whole.pieces]
    assert keys == sorted(keys)
    assert {p.key: p.digest for p in mixed.pieces} == {p.key: p.digest for p in whole.pieces}
    one = next(iter(p for p in whole.pieces if p.unit == "c1"))
    assert [p.time for p in whole.pieces if p.unit == "c1"] == sorted(
        p.time for p in whole.pieces if p.unit == "c1" and p.time is not None
    )
    assert one.experiments[0].conditions["start_voltage"] == 4.19


@pytest.mark.parametrize("cell", ["", "NaN", "abc", "inf"])
def test_a_row_with_a_cell_that_cannot_be_read_is_left_out_and_counted(tmp_path: Path, cell: str) -> None:
    place = next(i for i in range(3, len(BASE)) if BASE[i][:2] == BASE[i + 2][:2] == BASE[i - 3][:2])
    whole, found = table_of(tmp_path, BASE), table_of(tmp_path, changed(place, 4, cell))
    key = (BASE[place][0], float(BASE[place][1]))
    assert found.masked == {key: 1}
    before, after = (next(p for p in t.pieces if p.key == key) for t in (whole, found))
    assert after.readings == before.readings - 1


def test_a_window_most_of_whose_rows_cannot_be_read_is_refused_with_how_many(tmp_path: Path) -> None:
    rows = [list(row) for row in BASE]
    own = [i for i, row in enumerate(rows) if row[:2] == BASE[1][:2]]
    for i in own[1:]:
        rows[i][4] = "x"
    found = table_of(tmp_path, rows)
    first = next(p for p in found.pieces if p.key == (BASE[1][0], float(BASE[1][1])))
    assert f"{len(own) - 1} of {len(own)} rows cannot be read" in first.refused
    assert "line 3" in first.refused
    assert sum(bool(p.refused) for p in found.pieces) == 1


def test_a_rest_that_cannot_be_read_is_left_out_and_starts_no_window(tmp_path: Path) -> None:
    whole, found = table_of(tmp_path, BASE).pieces[0], table_of(tmp_path, changed(1, 4, "x"))
    assert found.masked == {whole.key: 1}
    assert found.pieces[0].readings == whole.readings
    assert "no rest precedes" in found.pieces[0].experiments[0].notes[0]


@pytest.mark.parametrize(("spoilt", "read"), [(5, True), (6, False)])
def test_at_most_half_of_a_windows_rows_may_be_left_out_whatever_their_columns(
    tmp_path: Path, spoilt: int, read: bool
) -> None:
    rows = [[*HEADER], *(["a", "1", f"{t}", "2", f"{4.1 - 0.01 * t:g}"] for t in range(1, 11))]
    for k in range(spoilt):
        rows[2 + k][3 + k % 2] = "x"
    found = table_of(tmp_path, [*BASE, *rows[1:]])
    (piece,) = (p for p in found.pieces if p.unit == "a")
    assert found.masked.get(piece.key, 0) == (spoilt if read else 0)
    assert piece.readings == (10 - spoilt if read else 0)
    assert ("6 of 10 rows cannot be read" in piece.refused) is not read


@pytest.mark.parametrize(
    ("column", "cell", "unit", "word"), [(0, "", NAMELESS, "cell: blank"), (1, "Monday", BASE[5][0], "day: expected")]
)
def test_rows_that_belong_nowhere_are_refused_with_their_line(
    tmp_path: Path, column: int, cell: str, unit: str, word: str
) -> None:
    found = table_of(tmp_path, changed(5, column, cell))
    (stray,) = (p for p in found.pieces if p.time is None)
    assert stray.unit == unit
    assert word in stray.refused
    assert "line 6" in stray.refused


def test_a_window_of_one_row_and_one_with_a_time_twice_are_refused(tmp_path: Path) -> None:
    rows = [*BASE, ["lone", "1", "10", "2", "4.0"], [*BASE[3]]]
    found = {p.key: p for p in table_of(tmp_path, rows).pieces}
    assert "expected at least 2" in found["lone", 1.0].refused
    assert "must rise" in found[BASE[3][0], float(BASE[3][1])].refused


def test_times_are_cut_into_windows_named_by_their_ends(tmp_path: Path) -> None:
    rows = [["cell", "time_s", "current_A", "voltage_V"]]
    rows += [["a", f"{t}", "2", f"{4.1 - 1e-4 * t:.4f}"] for t in range(10, 1000, 10)]
    found = table_of(tmp_path, rows, Cut("cell", "time_s", 300.0))
    assert [p.time for p in found.pieces] == [300.0, 600.0, 900.0, 1200.0]
    assert found.unit_of_time == "s"
    assert [len(p.experiments[0].x) for p in found.pieces] == [29, 30, 30, 10]
    with pytest.raises(ValueError, match="greater than 0"):
        table_of(tmp_path, rows, Cut("cell", "time_s", 0.0))


def test_a_table_of_which_no_window_can_be_read_is_refused_with_the_commonest_reason(tmp_path: Path) -> None:
    rows = [[*row[:3], "-2" if row[3] == "2" else row[3], row[4]] for row in BASE]
    with pytest.raises(ValueError, match=r"none of \d+ windows can be read; the most common reason .*positive on"):
        table_of(tmp_path, rows)
    for name in ("cel", "dya"):
        with pytest.raises(ValueError, match=f"no column '{name}'; did you mean"):
            table_of(tmp_path, BASE, Cut(*((name, "day") if name == "cel" else ("cell", name))))


def test_windows_are_like_the_kind_that_is_most_common(tmp_path: Path) -> None:
    rows = [list(row) for row in BASE]
    own = [i for i, row in enumerate(rows) if row[:2] == BASE[1][:2]]
    for k, i in enumerate(own[1:]):
        rows[i][3] = "2" if k % 2 else "1"
    found = table_of(tmp_path, rows)
    kinds = [p.experiments[0].coordinates for p in found.pieces if p.experiments]
    assert kinds[0] == ("time", "current")
    assert shape_of(found.pieces).coordinates == ("time",)


def test_a_shape_is_shared_by_many_windows_or_by_none(tmp_path: Path) -> None:
    found = table_of(tmp_path, BASE)
    own = shape_of(found.pieces)
    assert not any(np.array_equal(own.x, p.experiments[0].x) for p in found.pieces)
    again = [[f"again{k}", *row[1:]] for k in range(2) for row in BASE[1:] if row[:2] == BASE[1][:2]]
    others = [[f"{k}", "1", f"{t + 0.01 * k * t:g}", "2", f"{4.1 - 1e-3 * t:g}"] for k in range(30) for t in (1, 2, 3)]
    rare = shape_of(table_of(tmp_path, [*BASE, *again[: len(again) // 2], *others]).pieces)
    assert not np.array_equal(rare.x, found.pieces[0].experiments[0].x)
    common = shape_of(table_of(tmp_path, [*BASE, *again]).pieces)
    assert np.array_equal(common.x, found.pieces[0].experiments[0].x)


def test_a_window_is_not_started_by_the_rest_of_the_unit_above_it(tmp_path: Path) -> None:
    own = [["b", "1", f"{t}", "2", f"{4.1 - 1e-4 * t:.4f}"] for t in range(10, 100, 10)]
    found = table_of(tmp_path, [*BASE, ["a", "1", "0", "0", "3.9"], *own])
    (piece,) = (p for p in found.pieces if p.unit == "b")
    assert piece.experiments[0].conditions["start_voltage"] == 4.19
    assert "no rest precedes" in piece.experiments[0].notes[0]
