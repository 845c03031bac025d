"""Published burning velocities: ReSpecTh (XML) and ChemKED (YAML) records as tables.

Columns are ``phi``, ``T_u``, ``p``, ``S_L``, ``sigma`` with their units, and mole fractions ``x_CH4`` and so on. φ is
counted from the mixture where the record does not say it. ``sigma`` is the evaluated standard deviation of S_L, else
its stated uncertainty, blank where there is neither. (ReSpecTh
Kinetics Data format 2; ChemKED: Weber and Niemeyer 2018, DOI 10.1002/kin.21142.)
"""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from twin import units

EXPERIMENT = "laminar burning velocity measurement"
COLUMNS = {
    "temperature": "T_u",
    "pressure": "p",
    "equivalence ratio": "phi",
    "laminar burning velocity": "S_L",
    "laminar flame speed": "S_L",
}
"""Names in records, ChemKED's with blanks for hyphens."""
SIGMA = ("evaluated standard deviation", "uncertainty")
"""What a standard error is taken from, the first that there is."""
PLAIN = ("", "unitless", "dimensionless", "mole fraction")
INERT = ("N2", "Ar", "AR", "He", "HE")
OXYGEN = {"C": 1.0, "H": 0.25, "S": 1.0, "O": -0.5, "N": 0.0}
"""Molecules of oxygen that an atom needs to be burnt to CO2, H2O, SO2 and N2."""

Cells = tuple[tuple[str, ...], list[list[str]]]


