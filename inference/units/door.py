"""Data of many units, each under conditions and at abscissae of its own, checked and made ready once.

Units of unequal length are padded to a common one and masked. A unit whose data cannot be used is refused with the
reason, and the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.arrays import Array
from twin.experiment import Experiment
from twin.inference.blocks import Block, prepare, require_fit
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.split_t import Rows
from twin.inference.together import traceable
from twin.inference.units.likelihood import Row, Tables
from twin.model import Forward
from twin.slide import Ahead
from twin.space import Floats


class UnitData(NamedTuple):
    """One experiment of U units, padded to n rows: ``y`` and ``mask`` (U, n, q), False in rows that are padding.

    Of their own: conditions ``c`` (U, k), abscissae ``x`` (U, n, d), and the measurement's standard deviation ``sd``
    (U, n, q). None for what is the likelihood's; without ``x`` rows are the likelihood's too.
    """

    y: Floats
    mask: Array
    c: Floats | None = None
    x: Floats | None = None
    sd: Floats | None = None


@dataclass(frozen=True, eq=False)
class Admitted:
    """The data as compiled programs take them, the units ``rows`` that can be used, and why others cannot."""

    data: Sequence[Row]
    rows: Rows
    refused: dict[int, str]


def unit_data(forward: Forward, units: Sequence[Experiment], *, length: int | None = None) -> UnitData:
    """The data of units with an experiment each, of any lengths, padded to the longest or to ``length`` rows.

    Padding repeats the last abscissa. ValueError for units whose coordinates or observables are not the first's, and
    for one that is longer than ``length``.
    """
    if not units:
        raise ValueError("unit_data: expected at least one unit, got none")
    first, longest = units[0], max(len(e.x) for e in units)
    n = longest if length is None else length
    if longest > n:
        raise ValueError(f"unit_data: the longest unit has {longest} rows, more than length = {n}")
    for i, e in enumerate(units):
        if (e.coordinates, e.observables) != (first.coordinates, first.observables):
            raise ValueError(
                f"unit {i} ({e.name}): expected {first.coordinates} and {first.observables} as of unit 0, got "
                f"{e.coordinates} and {e.observables}; calibrate units of another kind apart"
            )
    stated = any(e.sd is not None for e in units)
    unknown = [np.full(e.y.shape, np.nan) if e.sd is None else e.sd for e in units]
    return UnitData(
        y=np.stack([_padded(np.where(e.mask, e.y, 0.0), n) for e in units]),
        mask=np.stack([np.arange(n)[:, None] < len(e.x) for e in units])
        & np.stack([_padded(e.mask, n) for e in units]),
        c=np.stack([forward.conditions.pack(e.conditions) for e in units]),
        x=np.stack([_padded(e.x, n) for e in units]),
        sd=np.stack([_padded(sd, n) for sd in unknown]) if stated else None,
    )


def admit(likelihood: Likelihood, measured: Sequence[UnitData | tuple[Array, Array]]) -> Admitted:
    """Data of many units, one ``UnitData`` per experiment; y and mask alone where units share all else.

    ValueError when shapes do not fit, or when no unit can have what it has of its own: errors that follow one another
    and discrepancies hold for shared abscissae only, and some forward maps look at values of c and x.
    """
    parts = [UnitData(*part) for part in measured]
    count = require_units(likelihood, parts)
    if all(part.c is None and part.x is None and part.sd is None for part in parts):
        return Admitted([Row(part.y, part.mask) for part in parts], np.arange(count), {})
    if likelihood.autoregressive or likelihood.discrepancy is not None:
        raise ValueError(
            "units with conditions or abscissae of their own: expected a likelihood without discrepancy and without "
            "errors that follow one another; leave these out, or calibrate such units one by one"
        )
    found: dict[int, tuple[Block, ...]] = {}
    refused: dict[int, str] = {}
    middle = likelihood.forward.space.from_unit(np.full((1, len(likelihood.forward.space)), 0.5))
    with np.errstate(all="ignore"):
        for unit in range(count):
            try:
                blocks = tuple(_block(likelihood, i, part, unit) for i, part in enumerate(parts))
                for block in blocks:
                    likelihood.forward(middle, block.c, block.x)
            except ValueError as error:
                refused[unit] = str(error)
            else:
                found[unit] = blocks
    if not found:
        return Admitted([], np.arange(0), refused)
    spare = next(iter(found.values()))
    _require_traceable(likelihood.forward, middle[0], spare)
    every = [found.get(unit, spare) for unit in range(count)]
    data = [_stacked([own[i] for own in every]) for i in range(len(parts))]
    return Admitted(data, np.array(sorted(found)), refused)


def require_units(likelihood: Likelihood, parts: Sequence[UnitData]) -> int:
    """The number of units; ValueError where the data do not have the likelihood's shapes."""
    blocks = likelihood.blocks
    if len(parts) != len(blocks):
        raise ValueError(f"units: expected data of {len(blocks)} experiments, got {len(parts)}")
    counts = {len(array) for part in parts for array in part if array is not None}
    if len(counts) != 1:
        raise ValueError(f"units: every array needs the same number of units, got {sorted(counts)}")
    for part, block in zip(parts, blocks, strict=True):
        n, q = block.y.shape if part.x is None else (part.x.shape[1], block.y.shape[1])
        if part.y.shape[1:] != (n, q) or part.mask.shape[1:] != (n, q):
            raise ValueError(f"units: expected (units, *{(n, q)}), got y {part.y.shape} and mask {part.mask.shape}")
        if part.sd is not None and part.sd.shape[1:] != (n, q):
            raise ValueError(f"units: expected sd (units, *{(n, q)}), got {part.sd.shape}")
        if part.x is not None and part.x.shape[2:] != block.x.shape[1:]:
            raise ValueError(f"units: expected x (units, {n}, {block.x.shape[1]}), got {part.x.shape}")
        if part.c is not None and part.c.shape[1:] != block.c.shape:
            raise ValueError(f"units: expected c (units, {len(block.c)}), got {part.c.shape}")
    return counts.pop()


