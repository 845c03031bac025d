"""Patients watched beat by beat: ``python -m twin.case_studies.icu_fleet --out runs/icu-fleet``.

Every recording of ``cardiac_icu.py`` is a unit of a fleet and every beat a window: its diastolic decay gets a posterior
by the ladder, is kept in a store, and is held against the patient's own past by self-starting charts. A beat that
touches an artefact, or whose diastole is too short to be seen to decay, is refused with the reason. What the alarms are
worth is said in ``icu_alarms.py``; ``icu_stream.py`` carries one patient's time constant from beat to beat.

Writes a store per recording, ``alarms.jsonl``, ``summary.json``, ``fleet.html`` and ``alarms.png``.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from twin.atomic import replaced
from twin.case_studies.cardiac_icu import RECORDS, beats_of, measured_of, shared_likelihood
from twin.case_studies.cardiac_icu import Record as Recording
from twin.case_studies.commands import require_folder
from twin.case_studies.console import console, say
from twin.case_studies.fleet_charts import charts
from twin.case_studies.fleet_outputs import Findings, lines_of, log_alarms, summary_of
from twin.case_studies.fleet_view import page_of
from twin.case_studies.icu_alarms import Weighed, chance, found_steps, weighed
from twin.case_studies.icu_figure import draw
from twin.case_studies.progress import counting_progress
from twin.inference.fleet.executors import Executor, Here, Processes
from twin.inference.fleet.page import write_fleet_page
from twin.inference.fleet.piece import Key, Piece
from twin.inference.fleet.record import DOUBTFUL, Record, records_of
from twin.inference.fleet.run import run_fleet
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import read_store
from twin.inference.fleet.watch import UnitHistory, Watched, histories
from twin.inference.monitor.monitor import Monitor
from twin.models.cardiac.beats import Beat, Beats
from twin.models.cardiac.diastole import SHORTEST, Decay, decays
from twin.models.cardiac_decay import MODEL

WATCHED = ("tau", "P_inf", "P_0")


@dataclass(frozen=True, eq=False)
class Patient:
    """A recording, its beats and their decays; ``watched`` of the beats are windows."""

    recording: Recording
    beats: Beats
    decays: tuple[Decay, ...]
    watched: tuple[Beat, ...]

    @property
    def name(self) -> str:
        """The recording's."""
        return self.recording.name

    @property
    def step(self) -> float:
        """[s] between samples."""
        return self.beats.recordings[0].step

    @property
    def longest(self) -> int:
        """Samples of the longest decay."""
        return max(d.stop - d.start for d in self.decays)

    def unit(self, beat: Beat) -> str:
        """Segments of a recording whose distance in time is not known are units of their own."""
        return self.name if len(self.beats.recordings) == 1 else f"{self.name}/{beat.recording + 1}"

    def time(self, beat: Beat) -> float:
        """Onset [s]."""
        return float(self.beats.recordings[beat.recording].time[beat.start])


def patient(recording: Recording, most: int | None = None) -> Patient:
    """A recording as measured, or its first ``most`` beats."""
    beats = beats_of(recording)
    return Patient(recording, beats, decays(beats), beats.all[:most])


def pieces_of(one: Patient) -> list[Piece]:
    """A piece per beat, in order."""
    likelihood, ((y, mask),) = measured_of(one.beats, one.decays, following=True)
    place = {decay.beat: i for i, decay in enumerate(one.decays)}
    found = []
    for beat in one.watched:
        unit, time = one.unit(beat), one.time(beat)
        if beat in place:
            own = replace(likelihood.experiments[0], y=y[place[beat]], mask=mask[place[beat]])
            found.append(Piece(unit, [own], time))
        else:
            short = f"its diastole is shorter than {SHORTEST:g} s: no curvature to see"
            found.append(Piece(unit, time=time, refused=f"artefact: {beat.artefact}" if beat.artefact else short))
    return found


def fleet_of(one: Patient) -> Fleet:
    """What all beats of a patient share."""
    clock = f"{one.longest} samples of {one.step:.9g} s"
    about = {"model": MODEL.name, "preset": MODEL.preset, "recording": one.name, "clock": clock}
    return Fleet(partial(shared_likelihood, one.step, one.longest, following=True), about)


def solve(patients: Sequence[Patient], out: Path, executor: Executor) -> dict[str, float]:
    """Brings every patient's store up to date; beats solved now, and the seconds that took."""
    solved, seconds = 0, 0.0
    for one in patients:
        with counting_progress(f"beats of {one.name}") as show:
            for last in run_fleet(fleet_of(one), pieces_of(one), out / "store" / one.name, executor):
                show(last.done, last.total)
        solved, seconds = solved + last.done, seconds + last.seconds
    return {"solved": solved, "seconds": seconds}


