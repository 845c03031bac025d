"""Which pieces of a fleet are solved together.

A plan is made once and kept, so that a run that was interrupted goes on with the very chunks it had begun. Pieces that
share the likelihood's conditions and abscissae are apart from those with their own; of these, lengths that differ by
more than ``SPAN`` are apart too, where there are enough of them to pay for another compiled program. All chunks of such
a class are padded to the class's longest piece.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from twin.inference.fleet.piece import Key

SPAN = 4
"""A piece is never padded to more than four times its length where its class is large enough."""
ENOUGH = 500
"""Pieces from which a class of shorter ones has its own program: compiling takes as long as a thousand pieces do."""


class Kind(Enum):
    """What the pieces of a chunk have in common."""

    REFUSED = "refused"
    SHARED = "shared"
    OWN = "own"


@dataclass(frozen=True)
class Entry:
    """A piece as plans know it: where it belongs, the digest of its data, its size."""

    key: Key
    digest: str
    kind: Kind
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class ChunkPlan:
    """Pieces that are solved together: keys with digests, and the rows that each experiment is padded to."""

    kind: Kind
    lengths: tuple[int, ...]
    pieces: tuple[tuple[Key, str], ...]


@dataclass(frozen=True)
class Plan:
    """Chunks of at most ``size`` pieces, for a store that is ``about`` something."""

    about: Mapping[str, Any]
    size: int
    chunks: tuple[ChunkPlan, ...]


def chunks_of(entries: Iterable[Entry], size: int) -> tuple[ChunkPlan, ...]:
    """Chunks of at most ``size`` pieces of one class, in the order of the entries."""
    found: list[ChunkPlan] = []
    for members in _classes(list(entries)):
        lengths = tuple(max(n) for n in zip(*(entry.lengths for entry in members), strict=True))
        for i in range(0, len(members), size):
            own = tuple((entry.key, entry.digest) for entry in members[i : i + size])
            found.append(ChunkPlan(members[0].kind, lengths, own))
    return tuple(found)


def _classes(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The classes that have members; what is refused costs nothing and comes first."""
    for kind in (Kind.REFUSED, Kind.SHARED):
        members = [entry for entry in entries if entry.kind is kind]
        if members:
            yield [Entry(e.key, e.digest, kind, ()) for e in members] if kind is Kind.REFUSED else members
    left = [entry for entry in entries if entry.kind is Kind.OWN]
    while left:
        longest = max(sum(entry.lengths) for entry in left)
        short = [entry for entry in left if sum(entry.lengths) * SPAN < longest]
        if len(short) < ENOUGH:
            short = []
        apart = {id(entry) for entry in short}
        yield [entry for entry in left if id(entry) not in apart]
        left = short


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan in plain data."""
    chunks = [
        {"kind": c.kind.value, "lengths": c.lengths, "pieces": [[*key, digest] for key, digest in c.pieces]}
        for c in plan.chunks
    ]
    return {"about": dict(plan.about), "size": plan.size, "chunks": chunks}


def from_json(data: Mapping[str, Any]) -> Plan:
    """The plan of plain data; KeyError and ValueError where these are not one."""
    chunks = tuple(
        ChunkPlan(
            Kind(c["kind"]),
            tuple(c["lengths"]),
            tuple(((unit, None if time is None else float(time)), digest) for unit, time, digest in c["pieces"]),
        )
        for c in data["chunks"]
    )
    return Plan(data["about"], data["size"], chunks)


def unfinished(
    plans: Sequence[Plan], done: set[tuple[int, int]], offered: Mapping[Key, Entry]
) -> list[tuple[int, int]]:
    """Chunks (plan, chunk) still to be solved: all their pieces are offered as they were, and no later plan has any."""
    found: list[tuple[int, int]] = []
    later: set[Key] = set()
    for i in range(len(plans) - 1, -1, -1):
        for j, chunk in enumerate(plans[i].chunks):
            same = all(key in offered and offered[key].digest == digest for key, digest in chunk.pieces)
            if (i, j) not in done and same and not any(key in later for key, _ in chunk.pieces):
                found.append((i, j))
        later |= {key for chunk in plans[i].chunks for key, _ in chunk.pieces}
    return sorted(found)


def newest(plans: Sequence[Plan], chunks: Iterable[tuple[int, int]]) -> dict[Key, str]:
    """The last digest of every key in some chunks."""
    return {key: digest for i, j in sorted(chunks) for key, digest in plans[i].chunks[j].pieces}