def _block(likelihood: Likelihood, i: int, part: UnitData, unit: int) -> Block:
    """A unit's i-th experiment; ValueError where it cannot be used."""
    forward, shared = likelihood.forward, likelihood.blocks[i]
    mask = np.asarray(part.mask[unit], dtype=bool)
    stated = shared.experiment.sd if part.x is None else None
    x = shared.x if part.x is None else _settled(part.x[unit], mask)
    own = Experiment(
        name=shared.experiment.name,
        conditions=forward.conditions.unpack(shared.c if part.c is None else part.c[unit]),
        coordinates=shared.experiment.coordinates,
        x=x,
        observables=shared.experiment.observables,
        y=part.y[unit],
        units=shared.experiment.units,
        sd=stated if part.sd is None else part.sd[unit],
        mask=mask,
    )
    require_fit(forward, own)
    _require_abscissae(forward, own)
    return prepare(forward, own, likelihood.scales, noise_per_experiment=likelihood.noise_per_experiment)


def _settled(x: Floats, mask: Array) -> Floats:
    """Abscissae (n, d) with the last finite one in rows behind it, if nothing was measured there."""
    known = np.flatnonzero(np.isfinite(x).all(axis=1))
    last = known[-1] if len(known) else len(x) - 1
    return x if mask[last + 1 :].any() else _padded(x[: last + 1], len(x))


def _require_abscissae(forward: Forward, own: Experiment) -> None:
    """ValueError for abscissae that are no numbers, and for times that do not increase."""
    wrong = np.flatnonzero(~np.isfinite(own.x).all(axis=1))
    if len(wrong):
        raise ValueError(f"{own.name}: abscissae must be finite, got {own.x[wrong[0]]} in row {wrong[0] + 1}")
    if not own.x.shape[1] or forward.coordinates[0].unit != "s":
        return
    last = np.flatnonzero(own.mask.any(axis=1))[-1]
    back = np.flatnonzero(~(np.diff(own.x[: last + 1, 0]) > 0))
    if len(back):
        before, behind = own.x[back[0] : back[0] + 2, 0]
        raise ValueError(
            f"{own.name}: {own.coordinates[0]} must increase, got {behind:g} s after {before:g} s in row "
            f"{back[0] + 2}; sort the rows, and merge readings of one time"
        )


def _require_traceable(forward: Forward, theta: Floats, blocks: Sequence[Block]) -> None:
    """ValueError for a forward map that looks at values of conditions or abscissae while it is compiled."""
    if not all(traceable(forward, theta, block.c, block.x) for block in blocks):
        raise ValueError(
            "units with conditions or abscissae of their own: this forward map looks at their values, so that one "
            "program cannot serve all units; give units shared ones, or calibrate them one by one"
        )


def _stacked(blocks: Sequence[Block]) -> Row:
    errors, ahead = [b.error for b in blocks if b.error is not None], [b.ahead for b in blocks if b.ahead is not None]
    tables = Tables(*(np.stack([getattr(e, name) for e in errors]) for name in Tables._fields)) if errors else None
    return Row(
        y=np.stack([b.y for b in blocks]),
        mask=np.stack([b.mask for b in blocks]),
        c=np.stack([b.c for b in blocks]),
        x=np.stack([b.x for b in blocks]),
        variance=np.stack([b.own for b in blocks]),
        tables=tables,
        ahead=Ahead(*(np.stack(part) for part in zip(*ahead, strict=True))) if ahead else None,
    )


def _padded(rows: Array, n: int) -> Array:
    """Rows (m, …) and the last of them again: (n, …)."""
    return rows[np.minimum(np.arange(n), len(rows) - 1)]