def watched(monitor: Monitor[Watched], patients: Sequence[Patient], out: Path, *, typical: bool) -> Findings:
    """All units' histories, from the stores and nothing else; ``typical`` leaves out beats that are set aside."""
    names = fleet_of(patients[0]).likelihood().space.names
    found: list[UnitHistory] = []
    marks = marks_of(patients) if typical else {}
    for one in patients:
        stored = records_of(read_store(out / "store" / one.name))
        found += histories(monitor, (_set_aside(r, marks.get((r.unit, r.time), "")) for r in stored), names)
    return Findings(monitor, names, tuple(found), {}, "s")


def _set_aside(record: Record, why: str) -> Record:
    """The record, not to be used where there is a reason."""
    return replace(record, verdict=DOUBTFUL, reason=why) if why else record


def marks_of(patients: Sequence[Patient]) -> dict[Key, str]:
    """What is irregular about each beat, "" where nothing is."""
    return {(one.unit(b), one.time(b)): b.irregular for one in patients for b in one.watched}


def report(findings: Findings, patients: Sequence[Patient], shuffles: int) -> dict[str, Any]:
    """What was found of the units, each alarm with what stands in the recording there, and what chance gives."""
    monitor = findings.monitor
    return {
        **summary_of(findings),
        "alarms": [vars(alarm) for alarm in weighed(findings, marks_of(patients))],
        "by_chance": [vars(law) for h in findings.histories if (law := chance(monitor, findings.names, h, shuffles))],
        "steps": [vars(step) for h in findings.histories for step in found_steps(monitor, findings.names, h, shuffles)],
    }


def tables(found: dict[str, Any], alarms: Sequence[Weighed]) -> list[Table]:
    """Units, alarms, and what chance and known steps give."""
    units = Table("unit", "beats", "refused", "state", "alarms")
    for name, unit in found["fleet"].items():
        units.add_row(name, f"{unit['windows']}", f"{unit['refused']}", unit["state"], f"{unit['alarms']}")
    news = Table("unit", "at [s]", "since [s]", "parameter", "before", "during", "after", "irregular beats during")
    for a in alarms:
        levels = [f"{level:.3g}" for level in (a.before, a.during, a.after)]
        news.add_row(a.unit, f"{a.time:.0f}", f"{a.since:.0f}", a.parameter, *levels, f"{a.irregular} of {a.beats}")
    law = Table("unit", "alarms in order", "stated", "in random order, mean", "follow one another by (tau, P_inf, P_0)")
    for c in found["by_chance"]:
        memory = ", ".join(f"{value:.2f}" for value in c["memory"])
        law.add_row(c["unit"], f"{c['alarms']}", f"{c['stated']:.2f}", f"{c['shuffled']:.2f}", memory)
    steps = Table("unit", "step", "found", "of", "beats to the alarm, median", "right parameter")
    for s in found["steps"]:
        size = f"{s['parameter']} {s['size']:+.0%}"
        steps.add_row(s["unit"], size, f"{s['found']}", f"{s['tries']}", f"{s['delay']:g}", f"{s['right']}")
    return [units, news, law, steps]


def main() -> None:
    """Solves what is new, watches all, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/icu-fleet"))
    parser.add_argument("--recordings", nargs="+", choices=[r.name for r in RECORDS], metavar="NAME")
    parser.add_argument("--beats", type=int, help="of each recording, the first ones only")
    parser.add_argument("--baseline", type=int, default=20, help="beats in which a patient is taken to be steady")
    parser.add_argument("--false-alarms", type=float, default=1000.0, help="beats between false alarms, on average")
    parser.add_argument("--shuffles", type=int, default=20, help="random orders of a patient's beats")
    parser.add_argument("--typical", action="store_true", help="charts leave out beats of irregular period or shape")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    require_folder(options.out)
    chosen = [r for r in RECORDS if options.recordings is None or r.name in options.recordings]
    patients = [patient(recording, options.beats) for recording in chosen]
    executor = Here() if options.workers == 1 else Processes(options.workers)
    solved = solve(patients, options.out, executor)
    say(f"{solved['solved']:.0f} beats solved in {solved['seconds']:.0f} s")
    monitor = charts(MODEL.space, WATCHED, between=options.false_alarms, baseline=options.baseline)
    findings = watched(monitor, patients, options.out, typical=options.typical)
    found = {**solved, **report(findings, patients, options.shuffles)}
    alarms = [Weighed(**alarm) for alarm in found["alarms"]]
    log_alarms(options.out / "alarms.jsonl", lines_of(findings))
    with replaced(options.out / "summary.json") as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n")
    write_fleet_page(
        page_of(findings, "Arterial pressure, beat by beat", MODEL.name, MODEL.preset), options.out / "fleet.html"
    )
    draw(findings, alarms).savefig(options.out / "alarms.png", dpi=100)
    for table in tables(found, alarms):
        console().print(table)
    say(f"written: {options.out}")


if __name__ == "__main__":
    main()
