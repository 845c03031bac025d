"""From one measured table to the pieces of a fleet: what was measured of every unit in every time window.

Nothing of a table is dropped in silence. Every row belongs to a piece; rows of a piece with cells that cannot be read
are left out and counted, as long as they are at most half; a piece that cannot be read at all is refused with the
reason, and so are rows of which nobody can say where they belong.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin.experiment import Experiment
from twin.inference.fleet.piece import Key, Piece
from twin.model import Model
from twin.space import Floats, nearest
from twin.table import MISSING, CellError, Table

NAMELESS = "(blank)"
"""Stands for the unit of rows that name none."""
MOST_MASKED = 0.5
"""Share of a piece's rows that may be left out."""
ENOUGH = 0.1
"""Share of the pieces from which common conditions and abscissae pay."""
UNREADABLE = (ValueError, ArithmeticError, LookupError)
"""What data may raise in a model's reader."""


@dataclass(frozen=True)
class Cut:
    """Columns that name a row's unit and time. Each pair of values is a window; with a ``window`` [the time's unit],
    times are cut into stretches of that length instead, each named by its end.
    """

    unit: str
    time: str
    window: float | None = None


@dataclass(frozen=True, eq=False)
class FleetTable:
    """Pieces by unit in the order of the file, then by time; rows left out of each; the unit of time, or its column."""

    pieces: tuple[Piece, ...]
    masked: Mapping[Key, int]
    unit_of_time: str


def fleet_of(model: Model, table: Table, cut: Cut, given: Mapping[str, float]) -> FleetTable:
    """All pieces of a table. ValueError for columns that there are not, and where no piece at all can be read."""
    pieces: list[Piece] = []
    masked: dict[Key, int] = {}
    with np.errstate(all="ignore"):
        for unit, time, part in _parts(table, cut):
            if time is None:
                pieces.append(Piece(unit, refused=_placeless(part, cut)))
                continue
            piece, left_out = _piece(model, part, unit, time, given)
            pieces.append(piece)
            if left_out:
                masked[piece.key] = left_out
    if all(piece.refused for piece in pieces):
        common, count = Counter(piece.refused for piece in pieces).most_common(1)[0]
        raise ValueError(
            f"{table.path}: none of {len(pieces)} windows can be read; the most common reason ({count}): {common}"
        )
    return FleetTable(tuple(pieces), masked, table.unit_of(cut.time) or cut.time)


def shape_of(pieces: Sequence[Piece]) -> Experiment:
    """What windows are like: an experiment of the kind, coordinates and observables, that most pieces have.

    Where ``ENOUGH`` of these share conditions and abscissae it is one of them, as these are then solved together for
    less. Else it is like none of them by a row: a program of its own for a few pieces costs more than it saves.
    """
    read = [piece.experiments[0] for piece in pieces if piece.experiments]
    kinds = Counter((e.coordinates, e.observables) for e in read)
    kind = kinds.most_common(1)[0][0]
    alike = [e for e in read if (e.coordinates, e.observables) == kind]
    shared = Counter(_protocol(e) for e in alike).most_common(1)[0]
    if shared[1] >= max(2, ENOUGH * len(pieces)):
        return next(e for e in alike if _protocol(e) == shared[0])
    for e in alike:
        rows = slice(0, len(e.x) - 1)
        if e.mask[rows].any():
            return replace(e, x=e.x[rows], y=e.y[rows], mask=e.mask[rows], sd=None if e.sd is None else e.sd[rows])
    return alike[0]


def _protocol(e: Experiment) -> tuple[Any, ...]:
    return tuple(sorted(e.conditions.items())), e.x.shape, e.x.tobytes(), None if e.sd is None else e.sd.tobytes()


def _parts(table: Table, cut: Cut) -> Iterator[tuple[str, float | None, Table]]:
    """Unit, time and rows of every window, in file order; the rows that have no time come last of their unit."""
    if cut.window is not None and not (math.isfinite(cut.window) and cut.window > 0):
        raise ValueError(f"--window {cut.window:g}: expected a length greater than 0")
    units = np.array([_named(cell) for cell in _cells(table, cut.unit)], dtype=object)
    codes, names = pd.factorize(units)
    times = _times(table, cut)
    times[units == NAMELESS] = np.nan
    order = np.lexsort((times, codes))
    codes, times = codes[order], times[order]
    known = np.isfinite(times)
    new = (codes[1:] != codes[:-1]) | (known[1:] != known[:-1]) | (known[1:] & (times[1:] != times[:-1]))
    begins = np.concatenate([[0], np.flatnonzero(new) + 1])
    frame = table.frame.iloc[order]
    for first, last in zip(begins, [*begins[1:], len(order)], strict=True):
        rows = frame.iloc[first:last]
        unit, time = str(names[codes[first]]), float(times[first]) if known[first] else None
        label = f"{cut.unit} {unit}" + ("" if time is None else f", {cut.time} {time:g}")
        yield unit, time, replace(table, frame=rows, everything=rows, label=label)


def _cells(table: Table, column: str) -> list[str]:
    if column not in table.header:
        raise ValueError(f"{table.path}: no column {column!r}{nearest(column, table.header)}")
    return table.text(column)


def _named(cell: str) -> str:
    return NAMELESS if cell.strip().lower() in MISSING else cell.strip()


def _times(table: Table, cut: Cut) -> Floats:
    """Every row's time, or its window's end; NaN where there is no number."""
    cells = pd.Series(_cells(table, cut.time), dtype=object)
    times = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    if cut.window is not None:
        with np.errstate(all="ignore"):
            times = (np.floor(times / cut.window) + 1.0) * cut.window
    times[~np.isfinite(times)] = np.nan
    return times


def _placeless(part: Table, cut: Cut) -> str:
    """Why rows without unit or time cannot be used."""
    unit, time = part.text(cut.unit)[0], part.text(cut.time)[0]
    what = f"{cut.unit}: blank" if _named(unit) == NAMELESS else f"{cut.time}: expected a number, got {time!r}"
    return f"{len(part)} rows belong nowhere, the first on {part.counted} {part.lines[0]}, column {what}"


def _piece(model: Model, part: Table, unit: str, time: float, given: Mapping[str, float]) -> tuple[Piece, int]:
    """The piece, and how many of its rows were left out."""
    left, rows = part, len(part)
    for _ in part.header:
        try:
            return Piece(unit, [model.experiments(left, given)], time), rows - len(left)
        except CellError as error:
            kept = _without(left, error.rows)
            if len(kept) < (1.0 - MOST_MASKED) * rows:
                return Piece(unit, (), time, f"{rows - len(kept)} of {rows} rows cannot be read: {error}"), 0
            left = kept
        except UNREADABLE as error:
            what = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            return Piece(unit, (), time, f"{what}{error}"), 0
    return Piece(unit, (), time, f"{rows} rows cannot be read"), 0


def _without(table: Table, rows: Sequence[int]) -> Table:
    keep: npt.NDArray[np.bool_] = np.ones(len(table), dtype=bool)
    keep[list(rows)] = False
    kept = table.frame[keep]
    return replace(table, frame=kept, everything=kept)
