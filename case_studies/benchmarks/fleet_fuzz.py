"""Malformed tables against the door of ``twin monitor``: ``python -m twin.case_studies.benchmarks.fleet_fuzz``.

Seeded tables of discharges with up to four faults each: blanks, text, infinities and huge values, gaps, rows twice,
times that go back, other units, signs, missing columns, rows without unit or time, windows of one row. Every table is
read and cut, and every window is brought to the point where it would be solved. A table may be refused whole, with a
reason. Else each of its rows must be found again: in a window that can be solved, in one that is refused with a reason,
or among the rows that are left out and counted. ``--fit N`` solves the windows of N tables, too.
"""

import argparse
import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from twin.case_studies.console import console, say
from twin.case_studies.fleet_study import fleet_likelihood
from twin.case_studies.fleet_tables import NAMELESS, Cut, FleetTable, fleet_of, shape_of
from twin.case_studies.make_fleet_table import FRESH, HEADER, START, discharge
from twin.experiment import Experiment
from twin.inference.fleet.executors import Here
from twin.inference.fleet.piece import Piece, objection, stacked
from twin.inference.fleet.record import records_of
from twin.inference.fleet.run import run_fleet
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import read_store
from twin.inference.likelihood import Likelihood
from twin.inference.units.door import admit
from twin.models.battery_circuit import MODEL
from twin.table import MISSING, read_table

HELD = (("U_plateau", 3.74), ("bend", 2.27))
CUT = Cut("cell", "day")
AT_ONCE = 500
"""Windows that are judged together."""
WORDS = (
    "",
    "NaN",
    "n/a",
    "abc",
    "inf",
    "-inf",
    "1e300",
    "-1e300",
    "1e-320",
    "3,7",
    "0x1f",
    "1_000",
    "-",
    " 4.1 ",
    "²",
    "=A1",
)
Rows = list[list[str]]
Fault = Callable[[Rows, np.random.Generator], Rows]


def sound(rng: np.random.Generator) -> Rows:
    """A table with its header: 1 to 4 cells, 1 to 3 days each."""
    rows = [list(HEADER)]
    for cell in range(int(rng.integers(1, 5))):
        for day in range(int(rng.integers(1, 4))):
            times, voltage = discharge(FRESH, rng)
            keep = np.sort(rng.choice(len(times), int(rng.integers(2, 25)), replace=False))
            rows.append([f"c{cell}", str(day), "0", "0", f"{START:g}"])
            rows += [[f"c{cell}", str(day), f"{times[i]:g}", "2", f"{voltage[i]:.4f}"] for i in keep]
    return rows


def spoilt_cells(rows: Rows, rng: np.random.Generator) -> Rows:
    """Words in the place of numbers, and of names."""
    for _ in range(int(rng.integers(1, 12))):
        row = rows[int(rng.integers(1, len(rows)))]
        if row:
            row[int(rng.integers(len(row)))] = str(rng.choice(WORDS))
    return rows


def spoilt_column(rows: Rows, rng: np.random.Generator) -> Rows:
    """One word all along a column, or along a stretch of it."""
    j, first = int(rng.integers(len(rows[0]))), int(rng.integers(1, len(rows)))
    word = str(rng.choice(WORDS))
    for row in rows[first : first + int(rng.integers(1, len(rows)))]:
        row[j : j + 1] = [word]
    return rows


def gaps(rows: Rows, rng: np.random.Generator) -> Rows:
    """Rows gone, down to windows of a single row."""
    keep = rng.uniform(size=len(rows)) < rng.uniform(0.05, 0.95)
    return [row for i, row in enumerate(rows) if i == 0 or keep[i] or i == 1]


def doubled(rows: Rows, rng: np.random.Generator) -> Rows:
    """Rows that stand twice."""
    places = rng.integers(1, len(rows), int(rng.integers(1, 6)))
    return rows + [list(rows[i]) for i in places]


def shuffled(rows: Rows, rng: np.random.Generator) -> Rows:
    """Rows in any order."""
    return [rows[0], *(rows[1 + i] for i in rng.permutation(len(rows) - 1))]


def scaled(rows: Rows, rng: np.random.Generator) -> Rows:
    """A column in another unit than its header says, or a stretch of it with another sign."""
    j, factor = int(rng.integers(2, len(HEADER))), float(rng.choice([1000.0, 0.001, -1.0, 1e12, 0.0]))
    first = int(rng.integers(1, len(rows)))
    for row in rows[first : first + int(rng.integers(1, len(rows)))]:
        if len(row) > j:
            try:
                row[j] = f"{float(row[j]) * factor:g}"
            except ValueError:
                continue
    return rows


def renamed(rows: Rows, rng: np.random.Generator) -> Rows:
    """A header with another unit, or another name."""
    names = ["voltage_mV", "time_h", "current_mA", "voltage_s", "speed", "", "voltage_V", "cell", "time [furlong]"]
    rows[0][int(rng.integers(len(rows[0])))] = str(rng.choice(names))
    return rows


