"""From what ``twin monitor`` found to the fleet's page."""

from datetime import UTC, datetime

import numpy as np

from twin.case_studies.fleet_outputs import Findings, beyond_of, remaining_of, state_of
from twin.inference.fleet.page_units import FleetAlarm, FleetLimit, FleetPage, FleetParameter, FleetUnit
from twin.inference.fleet.watch import UnitHistory
from twin.inference.posterior import versions


def page_of(findings: Findings, title: str, model: str, preset: str) -> FleetPage:
    """The page's records."""
    monitor = findings.monitor
    masked = sum(findings.masked.values())
    notes = (f"{masked} rows of {len(findings.masked)} windows could not be read and are left out",) if masked else ()
    return FleetPage(
        title=title,
        model=model,
        preset=preset,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        unit_of_time=findings.unit_of_time,
        parameters=tuple(FleetParameter(p.name, p.unit, p.meaning) for p in monitor.fit.space.parameters),
        units=tuple(_unit(findings, history) for history in findings.histories),
        false_alarms=f"alarms of changes are false once in {monitor.rules.between:g} windows of a unit, on average",
        versions=versions(),
        notes=notes,
    )


def _unit(findings: Findings, history: UnitHistory) -> FleetUnit:
    monitor = findings.monitor
    which = [findings.names.index(name) for name in monitor.names]
    bands = [record.quantiles[:, which] for record in history.records]
    low, median, high = np.array(bands).reshape(-1, 3, len(which)).swapaxes(0, 1)
    alarms = [
        FleetAlarm(time, a.kind, a.parameter, history.time_of(a.since), a.candidates[a.parameter])
        for time, step in zip(history.times.tolist(), history.steps, strict=True)
        for a in step.alarms
    ]
    return FleetUnit(
        name=history.unit,
        state=state_of(monitor, history),
        time=history.times,
        low=low,
        median=median,
        high=high,
        rungs=tuple(record.rung for record in history.records),
        verdicts=tuple(record.verdict for record in history.records),
        refusals=tuple(step.refusal for step in history.steps),
        alarms=tuple(alarms),
        limits=_limits(findings, history),
    )


def _limits(findings: Findings, history: UnitHistory) -> tuple[FleetLimit, ...]:
    monitor, baseline = findings.monitor, history.state.baseline
    if baseline is None:
        return ()
    beyond, left = beyond_of(history), remaining_of(monitor, history)
    return tuple(
        FleetLimit(
            name, monitor.limit_value(baseline, name), monitor.rules.falls(name), beyond.get(name, float("nan")),
            left.get(name),
        )
        for name in monitor.rules.limited
    )  # fmt: skip