@dataclass
class _Point:
    """One measurement: numbers with units by column; mole fractions and formulas by species."""

    values: dict[str, tuple[float, str]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    formulas: dict[str, str] = field(default_factory=dict)


def read_xml(path: object, text: str) -> Cells:
    """Header and columns of a ReSpecTh record. ValueError for what cannot be read."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path}: not well-formed XML ({error}); download the record again") from error
    if root.tag != "experiment":
        raise ValueError(f"{path}: expected a ReSpecTh record, <experiment>, got <{root.tag}>")
    _require_kind(path, root.findtext("experimentType") or "")
    common = _Point()
    for one in root.iterfind("commonProperties/property"):
        if one.get("name") == "initial composition":
            for part in one.iterfind("component"):
                _add_share(path, common, part, _number(path, part.findtext("amount"), "amount"), part.find("amount"))
        elif one.get("name") in COLUMNS:
            value = _number(path, one.findtext("value"), str(one.get("name")))
            common.values[COLUMNS[str(one.get("name"))]] = value, one.get("units") or ""
    points = [
        _xml_point(path, group, row, common)
        for group in root.iterfind("dataGroup")
        for row in group.iterfind("dataPoint")
    ]
    return _cells(path, points)


def read_yaml(path: object, text: str) -> Cells:
    """Header and columns of a ChemKED record. ValueError for what cannot be read."""
    try:
        record = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not well-formed YAML ({str(error).splitlines()[0]}); mend the file") from error
    if not isinstance(record, dict) or not isinstance(record.get("datapoints"), list):
        raise ValueError(f"{path}: expected a ChemKED record with 'datapoints'")
    _require_kind(path, str(record.get("experiment-type", "")))
    common = record.get("common-properties") or {}
    for i, one in enumerate([common, *record["datapoints"]]):
        if not isinstance(one, dict):
            raise ValueError(
                f"{path}: {f'data point {i}' if i else 'common-properties'} is {one!r}; expected properties"
            )
    return _cells(path, [_yaml_point(path, {**common, **row}) for row in record["datapoints"]])


def equivalence_ratio(shares: Mapping[str, float], formulas: Mapping[str, str]) -> float:
    """Oxygen that the fuels of a mixture need, over the oxygen that there is. ValueError where it cannot be counted."""
    need = 0.0
    for name, share in shares.items():
        if name != "O2" and name not in INERT:
            need += share * sum(_oxygen_for(atom) * count for atom, count in _atoms(formulas.get(name, name)))
    if not (need > 0 and shares.get("O2", 0.0) > 0):
        raise ValueError(f"no equivalence ratio of {', '.join(shares)}: expected a fuel and O2")
    return need / shares["O2"]


def _oxygen_for(atom: str) -> float:
    if atom not in OXYGEN:
        raise ValueError(f"no equivalence ratio: it is not known what {atom} burns to")
    return OXYGEN[atom]


def _require_kind(path: object, kind: str) -> None:
    if kind.strip().lower() != EXPERIMENT:
        raise ValueError(f"{path}: the record is a {kind or 'record of no kind'}; expected a {EXPERIMENT}")


def _xml_point(path: object, group: Any, row: Any, common: _Point) -> _Point:
    point = _Point(dict(common.values), dict(common.shares), dict(common.formulas))
    errors: dict[str, tuple[float, str]] = {}
    for one in group.iterfind("property"):
        cell, name = row.findtext(str(one.get("id"))), str(one.get("name"))
        if cell is None or not cell.strip():
            continue
        value, unit = _number(path, cell, name), one.get("units") or ""
        if name == "composition":
            _add_share(path, point, one, value, one)
        elif name in SIGMA and COLUMNS.get(str(one.get("reference"))) == "S_L":
            errors[name] = (value, "relative" if one.get("kind") == "relative" else unit)
        elif name in COLUMNS:
            point.values[COLUMNS[name]] = value, unit
    _add_sigma(point, errors)
    return point


def _add_share(path: object, point: _Point, part: Any, value: float, measured: Any) -> None:
    link = part.find("speciesLink")
    name = "" if link is None else str(link.get("preferredKey") or "")
    unit = "" if measured is None else str(measured.get("units") or "")
    if not name or unit not in PLAIN:
        raise ValueError(f"{path}: composition of {name or 'an unnamed species'} in {unit!r}; expected mole fractions")
    point.shares[name] = value
    point.formulas[name] = _formula(link.get("InChI"), name)


def _yaml_point(path: object, row: Mapping[str, Any]) -> _Point:
    point = _Point()
    for key, given in row.items():
        name = str(key).replace("-", " ")
        if name == "composition":
            _yaml_shares(path, point, given)
        elif name in COLUMNS:
            parts = given if isinstance(given, list) and given else [given]
            point.values[COLUMNS[name]] = _quantity(path, parts[0], name)
            if COLUMNS[name] == "S_L":
                stated = parts[1] if len(parts) > 1 and isinstance(parts[1], dict) else {}
                _add_sigma(point, _yaml_errors(path, stated))
    return point


def _yaml_shares(path: object, point: _Point, given: Any) -> None:
    if not isinstance(given, dict) or given.get("kind") != "mole fraction":
        raise ValueError(f"{path}: composition of kind {given.get('kind') if isinstance(given, dict) else given!r}; "
                         f"expected mole fraction")  # fmt: skip
    for one in given.get("species") or ():
        if not isinstance(one, dict):
            raise ValueError(f"{path}: species {one!r}; expected its name and amount")
        name, amount = str(one.get("species-name")), one.get("amount")
        share = amount[0] if isinstance(amount, list) and amount else amount
        point.shares[name] = _number(path, share, f"amount of {name}")
        point.formulas[name] = _formula(one.get("InChI"), name)


def _yaml_errors(path: object, stated: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    found = {}
    for name in SIGMA:
        key = name.replace(" ", "-")
        if key in stated:
            value, unit = _quantity(path, stated[key], name)
            found[name] = value, "relative" if stated.get(f"{key}-type") == "relative" else unit
    return found


def _quantity(path: object, given: Any, name: str) -> tuple[float, str]:
    """Number and unit of ``36 cm/s`` or of a plain number."""
    number, _, unit = str(given).strip().partition(" ")
    return _number(path, number, name), unit.strip()


def _add_sigma(point: _Point, errors: Mapping[str, tuple[float, str]]) -> None:
    for name in SIGMA:
        if name in errors and "S_L" in point.values:
            value, unit = errors[name]
            speed, given = point.values["S_L"]
            point.values["sigma"] = (value * speed, given) if unit == "relative" else (value, unit)
            return


def _cells(path: object, points: Sequence[_Point]) -> Cells:
    """Points as a table, each column in the unit of its first value."""
    if not points:
        raise ValueError(f"{path}: the record holds no data point")
    species = list(dict.fromkeys(name for point in points for name in point.shares))
    for i, point in enumerate(points, start=1):
        if "S_L" not in point.values:
            raise ValueError(f"{path}, data point {i}: no laminar burning velocity")
        if "phi" not in point.values:
            try:
                point.values["phi"] = equivalence_ratio(point.shares, point.formulas), ""
            except ValueError as error:
                raise ValueError(f"{path}, data point {i}: {error}") from error
    header, columns = [], []
    for name in ("phi", "T_u", "p", "S_L", "sigma"):
        unit = next((point.values[name][1] for point in points if name in point.values), None)
        if unit is not None:
            header.append(name if unit in PLAIN else f"{name} [{unit}]")
            columns.append([_cell(path, point, name, unit) for point in points])
    shares = [[f"{point.shares[name]:.10g}" if name in point.shares else "" for point in points] for name in species]
    return (*header, *(f"x_{name}" for name in species)), columns + shares


def _cell(path: object, point: _Point, name: str, unit: str) -> str:
    if name not in point.values:
        return ""
    value, given = point.values[name]
    if given not in PLAIN and given != unit:
        try:
            value = float(units.convert(np.asarray(value), given, unit))
        except units.UnitError as error:
            raise ValueError(f"{path}: {name} in {given!r} and in {unit!r} ({error})") from error
    return f"{value:.10g}"


def _formula(inchi: str | None, name: str) -> str:
    """C, H, O and N of ``1S/CH4/h1H4``; else the species' own name."""
    parts = (inchi or "").removeprefix("InChI=").split("/")
    return parts[1] if len(parts) > 1 else name


def _atoms(formula: str) -> list[tuple[str, int]]:
    """Atoms and their counts. ValueError where the formula is none."""
    found = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if "".join(atom + count for atom, count in found) != formula or not found:
        raise ValueError(f"{formula!r} is no formula; expected one like CH4, or the species' InChI")
    return [(atom, int(count or 1)) for atom, count in found]


def _number(path: object, cell: Any, what: str) -> float:
    try:
        return float(str(cell).strip())
    except ValueError as error:
        raise ValueError(f"{path}: {what} is {cell!r}; expected a number") from error
