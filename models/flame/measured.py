"""Tables of measured burning velocities, read with the checks that they need."""

from collections.abc import Mapping

import numpy as np

from twin.experiment import Experiment
from twin.model import Model
from twin.models.flame.unburnt import AIR
from twin.space import Floats
from twin.table import Table

LEANEST, RICHEST = 0.3, 4.0
"""φ beyond which no flame of a hydrocarbon propagates: larger numbers are percent, as a rule."""
SLOWEST, FASTEST = 0.1, 1000.0
"""[cm/s]"""
MIXTURE, TRACE, NEARLY = ("CH4", "O2", "N2"), 1e-3, 0.03
"""Species that the model knows; mole fraction that counts as none; what an air may be off by."""
FLOOR, SHARE = 1.0, 0.05
"""Standard error of a reading that states none: cm/s at least, and a share of it."""


def read(model: Model, table: Table, given: Mapping[str, float]) -> Experiment:
    """Rows of phi and S_L, with T_u and p as columns or conditions, and their errors if there is a column ``sigma``.

    ValueError for what is missing, outside the model's range, or in a unit that cannot be.
    """
    for name in given:
        model.conditions.index(name)
    _require_methane(table)
    conditions = model.conditions.unpack(model.conditions.nominal) | dict(given)
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


def _require_methane(table: Table) -> None:
    """ValueError where the table says that another mixture than methane and air was burnt."""
    for fuel in dict.fromkeys(table.text("fuel") if "fuel" in table.header else ()):
        if fuel not in ("", "CH4"):
            raise ValueError(f"{table.path}: fuel is {fuel}; expected CH4, or choose its rows with --select fuel=CH4")
    shares = [name for name in table.header if name.startswith("x_") and name != "x_fuel"]
    for name in shares:
        if name[2:] not in MIXTURE and np.any(np.nan_to_num(table.sparse(name, "1")) > TRACE):
            raise ValueError(f"{table.path}: the mixture holds {name[2:]}; expected methane, oxygen and nitrogen")
    if "x_O2" in shares and "x_N2" in shares:
        ratio = table.number("x_N2", "1") / table.number("x_O2", "1")
        if np.any(np.abs(ratio / AIR["N2"] - 1) > NEARLY):
            raise ValueError(
                f"{table.path}: {ratio.min():.3g} to {ratio.max():.3g} N2 per O2; expected air, {AIR['N2']:g}"
            )


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
