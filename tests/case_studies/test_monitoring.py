"""``twin monitor`` from a table to its files: what a second run does, what the log and the exit code say."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from scipy.optimize import least_squares

from twin.case_studies import cli, monitoring
from twin.case_studies.make_fleet_table import HEADER, NOISE, table_rows
from twin.inference.fleet.page_units import STATES
from twin.inference.fleet.record import Record, records_of
from twin.inference.fleet.run import Progress
from twin.inference.fleet.solve import Chunk, Fleet, record_of
from twin.inference.fleet.store import read_store
from twin.inference.fleet.watch import Watched
from twin.inference.units.door import UnitData
from twin.inference.units.solve import UnitAnswer
from twin.lock import sole_writer
from twin.space import Floats

CELLS, DAYS, FIRST = 3, 16, 13
STEP = 1e-6
"""Of differences, in standard deviations of the prior."""
DRAWS = np.random.default_rng(0).standard_normal((50, 3))
HELD = ("U_plateau=3.74", "bend=2.27", "knee=0.05", "tau1=70", "R1=0.025")
RULES = ("--baseline", "5", "--false-alarms", "100", "--limit", "Q=0.97", "--workers", "1", "--json")

Ran = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Squares:
    """Solves windows by least squares in place of the ladder, whose programs take long to compile."""

    def run(self, prepare: Any, tasks: Iterable[tuple[int, Chunk]]) -> Iterator[tuple[int, list[Record]]]:
        (fleet,) = prepare.args
        for number, chunk in tasks:
            yield number, [self.record(fleet, chunk, row) for row in range(len(chunk.names))]

    def record(self, fleet: Fleet, chunk: Chunk, row: int) -> Record:
        """The Gaussian about the least squares with the prior, the noise of the table being known."""
        likelihood, data = fleet.likelihood(), UnitData(*chunk.data[0])
        shared, own = likelihood.experiments[0], data.mask[row, :, 0]
        c = likelihood.forward.conditions.pack(shared.conditions) if data.c is None else data.c[row]
        x, y = (shared.x if data.x is None else data.x[row])[own], data.y[row][own]
        coordinates, forward = Watched(likelihood.space), likelihood.forward

        def theta(u: Floats) -> Floats:
            return np.asarray(coordinates.theta(u / coordinates.width))

        @cache
        def near(u: tuple[float, ...]) -> tuple[Floats, Floats]:
            """Residuals and their Jacobian, of one batch: a record is followed once for all differences."""
            at = np.array(u) + STEP * np.eye(len(u) + 1, len(u), k=-1)
            free = theta(np.pad(at, ((0, 0), (0, 1))))[:, : len(forward.space)]
            left = (np.asarray(forward(free, c, x)) - y)[..., 0] / NOISE
            rows = np.concatenate([left, at], axis=1)
            return rows[0], (rows[1:] - rows[0]).T / STEP

        noise = (coordinates.u(np.append(forward.space.nominal, NOISE)[None]) * coordinates.width)[0, -1]

        def away(u: Floats) -> Floats:
            return near(tuple(u.tolist()))[0]

        def slope(u: Floats) -> Floats:
            return near(tuple(u.tolist()))[1]

        found = least_squares(away, np.zeros(len(forward.space)), jac=slope)
        slopes = np.asarray(found.jac)
        root = np.linalg.cholesky(np.linalg.inv(slopes.T @ slopes))
        both = np.concatenate([DRAWS, -DRAWS])
        u = np.concatenate([found.x + both[:, :-1] @ root.T, noise + both[:, -1:] / np.sqrt(2 * len(y))], axis=1)
        weights = np.full(len(u), -np.log(len(u)))
        answer = UnitAnswer(row, u, theta(u), weights, 0.0, 100.0, "squares", "by least squares", converged=True)
        return record_of(chunk.names[row], answer, 0, len(likelihood.space))


def days(folder: Path, last: int, cells: int = CELLS) -> Path:
    """The table of the first days."""
    path = folder / f"until{last}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        rows.writerows(row for row in table_rows(cells, DAYS, 1) if int(row[1]) <= last)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Ran], list[str]]:
    """The folder, three runs in it (some days, all days, all days again), and the alarm log after each."""
    folder = tmp_path_factory.mktemp("fleet")
    found, logs = [], []
    tables = [days(folder, FIRST), days(folder, DAYS), days(folder, DAYS)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "leave", _leave)
        patch.setattr(monitoring, "executor_of", lambda *_: Squares())
        for table in tables:
            found.append(_run(patch, folder / "out", table))
            logs.append((folder / "out" / "alarms.jsonl").read_text())
    return folder / "out", found, logs


def _leave(code: int) -> NoReturn:
    raise SystemExit(int(code))


def _run(patch: pytest.MonkeyPatch, out: Path, table: Path) -> Ran:
    fixed = [word for text in HELD for word in ("--fix", text)]
    words = ["battery_circuit", str(table), "--unit", "cell", "--time", "day", "--out", str(out), *fixed, *RULES]
    patch.setattr(sys, "argv", ["twin", "monitor", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, json.loads((out / "summary.json").read_text())


def test_the_ladders_posteriors_are_gaussians_about_the_least_squares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "leave", _leave)
    table, found = days(tmp_path, 1, cells=2), []
    for name in ("ladder", "squares"):
        if name == "squares":
            monkeypatch.setattr(monitoring, "executor_of", lambda *_: Squares())
        code, summary = _run(monkeypatch, tmp_path / name, table)
        assert (code, summary["states"]["learning"], summary["windows"]["accepted"]) == (0, 2, 2)
        found.append(list(records_of(read_store(tmp_path / name / "store"))))
    for ladder, squares in zip(*found, strict=True):
        assert (ladder.unit, ladder.time, ladder.digest) == (squares.unit, squares.time, squares.digest)
        assert ladder.rung == "laplace"
        np.testing.assert_array_less(np.abs(ladder.mean - squares.mean)[:2], 0.3 * squares.sd[:2])
        np.testing.assert_allclose(ladder.sd[:2], squares.sd[:2], rtol=0.35)


def test_a_second_run_solves_only_what_is_new_and_a_third_nothing(runs: tuple[Path, list[Ran], list[str]]) -> None:
    solved = [summary["solved"] for _, summary in runs[1]]
    assert solved == [CELLS * FIRST, CELLS * (DAYS - FIRST), 0]
    assert [s["windows"]["accepted"] for _, s in runs[1]] == [CELLS * FIRST, CELLS * DAYS, CELLS * DAYS]


def test_the_log_only_grows_and_no_alarm_stands_in_it_twice(runs: tuple[Path, list[Ran], list[str]]) -> None:
    _, found, logs = runs
    assert logs[1].startswith(logs[0])
    assert logs[2] == logs[1]
    lines = logs[2].splitlines()
    assert len(set(lines)) == len(lines) == found[2][1]["alarms"]["raised"] > 0
    for line in map(json.loads, lines):
        assert set(line) == {"unit", "time", "kind", "parameter", "since", "probability", "rule"}
        assert line["since"] <= line["time"]
        assert 0.0 <= line["probability"] <= 1.0


def test_what_is_wrong_with_the_cells_is_found_and_told_by_states_and_exit_code(
    runs: tuple[Path, list[Ran], list[str]],
) -> None:
    _, found, logs = runs
    alarms = [json.loads(line) for line in logs[2].splitlines()]
    fade = [a for a in alarms if a["unit"] == "1" and a["parameter"] == "Q"]
    assert {"change", "limit"} <= {a["kind"] for a in fade}
    assert all(a["time"] > 2 * DAYS / 3 for a in fade)
    jump = next(a for a in alarms if a["unit"] == "2")
    assert (jump["kind"], jump["parameter"]) == ("change", "R0")
    assert abs(jump["since"] - (DAYS / 2 + 1)) <= 1
    code, summary = found[2]
    assert summary["fleet"]["1"]["state"] == "alarm"
    assert summary["fleet"]["1"]["beyond"]["Q"] > 0.95
    assert summary["fleet"]["1"]["remaining"]["Q"]["q50"] == 0.0
    assert code == (3 if any(summary["states"][state] for state in ("alarm", "refused")) else 0) == 3
    assert sum(summary["states"].values()) == CELLS
    assert set(summary["states"]) == set(STATES)


def test_rows_left_out_are_counted_and_the_files_are_those_of_the_interface(
    runs: tuple[Path, list[Ran], list[str]],
) -> None:
    out, found, _ = runs
    assert found[2][1]["fleet"]["3"]["masked_rows"] == found[2][1]["masked_rows"] == DAYS // 7
    assert sorted(path.name for path in out.iterdir()) == [
        ".lock",
        "alarms.jsonl",
        "fleet.html",
        "store",
        "summary.json",
    ]
    last = found[2][1]["fleet"]["3"]["parameters"]["Q"]
    assert last["q05"] < last["mean"] < last["q95"]
    assert abs(last["mean"] - 2.9) < 0.25
    assert "Q" in (out / "fleet.html").read_text()


def test_a_stop_keeps_what_is_done_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> Iterator[Progress]:
        yield Progress(0, 10, 0, 0.0, 0.0)
        yield Progress(4, 10, 0, 1.0, 4.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "leave", _leave)
    monkeypatch.setattr(monitoring, "run_fleet", stopped)
    fixed = [word for text in HELD for word in ("--fix", text)]
    for more, why in (((), "by the user"), (("--time-budget", "0"), "the time budget")):
        words = ["battery_circuit", str(days(tmp_path, 2)), "--unit", "cell", "--time", "day", *fixed, *more]
        monkeypatch.setattr(sys, "argv", ["twin", "monitor", *words, "--out", str(tmp_path / "out")])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 4
        said = capsys.readouterr().err
        assert why in said
        assert "of 10 windows are done and kept" in said
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", "store"]


def test_a_second_run_meanwhile_is_refused_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "leave", _leave)
    words = ["battery_circuit", str(days(tmp_path, 2)), "--unit", "cell", "--time", "day", "--out"]
    monkeypatch.setattr(sys, "argv", ["twin", "monitor", *words, str(tmp_path / "out")])
    with sole_writer(tmp_path / "out"), pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "out: another run is writing here; wait until it has ended" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]
