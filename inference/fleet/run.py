"""A fleet: thousands of pieces in, a store of checked posteriors out.

Pieces are read twice: once to know what there is, so that chunks can be planned, and once more to be solved, chunk by
chunk; no more than a few chunks are in memory. What the store holds already is not done again.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from twin.inference.fleet.executors import Executor, Failed
from twin.inference.fleet.piece import Key, Piece, objection, shares, stacked
from twin.inference.fleet.plan import ChunkPlan, Entry, Kind, Plan, chunks_of, newest, unfinished
from twin.inference.fleet.record import REFUSED, Record, schema_of
from twin.inference.fleet.solve import Chunk, Fleet, name_of, refused, solver
from twin.inference.fleet.store import Store, append, open_store, with_plan
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import describe, versions
from twin.inference.units.door import admit
from twin.lock import sole_writer

SIZE = 128
"""Pieces of a chunk: what a worker loses that is killed."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: pieces ``done`` of the ``total`` it has to do, how many of these were refused.

    ``rate`` [pieces/s] counts from the first chunk's end, when everything is compiled, and is 0 before.
    """

    done: int
    total: int
    refused: int
    seconds: float
    rate: float

    @property
    def left(self) -> float:
        """Seconds until the end at this rate, ∞ before there is one."""
        if self.done == self.total:
            return 0.0
        return (self.total - self.done) / self.rate if self.rate else math.inf


def run_fleet(
    fleet: Fleet, pieces: Iterable[Piece], folder: Path, executor: Executor, *, size: int = SIZE
) -> Iterator[Progress]:
    """Solves the pieces that the store in ``folder`` does not hold yet, or holds with other data, ``size`` to a chunk.

    Plans at once and goes on as the progress is read: at the start, and after every chunk that was stored. Where that
    ends early, the same call goes on later. A piece that cannot be calibrated is stored with the reason.
    The store is held from the plan on until the progress ends or is closed.
    ValueError for pieces that can be read only once, for one that comes twice, where the likelihood cannot be that of
    such pieces, for a store about something else, and for one that another run holds.
    """
    if isinstance(pieces, Iterator):
        raise ValueError("fleet: pieces are read twice, and these can be read once only; give a list, or a reader")
    likelihood = fleet.likelihood()
    offered = _offered(likelihood, pieces)
    about = _about(fleet, likelihood)
    with ExitStack() as planning:
        planning.enter_context(sole_writer(folder))
        store = open_store(folder, about)
        todo = unfinished(store.plans, store.done, offered)
        known = newest(store.plans, {*store.done, *todo})
        new = [entry for key, entry in offered.items() if known.get(key) != entry.digest]
        if new:
            plan = Plan(about, size, chunks_of(new, size))
            todo += [(len(store.plans), j) for j in range(len(plan.chunks))]
            store = with_plan(store, plan)
        return _held(planning.pop_all(), _Run(fleet, likelihood, pieces, store, tuple(todo)), executor)


def _held(store: ExitStack, run: "_Run", executor: Executor) -> Iterator[Progress]:
    """The steps, after which the store is let go."""
    with store:
        yield from _steps(run, executor)


@dataclass(frozen=True, eq=False)
class _Run:
    """A store with all plans made, the chunks (plan, chunk) to do, and what they are made of."""

    fleet: Fleet
    likelihood: Likelihood
    pieces: Iterable[Piece]
    store: Store
    todo: tuple[tuple[int, int], ...]

    @property
    def chunks(self) -> list[ChunkPlan]:
        """The chunks to do."""
        return [self.store.plans[i].chunks[j] for i, j in self.todo]


def _steps(run: _Run, executor: Executor) -> Iterator[Progress]:
    """Chunk after chunk into the store."""
    begin, first, done, bad = time.perf_counter(), (0, 0.0), 0, 0
    total = sum(len(chunk.pieces) for chunk in run.chunks)
    yield Progress(0, total, 0, 0.0, 0.0)
    if not run.todo:
        return
    schemas = [_schema(run, plan) for plan in run.store.plans]
    travelling: dict[int, Chunk] = {}
    for number, found in executor.run(partial(solver, run.fleet), _tasks(run, travelling)):
        chunk, place = travelling.pop(number), run.todo[number]
        records = _failed(run, chunk, found) if isinstance(found, Failed) else found
        append(run.store, *place, records, schemas[place[0]])
        done, bad = done + len(records), bad + sum(record.verdict == REFUSED for record in records)
        seconds = time.perf_counter() - begin
        first = first if first[0] else (done, seconds)
        rate = (done - first[0]) / (seconds - first[1]) if done > first[0] else 0.0
        yield Progress(done, total, bad, seconds, rate)


def _tasks(run: _Run, travelling: dict[int, Chunk]) -> Iterator[tuple[int, Chunk]]:
    """Chunks, each as soon as all its pieces are read; kept in ``travelling``, too."""
    chunks = run.chunks
    place = {key: (i, digest) for i, chunk in enumerate(chunks) for key, digest in chunk.pieces}
    waiting: dict[int, dict[Key, Piece]] = {}
    for piece in run.pieces:
        if piece.key not in place:
            continue
        i, digest = place.pop(piece.key)
        if piece.digest != digest:
            raise ValueError(f"unit {piece.unit}: its data changed while the fleet ran; run it again")
        waiting.setdefault(i, {})[piece.key] = piece
        if len(waiting[i]) == len(chunks[i].pieces):
            travelling[i] = _chunk(run.likelihood, chunks[i], waiting.pop(i))
            yield i, travelling[i]
    if place:
        raise ValueError(f"unit {next(iter(place))[0]}: its data went while the fleet ran; run it again")


def _chunk(likelihood: Likelihood, plan: ChunkPlan, pieces: Mapping[Key, Piece]) -> Chunk:
    own = [pieces[key] for key, _ in plan.pieces]
    names = tuple(name_of(pieces[key], digest) for key, digest in plan.pieces)
    if plan.kind is Kind.REFUSED:
        return Chunk(names, refused=tuple(objection(likelihood, piece) for piece in own))
    return Chunk(names, stacked(likelihood, own, plan.lengths, shared=plan.kind is Kind.SHARED))


def _failed(run: _Run, chunk: Chunk, why: Failed) -> list[Record]:
    """All pieces of a chunk that nobody could solve."""
    p = len(run.likelihood.space)
    return [refused(name, f"its chunk failed: {why.reason}", run.fleet.draws, p) for name in chunk.names]


def _offered(likelihood: Likelihood, pieces: Iterable[Piece]) -> dict[Key, Entry]:
    """All pieces as plans know them, in order."""
    found: dict[Key, Entry] = {}
    unseen = True
    for piece in pieces:
        if piece.key in found:
            when = "" if piece.time is None else f" at {piece.time:g}"
            raise ValueError(f"unit {piece.unit}{when}: expected one piece, got two; join them, or name them apart")
        kind = Kind.REFUSED
        if not objection(likelihood, piece):
            kind = Kind.SHARED if shares(likelihood, piece) else Kind.OWN
        if kind is Kind.OWN and unseen:
            admit(likelihood, stacked(likelihood, [piece], piece.lengths, shared=False))
            unseen = False
        found[piece.key] = Entry(piece.key, piece.digest, kind, piece.lengths)
    return found


def _about(fleet: Fleet, likelihood: Likelihood) -> dict[str, Any]:
    """All that answers rest on beside the data."""
    return {
        **fleet.about,
        "seed": fleet.seed,
        "effort": repr(fleet.effort),
        "chains": repr(fleet.chains),
        "draws": fleet.draws,
        "parameters": [f"{p.name} [{p.unit}] {p.prior!r} within {p.bounds}" for p in likelihood.space.parameters],
        **{name: value for name, value in describe(likelihood).items() if name != "experiments"},
    }


def _schema(run: _Run, plan: Plan) -> Any:
    """The columns, with all that a plan's rows have in common."""
    common = {"about": plan.about, "chunk": plan.size, "versions": versions()}
    return schema_of(run.likelihood.space, run.fleet.draws, common)
