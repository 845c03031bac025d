"""What ``twin monitor`` leaves behind its posteriors: the log of alarms and the summary."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.atomic import replaced
from twin.inference.fleet.page_units import STATES
from twin.inference.fleet.piece import Key
from twin.inference.fleet.record import ACCEPTED, DOUBTFUL, REFUSED, Record
from twin.inference.fleet.watch import UnitHistory, Watched
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Alarm
from twin.inference.monitor.remaining import Remaining

BAD = ("alarm", "refused")
"""States that a scheduler is told of."""
WATCH = 0.5
"""P(beyond a limit) from which a unit wants watching."""

Line = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Findings:
    """Every unit's history under a monitor, and how many rows of each window were left out.

    ``names`` are all parameters of the posteriors.
    """

    monitor: Monitor[Watched]
    names: tuple[str, ...]
    histories: tuple[UnitHistory, ...]
    masked: Mapping[Key, int]
    unit_of_time: str

    @property
    def states(self) -> Mapping[str, str]:
        """Every unit's state."""
        return {history.unit: state_of(self.monitor, history) for history in self.histories}


def state_of(monitor: Monitor[Watched], history: UnitHistory) -> str:
    """One of ``STATES``.

    An alarm of a limit stands as long as being beyond it is likelier than not; an alarm of a change for as many windows
    as a baseline has. A unit is refused if its last window was.
    """
    steps, state = history.steps, history.state
    recent = [alarm for step in steps[-monitor.rules.baseline :] for alarm in step.alarms]
    if state.raised or any(alarm.kind == "change" for alarm in recent):
        return "alarm"
    if not steps or steps[-1].refusal:
        return "refused"
    if state.belief is None:
        return "learning"
    return "watch" if max(beyond_of(history).values(), default=0.0) > WATCH else "well"


def beyond_of(history: UnitHistory) -> Mapping[str, float]:
    """P(beyond) of each limit by the last window that told of the unit."""
    return next((step.beyond for step in reversed(history.steps) if step.beyond), {})


def remaining_of(monitor: Monitor[Watched], history: UnitHistory) -> Mapping[str, Remaining]:
    """Time left to each limit, in the fleet's unit of time."""
    s = history.spacing
    return {
        name: Remaining(s * left.q05, s * left.q50, s * left.q95, left.reached)
        for name, left in monitor.outlook(history.state).items()
    }


def rule_of(monitor: Monitor[Watched], alarm: Alarm) -> str:
    """The rule by which an alarm was raised, in words."""
    rules, name = monitor.rules, alarm.parameter
    if alarm.kind == "change":
        return f"a change of any watched parameter, false once in {rules.between:g} windows of a unit"
    side = "<" if rules.falls(name) else ">"
    given = {**rules.floors, **rules.ceilings}
    value = f"{given[name]:g} {monitor.fit.space[name].unit}" if name in given else f"{rules.limits[name]:g} baseline"
    return f"P({name} {side} {value}) > {rules.probability:g} in {rules.consecutive} windows"


def lines_of(findings: Findings) -> list[Line]:
    """Every alarm as the log has it, by time and unit."""
    found = [
        {
            "unit": history.unit,
            "time": time,
            "kind": alarm.kind,
            "parameter": alarm.parameter,
            "since": history.time_of(alarm.since),
            "probability": alarm.candidates[alarm.parameter],
            "rule": rule_of(findings.monitor, alarm),
        }
        for history in findings.histories
        for time, step in zip(history.times.tolist(), history.steps, strict=True)
        for alarm in step.alarms
    ]
    return sorted(found, key=lambda line: (line["time"], line["unit"]))


def log_alarms(path: Path, lines: Sequence[Line]) -> list[Line]:
    """Adds the alarms that the log does not hold yet, and gives these. ValueError for a line that is no alarm."""
    old = path.read_text().splitlines() if path.exists() else []
    known = set()
    for number, text in enumerate(old, start=1):
        try:
            known.add(_key(json.loads(text)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}, line {number}: expected an alarm, got {text[:60]!r}; remove the line") from error
    new = [line for line in lines if _key(line) not in known]
    with replaced(path) as temporary:
        temporary.write_text("".join(f"{text}\n" for text in (*old, *map(json.dumps, new))))
    return new


def _key(line: Line) -> tuple[Any, ...]:
    return line["unit"], line["time"], line["kind"], line["parameter"]


def summary_of(findings: Findings) -> dict[str, Any]:
    """What stands in summary.json of the fleet and its units."""
    monitor, states = findings.monitor, findings.states
    records = [r for history in findings.histories for r in (*history.records, *history.stray)]
    verdicts = Counter(record.verdict for record in records)
    counts, masked = Counter(states.values()), Counter[str]()
    for (unit, _), count in findings.masked.items():
        masked[unit] += count
    return {
        "units": len(findings.histories),
        "states": {name: counts[name] for name in STATES},
        "windows": {verdict: verdicts[verdict] for verdict in (ACCEPTED, DOUBTFUL, REFUSED)},
        "masked_rows": sum(findings.masked.values()),
        "unit_of_time": findings.unit_of_time,
        "rules": {
            "watched": list(monitor.names),
            "windows_between_false_alarms": monitor.rules.between,
            "baseline_windows": monitor.rules.baseline,
            "limits": dict(monitor.rules.limits),
            "floors": dict(monitor.rules.floors),
            "ceilings": dict(monitor.rules.ceilings),
        },
        "fleet": {
            history.unit: _unit(findings, history, states[history.unit], masked[history.unit])
            for history in findings.histories
        },
    }


def _unit(findings: Findings, history: UnitHistory, state: str, masked: int) -> dict[str, Any]:
    monitor = findings.monitor
    refusals = [step.refusal for step in history.steps if step.refusal] + [r.reason for r in history.stray]
    last = next((r for r in reversed(history.records) if r.verdict == ACCEPTED), None)
    return {
        "state": state,
        "windows": len(history.steps),
        "refused": len(refusals),
        "last_refusal": refusals[-1] if refusals else "",
        "masked_rows": masked,
        "alarms": sum(len(step.alarms) for step in history.steps),
        "time": float(history.times[-1]) if len(history.times) else None,
        "parameters": {} if last is None else _values(findings, last),
        "beyond": dict(beyond_of(history)),
        "remaining": {
            name: {key: value if np.isfinite(value) else None for key, value in asdict(left).items()}
            for name, left in remaining_of(monitor, history).items()
        },
    }


def _values(findings: Findings, record: Record) -> dict[str, Any]:
    """A window's posterior of the watched parameters."""
    watched = findings.monitor.fit.space.parameters
    places = [findings.names.index(p.name) for p in watched]
    return {
        p.name: {
            "unit": p.unit,
            "mean": float(record.mean[j]),
            "sd": float(record.sd[j]),
            "q05": float(record.quantiles[0, j]),
            "q50": float(record.quantiles[1, j]),
            "q95": float(record.quantiles[2, j]),
        }
        for p, j in zip(watched, places, strict=True)
    }
