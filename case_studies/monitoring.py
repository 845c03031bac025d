"""``twin monitor``: a measured table in, a posterior per unit and window, alarms and a summary out.

Posteriors are kept, the rest is made anew of them in every run: watching costs a small part of fitting.
"""

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from twin.atomic import replaced
from twin.case_studies.commands import require_folder
from twin.case_studies.console import Exit, StoppedError, console, say
from twin.case_studies.fleet_outputs import BAD, Findings, Line, lines_of, log_alarms, summary_of
from twin.case_studies.fleet_study import FleetStudy, fleet_of, kept_shape, monitor_of, require_options
from twin.case_studies.fleet_tables import Cut, FleetTable, shape_of
from twin.case_studies.fleet_tables import fleet_of as pieces_of
from twin.case_studies.fleet_view import page_of
from twin.case_studies.progress import counting_progress
from twin.inference.fleet.executors import Executor, Here, Processes, cores
from twin.inference.fleet.page import write_fleet_page
from twin.inference.fleet.page_units import STATES
from twin.inference.fleet.record import records_of
from twin.inference.fleet.run import SIZE, Progress, run_fleet
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import read_store
from twin.inference.fleet.watch import Watched, histories
from twin.inference.monitor.monitor import Monitor
from twin.inference.posterior import versions
from twin.lock import sole_writer
from twin.models import catalogue
from twin.table import read_table

SHOWN = 20
"""Alarms that are printed; the log has all."""


def monitor(study: FleetStudy, *, as_json: bool) -> Exit:
    """Solves what is new, watches all, writes."""
    begin = time.perf_counter()
    require_options(study)
    require_folder(study.out)
    table = table_of(study)
    monitor_of(study, fleet_of(study, shape_of(table.pieces)).likelihood())  # refuses wrong names, with nothing written
    with sole_writer(study.out):
        summary, new = updated(study, table, begin)
    if as_json:
        console().print_json(json.dumps(summary))
    else:
        _print(summary, new, study.out)
    return Exit.CHECK_FAILED if any(summary["states"][state] for state in BAD) else Exit.DONE


def updated(study: FleetStudy, table: FleetTable, begin: float) -> tuple[dict[str, Any], Sequence[Line]]:
    """Brings a folder up to date with a table: the summary that is now in it, and the new alarms."""
    fleet = fleet_of(study, kept_shape(study, shape_of(table.pieces)))
    watching = monitor_of(study, fleet.likelihood())
    last = solve(study, fleet, table)
    found = findings_of(study, watching, fleet, table)
    summary = {
        "model": study.model,
        "preset": fleet.about["preset"],
        "table": str(study.table),
        "seconds": time.perf_counter() - begin,
        "solved": last.done,
        **summary_of(found),
        "versions": versions(),
    }
    lines = lines_of(found)
    new = log_alarms(study.out / "alarms.jsonl", lines)
    summary["alarms"] = {"raised": len(lines), "new": len(new)}
    with replaced(study.out / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    write_fleet_page(page_of(found, study.table.name, study.model, fleet.about["preset"]), study.out / "fleet.html")
    return summary, new


def table_of(study: FleetStudy) -> FleetTable:
    """The table's pieces."""
    table = read_table(study.table, study.column)
    for name, values in study.select.items():
        table = table.select(name, values)
    model = catalogue.model(study.model, study.preset)
    found = pieces_of(model, table, Cut(study.unit, study.time, study.window), study.condition)
    refused = sum(bool(piece.refused) for piece in found.pieces)
    say(
        f"{len(table)} rows: {len(found.pieces)} windows of {len({p.unit for p in found.pieces})} units, "
        f"{refused} cannot be read, {sum(found.masked.values())} rows left out of {len(found.masked)} others"
    )
    return found


def solve(study: FleetStudy, fleet: Fleet, table: FleetTable) -> Progress:
    """Brings the store up to date. StoppedError if the user or the time budget ended it; what is done stays."""
    last, begin = Progress(0, 0, 0, 0.0, 0.0), time.perf_counter()
    budget = float("inf") if study.time_budget is None else study.time_budget
    steps = run_fleet(fleet, table.pieces, study.store, executor_of(study, len(table.pieces)))
    try:
        with counting_progress("windows") as show:
            for last in steps:
                show(last.done, last.total)
                if last.done < last.total and time.perf_counter() - begin > budget:
                    raise StoppedError(_kept(study, last, f"the time budget of {budget:g} s ran out"))
    except KeyboardInterrupt:
        raise StoppedError(_kept(study, last, "by the user")) from None
    finally:
        if isinstance(steps, Generator):
            steps.close()  # ends the workers
    if last.done:
        say(f"{last.done} windows solved in {last.seconds:.0f} s, {last.refused} of them refused")
    return last


def executor_of(study: FleetStudy, pieces: int) -> Executor:
    """Who solves: a cluster, processes, or this process where one is enough."""
    if study.scheduler is not None:
        try:
            from twin.inference.fleet.executor_dask import Dask
        except ImportError as error:
            raise ValueError("--scheduler needs Dask; pip install 'twincal[cluster]'") from error
        return Dask(study.scheduler)
    workers = study.workers or (cores() if pieces > SIZE else 1)
    return Here() if workers == 1 else Processes(workers)


def _kept(study: FleetStudy, at: Progress, why: str) -> str:
    return f"{why}; {at.done} of {at.total} windows are done and kept in {study.store}; the same command goes on"


def findings_of(study: FleetStudy, watching: Monitor[Watched], fleet: Fleet, table: FleetTable) -> Findings:
    """All units watched, in the table's order; units that are in the store only come last."""
    names = fleet.likelihood().space.names
    place = {unit: i for i, unit in enumerate(dict.fromkeys(piece.unit for piece in table.pieces))}
    found = histories(watching, records_of(read_store(study.store)), names)
    ordered = sorted(found, key=lambda history: place.get(history.unit, len(place)))
    return Findings(watching, names, tuple(ordered), table.masked, table.unit_of_time)


def _print(summary: dict[str, Any], new: Sequence[Line], out: Path) -> None:
    screen = console()
    counts = ", ".join(f"{summary['states'][state]} {state}" for state in STATES if summary["states"][state])
    screen.print(f"{summary['units']} units: {counts}", markup=False)
    for line in new[:SHOWN]:
        when = f"{line['time']:g} {summary['unit_of_time']}".rstrip()
        what = f"{line['kind']} of {line['parameter']}, since {line['since']:g}, probability {line['probability']:.0%}"
        screen.print(f"{line['unit']} at {when}: {what}", markup=False)
    if len(new) > SHOWN:
        screen.print(f"and {len(new) - SHOWN} more")
    screen.print(f"{len(new)} new alarms of {summary['alarms']['raised']}; written: {out}", markup=False)
