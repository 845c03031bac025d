"""The pieces of a fleet: what was measured of one unit, in one time window where there are any."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array
from twin.experiment import Experiment
from twin.inference.blocks import require_fit
from twin.inference.likelihood import Likelihood
from twin.inference.units.door import UnitData, unit_data

Key = tuple[str, float | None]
"""Unit and time."""


@dataclass(frozen=True, eq=False)
class Piece:
    """``experiments`` of a unit in the order of the likelihood's own; ``time`` says which window, if there are any.

    A piece that could not be read has no experiments and says in ``refused`` why.
    """

    unit: str
    experiments: Sequence[Experiment] = ()
    time: float | None = None
    refused: str = ""

    def __post_init__(self) -> None:
        if self.time is not None:
            object.__setattr__(self, "time", None if math.isnan(self.time) else float(self.time))
        if bool(self.experiments) is bool(self.refused):
            raise ValueError(f"piece of unit {self.unit}: expected experiments, or the reason why there are none")

    @property
    def key(self) -> Key:
        """What the piece is of."""
        return self.unit, self.time

    @property
    def lengths(self) -> tuple[int, ...]:
        """Rows of each experiment."""
        return tuple(len(e.x) for e in self.experiments)

    @property
    def readings(self) -> int:
        """Measured values."""
        return sum(int(np.sum(e.mask)) for e in self.experiments)

    @property
    def digest(self) -> str:
        """SHA-256, cut to 32 digits, of all that an answer depends on; values that were not measured do not count."""
        found = hashlib.sha256(self.refused.encode())
        for e in self.experiments:
            conditions = sorted((name, float(value)) for name, value in e.conditions.items())
            names = (e.coordinates, e.observables, sorted(e.units.items()), conditions, e.y.shape)
            found.update(repr(names).encode())
            parts = (e.x, np.where(e.mask, e.y, 0.0), e.mask, np.empty(0) if e.sd is None else e.sd)
            for part in parts:
                found.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
        return found.hexdigest()[:32]


def objection(likelihood: Likelihood, piece: Piece) -> str:
    """Why a piece cannot stand in one array with others, or the empty string."""
    if piece.refused:
        return piece.refused
    if len(piece.experiments) != len(likelihood.experiments):
        return f"expected {len(likelihood.experiments)} experiments, got {len(piece.experiments)}"
    for own, shared in zip(piece.experiments, likelihood.experiments, strict=True):
        if (own.coordinates, own.observables) != (shared.coordinates, shared.observables):
            return (
                f"{own.name}: expected {shared.coordinates} and {shared.observables}, got {own.coordinates} and "
                f"{own.observables}; calibrate units of another kind apart"
            )
        try:
            require_fit(likelihood.forward, own)
        except ValueError as error:
            return str(error)
    return ""


def shares(likelihood: Likelihood, piece: Piece) -> bool:
    """Whether conditions, abscissae and stated errors are the likelihood's own."""
    pack = likelihood.forward.conditions.pack
    return all(
        np.array_equal(own.x, shared.x)
        and np.array_equal(pack(own.conditions), pack(shared.conditions))
        and _same(own.sd, shared.sd)
        for own, shared in zip(piece.experiments, likelihood.experiments, strict=True)
    )


def _same(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


def stacked(
    likelihood: Likelihood, pieces: Sequence[Piece], lengths: Sequence[int], *, shared: bool
) -> list[UnitData | tuple[Array, Array]]:
    """The data of pieces without ``objection``, padded to ``lengths`` rows, as ``solve_units`` takes them."""
    found: list[UnitData | tuple[Array, Array]] = []
    for i, length in enumerate(lengths):
        own = [piece.experiments[i] for piece in pieces]
        if shared:
            mask = np.stack([e.mask for e in own])
            found.append((np.where(mask, np.stack([e.y for e in own]), 0.0), mask))
        else:
            found.append(unit_data(likelihood.forward, own, length=length))
    return found
