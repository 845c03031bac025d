"""The likelihood of one unit among many, whose arrays a compiled program is given.

All that depends on values of conditions and abscissae, such as the tables of a surrogate's error, is made before
(``door.py``); what is left runs on traced arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from twin.arrays import Array
from twin.inference.blocks import Block
from twin.inference.likelihood import Likelihood, Measured
from twin.inference.rungs.split_t import Rows
from twin.slide import Ahead


class Tables(NamedTuple):
    """Of a forward map's error: ``bias`` and ``rest`` (n, q), ``modes`` (n, q, r)."""

    bias: Array
    rest: Array
    modes: Array


class Row(NamedTuple):
    """One experiment of one unit, or of many along a leading axis.

    ``y`` and ``mask`` (n, q); where the unit has its own, conditions ``c`` (k,), abscissae ``x`` (n, d), the
    measurement's own ``variance`` (n, q), and what the forward map's error needs: ``tables`` and ``ahead``.
    """

    y: Array
    mask: Array
    c: Array | None = None
    x: Array | None = None
    variance: Array | None = None
    tables: Tables | None = None
    ahead: Ahead | None = None


Data = Sequence[Row | tuple[Array, Array]]
"""A row per experiment, of many units; y and mask alone where they share all else."""


def of_rows(data: Data, rows: Rows) -> tuple[Row, ...]:
    """The data of some units; values that were not measured are 0."""
    taken = (jax.tree.map(lambda a: a[rows], Row(*part)) for part in data)
    return tuple(part._replace(y=np.where(part.mask, part.y, 0.0)) for part in taken)


def one_unit(likelihood: Likelihood, data: Sequence[Row]) -> tuple[Likelihood, Measured]:
    """The likelihood of a unit, the given one where nothing but y and mask is the unit's own, and y and mask."""
    measured = tuple((part.y, part.mask) for part in data)
    if all(part.x is None for part in data):
        return likelihood, measured
    own = tuple(_moved(block, part) for block, part in zip(likelihood.blocks, data, strict=True))
    shared: dict[str, Any] = {f.name: getattr(likelihood, f.name) for f in fields(Likelihood)}
    return _OneUnit(**shared, own=own), measured


@dataclass(frozen=True, eq=False)
class _OneUnit(Likelihood):
    """A likelihood of other blocks than those of its experiments."""

    own: tuple[Block, ...] = ()

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return self.own


def _moved(block: Block, part: Row) -> Block:
    error = block.error
    if error is not None and part.tables is not None:
        error = error.moved(part.c, *part.tables)
    moved = replace(block, y=part.y, mask=part.mask, c=part.c, x=part.x, own=part.variance)
    return replace(moved, error=error, ahead=part.ahead)
