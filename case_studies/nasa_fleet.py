"""NASA's cells B0005 to B0007 over their 168 discharges: ``python -m twin.case_studies.nasa_fleet --out runs/nasa``.

Every discharge is a window of the fleet (``battery_circuit`` with the plateau of B0005's first discharge held), fitted
by the ladder and kept in a store. Capacity as testers count it, the charge at 2 A from a full cell down to 2.7 V, is
computed at each posterior (``circuit_capacity.py``). From the first 80 discharges the cycle is forecast at which it is
first measured below 1.4 A h (``power_law.py``), and held against the data set's own table.

Saha and Goebel 2007, NASA Prognostics Data Repository.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from twin.atomic import replaced
from twin.case_studies.commands import require_folder
from twin.case_studies.console import console, say
from twin.case_studies.fleet_study import FleetStudy, fleet_of, kept_shape
from twin.case_studies.fleet_tables import FleetTable, shape_of
from twin.case_studies.monitoring import solve, table_of
from twin.data import find_data
from twin.experiment import Experiment
from twin.inference.fleet.record import ACCEPTED, Record, records_of
from twin.inference.fleet.store import read_store
from twin.inference.monitor.power_law import crossings
from twin.models.battery.circuit_capacity import delivered
from twin.models.battery_circuit import MODEL
from twin.space import Floats

CELLS = ("B0005", "B0006", "B0007")
CUT_OFF = 2.7
"""[V] down to which the data set's table counts capacity, also of the two cells that were discharged further."""
PLATEAU = {"U_plateau": 3.741, "bend": 2.266}
"""Of B0005's first discharge (docs/circuit.md)."""
KNOWN, LIMIT = 80, 1.4
"""Discharges that the forecast may see, and the end of life [A h] of the data set's authors."""
HORIZON, DRAWS = 600, 4000


@dataclass(frozen=True)
class Forecast:
    """Quantiles of the first cycle measured below ``LIMIT``, as forecast; the truth, None if that was never."""

    cell: str
    q05: float
    q50: float
    q95: float
    truth: int | None
    last: int

    @property
    def holds(self) -> bool:
        """Whether the 90 % interval holds the truth, or where there is none reaches beyond the last cycle."""
        return self.q95 > self.last if self.truth is None else self.q05 <= self.truth <= self.q95

    @property
    def error(self) -> float:
        """|median - truth| in cycles; its least possible value where the truth is only known to be later."""
        return max(self.last + 1 - self.q50, 0.0) if self.truth is None else abs(self.q50 - self.truth)


@dataclass(frozen=True, eq=False)
class Life:
    """By cycle (n,): capacity as a tester counts it, and the same from the posteriors [A h]; R0 [Ohm] and its sd."""

    cycles: Floats
    table: Floats
    capacity: Floats
    resistance: Floats
    resistance_sd: Floats


def forecast(cell: str, known: Floats, measured: Floats) -> Forecast:
    """From the capacities of the first discharges, against all that were measured [A h]."""
    found = crossings(known, LIMIT, HORIZON, DRAWS, 0)
    q05, q50, q95 = np.quantile(found, (0.05, 0.5, 0.95), method="inverted_cdf").tolist()
    below = np.flatnonzero(measured < LIMIT)
    return Forecast(cell, q05, q50, q95, int(below[0]) + 1 if len(below) else None, len(measured))


