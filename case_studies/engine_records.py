"""Windows of engines as records of a fleet's store: each the Gaussian that ``monitor/windows.py`` makes of it.

A full posterior of a window by the batched ladder costs what ``benchmarks/engine_windows.py`` measures, so what is kept
is N((I + Λ)⁻¹ η, (I + Λ)⁻¹) in the prior-whitened u, from the search about where the engine's first windows are. The
rung says so: ``gauss-newton``. Plans, chunks and files are those of ``fleet/store.py``: a run that was stopped goes on.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.arrays import Array
from twin.case_studies.engine_health import scored
from twin.case_studies.engine_scenario import Service
from twin.inference.fleet.plan import Entry, Kind, Plan, chunks_of, newest, unfinished
from twin.inference.fleet.record import ACCEPTED, DOUBTFUL, Record, refusal, schema_of
from twin.inference.fleet.store import append, open_store, with_plan
from twin.inference.monitor.monitor import Monitor, refusal_of
from twin.inference.monitor.windows import CHUNK, Information, WindowFit
from twin.inference.posterior import versions
from twin.lock import sole_writer
from twin.models.engine_air_path import health
from twin.space import Floats

Drives = tuple[tuple[Array, ...], ...]
"""Columns (W, …) of the drive at stages, and at readings."""
RUNG = "gauss-newton"
Z95 = 1.6448536269514722
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True, eq=False)
class Watched:
    """An engine by its name, and its windows."""

    name: str
    service: Service

    @property
    def y(self) -> Floats:
        """Readings (W, n, 7) that count, NaN elsewhere."""
        return scored(self.service.y)

    @property
    def drives(self) -> Drives:
        """The windows' drives, as the monitor's fit takes them."""
        return tuple(self.service.grid.stages), tuple(self.service.grid.readings)

    @property
    def entries(self) -> list[Entry]:
        """The windows as plans know them: by the hour and a digest of drives and readings."""
        y, found = self.y, []
        for k, hour in enumerate(self.service.hours.tolist()):
            parts = (y[k], *(column[k] for drive in self.drives for column in drive))
            digest = hashlib.sha256(b"".join(np.ascontiguousarray(p, dtype=np.float64).tobytes() for p in parts))
            found.append(Entry((self.name, hour), digest.hexdigest()[:32], Kind.OWN, (y.shape[1],)))
        return found


def solve(monitor: Monitor[WindowFit], engine: Watched, folder: Path) -> Iterator[tuple[int, int]]:
    """How many windows of how many are done, as the store of an engine is brought up to date.

    ValueError for a store about something else, and for one that another run holds.
    """
    with sole_writer(folder):
        yield from _steps(monitor, engine, folder)


def _steps(monitor: Monitor[WindowFit], engine: Watched, folder: Path) -> Iterator[tuple[int, int]]:
    about = {
        "model": health.name,
        "preset": health.preset,
        "engine": engine.name,
        "rung": RUNG,
        "start": f"{CHUNK} windows",
    }
    offered = {entry.key: entry for entry in engine.entries}
    store = open_store(folder, about)
    todo = unfinished(store.plans, store.done, offered)
    known = newest(store.plans, {*store.done, *todo})
    new = [entry for key, entry in offered.items() if known.get(key) != entry.digest]
    if new:
        plan = Plan(about, CHUNK, chunks_of(new, CHUNK))
        todo += [(len(store.plans), j) for j in range(len(plan.chunks))]
        store = with_plan(store, plan)
    done, total = 0, sum(len(store.plans[i].chunks[j].pieces) for i, j in todo)
    yield done, total
    if not todo:
        return
    start = _start(monitor, engine)
    place = {entry.key: k for k, entry in enumerate(engine.entries)}
    for i, j in todo:
        pieces = store.plans[i].chunks[j].pieces
        rows = [place[key] for key, _ in pieces]
        found = _informations(monitor, engine, rows, start)
        digests = [digest for _, digest in pieces]
        schema = schema_of(health.space, 0, {"about": about, "chunk": CHUNK, "versions": versions()})
        append(store, i, j, records_of(monitor, engine, rows, digests, found), schema)
        done += len(rows)
        yield done, total


def _start(monitor: Monitor[WindowFit], engine: Watched) -> Floats:
    """Where the engine's first windows are, as many as one call of the compiled program takes."""
    first = list(range(min(len(engine.y), CHUNK)))
    return monitor.fit.centre(_of(engine.drives, first), engine.y[first], monitor.tight)


def _informations(monitor: Monitor[WindowFit], engine: Watched, rows: list[int], start: Floats) -> Information:
    return monitor.fit.informations(_of(engine.drives, rows), engine.y[rows], start)


def _of(drives: Drives, rows: list[int]) -> Drives:
    """Those of some windows."""
    return tuple(tuple(column[rows] for column in drive) for drive in drives)


def records_of(
    monitor: Monitor[WindowFit], engine: Watched, rows: Sequence[int], digests: Sequence[str], found: Information
) -> list[Record]:
    """A record per window; one that no parameters fit is kept with the reason, and is not trustworthy."""
    measured = np.isfinite(engine.y)
    return [
        record_of(
            monitor, engine.name, float(engine.service.hours[row]), digest, int(measured[row].sum()),
            Information(*(part[k] for part in found)),
        )
        for k, (row, digest) in enumerate(zip(rows, digests, strict=True))
    ]  # fmt: skip


def record_of(
    monitor: Monitor[WindowFit], unit: str, hour: float, digest: str, readings: int, window: Information
) -> Record:
    """A window's Gaussian, with means, deviations and quantiles of θ by its marginals."""
    reason, p = refusal_of(monitor, window), len(window.shift)
    if not (np.isfinite(window.precision).all() and np.isfinite(window.shift).all()):
        return refusal(unit, hour, digest, readings, reason, (0, p))
    covariance = np.linalg.inv(np.eye(p) + window.precision)
    mean, sd = covariance @ window.shift, np.sqrt(np.diagonal(covariance))
    theta = np.asarray(monitor.fit.theta(mean + NODES[:, None] * sd))
    weights = WEIGHTS / WEIGHTS.sum()
    middle = weights @ theta
    return Record(
        unit=unit,
        time=hour,
        digest=digest,
        verdict=DOUBTFUL if reason else ACCEPTED,
        rung=RUNG,
        reason=reason,
        khat=float("nan"),
        ess=0.0,
        readings=readings,
        mean=middle,
        sd=np.sqrt(weights @ (theta - middle) ** 2),
        quantiles=np.asarray(monitor.fit.theta(mean + np.array([-Z95, 0.0, Z95])[:, None] * sd)),
        u_mean=mean,
        u_covariance=covariance,
        draws=np.empty((0, p)),
    )
