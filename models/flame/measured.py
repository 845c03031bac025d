"""Tables of measured burning velocities, read with the checks that they need."""

from collections.abc import Mapping

import numpy as np

from twin.experiment import Experiment
from twin.model import Model
from twin.space import Floats
from twin.table import Table

LEANEST, RICHEST = 0.3, 4.0
"""φ beyond which no flame of a hydrocarbon propagates: larger numbers are percent, as a rule."""
SLOWEST, FASTEST = 0.1, 1000.0
"""[cm/s]"""
FLOOR, SHARE = 1.0, 0.05
"""Standard error of a reading that states none: cm/s at least, and a share of it."""


def read(model: Model, table: Table, given: Mapping[str, float]) -> Experiment:
    """Rows of phi and S_L, with T_u and p as columns or conditions, and their errors if there is a column ``sigma``.

    ValueError for what is missing, outside the model's range, or in a unit that cannot be.
    """
    for name in given:
        model.conditions.index(name)
    conditions = dict(zip(model.conditions.names, model.conditions.nominal.tolist(), strict=True)) | dict(given)
    model.conditions.require_inside(conditions, table.path)
    phi = table.within("phi", "1", LEANEST, RICHEST)
    columns = [phi]
    for name, unit in (("T_u", "K"), ("p", "bar")):
        low, high = model.conditions.bounds[model.conditions.index(name)].tolist()
        known = table.has(name)
        columns.append(table.within(name, unit, low, high) if known else np.full(len(phi), conditions[name]))
    S_L = table.within("S_L", "cm/s", SLOWEST, FASTEST)
    return Experiment(
        name=table.label, conditions=conditions, coordinates=tuple(co.name for co in model.coordinates),
        x=np.stack(columns, axis=1), observables=("S_L",), y=S_L[:, None],
        units={o.name: o.unit for o in model.observables} | {co.name: co.unit for co in model.coordinates},
        source=table.source, sd=_errors(table, S_L), notes=_notes(table, S_L),
    )  # fmt: skip


def _errors(table: Table, S_L: Floats) -> Floats | None:
    if not table.has("sigma"):
        return None
    stated = table.sparse("sigma", "cm/s")
    return np.where(np.isfinite(stated), stated, np.maximum(FLOOR, SHARE * S_L))[:, None]


def _notes(table: Table, S_L: Floats) -> tuple[str, ...]:
    if not table.has("sigma"):
        return ("no column sigma: the error of S_L is a parameter",)
    absent = int(np.sum(~np.isfinite(table.sparse("sigma", "cm/s"))))
    if not absent:
        return ()
    return (f"{absent} of {len(S_L)} rows state no error: {SHARE:.0%} of S_L is taken, {FLOOR:g} cm/s at least",)
