"""Tables of measured profiles, read with the checks that they need: a place per row, and what was measured there."""

from collections.abc import Mapping

import numpy as np

from twin.experiment import Experiment
from twin.model import Model
from twin.space import Floats
from twin.table import Table

FEWEST = 3
RANGES = {"u": (-20.0, 20.0), "V": (-2000.0, 2000.0), "T": (200.0, 6000.0)}
"""Of observables, in the model's units; mass fractions lie between these:"""
SHARES = (-0.05, 1.05)


def read_profile(model: Model, table: Table, given: Mapping[str, float]) -> Experiment:
    """Rows of x and of some of the model's observables; conditions as columns of one value or ``given``.

    ``sigma_NAME`` holds errors of single readings of NAME. ValueError for what is missing, outside the model's range,
    or in a unit that cannot be.
    """
    for name in given:
        model.conditions.index(name)
    conditions = model.conditions.unpack(model.conditions.nominal)
    for p in model.conditions.parameters:
        if table.has(p.name):
            conditions[p.name] = _constant(table, p.name, p.unit)
    conditions |= given
    model.conditions.require_inside(conditions, table.path)
    place = model.coordinates[0]
    x = table.number(place.name, place.unit)
    if len(x) < FEWEST:
        raise ValueError(f"{table.path}: {len(x)} rows in {table.label}; a profile needs at least {FEWEST}")
    names = tuple(o.name for o in model.observables if table.has(o.name))
    if not names:
        wanted = ", ".join(o.name for o in model.observables)
        raise ValueError(f"{table.path}: no measurement to calibrate with; expected some of {wanted}")
    units = {o.name: o.unit for o in model.observables}
    y = np.stack([_values(table, name, units[name]) for name in names], axis=1)
    stated = [table.sparse(f"sigma_{name}", units[name]) if table.has(f"sigma_{name}") else 0 * x for name in names]
    sd = np.nan_to_num(np.stack(stated, axis=1))
    return Experiment(
        name=table.label, conditions=conditions, coordinates=(place.name,), x=x[:, None], observables=names, y=y,
        units=units | {place.name: place.unit}, source=table.source, sd=sd if np.any(sd > 0) else None,
    )  # fmt: skip


def _constant(table: Table, name: str, unit: str) -> float:
    values = table.number(name, unit)
    if np.ptp(values) > 0:
        raise ValueError(
            f"{table.path}: {name} runs from {values.min():g} to {values.max():g} {unit} in {table.label}; one profile "
            f"has one value, cut the table with --by {name}"
        )
    return float(values[0])


def _values(table: Table, name: str, unit: str) -> Floats:
    values = table.sparse(name, unit)
    low, high = RANGES.get(name, SHARES)
    wrong = np.flatnonzero((values < low) | (values > high))
    if len(wrong):
        raise ValueError(
            f"{table.path}, {table.counted} {table.lines[int(wrong[0])]}: {name} is {values[wrong[0]]:g} {unit}, "
            f"expected {low:g} to {high:g}; is the unit right? Name it with --column {name}=COLUMN:UNIT"
        )
    return values
