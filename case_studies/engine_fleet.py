"""Engines in service as a fleet: ``python -m twin.case_studies.engine_fleet --out runs/engines [--engines 8]``.

Engines of ``engine_scenario.py``, in turn healthy and with one fault of ``engine_health.SCENARIOS`` in hour 60, a
minute of record per hour. Every window's Gaussian goes into a store (``engine_records.py``), and units are watched
from there by the self-starting charts that watch cells and patients, which know nothing of engines. Beside it the same
windows go through the engine's own monitor (``engine_health.py``), which carries a belief and trusts sensors until they
change.

Writes a store per engine, ``alarms.jsonl``, ``summary.json`` and ``fleet.html``; prints what each of the two found.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from twin.atomic import replaced
from twin.case_studies import engine_records
from twin.case_studies.commands import require_folder
from twin.case_studies.console import console, say
from twin.case_studies.engine_health import FAULT, RULES, SCENARIOS, monitor_of, run
from twin.case_studies.engine_health_study import KNOWN, Outcome, outcome
from twin.case_studies.engine_scenario import Scenario, serve
from twin.case_studies.fleet_charts import charts
from twin.case_studies.fleet_outputs import Findings, lines_of, log_alarms, summary_of
from twin.case_studies.fleet_view import page_of
from twin.case_studies.progress import counting_progress
from twin.inference.fleet.page import write_fleet_page
from twin.inference.fleet.record import records_of
from twin.inference.fleet.store import read_store
from twin.inference.fleet.watch import UnitHistory, Watched, histories
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.windows import WindowFit
from twin.models.engine.parameters import TILTS
from twin.models.engine_air_path import health

WATCHED = tuple(p.name for p in health.space.parameters if p not in TILTS)
"""Parts and sensors; the tilts are the engine's build and are integrated out."""


@dataclass(frozen=True)
class Engine:
    """A unit: its scenario, and the seed of its build, windows and noise."""

    scenario: Scenario
    seed: int

    @property
    def name(self) -> str:
        """``compressor-101``."""
        return f"{self.scenario.name}-{self.seed}"


@dataclass(frozen=True)
class Compared:
    """What the charts and the engine's own monitor made of an engine; None where that was left out."""

    engine: str
    charts: Outcome
    kalman: Outcome | None


def engines_of(count: int) -> list[Engine]:
    """So many engines, in turn healthy and with each of the faults; builds are those of ``engine_health_study.py``."""
    return [Engine(SCENARIOS[KNOWN[i % len(KNOWN)]], 100 * (i % len(KNOWN)) + i // len(KNOWN)) for i in range(count)]


def history_of(watching: Monitor[Watched], folder: Path) -> UnitHistory:
    """An engine's history, from its store and nothing else."""
    (found,) = histories(watching, records_of(read_store(folder)), health.space.names)
    return found


def watch_all(
    engines: Sequence[Engine], windows: int, watching: Monitor[Watched], out: Path, *, alone: bool
) -> tuple[Findings, list[Compared], dict[str, float]]:
    """Every engine solved, watched and, unless ``alone``, compared; seconds that the parts of it took."""
    kalman: Monitor[WindowFit] | None = None
    found, compared = [], []
    seconds = {"serving": 0.0, "windows": 0.0, "monitor": 0.0}
    for engine in engines:
        begin = time.perf_counter()
        service = serve(engine.scenario, windows, engine.seed)
        kalman = kalman or monitor_of(service.grid)
        served = time.perf_counter()
        folder = out / "store" / engine.name
        with counting_progress(f"windows of {engine.name}") as show:
            for done, total in engine_records.solve(kalman, engine_records.Watched(engine.name, service), folder):
                show(done, total)
        found.append(history_of(watching, folder))
        kept = time.perf_counter()
        steps = [] if alone else run(service, kalman)[0]
        ends = (served - begin, kept - served, time.perf_counter() - kept)
        seconds = {name: seconds[name] + part for name, part in zip(seconds, ends, strict=True)}
        own, other = (outcome(engine.scenario, engine.seed, kalman, s) for s in (found[-1].steps, steps))
        compared.append(Compared(engine.name, own, None if alone else other))
    return Findings(watching, health.space.names, tuple(found), {}, "h"), compared, seconds


def table_of(compared: Sequence[Compared]) -> Table:
    """A row per engine: refused windows, false alarms, windows to the alarm, and whether it named the right thing."""
    table = Table("engine", "refused", "false alarms", "windows to the alarm", "part or sensor told", "exact")
    for one in compared:
        told = [_cells(outcome) for outcome in (one.charts, one.kalman) if outcome is not None]
        table.add_row(one.engine, *map(" | ".join, zip(*told, strict=True)))
    table.caption = "charts from the store | the engine's own monitor"
    return table


def _cells(one: Outcome) -> tuple[str, ...]:
    return str(one.refused), str(one.false), _word(one.delay), _word(one.side), _word(one.exact)


def worth(found: Sequence[Outcome]) -> str:
    """Faults found, delays and false alarms in words."""
    faulty = [one for one in found if SCENARIOS[one.scenario].laws]
    delays = [one.delay for one in faulty if one.delay is not None]
    after = f", after {np.median(delays):g} windows (median)" if delays else ""
    false, healthy = sum(one.false for one in found), sum(one.healthy for one in found)
    return f"{len(delays)} of {len(faulty)} faults found{after}; {false} false alarms in {healthy} healthy windows"


def _word(value: float | bool | None) -> str:
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def main() -> None:
    """Serves, solves what is new, watches, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/engines"))
    parser.add_argument("--engines", type=int, default=len(KNOWN))
    parser.add_argument("--windows", type=int, default=76)
    parser.add_argument("--baseline", type=int, default=RULES.baseline)
    parser.add_argument("--alone", action="store_true", help="without the engine's own monitor beside it")
    options = parser.parse_args()
    if options.windows <= FAULT:
        parser.error(f"--windows {options.windows}: expected more than {FAULT:g}, the hour of the fault")
    require_folder(options.out)
    watching = charts(health.space, WATCHED, between=RULES.between, baseline=options.baseline)
    engines = engines_of(options.engines)
    findings, compared, seconds = watch_all(engines, options.windows, watching, options.out, alone=options.alone)
    log_alarms(options.out / "alarms.jsonl", lines_of(findings))
    summary = {**summary_of(findings), "seconds": seconds, "compared": [asdict(one) for one in compared]}
    with replaced(options.out / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    page = page_of(findings, "Engines in service (synthetic)", health.name, health.preset)
    write_fleet_page(page, options.out / "fleet.html")
    console().print(table_of(compared))
    say(f"charts: {worth([one.charts for one in compared])}")
    if not options.alone:
        say(f"the engine's own monitor: {worth([one.kalman for one in compared if one.kalman is not None])}")
    say(", ".join(f"{name} {value:.0f} s" for name, value in seconds.items()))
    say(f"written: {options.out}")


if __name__ == "__main__":
    main()
