"""From a table of an engine's record to an experiment.

Needs the columns time, n_e, u_delta, u_egr and u_vgt, and at least one of what can be measured: p_im, p_em, n_t, W_egr,
T_em, T_c, W_c. Ambient columns p_amb, T_amb and T_im become conditions by their mean. Commands must be known
throughout, readings may be missing. Nothing is repaired in silence: whatever is left out is counted in the notes.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from twin.experiment import Experiment
from twin.model import Observable
from twin.models.engine.actuators import LIMITS
from twin.models.engine.channels import COORDINATES, OBSERVABLES
from twin.space import Floats, Space, nearest
from twin.table import Table

COMMANDS = tuple(c for c in COORDINATES if c.name != "time")
AIR = {"p_amb": "kPa", "T_amb": "K", "T_im": "K"}
WRITTEN = ("time", *(c.name for c in COMMANDS), *(o.name for o in OBSERVABLES), *AIR)
POSSIBLE = {
    "p_im": (50.0, 1000.0), "p_em": (50.0, 2000.0), "n_t": (100.0, 200_000.0), "W_egr": (-0.05, 1.0),
    "T_em": (230.0, 1500.0), "T_c": (230.0, 700.0), "W_c": (-0.1, 2.0),
}  # fmt: skip
"""Beyond which a reading is a fault of the sensor, in the observable's unit."""
MARGIN = 0.02
"""Share of its range by which a command may leave it; it is clipped, as the engine's own control unit would."""
GAP = 2.0
"""[s] and five usual intervals: a longer pause between rows is a gap, over which the commands are not known."""
USUAL_INTERVALS = 5.0
STUCK = 10.0
"""[s] for which a reading that moves elsewhere does not change by its last digit: the sensor is stuck."""
STILL_MOVING = 0.02
"""Relative spread that some command has meanwhile, where a sensor should have moved too."""
FEWEST = 10
"""Readings that a channel needs."""
LONGEST_STEP = 1.5
"""[s] median interval: slower records do not show what moves the engine."""


class Reader(Protocol):
    """What of a model the reader needs."""

    @property
    def conditions(self) -> Space:
        """Known inputs."""
        ...


def read(model: Reader, table: Table, given: Mapping[str, float]) -> Experiment:
    """The experiment. ValueError for rows out of order, commands missing or outside the model's range, no readings."""
    for name in given:
        model.conditions.index(name)
    for name in table.rename:
        if name not in WRITTEN:
            raise ValueError(f"--column {name}: an engine's record has no such quantity{nearest(name, WRITTEN)}")
    times = table.increasing("time", "s")
    if len(times) < FEWEST:
        raise ValueError(f"{table.path}: {len(times)} rows in {table.label}; a record needs at least {FEWEST}")
    interval = float(np.median(np.diff(times)))
    if interval > LONGEST_STEP:
        raise ValueError(
            f"{table.path}: a row every {interval:g} s; the commands between them are not known, and the engine "
            f"answers within a second. Expected at most {LONGEST_STEP:g} s"
        )
    since = times - times[0]
    conditions, notes = _conditions(model, table, given)
    commands = [_command(table, c.name, c.unit, notes) for c in COMMANDS]
    quiet = _quiet(since, interval, conditions["settle"], notes)
    found = {o.name: _readings(table, o, since, commands, notes) for o in OBSERVABLES if table.has(o.name)}
    y = {name: np.where(quiet, np.nan, values) for name, values in found.items()}
    y = {name: values for name, values in y.items() if _enough(name, values, notes)}
    if not y:
        raise ValueError(
            f"{table.path}: no measurement to calibrate with; expected at least one of "
            f"{', '.join(o.name for o in OBSERVABLES)} with {FEWEST} readings after the first "
            f"{conditions['settle']:g} s (--condition settle=0 counts them from the start). "
            f"Found: {'; '.join(note for note in notes if note.split(':')[0] in found) or 'none of them'}"
        )
    absent = [o.name for o in OBSERVABLES if o.name not in y]
    if absent:
        notes.append(f"not measured: {', '.join(absent)}; the report says what the rest leaves open")
    return Experiment(
        name=table.label, conditions=conditions, coordinates=tuple(c.name for c in COORDINATES),
        x=np.stack([since, *commands], axis=1), observables=tuple(y), y=np.stack(list(y.values()), axis=1),
        units={o.name: o.unit for o in OBSERVABLES} | {c.name: c.unit for c in COORDINATES}, source=table.source,
        notes=tuple(notes),
    )  # fmt: skip


