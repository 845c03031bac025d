"""A fleet of 10,000 units from data to store: time, memory, verdicts, coverage, and means against NUTS.

``python -m twin.case_studies.benchmarks.fleet [--quick] [--json] [--workers N] [--without-nuts]``

Units are those of ``benchmarks.ladder``: 1C discharges of the LG M50 cell, four parameters and the noise scale free,
100 voltages with 3 mV of noise, truths from the whole prior. Seconds count all from the first line of ``run_fleet``:
planning, starting the processes, compiling in each of them, and writing. ``--workers 0`` works in this process.
"""

import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from twin.case_studies.benchmarks import ladder
from twin.case_studies.benchmarks.ladder import FLEET, NUTS_UNITS, WHOLE, WRONG, by_nuts
from twin.case_studies.benchmarks.table import Row, parser, remark, show
from twin.experiment import Experiment
from twin.inference.fleet.executors import Here, Processes, cores
from twin.inference.fleet.piece import Piece
from twin.inference.fleet.record import REFUSED, Record, records_of
from twin.inference.fleet.run import run_fleet
from twin.inference.fleet.solve import Fleet
from twin.inference.fleet.store import read_store
from twin.inference.likelihood import Likelihood
from twin.inference.units.nuts import ChainSettings
from twin.inference.units.solve import Units

MEBI, KIBI = 2**20, 2**10
SEED = 2


@dataclass(frozen=True)
class Size:
    """Units, those of them that NUTS calibrates too, and its draws per chain."""

    units: int
    chains: int
    draws: int


FULL, QUICK = Size(FLEET, 100, 2000), Size(256, 10, 200)


@dataclass(frozen=True, eq=False)
class Simulated:
    """Pieces of simulated units, made as they are read."""

    of: ladder.Fleet

    def __iter__(self) -> Iterator[Piece]:
        (shape,), ((y, mask),) = self.of.likelihood.experiments, self.of.measured
        for i in range(len(y)):
            own = Experiment(
                f"unit {i}",
                shape.conditions,
                shape.coordinates,
                shape.x,
                shape.observables,
                y[i],
                shape.units,
                mask=mask[i],
            )
            yield Piece(str(i), [own])


def likelihood() -> Likelihood:
    """What the units share."""
    return ladder.fleet(1, WHOLE, SEED).likelihood


def solved(of: ladder.Fleet, folder: Path, workers: int) -> Row:
    """The fleet into the store, and what it cost."""
    before, begin = processor_seconds(), time.perf_counter()
    shared = Fleet(partial(likelihood), {"model": "battery_spm", "preset": "kin4"})
    *_, last = run_fleet(shared, Simulated(of), folder, Processes(workers) if workers else Here())
    seconds = time.perf_counter() - begin
    return {
        "what": f"fleet, {workers} processes" if workers else "fleet, in this process",
        "units": last.done,
        "s": seconds,
        "units/s once compiled": last.rate,
        "processor ms/unit": 1e3 * (processor_seconds() - before) / last.done,
        "GiB at most": peak(workers) / MEBI,
        "MiB on disk": sum(path.stat().st_size for path in folder.iterdir()) / KIBI**2,
        "cores": cores(),
    }


def processor_seconds() -> float:
    """Of this process and all that it has started and that have ended."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usage)


def peak(workers: int) -> float:
    """Sum of the peaks of this process and, as if all were as large as the largest, of its workers [KiB]."""
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own + workers * child if workers else own


def verdicts(found: Sequence[Record], of: ladder.Fleet) -> Row:
    """Shares of verdicts and rungs, and how often 90 % intervals hold the truth."""
    p = of.truth.shape[1]
    inside = [
        (r.quantiles[0, :p] <= of.truth[int(r.unit)]) & (of.truth[int(r.unit)] <= r.quantiles[2, :p])
        for r in found
        if r.verdict != REFUSED
    ]
    return {
        "what": "verdicts",
        "units": len(found),
        "verdicts": shares([r.verdict for r in found]),
        "rungs": shares([r.rung for r in found]),
        "inside 90 %": ", ".join(f"{100 * share:.1f}" for share in np.mean(inside, axis=0)),
    }


def shares(words: Sequence[str]) -> str:
    """How often each word comes."""
    return ", ".join(f"{word} {100 * n / len(words):.2f} %" for word, n in sorted(Counter(words).items()))


def against_nuts(found: Sequence[Record], of: ladder.Fleet, size: Size) -> Row:
    """Means and standard deviations of the first units against those of NUTS."""
    settings = ChainSettings(units=NUTS_UNITS, draws=size.draws, warmup=500, target_accept=0.9, max_tree_depth=9)
    units = Units(of.likelihood, chains=settings)
    parts, seconds = by_nuts(units, of, size.chains)
    u = np.concatenate([c.u for c in parts])
    draws = np.asarray(units.density.theta(u.reshape(size.chains, -1, u.shape[-1])))
    mean, sd = draws.mean(axis=1), draws.std(axis=1)
    own = {int(r.unit): r for r in found}
    shift = np.abs(np.stack([own[i].mean for i in range(size.chains)]) - mean) / sd
    ratio = np.stack([own[i].sd for i in range(size.chains)]) / sd
    ess = np.concatenate([c.ess for c in parts])
    return {
        "what": "against NUTS",
        "units": size.chains,
        "s": seconds,
        "mean off, sd: median": float(np.median(shift)),
        "largest": float(shift.max()),
        "above 0.1": f"{int((shift > 0.1).sum())} of {shift.size}",
        f"units above {WRONG}": int((shift > WRONG).any(axis=1).sum()),
        "MC error of NUTS, sd": float(np.median(1 / np.sqrt(ess))),
        "sd ratio 5 %, 50 %, 95 %": ", ".join(f"{q:.3f}" for q in np.quantile(ratio, (0.05, 0.5, 0.95))),
    }


def measure(size: Size, workers: int, *, chains: bool) -> list[Row]:
    """All rows; with ``chains`` that against NUTS, which takes far longer than the others."""
    of = ladder.fleet(size.units, WHOLE, seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        remark(f"{size.units} units ...")
        cost = solved(of, Path(folder), workers)
        found = list(records_of(read_store(Path(folder))))
    rows = [cost, verdicts(found, of)]
    if chains:
        remark(f"NUTS on {size.chains} of them ...")
        rows.append(against_nuts(found, of, size))
    return rows


def main() -> None:
    """Prints the table."""
    asked = parser(__doc__)
    asked.add_argument("--workers", type=int, default=cores(), help="processes (default: one per core); 0: this one")
    asked.add_argument("--without-nuts", action="store_true", help="time, memory, verdicts and coverage alone")
    given = asked.parse_args()
    rows = measure(QUICK if given.quick else FULL, given.workers, chains=not given.without_nuts)
    show("a fleet, 5 parameters, 100 points", rows, as_json=given.json)


if __name__ == "__main__":
    main()
