"""A table of a fleet for those who have none: ``python -m twin.case_studies.make_fleet_table --out fleet.csv``.

Synthetic cells that are discharged once a day (``battery_circuit``). Their capacity and resistance scatter from day to
day by ``SCATTER``, as with temperature, and their readings are noisy. Cell 1 loses 12 % of its capacity in the last
third of its days, cell 2's resistance jumps by a tenth half-way, and cell 3's cycler leaves cells blank now and then.
All others stay as they are.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from twin.case_studies.console import say
from twin.models.battery_circuit import MODEL
from twin.space import Floats

FRESH = {"Q": 2.9, "R0": 0.045, "R1": 0.025, "tau1": 70.0, "U_plateau": 3.74, "bend": 2.27, "knee": 0.05}
"""A cell of 2.9 A h."""
BUILT, SCATTER, NOISE = 0.02, 0.003, 0.0015
"""Standard deviations: among cells, of a cell's days, and of a voltage [V]."""
CURRENT, START = 2.0, 4.19
"""[A], [V]"""
SOON, EARLY, PERIOD = 300.0, 10.0, 90.0
"""[s] Until then readings come closely, that resistances can be told apart; between these, and between later ones."""
LOSS, JUMP = 0.12, 1.1
HEADER = ("cell", "day", "time_s", "current_A", "voltage_V")


def table_rows(cells: int, days: int, seed: int) -> Iterator[tuple[str, ...]]:
    """The rows, cell by cell and day by day."""
    rng = np.random.default_rng(seed)
    for cell in range(1, cells + 1):
        build = {name: FRESH[name] * np.exp(BUILT * rng.standard_normal()) for name in ("Q", "R0", "R1", "tau1")}
        for day in range(1, days + 1):
            theta = FRESH | {
                name: value * np.exp((SCATTER if name in ("Q", "R0") else 0.0) * rng.standard_normal())
                for name, value in build.items()
            }
            if cell == 1:
                theta["Q"] *= 1.0 - LOSS * max(0.0, (day - 2 * days / 3) / (days / 3))
            if cell == 2 and day > days / 2:
                theta["R0"] *= JUMP
            times, voltage = discharge(theta, rng)
            blank = int(rng.integers(len(times))) if cell == 3 and day % 7 == 0 else -1
            yield str(cell), str(day), "0", "0", f"{START:g}"
            for i, (t, v) in enumerate(zip(times, voltage, strict=True)):
                yield str(cell), str(day), f"{t:g}", f"{CURRENT:g}", "" if i == blank else f"{v:.4f}"


def discharge(theta: dict[str, float], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Times [s] and noisy voltages [V] of a discharge down to 2.7 V."""
    c = MODEL.conditions.pack({"current": CURRENT, "start_voltage": START})
    end = 3600.0 * theta["Q"] / CURRENT
    times = np.concatenate([np.arange(EARLY, SOON, EARLY), np.arange(SOON, end, PERIOD)])
    voltage = np.asarray(MODEL(MODEL.space.pack(theta), c, times[:, None]))[:, 0]
    loaded = np.cumprod(voltage > 2.7).astype(bool)
    return times[loaded], voltage[loaded] + NOISE * rng.standard_normal(int(loaded.sum()))


def write_table(path: Path, cells: int, days: int, seed: int) -> int:
    """Writes the table; how many rows."""
    count = 0
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for row in table_rows(cells, days, seed):
            rows.writerow(row)
            count += 1
    return count


def main() -> None:
    """Writes it and says so."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("fleet.csv"))
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.cells < 1 or options.days < 1:
        parser.error("--cells and --days: expected at least 1")
    say(f"{write_table(options.out, options.cells, options.days, options.seed)} rows: {options.out}")


if __name__ == "__main__":
    main()
