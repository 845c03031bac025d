"""One chunk of a fleet: pieces in, records out. This is what workers do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from twin.arrays import Array
from twin.inference.fleet.piece import Piece
from twin.inference.fleet.record import ACCEPTED, DOUBTFUL, LEVELS, Record, refusal
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort
from twin.inference.rungs.split_t import Rows
from twin.inference.units.door import UnitData
from twin.inference.units.nuts import ChainSettings
from twin.inference.units.solve import FEW_CHAINS, UNIT_EFFORT, UnitAnswer, Units, solve_units
from twin.space import Floats

Data = Sequence[UnitData | tuple[Array, Array]]
UNUSABLE = (ValueError, ArithmeticError, LookupError, RuntimeError, MemoryError)
"""What one piece's data may raise in the midst of a chunk (NumPy's LinAlgError and XLA's errors among them)."""


@dataclass(frozen=True)
class Fleet:
    """What all pieces share; it is what workers are sent.

    ``likelihood`` makes the likelihood: a function that can be imported, or ``functools.partial`` of one. Its own
    experiments say what a piece looks like. ``about`` names what the answers rest on (model, preset, surrogate): a
    store keeps to one. ``draws`` equally weighted draws of every piece are kept.
    """

    likelihood: Callable[[], Likelihood]
    about: Mapping[str, str]
    seed: int = 0
    effort: Effort = UNIT_EFFORT
    chains: ChainSettings = FEW_CHAINS
    draws: int = 0


@dataclass(frozen=True, eq=False)
class Name:
    """What a record says of a piece beside its answer."""

    unit: str
    time: float | None
    digest: str
    readings: int


@dataclass(frozen=True, eq=False)
class Chunk:
    """Pieces as they travel: their names, and per experiment their data; or why none of them can be solved."""

    names: tuple[Name, ...]
    data: Data = ()
    refused: tuple[str, ...] = ()


def name_of(piece: Piece, digest: str) -> Name:
    """The name of a piece."""
    return Name(piece.unit, piece.time, digest, piece.readings)


def solver(fleet: Fleet) -> Callable[[Chunk], list[Record]]:
    """The function that answers chunks; whatever is compiled on the way is compiled once."""
    units = Units(fleet.likelihood(), seed=fleet.seed, effort=fleet.effort, chains=fleet.chains)
    return partial(solved, units, fleet.draws)


def solved(units: Units, draws: int, chunk: Chunk) -> list[Record]:
    """The records of a chunk, in order."""
    p = len(units.likelihood.space)
    if chunk.refused:
        return [refused(name, reason, draws, p) for name, reason in zip(chunk.names, chunk.refused, strict=True)]
    found = _answers(units, chunk.data, np.arange(len(chunk.names)))
    return [record_of(name, found[i], draws, p) for i, name in enumerate(chunk.names)]


def refused(name: Name, reason: str, draws: int, p: int) -> Record:
    """The record of a piece that has no posterior of p parameters."""
    return refusal(name.unit, name.time, name.digest, name.readings, reason, (draws, p))


def _answers(units: Units, data: Data, rows: Rows) -> dict[int, UnitAnswer | str]:
    """Answers of the pieces ``rows``, or why there is none; where some piece stops the others it is singled out."""
    try:
        found = list(solve_units(units, [_of(part, rows) for part in data], chunk=len(rows), workers=1))
    except UNUSABLE as error:
        if len(rows) == 1:
            return {int(rows[0]): f"{type(error).__name__}: {error}"}
        middle = len(rows) // 2
        return _answers(units, data, rows[:middle]) | _answers(units, data, rows[middle:])
    return {int(rows[answer.unit]): answer for answer in found}


def _of(part: UnitData | tuple[Array, Array], rows: Rows) -> UnitData:
    """The data of some pieces."""
    own = UnitData(*part)
    c, x, sd = (None if array is None else array[rows] for array in own[2:])
    return UnitData(own.y[rows], own.mask[rows], c, x, sd)


def record_of(name: Name, answer: UnitAnswer | str, draws: int, p: int) -> Record:
    """What is kept of a piece's answer, or of the reason why there is none."""
    if isinstance(answer, str) or not len(answer.theta):
        return refused(name, answer if isinstance(answer, str) else answer.reason, draws, p)
    weights = np.exp(answer.log_weights)
    centre = weights @ answer.u
    away = answer.u - centre
    mean = answer.mean
    return Record(
        **vars(name),
        verdict=ACCEPTED if answer.converged else DOUBTFUL,
        rung=answer.rung,
        reason=answer.reason,
        khat=answer.khat,
        ess=answer.ess,
        mean=mean,
        sd=answer.sd,
        quantiles=answer.quantile(np.array(LEVELS)),
        u_mean=centre,
        u_covariance=(weights[:, None] * away).T @ away,
        draws=answer.theta[_thinned(weights, draws)],
    )


def _thinned(weights: Floats, n: int) -> Any:
    """Positions (n,) of equally weighted draws, evenly over the cumulative weights."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative, (np.arange(n) + 0.5) / max(n, 1) * cumulative[-1]).clip(max=len(weights) - 1)
