"""What alarms of heart beats are worth: what stands in the recording there, what chance gives, what would be missed.

Chance: the same posteriors in random order. Nothing can change in these, so that all their alarms are false; if they
come at the stated rate and more come in the true order, then beats follow one another or something did change.

Known steps: again in random order, from some beat on a parameter's estimates are moved. What a posterior says of a
value elsewhere is the same posterior moved.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.case_studies.fleet_outputs import Findings
from twin.inference.fleet.piece import Key
from twin.inference.fleet.record import Record
from twin.inference.fleet.watch import UnitHistory, Watched, history_of, objection
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Alarm, Step
from twin.space import Floats

STEPS = (("tau", 0.2), ("tau", 0.4), ("P_0", 0.1))
"""Parameters, and by what share of the nominal value they step."""
QUIET = 20
"""Beats between the baseline and a step."""
WITHIN = 60
"""Beats behind it in which it must be found; less where there are less."""
ENOUGH = 20
"""Beats that must be left behind it."""


LEAST = 5
"""Beats whose medians stand before and behind an alarm, at least."""


@dataclass(frozen=True)
class Weighed:
    """An alarm at ``time`` [s] of what began at ``since``, with medians of the parameter in three stretches.

    ``before``: as many beats as it took, ``LEAST`` to the baseline's count, before it began; ``during``: from there to
    the alarm; ``after``: as many behind. Of the ``beats`` during it ``irregular`` are set aside by period or shape.
    """

    unit: str
    time: float
    since: float
    parameter: str
    probability: float
    before: float
    during: float
    after: float
    beats: int
    irregular: int


@dataclass(frozen=True)
class Chance:
    """Alarms of a unit in its own order, stated, and on average in random order; ``memory``: correlation of neighbours.

    ``windows`` are those behind the baseline.
    """

    unit: str
    windows: int
    alarms: int
    stated: float
    shuffled: float
    shuffles: int
    memory: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """How often a step of ``parameter`` by ``size`` of its nominal value was found, and after how many beats.

    ``delay`` is the median, NaN where none was. ``right``: alarms that named the parameter.
    """

    unit: str
    parameter: str
    size: float
    tries: int
    found: int
    delay: float
    right: int


def weighed(findings: Findings, irregular: Mapping[Key, str]) -> list[Weighed]:
    """Every alarm, by unit and time; ``irregular`` says what is the matter with a beat of a unit at a time, or ""."""
    return [
        _weighed(findings, irregular, history, k, alarm)
        for history in findings.histories
        for k, step in enumerate(history.steps)
        for alarm in step.alarms
    ]


def _weighed(findings: Findings, irregular: Mapping[Key, str], history: UnitHistory, k: int, alarm: Alarm) -> Weighed:
    """An alarm that the unit's window k raised."""
    since, times = history.time_of(alarm.since), history.times
    first = int(np.searchsorted(times, since - 1e-6))
    around = min(max(k + 1 - first, LEAST), findings.monitor.rules.baseline)
    stretches = (slice(max(0, first - around), first), slice(first, k + 1), slice(k + 1, k + 1 + around))
    j = findings.names.index(alarm.parameter)
    before, during, after = (_median(history.records[stretch], j) for stretch in stretches)
    return Weighed(
        unit=history.unit,
        time=float(times[k]),
        since=since,
        parameter=alarm.parameter,
        probability=alarm.candidates[alarm.parameter],
        before=before,
        during=during,
        after=after,
        beats=k + 1 - first,
        irregular=sum(bool(irregular[history.unit, t]) for t in times[first : k + 1].tolist()),
    )


def _median(records: Sequence[Record], j: int) -> float:
    values = [r.quantiles[1, j] for r in records if not objection(r)]
    return float(np.median(values)) if values else float("nan")


def chance(monitor: Monitor[Watched], names: Sequence[str], history: UnitHistory, shuffles: int) -> Chance | None:
    """Alarms by chance; None for a unit that has no windows behind its baseline."""
    own = usable(history)
    windows = len(own) - monitor.rules.baseline
    if windows < 1:
        return None
    rng = np.random.default_rng(0)
    counts = [len(_alarms(_steps(monitor, names, _mixed(own, rng)))) for _ in range(shuffles)]
    which = [names.index(name) for name in monitor.names]
    series = np.array([r.u_mean[which] for r in own])
    away = series - series.mean(axis=0)
    memory = np.sum(away[1:] * away[:-1], axis=0) / np.sum(away**2, axis=0)
    alarms = sum(len(step.alarms) for step in history.steps)
    stated = windows / monitor.rules.between
    return Chance(history.unit, windows, alarms, stated, float(np.mean(counts)), shuffles, tuple(memory.tolist()))


def found_steps(monitor: Monitor[Watched], names: Sequence[str], history: UnitHistory, tries: int) -> Iterator[Found]:
    """Of every step of ``STEPS``; nothing for a unit with too few windows."""
    own, at = usable(history), monitor.rules.baseline + QUIET
    if len(own) < at + ENOUGH:
        return
    for name, size in STEPS:
        rng = np.random.default_rng(0)
        delays, right = [], 0
        for _ in range(tries):
            records = _mixed(own, rng)[: at + WITHIN]
            steps = _steps(
                monitor, names, [*records[:at], *(_moved(monitor, names, r, name, size) for r in records[at:])]
            )
            after = [(k, named) for k, named in _alarms(steps) if k >= at]
            if after:
                delays.append(after[0][0] - at + 1)
                right += after[0][1] == name
        middle = float(np.median(delays)) if delays else float("nan")
        yield Found(history.unit, name, size, tries, len(delays), middle, right)


def usable(history: UnitHistory) -> list[Record]:
    """The records that were not refused, in order."""
    return [r for r, step in zip(history.records, history.steps, strict=True) if not step.refusal]


def _mixed(records: Sequence[Record], rng: np.random.Generator) -> list[Record]:
    """The same posteriors in random order, one after the other at equal times."""
    return [replace(records[i], time=float(k)) for k, i in enumerate(rng.permutation(len(records)).tolist())]


def _steps(monitor: Monitor[Watched], names: Sequence[str], records: Sequence[Record]) -> tuple[Step, ...]:
    return history_of(monitor, "", records, [names.index(name) for name in monitor.names]).steps


def _alarms(steps: Sequence[Step]) -> list[tuple[int, str]]:
    return [(k, alarm.parameter) for k, step in enumerate(steps) for alarm in step.alarms]


def _moved(monitor: Monitor[Watched], names: Sequence[str], record: Record, name: str, size: float) -> Record:
    """The record with its posterior moved by ``size`` in units of the nominal value."""
    shift: Floats = np.zeros(len(names))
    place = monitor.names.index(name)
    shift[names.index(name)] = 10.0 * size * monitor.fit.width[place]
    return replace(record, u_mean=record.u_mean + shift)
