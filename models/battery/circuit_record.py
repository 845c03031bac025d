"""From a cycler's table to an experiment of a circuit.

Needs the columns time, voltage and current. The last row of a rest before the load gives ``start_voltage`` and time
zero: it stands at the top of the table, or in the row before the first selected one. A constant current becomes the
condition ``current``, a varying one the second column of the abscissa. What a discharge relaxes to afterwards is left
out, a pulse keeps it. Readings from the first below the cut-off on are masked.

Cyclers read current and voltage one after the other. Where a row's voltage has already jumped and its current has not
(or the other way round), the current's jump is moved to where the voltage has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twin.experiment import Experiment
from twin.models.battery.measurement import CONSTANT_WITHIN, falling, require_sign, rest_before
from twin.models.battery.protocol import sampled_current
from twin.models.battery.voltage import above_cut_off
from twin.space import Floats, Space, nearest
from twin.table import Table

COLUMNS = ("time", "voltage", "current")
RESTING = 0.01
"""Share of the largest current below which a cell rests."""
JUMP = 0.1
"""Share of the largest current from which a change counts as a jump."""
CLEARLY = 5.0
"""How many times larger a neighbouring step of the voltage must be to say that the jump was there."""


class Reader(Protocol):
    """What of a circuit the reader needs."""

    @property
    def conditions(self) -> Space:
        """Known inputs."""
        ...

    @property
    def pulse(self) -> bool:
        """Whether the relaxation belongs to the experiment."""
        ...

    @property
    def cut_off(self) -> float:
        """Lower voltage limit [V]."""
        ...


@dataclass(frozen=True, eq=False)
class Load:
    """Readings under load, and behind it if they count, with times [s] since the rest before."""

    times: Floats
    voltage: Floats
    current: Floats
    loaded: int
    """how many rows it takes until the load ends"""
    rested: float | None
    """voltage [V] of that rest"""
    notes: tuple[str, ...]


def read(model: Reader, table: Table, given: Mapping[str, float]) -> Experiment:
    """ValueError for missing columns, no load, a current of the wrong sign, conditions outside the valid range."""
    for name in given:
        model.conditions.index(name)
    for name in table.rename:
        if name not in COLUMNS:
            raise ValueError(f"--column {name}: a cell's table has no such quantity{nearest(name, COLUMNS)}")
    load = _load(table, keep_relaxation=model.pulse)
    notes = [*load.notes]
    conditions, varying = _conditions(model, load)
    _require_direction(table, load)
    conditions |= given
    if load.rested is None and "start_voltage" not in given:
        if model.pulse:
            raise ValueError(
                f"{table.path}: a pulse needs the rested voltage before it, but the first row of {table.label} carries "
                f"{load.current[0]:g} A; keep a row at rest before the pulse, or give --condition start_voltage=…"
            )
        notes.append(f"start voltage assumed to be {conditions['start_voltage']:.4g} V: no rest precedes the data")
    model.conditions.require_inside(conditions, table.path)
    mask = above_cut_off(model.cut_off, load.voltage[:, None])
    if not mask.all():
        notes.append(f"{int((~mask).sum())} readings from the first below {model.cut_off:g} V on are not used")
    return Experiment(
        name=table.label,
        conditions=conditions,
        coordinates=("time", "current") if varying else ("time",),
        x=np.stack([load.times, load.current], axis=1) if varying else load.times[:, None],
        observables=("voltage",),
        y=load.voltage[:, None],
        mask=mask[:, None],
        units={"time": "s", "current": "A", "voltage": "V"},
        source=table.source,
        notes=tuple(notes),
    )


def _load(table: Table, *, keep_relaxation: bool) -> Load:
    times, voltage = table.increasing("time", "s"), table.number("voltage", "V")
    recorded = table.number("current", "A")
    largest = float(np.max(np.abs(recorded)))
    require_some(table, largest)
    current = in_step(recorded, voltage, JUMP * largest)
    resting = np.abs(current) <= RESTING * largest
    first, last = np.flatnonzero(~resting)[[0, -1]]
    start, rested, notes = float(times[first]), None, []
    if moved := int(np.sum(current != recorded)):
        notes.append(f"current of {moved} rows moved to the side of the jump on which their voltage is")
    if first > 0:
        start, rested = float(times[first - 1]), float(voltage[first - 1])
        line = f"{table.counted} {table.lines[first - 1]}"
        notes.append(f"start voltage {rested:.4g} V from {line}, the last at rest")
    else:
        before, at_rest = rest_before(table, RESTING * largest)
        if before is not None and before < start:
            start, rested = before, at_rest
            notes.append(f"start voltage {rested:.4g} V from the row before the first one")
    end = len(times) if keep_relaxation else int(last) + 1
    if end < len(times):
        notes.append(f"{len(times) - end} readings of the relaxation after the load are not used")
    if end - first < 2:
        raise ValueError(f"{table.path}: {end - first} reading under load in {table.label}; expected at least 2")
    rows = slice(int(first), end)
    return Load(times[rows] - start, voltage[rows], current[rows], int(last + 1 - first), rested, tuple(notes))


def require_some(table: Table, largest: float) -> None:
    """ValueError where no current flows."""
    if largest == 0:
        raise ValueError(f"{table.path}: the current is zero in every row; nothing can be learnt from a rest")


def in_step(current: Floats, voltage: Floats, jump: float) -> Floats:
    """Currents [A] whose jumps, changes beyond ``jump``, stand in the rows in which the voltage [V] jumps."""
    jumps = np.abs(np.diff(current, prepend=current[0])) > jump
    steps = np.abs(np.diff(voltage, prepend=voltage[0], append=voltage[-1]))
    found = current.copy()
    for j in np.flatnonzero(jumps):
        before, here, behind = steps[j - 1 : j + 2]
        if before > max(CLEARLY * here, behind) and not jumps[j - 1]:
            found[j - 1] = current[j]
        elif behind > max(CLEARLY * here, before) and not jumps[j + 1 : j + 2].any():
            found[j] = current[j - 1]
    return found


def _conditions(model: Reader, load: Load) -> tuple[dict[str, float], bool]:
    """Conditions by name, and whether the current varies. A constant one is the mean that passes the same charge."""
    conditions = model.conditions.unpack(model.conditions.nominal)
    under = slice(0, load.loaded)
    weights = np.diff(load.times[under], prepend=0.0)
    conditions["current"] = float(np.average(load.current[under], weights=weights))
    if "duration" in conditions:
        conditions["duration"] = float(load.times[load.loaded - 1])
    if load.rested is not None:
        conditions["start_voltage"] = load.rested
    return conditions, sampled_current(load.times, load.current, CONSTANT_WITHIN) is not None


def _require_direction(table: Table, load: Load) -> None:
    """ValueError where the first current of one sign moves the voltage the wrong way."""
    other = np.sign(load.current[: load.loaded]) != np.sign(load.current[0])
    run = slice(0, int(np.argmax(np.append(other, True))))
    level = float(np.mean(load.current[run]))
    if load.rested is not None:
        require_sign(table, level, bool(np.mean(load.voltage[run]) < load.rested))
    elif sampled_current(load.times, load.current, CONSTANT_WITHIN) is None:
        require_sign(table, level, falling(load.voltage))
