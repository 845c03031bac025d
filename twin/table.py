"""Tables of measurements: columns found by name, converted by unit, checked at the door.

A number's column is found by its base name with the unit behind it (``voltage_mV``, ``voltage [mV]``,
``voltage (mV)``), or by what the user said (``--column voltage=U_cell:mV``).
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from twin import units
from twin.experiment import Source
from twin.files import read_cells
from twin.space import Floats, nearest

MISSING = ("", "nan", "na", "n/a", "-", "none", "null")
"""How tables say that a value was not measured, in lower case."""
AS_NAMED: Mapping[str, str] = MappingProxyType({})
BRACKETS = re.compile(r"(?P<base>.*?)\s*[\[(](?P<unit>[^\])]*)[\])]")


class CellError(ValueError):
    """Cells of a column that cannot be read: ``rows`` are their places in the table, counted from 0."""

    def __init__(self, message: str, rows: Sequence[int]) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


@dataclass(frozen=True, eq=False)
class Table:
    """Selected rows of one file, as text cells.

    ``frame`` is indexed by the file's line (for Parquet: row) numbers, ``everything`` holds the rows before
    any selection, ``rename`` maps base names to ``column`` or ``column:unit``, ``label`` names the selection.
    """

    path: str
    sha256: str
    label: str
    frame: pd.DataFrame
    everything: pd.DataFrame
    rename: Mapping[str, str]
    counted: str = "line"

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.frame.columns)

    @property
    def lines(self) -> list[int]:
        """Where each row stands in the file, counted from 1."""
        return [int(n) for n in self.frame.index]

    @property
    def source(self) -> Source:
        """File, hash and number of rows selected."""
        return Source(self.path, self.sha256, len(self))

    @property
    def before(self) -> "Table | None":
        """The file's row directly before the first selected one; None at the top of the file."""
        first = int(np.searchsorted(self.everything.index.to_numpy(), self.lines[0]))
        if first == 0:
            return None
        return replace(self, frame=self.everything.iloc[first - 1 : first])

    def select(self, column: str, values: Sequence[str]) -> "Table":
        """The rows whose cell equals one of ``values``, as a number if both are numbers, else as text."""
        cells = [_value(cell) for cell in self.text(column)]
        wanted = {_value(value) for value in values}
        chosen = [cell in wanted for cell in cells]
        if not any(chosen):
            raise ValueError(
                f"{self.path}: no row with {column} = {' or '.join(values)}; "
                f"{column} takes the values {_listing(self.text(column))}"
            )
        return replace(self, frame=self.frame[chosen])

    def by(self, column: str) -> "list[tuple[str, Table]]":
        """One table per value of ``column`` with that value, in the order of the file."""
        groups: dict[float | str, list[int]] = {}
        for i, cell in enumerate(self.text(column)):
            if not cell:
                raise ValueError(f"{self._at(i)}, column {column}: blank cell; every row needs a value to cut by")
            groups.setdefault(_value(cell), []).append(i)
        parts = []
        for rows in groups.values():
            value = self.text(column)[rows[0]]
            part = replace(self, label=f"{self.label} {column}={value}", frame=self.frame.iloc[rows])
            parts.append((value, part))
        return parts

    def has(self, name: str) -> bool:
        """Whether a column for ``name`` exists."""
        return name in self.rename or bool(self._columns(name))

    def text(self, name: str) -> list[str]:
        """Cells of a column as they stand, by its full name or by what ``rename`` says."""
        column = _split(self.rename[name], self.header)[0] if name in self.rename else name
        if column not in self.header:
            raise ValueError(f"{self.path}: no column {column!r}{nearest(column, self.header)}")
        return [str(cell) for cell in self.frame[column]]

    def number(self, name: str, unit: str) -> Floats:
        """The column of ``name`` in ``unit``: ``time_s``, ``time [s]``, ``time (s)`` or as ``rename`` says.

        Raises ValueError for a missing column and a unit that cannot be read or has another dimension, and
        CellError for cells that are blank, text or not finite (with the first one's line).
        """
        column, given = self._find(name, unit)
        values = np.array([_number(cell) for cell in self.frame[column]])
        wrong = np.flatnonzero(~np.isfinite(values)).tolist()
        if wrong:
            cell = self.frame[column].iloc[wrong[0]]
            got = repr(cell) if cell else "a blank cell"
            raise CellError(
                f"{self._at(wrong[0])}, column {column}: expected a number, got {got}; mend or remove the row", wrong
            )
        return self._converted(values, column, given, name, unit)

    def within(self, name: str, unit: str, low: float, high: float) -> Floats:
        """``number`` whose values lie from ``low`` to ``high``. Raises ValueError for others: the unit is wrong."""
        values, of = self.number(name, unit), "" if unit == "1" else f" {unit}"
        for i in np.flatnonzero((values < low) | (values > high))[:1]:
            raise ValueError(
                f"{self._at(int(i))}: {name} is {values[i]:g}{of}, expected {low:g} to {high:g}{of}; is the unit "
                f"right? Name it with --column {name}=COLUMN:UNIT"
            )
        return values

    def sparse(self, name: str, unit: str) -> Floats:
        """``number`` with NaN where the cell is blank or says that it has no value (``NaN``, ``NA``, ``-``).

        Raises CellError as ``number`` does for anything else that is no finite number.
        """
        column, given = self._find(name, unit)
        cells = list(self.frame[column])
        values = np.array([_number(cell) for cell in cells])
        unknown = np.flatnonzero(~np.isfinite(values)).tolist()
        wrong = [i for i in unknown if str(cells[i]).strip().lower() not in MISSING]
        if wrong:
            raise CellError(
                f"{self._at(wrong[0])}, column {column}: expected a number or a blank cell, got {cells[wrong[0]]!r}; "
                f"mend the cell",
                wrong,
            )
        return self._converted(values, column, given, name, unit)

    def _converted(self, values: Floats, column: str, given: str, name: str, unit: str) -> Floats:
        """Values of a column's unit in ``unit``."""
        try:
            return units.convert(values, given, unit)
        except units.UnitError as error:
            what = str(error) if given else f"no unit is given, but {name} needs {unit!r}"
            raise ValueError(f"{self.path}, column {column}: {what}; {_examples(name, unit)}") from error

    def increasing(self, name: str, unit: str) -> Floats:
        """``number`` whose values rise from row to row. Raises ValueError where they do not."""
        values = self.number(name, unit)
        for i in np.flatnonzero(np.diff(values) <= 0)[:1]:
            here, after, lines = float(values[i]), float(values[i + 1]), self.lines
            what = "the same value twice" if here == after else "a step back"
            raise ValueError(
                f"{self._at(int(i) + 1)}, column {self._find(name, unit)[0]}: {name} must rise row by row, "
                f"got {what}: {here:.10g} {unit} on {self.counted} {lines[i]}, {after:.10g} {unit} on "
                f"{self.counted} {lines[i + 1]}; remove the row, or cut the table with --select and --by"
            )
        return values

    def _at(self, row: int) -> str:
        return f"{self.path}, {self.counted} {self.lines[row]}"

    def _columns(self, name: str) -> dict[str, str]:
        """Units by column of the columns whose base name is ``name``."""
        found = {column: _unit_behind(name, column) for column in self.header}
        return {column: unit for column, unit in found.items() if unit is not None}

    def _find(self, name: str, unit: str) -> tuple[str, str]:
        """Column and unit of ``name``."""
        if name in self.rename:
            column, given = _split(self.rename[name], self.header)
            return column, self.unit_of(column) if given is None else given
        found = self._columns(name)
        fitting = {c: u for c, u in found.items() if units.same_dimension(u, unit)} or found
        if len(fitting) > 1:
            raise ValueError(
                f"{self.path}: {' and '.join(fitting)} could both be {name}; choose with "
                f"--column {name}={next(iter(fitting))}"
            )
        if not fitting:
            for column in self.header:
                if column.startswith(f"{name}_") and "_" not in column.removeprefix(f"{name}_"):
                    return column, column.removeprefix(f"{name}_")
            raise ValueError(
                f"{self.path}: no column for {name} [{unit}]{nearest(_with_unit(name, unit), self.header)}; "
                f"{_examples(name, unit)}"
            )
        return next(iter(fitting.items()))

    def unit_of(self, column: str) -> str:
        """The unit that a column's own name ends with, or none."""
        match = BRACKETS.fullmatch(column)
        behind = match["unit"] if match else column.rpartition("_")[2]
        return behind if match or ("_" in column and _readable(behind)) else ""


