"""From a patient's table to an experiment: numbers in rows, or a curve over the beat.

A table with a column ``time`` holds curves (``volume``, ``pressure``), one without holds numbers, each row a reading:
``EDV``, ``ESV``, ``SV``, ``EF``, ``SBP``, ``DBP``, ``MAP``, ``LVEDP``, ``Pla``, ``CO``, ``SW`` with their units behind
them, and ``HR``. Blank cells are missing values. ``EDV_sd`` states a measurement's own standard error, in EDV's unit.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from twin.experiment import Experiment
from twin.models.cardiac.clinic import CURVES, NUMBERS
from twin.models.cardiac.waveform import HIGHEST, LOWEST
from twin.space import Floats, Space, nearest
from twin.table import Table

AGREE = 2.0
"""Points by which a stated EF may differ from that of the stated volumes: both are rounded."""
STEADY = 10.0
"""Largest spread of the heart rate within one experiment [1/min]."""
WRITTEN = (*(o.name for o in NUMBERS), *(f"{o.name}_sd" for o in NUMBERS), *(o.name for o in CURVES), "HR", "time")


class Reader(Protocol):
    """What of a model the reader needs."""

    @property
    def conditions(self) -> Space:
        """Known inputs."""
        ...


def read(model: Reader, table: Table, given: Mapping[str, float]) -> Experiment:
    """The patient's experiment. ValueError for impossible or contradictory values, and without a heart rate."""
    for name in given:
        model.conditions.index(name)
    for name in table.rename:
        if name not in WRITTEN:
            raise ValueError(f"--column {name}: a patient's table has no such quantity{nearest(name, WRITTEN)}")
    conditions = {"HR": _heart_rate(table, given)}
    model.conditions.require_inside(conditions, table.path)
    return _curves(table, conditions) if table.has("time") else _numbers(table, conditions)


def _heart_rate(table: Table, given: Mapping[str, float]) -> float:
    if "HR" in given:
        return given["HR"]
    if not table.has("HR"):
        raise ValueError(f"{table.path}: no heart rate; give a column HR [1/min], --set HR=75 or --condition HR=75")
    rates = table.sparse("HR", "1/min")
    known = rates[np.isfinite(rates)]
    if not len(known):
        raise ValueError(f"{table.path}: every heart rate is missing; give it with --condition HR=75")
    if np.ptp(known) > STEADY:
        raise ValueError(
            f"{table.path}: the heart rate runs from {known.min():g} to {known.max():g}/min; one experiment has one "
            f"heart rate, cut the table with --select and --by"
        )
    return float(known.mean())


def _numbers(table: Table, conditions: Mapping[str, float]) -> Experiment:
    found = {o.name: table.sparse(o.name, o.unit) for o in NUMBERS if table.has(o.name)}
    found = {name: values for name, values in found.items() if np.any(np.isfinite(values))}
    if not found:
        raise ValueError(
            f"{table.path}: no measurement; expected at least one of {', '.join(o.name for o in NUMBERS)}, "
            f"or a column time with volume or pressure"
        )
    for i, line in enumerate(table.lines):
        _require_possible({name: float(v[i]) for name, v in found.items()}, f"{table.path}, {table.counted} {line}")
    notes = []
    for name, values in _derived(found).items():
        if np.all(~np.isfinite(found[name]) | np.isfinite(values)):
            del found[name]
            notes.append(f"{name} follows from EDV and ESV and is not counted again")
    own = {o.name: _errors(table, o.name, o.unit, o.typical) for o in NUMBERS if o.name in found}
    missing = sum(int(np.sum(~np.isfinite(values))) for values in found.values())
    if missing:
        notes.append(f"{missing} missing values are left out")
    y = np.stack(list(found.values()), axis=1)
    return Experiment(
        name=table.label, conditions=conditions, coordinates=("time",), x=np.zeros((len(table), 1)),
        observables=tuple(found), y=y, units={o.name: o.unit for o in NUMBERS} | {"time": "s"}, source=table.source,
        sd=np.stack([own[name] for name in found], axis=1), notes=tuple(notes),
    )  # fmt: skip


