"""A fleet's answers on disk: a folder of plans (JSON) and, per finished chunk, one Parquet file.

Every file is written aside and moved into place, so that whatever ends a run leaves whole chunks only. What is stored
is never changed: a piece whose data changed gets a row in a later plan, and the last row of a piece is the one that
counts. One run at a time may write: who plans and appends holds the folder (``twin/lock.py``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from twin.atomic import replaced
from twin.inference.fleet.plan import Plan, as_json, from_json
from twin.inference.fleet.record import Record, table_of

PLAN, CHUNK = "plan-{:04d}.json", "chunk-{:04d}-{:06d}.parquet"


@dataclass(frozen=True, eq=False)
class Store:
    """A folder, and the plans in it, oldest first."""

    folder: Path
    plans: tuple[Plan, ...]

    @property
    def done(self) -> set[tuple[int, int]]:
        """Chunks (plan, chunk) that are stored."""
        return {
            (i, j) for i, plan in enumerate(self.plans) for j in range(len(plan.chunks)) if self.path(i, j).exists()
        }

    def path(self, plan: int, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / CHUNK.format(plan, chunk)


def open_store(folder: Path, about: Mapping[str, Any]) -> Store:
    """The store in ``folder``, empty where there is none. What an interrupted run was just writing is removed.

    ValueError for a store that is about something else, and for a file in it that cannot be read.
    """
    for leftover in (*folder.glob(".plan-*"), *folder.glob(".chunk-*")):
        leftover.unlink(missing_ok=True)
    plans = plans_of(folder)
    for plan in plans:
        _require_same(folder, plan.about, json.loads(json.dumps(dict(about))))
    return Store(folder, plans)


def require_about(folder: Path, about: Mapping[str, Any]) -> None:
    """ValueError where a store in ``folder`` says something else of anything that ``about`` names."""
    for plan in plans_of(folder):
        _require_same(folder, {name: plan.about.get(name) for name in about}, about)


def plans_of(folder: Path) -> tuple[Plan, ...]:
    """All plans, oldest first; ValueError for one that cannot be read or is missing."""
    paths = sorted(folder.glob("plan-*.json"))
    if [path.name for path in paths] != [PLAN.format(i) for i in range(len(paths))]:
        raise ValueError(f"{folder}: a plan is missing among {', '.join(p.name for p in paths)}; bring it back")
    plans = []
    for path in paths:
        try:
            plans.append(from_json(json.loads(path.read_text())))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: expected the plan of a fleet, got {error!r}; bring it back") from error
    return tuple(plans)


def with_plan(store: Store, plan: Plan) -> Store:
    """The store with one more plan, kept on disk."""
    with replaced(store.folder / PLAN.format(len(store.plans))) as temporary:
        temporary.write_text(json.dumps(as_json(plan)))
    return Store(store.folder, (*store.plans, plan))


def append(store: Store, plan: int, chunk: int, records: Sequence[Record], schema: pa.Schema) -> None:
    """Keeps a chunk's records."""
    with replaced(store.path(plan, chunk)) as temporary:
        pq.write_table(table_of(records, schema), temporary, compression="zstd")


def read_store(folder: Path) -> pa.Table:
    """The last row of every piece, as ``record.py`` has them; ``records_of`` makes records of it.

    ValueError where there is no store, nothing is stored yet, or a file is damaged.
    """
    store = Store(folder, plans_of(folder))
    parts = []
    for i, j in sorted(store.done):
        try:
            parts.append(pq.read_table(store.path(i, j)))
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{store.path(i, j)}: damaged ({reason}); remove it and run the fleet again") from error
    if not parts:
        raise ValueError(f"{folder}: no answers of a fleet are stored here")
    whole = pa.concat_tables(part.replace_schema_metadata(parts[-1].schema.metadata) for part in parts)
    last = {key: row for row, key in enumerate(zip(*(whole[c].to_pylist() for c in ("unit", "time")), strict=True))}
    return whole.take(sorted(last.values()))


def _require_same(folder: Path, stored: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    names = dict.fromkeys([*stored, *asked])
    differing = [f"{n} {stored.get(n)!r}, not {asked.get(n)!r}" for n in names if stored.get(n) != asked.get(n)]
    if differing:
        raise ValueError(f"{folder}: this store holds answers with {'; '.join(differing)}; choose another folder")