def typed_table(values: Mapping[str, float], unit_of: Mapping[str, str], name: str = "--set") -> Table:
    """One row of numbers that the user typed, in the units of ``unit_of``. ValueError for an unknown name."""
    for key in values:
        if key not in unit_of:
            raise ValueError(f"{name} {key}: no such measurement{nearest(key, tuple(unit_of))}")
    cells = {f"{key} [{unit_of[key]}]": [f"{value:.17g}"] for key, value in values.items()}
    frame = pd.DataFrame(cells, index=[1], dtype=str)
    written = json.dumps(dict(values), sort_keys=True).encode()
    return Table(name, hashlib.sha256(written).hexdigest(), "patient", frame, frame, {}, counted="row")


def read_table(path: str | Path, rename: Mapping[str, str] = AS_NAMED) -> Table:
    """All rows of a CSV, CSV.gz or Parquet file; ``rename`` maps base names to ``column[:unit]``.

    Raises ValueError for a file that is missing, empty, damaged or not what its name says, for a header
    without rows, a row of the wrong length, and a renamed column that does not exist.
    """
    cells = read_cells(path)
    for name, spec in rename.items():
        column = _split(spec, cells.header)[0]
        if column not in cells.header:
            raise ValueError(f"{path}: no column {column!r} for {name}{nearest(column, cells.header)}")
    index = pd.Index(cells.numbers, name=cells.counted)
    columns = dict(zip(cells.header, cells.columns, strict=True))
    frame = pd.DataFrame(columns, index=index, dtype=object)
    label = Path(path).name.partition(".")[0] or str(path)
    return Table(str(path), cells.sha256, label, frame, frame, dict(rename), cells.counted)