def _derived(found: Mapping[str, Floats]) -> dict[str, Floats]:
    """SV and EF as the volumes give them, where all are stated."""
    if not {"EDV", "ESV"} <= set(found):
        return {}
    stroke = found["EDV"] - found["ESV"]
    both = {"SV": stroke, "EF": 100 * stroke / found["EDV"]}
    return {name: values for name, values in both.items() if name in found}


def _errors(table: Table, name: str, unit: str, usual: float) -> Floats:
    """The standard error of each reading; ValueError unless positive."""
    if not table.has(f"{name}_sd"):
        return np.full(len(table), usual)
    values = table.sparse(f"{name}_sd", unit)
    values = np.where(np.isfinite(values), values, usual)
    if np.any(values <= 0):
        raise ValueError(f"{table.path}: {name}_sd must be positive, got {values.min():g} {unit}")
    return values


def _require_possible(row: Mapping[str, float], where: str) -> None:
    """ValueError where a row's numbers cannot be a heart's."""
    value = {name: v for name, v in row.items() if np.isfinite(v)}
    for name, v in value.items():
        if v <= 0:
            raise ValueError(f"{where}: {name} must be positive, got {v:g}")
    if "EF" in value and value["EF"] >= 100:
        raise ValueError(
            f"{where}: EF is {value['EF']:g} %; an ejection fraction is below 100 % (and not a share of 1)"
        )
    if "EF" in value and value["EF"] <= 1:
        raise ValueError(f"{where}: EF is {value['EF']:g} %; give it in per cent, not as a share of 1")
    for high, low in (("EDV", "ESV"), ("EDV", "SV"), ("SBP", "DBP")):
        if high in value and low in value and value[high] <= value[low]:
            raise ValueError(
                f"{where}: {high} {value[high]:g} must be larger than {low} {value[low]:g}; are they swapped?"
            )
    if {"EDV", "ESV"} <= set(value):
        stroke = value["EDV"] - value["ESV"]
        fraction = 100 * stroke / value["EDV"]
        if "EF" in value and abs(value["EF"] - fraction) > AGREE:
            raise ValueError(
                f"{where}: EF {value['EF']:g} % contradicts EDV {value['EDV']:g} and ESV {value['ESV']:g} mL, "
                f"which give {fraction:.1f} %; leave the wrong one away"
            )
        if "SV" in value and abs(value["SV"] - stroke) > AGREE / 100 * value["EDV"]:
            raise ValueError(f"{where}: SV {value['SV']:g} mL contradicts EDV - ESV = {stroke:g} mL")


def _curves(table: Table, conditions: Mapping[str, float]) -> Experiment:
    times = table.increasing("time", "s")
    found = {o.name: table.sparse(o.name, o.unit) for o in CURVES if table.has(o.name)}
    if not found:
        raise ValueError(f"{table.path}: a column time but neither volume [mL] nor pressure [mmHg]")
    notes = []
    for name, values in found.items():
        gaps = int(np.sum(~np.isfinite(values)))
        outside = np.zeros(len(values), dtype=bool)
        if name == "pressure":
            with np.errstate(invalid="ignore"):
                outside = (values > HIGHEST) | (values < LOWEST)
        for count, what in ((gaps, "missing"), (int(outside.sum()), f"outside {LOWEST:g} to {HIGHEST:g} mmHg (flush)")):
            if count:
                notes.append(f"{name}: {count} of {len(values)} values {what}, left out")
        found[name] = np.where(outside, np.nan, values)
        if np.sum(np.isfinite(found[name])) < 4:
            raise ValueError(f"{table.path}: fewer than 4 usable values of {name}; a curve needs more")
    if "volume" in found and np.nanmin(found["volume"]) <= 0:
        raise ValueError(f"{table.path}: volume must be positive, got {np.nanmin(found['volume']):g} mL")
    return Experiment(
        name=table.label, conditions=conditions, coordinates=("time",), x=(times - times[0])[:, None],
        observables=tuple(found), y=np.stack(list(found.values()), axis=1),
        units={o.name: o.unit for o in CURVES} | {"time": "s"}, source=table.source, notes=tuple(notes),
    )  # fmt: skip