def _conditions(model: Reader, table: Table, given: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Air from the user, else the table, else nominal; and remarks."""
    conditions = model.conditions.unpack(model.conditions.nominal)
    notes = []
    for name, unit in AIR.items():
        if table.has(name) and name not in given:
            conditions[name] = float(np.mean(table.number(name, unit)))
        elif name not in given:
            notes.append(f"{name} assumed to be {conditions[name]:.4g} {unit}: neither a column nor given")
    conditions |= given
    model.conditions.require_inside(conditions, table.path)
    return conditions, notes


def _command(table: Table, name: str, unit: str, notes: list[str]) -> Floats:
    """A command within its range; ValueError where it is far out of it."""
    values = table.number(name, unit)
    low, high = LIMITS[name]
    slack = MARGIN * (high - low)
    far = np.flatnonzero((values < low - slack) | (values > high + slack))
    if len(far):
        first = int(far[0])
        raise ValueError(
            f"{table.path}, {table.counted} {table.lines[first]}: {name} is {values[first]:g} {unit} and {len(far)} of "
            f"{len(values)} rows are outside {low:g} to {high:g} {unit}, where the model holds; is the unit right? "
            f"Cut such rows off with --select, or name the unit with --column {name}=COLUMN:UNIT"
        )
    clipped = np.clip(values, low, high)
    count = int(np.sum(clipped != values))
    if count:
        notes.append(f"{name}: {count} rows clipped to {low:g} to {high:g} {unit}")
    return np.asarray(clipped)


def _quiet(since: Floats, interval: float, settle: float, notes: list[str]) -> npt.NDArray[np.bool_]:
    """Rows whose readings do not count: after the start and after gaps, while an unknown state fades."""
    gaps = np.flatnonzero(np.diff(since) > max(GAP, USUAL_INTERVALS * interval))
    quiet = since < settle
    for i in gaps:
        quiet |= (since > since[i]) & (since < since[i + 1] + settle)
    if quiet.any():
        notes.append(f"{int(quiet.sum())} of {len(since)} rows within {settle:g} s of the start or a gap: not scored")
    if len(gaps):
        longest = float(np.diff(since)[gaps].max())
        notes.append(f"{len(gaps)} gaps in time, the longest {longest:.3g} s: commands interpolated across them")
    return np.asarray(quiet)


def _readings(table: Table, of: Observable, since: Floats, commands: list[Floats], notes: list[str]) -> Floats:
    """A channel with NaN where it is missing, impossible or stuck."""
    values = table.sparse(of.name, of.unit)
    missing = ~np.isfinite(values)
    low, high = POSSIBLE[of.name]
    with np.errstate(invalid="ignore"):
        impossible = (values < low) | (values > high)
    _require_plausible(table, of, values, impossible)
    stuck = _stuck(values, since, commands) & ~missing & ~impossible
    for mask, what in (
        (missing, "missing"), (impossible, f"outside {low:g} to {high:g} {of.unit}"), (stuck, "of a stuck sensor")
    ):  # fmt: skip
        if mask.any():
            notes.append(f"{of.name}: {int(mask.sum())} of {len(values)} readings {what}, left out")
    return np.where(impossible | stuck, np.nan, values)


def _require_plausible(table: Table, of: Observable, values: Floats, impossible: npt.NDArray[np.bool_]) -> None:
    """ValueError if most readings are impossible: that is a wrong unit, not a faulty sensor."""
    known = np.isfinite(values)
    if known.any() and impossible.sum() > 0.5 * known.sum():
        low, high = POSSIBLE[of.name]
        raise ValueError(
            f"{table.path}: {of.name} has a median of {np.median(values[known]):g} {of.unit}, outside {low:g} to "
            f"{high:g} {of.unit}; is the unit right? Name it with --column {of.name}=COLUMN:UNIT"
        )


def _stuck(values: Floats, since: Floats, commands: list[Floats]) -> npt.NDArray[np.bool_]:
    """Rows of runs of one value for ``STUCK`` seconds while a command moved."""
    stuck = np.zeros(len(values), dtype=bool)
    edges = np.flatnonzero(np.diff(values) != 0) + 1
    for begin, end in zip(np.r_[0, edges], np.r_[edges, len(values)], strict=True):
        if since[end - 1] - since[begin] < STUCK:
            continue
        moved = max(float(np.ptp(c[begin:end]) / (1e-9 + np.mean(np.abs(c)))) for c in commands)
        stuck[begin:end] = moved > STILL_MOVING and values[begin] != 0.0
    return stuck


def _enough(name: str, values: Floats, notes: list[str]) -> bool:
    count = int(np.isfinite(values).sum())
    if count < FEWEST:
        notes.append(f"{name}: {count} usable readings, fewer than {FEWEST}: not used")
    return count >= FEWEST