def narrowed(rows: Rows, rng: np.random.Generator) -> Rows:
    """A column gone, or a row cut short."""
    j = int(rng.integers(len(rows[0])))
    if rng.uniform() < 0.3:
        rows[int(rng.integers(1, len(rows)))] = rows[0][:j]
        return rows
    return [row[:j] + row[j + 1 :] for row in rows]


FAULTS: tuple[Fault, ...] = (
    spoilt_cells, spoilt_cells, spoilt_cells, spoilt_column, gaps, gaps, doubled, shuffled, scaled, scaled, renamed,
    narrowed,
)  # fmt: skip


def malformed(seed: int) -> str:
    """A table as text."""
    rng = np.random.default_rng(seed)
    rows = sound(rng)
    for _ in range(int(rng.integers(1, 5))):
        rows = FAULTS[int(rng.integers(len(FAULTS)))](rows, rng)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def read(path: Path) -> FleetTable | str:
    """The pieces of a table, or why it is refused."""
    try:
        return fleet_of(MODEL, read_table(path), CUT, {})
    except ValueError as error:
        return str(error)


def lost(path: Path, found: FleetTable) -> list[str]:
    """What of a table cannot be found again in its pieces, and what is found that should not be."""
    keys = Counter(piece.key for piece in found.pieces)
    wrong = [f"{key} comes {count} times" for key, count in keys.items() if count > 1]
    table = read_table(path)
    for unit, text in zip(table.text(CUT.unit), table.text(CUT.time), strict=True):
        name, time = unit.strip(), number(text)
        blank = name.lower() in MISSING
        key = (NAMELESS if blank else name, None if blank or not np.isfinite(time) else time)
        if key not in keys:
            wrong.append(f"row of {key} is in no piece")
    wrong += [
        f"{piece.key} is refused without a reason" for piece in found.pieces if not (piece.refused or piece.experiments)
    ]
    return wrong


def number(text: str) -> float:
    """The number in a cell, NaN if there is none."""
    try:
        return float("nan") if "_" in text else float(text)
    except ValueError:
        return float("nan")


def turned_away(likelihood: Likelihood, pieces: Sequence[Piece]) -> int:
    """How many pieces would not be solved, all being brought to the solver's door at once."""
    ready = [piece for piece in pieces if not objection(likelihood, piece)]
    if not ready:
        return len(pieces)
    lengths = [max(n) for n in zip(*(piece.lengths for piece in ready), strict=True)]
    found = admit(likelihood, stacked(likelihood, ready, lengths, shared=False))
    return len(pieces) - len(ready) + len(found.refused)


def judged(likelihood: Likelihood, pieces: Sequence[Piece]) -> Counter[str]:
    """Windows refused and to be solved."""
    refused = turned_away(likelihood, pieces)
    return Counter({"windows refused": refused, "windows to be solved": len(pieces) - refused})


def shape() -> Experiment:
    """What the windows of a sound table are like."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(sound(np.random.default_rng(0)))
        found = read(path)
    assert isinstance(found, FleetTable)
    return shape_of(found.pieces)


def main() -> None:
    """Prints what became of the tables and their windows; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first, to go through them in parts")
    parser.add_argument("--fit", type=int, default=0)
    options = parser.parse_args()
    like = shape()
    likelihood = fleet_likelihood("battery_circuit", None, None, HELD, "gaussian", like)
    counts, pieces, waiting = Counter[str](), list[Piece](), list[Piece]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.csv"
        for seed in range(options.first, options.first + options.tables):
            path.write_text(malformed(seed), newline="")
            found = read(path)
            if isinstance(found, str):
                counts["tables refused whole"] += 1
                continue
            for problem in lost(path, found):
                counts["lost"] += 1
                say(f"table {seed}: {problem}")
            counts["rows left out and counted"] += sum(found.masked.values())
            waiting += found.pieces
            if len(waiting) >= AT_ONCE:
                counts += judged(likelihood, waiting)
                waiting = []
            if seed - options.first < options.fit:
                pieces += [replace(piece, unit=f"{seed}/{piece.unit}") for piece in found.pieces]
        counts += judged(likelihood, waiting)
        if options.fit:
            fleet = Fleet(partial(fleet_likelihood, "battery_circuit", None, None, HELD, "gaussian", like), {})
            for step in run_fleet(fleet, pieces, Path(folder) / "store", Here()):
                say(f"{step.done}/{step.total}")
            verdicts = Counter(record.verdict for record in records_of(read_store(Path(folder) / "store")))
            counts.update({f"of {options.fit} tables: {verdict}": count for verdict, count in verdicts.items()})
    for what, count in sorted(counts.items()):
        console().print(f"{count:8d} {what}")
    raise SystemExit(int(counts["lost"] > 0))


if __name__ == "__main__":
    main()