def measured_capacities() -> Mapping[str, Mapping[int, float]]:
    """Capacities [A h] of the data set's own table, by cell and cycle."""
    found: dict[str, dict[int, float]] = {cell: {} for cell in CELLS}
    with find_data("battery/nasa_pcoe_capacity.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["battery_id"] in found:
                found[row["battery_id"]][int(row["cycle"])] = float(row["capacity_Ah"])
    return found


def join(path: Path) -> None:
    """One table of all cells' discharges, with a column ``cell``."""
    with replaced(path) as temporary, temporary.open("w", newline="") as out:
        for cell in CELLS:
            with gzip.open(find_data(f"battery/nasa_{cell.lower()}_discharge.csv.gz"), "rt") as file:
                header = next(file)
                if cell == CELLS[0]:
                    out.write(f"cell,{header}")
                out.writelines(f"{cell},{line}" for line in file)


def posteriors(folder: Path) -> tuple[FleetTable, dict[tuple[str, float | None], Record], tuple[str, ...]]:
    """Every window's posterior, solved where the store has none yet, and the names of its parameters."""
    join(folder / "discharges.csv")
    study = FleetStudy("battery_circuit", folder / "discharges.csv", "cell", "cycle", folder, fix=PLATEAU)
    table = table_of(study)
    fleet = fleet_of(study, kept_shape(study, shape_of(table.pieces)))
    solve(study, fleet, table)
    records = {(record.unit, record.time): record for record in records_of(read_store(study.store))}
    return table, records, fleet.likelihood().space.names


def life(cell: str, folder_of: tuple[FleetTable, dict[tuple[str, float | None], Record], tuple[str, ...]]) -> Life:
    """A cell's history; cycles without a posterior that is accepted are left out."""
    table, records, names = folder_of
    capacities = measured_capacities()[cell]
    rows = []
    for piece in table.pieces:
        record = records[piece.key]
        if piece.unit == cell and piece.time is not None and record.verdict == ACCEPTED:
            values = dict(zip(names, record.mean.tolist(), strict=True))
            charge = capacity(values, piece.experiments[0])
            j = names.index("R0")
            rows.append((piece.time, capacities[int(piece.time)], charge, record.mean[j], record.sd[j]))
    return Life(*np.array(rows).T)


def capacity(values: Mapping[str, float], discharge: Experiment) -> float:
    """Charge [A h] down to ``CUT_OFF`` at a discharge's own current and start."""
    theta = MODEL.space.pack({**PLATEAU, **{n: v for n, v in values.items() if n in MODEL.space.names}})
    return float(delivered(MODEL, theta, MODEL.conditions.pack(discharge.conditions), CUT_OFF))


def main() -> None:
    """Fits, forecasts, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/nasa"))
    options = parser.parse_args()
    require_folder(options.out)
    found = posteriors(options.out)
    lives = {cell: life(cell, found) for cell in CELLS}
    history = Table(
        "cell", "accepted", "capacity off the table's (rms, worst) [mA h]", "R0 of the first and last ten [mOhm]"
    )
    for cell, one in lives.items():
        off = 1e3 * (one.capacity - one.table)
        first, last = 1e3 * one.resistance[:10].mean(), 1e3 * one.resistance[-10:].mean()
        words = f"{np.sqrt(np.mean(off**2)):.1f}, {np.max(np.abs(off)):.1f}"
        history.add_row(cell, f"{len(one.cycles)}", words, f"{first:.1f}, {last:.1f} ({last / first - 1:+.0%})")
    console().print(history)
    measured = {cell: np.array(list(values.values())) for cell, values in measured_capacities().items()}
    told = [forecast(c, one.capacity[one.cycles <= KNOWN], measured[c]) for c, one in lives.items()]
    shown = Table(
        "cell", f"first below {LIMIT} A h, forecast from {KNOWN} cycles", "90 % interval", "what happened", "error"
    )
    for crossing in told:
        truth = f"cycle {crossing.truth}" if crossing.truth is not None else f"not within {crossing.last}"
        least = "" if crossing.truth is not None else "at least "
        shown.add_row(
            crossing.cell,
            f"{crossing.q50:.0f}",
            f"{crossing.q05:.0f} to {crossing.q95:.0f}",
            truth,
            f"{least}{crossing.error:.0f}",
        )
    console().print(shown)
    say(f"inside the interval: {sum(one.holds for one in told)} of {len(told)}")
    with replaced(options.out / "forecasts.json") as temporary:
        temporary.write_text(json.dumps([asdict(one) for one in told], indent=1) + "\n")


if __name__ == "__main__":
    main()
