"""A fleet's answers as a table: one row per piece, one column per figure, units beside them.

Columns: ``unit``, ``time``, ``digest`` (of the data), ``verdict``, ``rung``, ``reason``, ``khat``, ``ess``,
``readings``; of every parameter ``NAME.mean``, ``NAME.sd``, ``NAME.q05``, ``NAME.q50``, ``NAME.q95``; ``u_mean`` (p,)
and ``u_covariance`` (p p, row by row) in prior-whitened coordinates (``units/density.py``); ``draws`` (D p, draw by
draw). What there is not is null.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from twin.inference.density import prior_whitening
from twin.space import Floats, Parameter, Space

ACCEPTED, DOUBTFUL, REFUSED = "accepted", "not trustworthy", "refused"
"""Verdicts: the rung met its standard; it did not, and its draws are kept; there is no posterior."""
LEVELS = (0.05, 0.5, 0.95)
FIGURES = ("mean", "sd", "q05", "q50", "q95")
METADATA = b"twincal"
"""The schema's key under which stands in JSON what all rows have in common."""


@dataclass(frozen=True, eq=False)
class Record:
    """One piece's answer.

    Of θ: ``mean`` and ``sd`` (p,), ``quantiles`` (3, p) at ``LEVELS``, equally weighted ``draws`` (D, p). Of the
    prior-whitened u: ``u_mean`` (p,) and ``u_covariance`` (p, p). All NaN where the piece was refused.
    """

    unit: str
    time: float | None
    digest: str
    verdict: str
    rung: str
    reason: str
    khat: float
    ess: float
    readings: int
    mean: Floats
    sd: Floats
    quantiles: Floats
    u_mean: Floats
    u_covariance: Floats
    draws: Floats


def refusal(unit: str, time: float | None, digest: str, readings: int, reason: str, shape: tuple[int, int]) -> Record:
    """The record of a piece that has no posterior; ``shape`` (D, p) is that of kept draws."""
    none = np.full(shape[1], np.nan)
    return Record(
        unit=unit,
        time=time,
        digest=digest,
        verdict=REFUSED,
        rung="none",
        reason=reason,
        khat=float("nan"),
        ess=0.0,
        readings=readings,
        mean=none,
        sd=none,
        quantiles=np.tile(none, (len(LEVELS), 1)),
        u_mean=none,
        u_covariance=np.tile(none, (shape[1], 1)),
        draws=np.full(shape, np.nan),
    )


def schema_of(space: Space, draws: int, common: Mapping[str, Any]) -> pa.Schema:
    """Columns with units; ``common`` is kept in JSON, with the whitening z = centre + width u of the prior."""
    p, scale = len(space), prior_whitening(space)
    fields = [
        pa.field("unit", pa.string()),
        pa.field("time", pa.float64()),
        *(pa.field(name, pa.string()) for name in ("digest", "verdict", "rung", "reason")),
        *(pa.field(name, pa.float64()) for name in ("khat", "ess")),
        pa.field("readings", pa.int64()),
        *(_figure(parameter, name) for parameter in space.parameters for name in FIGURES),
        pa.field("u_mean", pa.list_(pa.float64(), p)),
        pa.field("u_covariance", pa.list_(pa.float64(), p * p)),
        *([pa.field("draws", pa.list_(pa.float64(), draws * p))] if draws else []),
    ]
    whole = {
        **common,
        "parameters": list(space.names),
        "whitening": {"centre": scale.centre.tolist(), "width": np.diag(scale.factor).tolist()},
    }
    return pa.schema(fields, {METADATA: json.dumps(whole).encode()})


def _figure(parameter: Parameter, name: str) -> pa.Field:
    about = {"unit": parameter.unit, "meaning": parameter.meaning, "prior": repr(parameter.prior)}
    return pa.field(f"{parameter.name}.{name}", pa.float64(), metadata=about)


def table_of(records: Sequence[Record], schema: pa.Schema) -> pa.Table:
    """The rows."""
    names = common_of(schema)["parameters"]
    columns: dict[str, Any] = {
        name: [getattr(r, name) for r in records] for name in ("unit", "digest", "verdict", "rung", "reason")
    }
    columns["time"] = _numbers([np.nan if r.time is None else r.time for r in records])
    columns["readings"] = pa.array([r.readings for r in records], pa.int64())
    columns |= {name: _numbers([getattr(r, name) for r in records]) for name in ("khat", "ess")}
    figures = np.stack([np.stack([r.mean, r.sd, *r.quantiles]) for r in records])
    for j, parameter in enumerate(names):
        columns |= {f"{parameter}.{name}": _numbers(figures[:, i, j]) for i, name in enumerate(FIGURES)}
    for name in ("u_mean", "u_covariance", "draws"):
        if name in schema.names:
            columns[name] = _lists(np.stack([getattr(r, name).ravel() for r in records]))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def records_of(table: pa.Table) -> Iterator[Record]:
    """The rows as records."""
    names = common_of(table.schema)["parameters"]
    n, p = table.num_rows, len(names)
    figures = np.stack([[_column(table, f"{name}.{figure}") for name in names] for figure in FIGURES], axis=0)
    mean, covariance = moments(table)
    kept = draws_of(table)
    time = _column(table, "time")
    words = {name: table[name].to_pylist() for name in ("unit", "digest", "verdict", "rung", "reason", "readings")}
    khat, ess = _column(table, "khat"), _column(table, "ess")
    for i in range(n):
        own = figures[:, :, i]
        yield Record(
            **{name: values[i] for name, values in words.items()},
            time=None if np.isnan(time[i]) else float(time[i]),
            khat=float(khat[i]),
            ess=float(ess[i]),
            mean=own[0],
            sd=own[1],
            quantiles=own[2:],
            u_mean=mean[i],
            u_covariance=covariance[i].reshape(p, p),
            draws=kept[i],
        )


def moments(table: pa.Table) -> tuple[Floats, Floats]:
    """Means (n, p) and covariances (n, p, p) of the prior-whitened u; NaN where a piece was refused."""
    p = len(common_of(table.schema)["parameters"])
    return _block(table, "u_mean", p), _block(table, "u_covariance", p * p).reshape(-1, p, p)


def draws_of(table: pa.Table) -> Floats:
    """Equally weighted draws of θ (n, D, p); D is 0 where none were kept."""
    p = len(common_of(table.schema)["parameters"])
    if "draws" not in table.column_names:
        return np.empty((table.num_rows, 0, p))
    size = table.schema.field("draws").type.list_size
    return _block(table, "draws", size).reshape(table.num_rows, -1, p)


def common_of(schema: pa.Schema) -> dict[str, Any]:
    """What all rows have in common, as ``schema_of`` was given it, with ``parameters`` and ``whitening``."""
    found: dict[str, Any] = json.loads(schema.metadata[METADATA])
    return found


def _numbers(values: Any) -> pa.Array:
    """Numbers; NaN is null."""
    return pa.array(np.asarray(values, dtype=np.float64), from_pandas=True)


def _lists(values: Floats) -> pa.Array:
    """Rows of numbers; a row with NaN is null."""
    flat = pa.array(np.ascontiguousarray(values).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(np.isnan(values).any(axis=1)))


def _column(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _block(table: pa.Table, name: str, size: int) -> Floats:
    """A column of lists (n, size); NaN where it is null."""
    column = table[name].combine_chunks()
    found = np.full((len(column), size), np.nan)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    found[present] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, size)
    return found