def _split(spec: str, header: tuple[str, ...]) -> tuple[str, str | None]:
    """Column and unit of ``column`` or ``column:unit``."""
    column, colon, unit = spec.rpartition(":")
    return (spec, None) if spec in header or not colon else (column, unit)


def _unit_behind(name: str, column: str) -> str | None:
    """The unit in ``column`` if its base name is ``name``, "" if it has none, None if another's."""
    if column == name:
        return ""
    match = BRACKETS.fullmatch(column)
    if match is not None:
        return match["unit"] if match["base"] == name else None
    behind = column.removeprefix(f"{name}_")
    return behind if behind != column and _readable(behind) else None


@cache
def _readable(unit: str) -> bool:
    try:
        units.parse(unit)
    except units.UnitError:
        return False
    return True


def _number(cell: str) -> float:
    """The number in a cell, NaN if there is none."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def _value(cell: str) -> float | str:
    """A cell to compare: a number if it reads as one."""
    value = _number(cell)
    return cell.strip() if math.isnan(value) else value


def _listing(cells: list[str], most: int = 12) -> str:
    different = list(dict.fromkeys(cell or "(blank)" for cell in cells))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return ", ".join(different[:most]) + more


def _with_unit(name: str, unit: str) -> str:
    return f"{name}_{unit}" if unit.isalnum() and unit != "1" else name


def _examples(name: str, unit: str) -> str:
    said = f"or say --column {name}=COLUMN:{unit}"
    return f"expected a column like {_with_unit(name, unit)!r} or '{name} [{unit}]', {said}"
