"""From a cycler's table to an experiment.

Needs the columns time, voltage and current; a model of the cell's temperature reads T_cell too, where it is there. A
constant current becomes the condition ``c_rate``, a varying one the second column of the abscissa. The rested voltage
in the row before the first selected one, or in the first row, if its current is zero, becomes the condition
``start_voltage``.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from twin.experiment import Experiment
from twin.model import Observable
from twin.models.battery.cell import Cell
from twin.models.battery.protocol import sampled_current
from twin.space import Floats, Space, nearest
from twin.table import Table

COLUMNS = ("time", "voltage", "current", "T_amb", "T_cell")
"""What is read of a table; temperatures, around the cell and its own, may be missing."""
CONSTANT_WITHIN = 0.02
"""Largest relative departure from the median that still counts as a constant current."""
RESTING = 0.01
"""Share of 1C below which a cell rests."""


class Reader(Protocol):
    """What of a model the reader needs."""

    @property
    def conditions(self) -> Space:
        """Known inputs."""
        ...

    @property
    def observables(self) -> tuple[Observable, ...]:
        """What it predicts, the voltage first."""
        ...


def read(model: Reader, cell: Cell, table: Table, given: Mapping[str, float], *, constant: bool = False) -> Experiment:
    """Experiment with times from the first row on; ``constant`` refuses varying currents.

    Raises ValueError for missing columns, a current of the wrong sign, conditions outside the valid range.
    """
    for name in given:
        model.conditions.index(name)
    for name in table.rename:
        if name not in COLUMNS:
            raise ValueError(f"--column {name}: a cell's table has no such quantity{nearest(name, COLUMNS)}")
    if len(table) < 2:
        raise ValueError(f"{table.path}: {len(table)} row of measurements in {table.label}; expected at least 2")
    times = table.increasing("time", "s")
    voltage = table.number("voltage", "V")
    current = table.number("current", "A")
    conditions, notes, skipped = model.conditions.unpack(model.conditions.nominal), [], 0
    (start, rested), where = rest_before(table, RESTING * cell.capacity), "before the first one"
    if start is None:
        start = float(times[0])
        if abs(current[0]) <= RESTING * cell.capacity:
            rested, where = float(voltage[0]), "at the top"
    level = float(np.median(current))
    if constant and (begun := switched_on(times, current, start)) is not None:
        notes.append(f"first row left out: its current, {current[0]:g} A, is a mean of rest and load")
        times, voltage, current, start, skipped = times[1:], voltage[1:], current[1:], begun, 1
    varying = sampled_current(times, current, CONSTANT_WITHIN)
    if varying is None:
        conditions["c_rate"] = level / cell.capacity
        require_sign(table, level, falling(voltage))
    elif constant:
        raise ValueError(
            f"{table.path}: this preset needs a constant current, but it varies between {current.min():g} and "
            f"{current.max():g} A; choose one step, e.g. with --select step=discharge"
        )
    if table.has("T_amb") and "temperature" in model.conditions.names:
        conditions["temperature"] = float(np.mean(table.number("T_amb", "K")))
    if rested is not None and "start_voltage" in model.conditions.names:
        conditions["start_voltage"] = rested
        taken = "start_voltage" not in given
        notes.append(
            f"start voltage {rested:.4g} V from the row {where}" + ("" if taken else ": not used, it is given")
        )
    conditions |= given
    if "start_voltage" in model.conditions.names and rested is None and "start_voltage" not in given:
        notes.append(f"start voltage assumed to be {conditions['start_voltage']:.4g} V: no rest precedes the data")
    model.conditions.require_inside(conditions, table.path)
    warms = len(model.observables) > 1 and table.has("T_cell")
    measured = [voltage, *([table.sparse("T_cell", "K")[skipped:]] if warms else [])]
    x = (times - start)[:, None] if varying is None else np.stack([times - start, varying], axis=1)
    return Experiment(
        name=table.label,
        conditions=conditions,
        coordinates=("time",) if varying is None else ("time", "current"),
        x=x,
        observables=tuple(o.name for o in model.observables[: len(measured)]),
        y=np.stack(measured, axis=1),
        units={"time": "s", "current": "A", "voltage": "V", "cell_temperature": "K"},
        source=table.source,
        notes=tuple(notes),
    )


def switched_on(times: Floats, currents: Floats, before: float) -> float | None:
    """When [s] the current was switched on, if the first row has a mean over rest and load, else None.

    ``before`` is the time of the row before; that much charge flowed as the first row has.
    """
    level = float(np.median(currents))
    share = currents[0] / level if level else 1.0
    if (
        len(times) < 3
        or not 0 < share < 1 - CONSTANT_WITHIN
        or sampled_current(times, currents, CONSTANT_WITHIN) is None
    ):
        return None
    if sampled_current(times[1:], currents[1:], CONSTANT_WITHIN) is not None:
        return None
    return float(times[0] - share * (times[0] - before))


def falling(voltage: Floats) -> bool:
    """Whether the last tenth of voltages in order of time lies below the first."""
    tenth = max(1, len(voltage) // 10)
    return bool(np.mean(voltage[-tenth:]) < np.mean(voltage[:tenth]))


def require_sign(table: Table, level: float, falls: bool) -> None:
    """ValueError unless the voltage falls under a current ``level`` > 0 [A] and rises under one < 0."""
    if level == 0:
        raise ValueError(f"{table.path}: the current is zero in every row; nothing can be learnt from a rest")
    if (level > 0) != falls:
        doing = "falls" if falls else "rises"
        raise ValueError(
            f"{table.path}: the current is {level:g} A but the voltage {doing}; current must be positive on "
            f"discharge. Change the sign of the current column"
        )


def rest_before(table: Table, resting: float) -> tuple[float | None, float | None]:
    """Time [s] and voltage [V] of the rest, at most ``resting`` [A], before the first selected row, if any."""
    before = table.before
    if before is None or not all(before.has(name) for name in ("time", "current", "voltage")):
        return None, None
    if abs(before.number("current", "A")[0]) > resting:
        return None, None
    return float(before.number("time", "s")[0]), float(before.number("voltage", "V")[0])
