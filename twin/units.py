"""Units as people write them in column names: ``mV``, ``degC``, ``m2_s``, ``kg/m^3``, ``W m-2 K-1``."""

import re
from functools import cache, reduce
from operator import mul

import pint

from twin.space import Floats

TERM = re.compile(r"(?P<name>[A-Za-z\u00b0\u00b5\u03bc\u03a9%]+)\^?(?P<power>[+-]?[1-9])?")
SEPARATOR = re.compile(r"\s*([/_*\u00b7.]|\s)\s*")
DIMENSIONLESS = ("", "1", "-")
SPELLINGS = {"pct": "percent"}


class UnitError(ValueError):
    """A unit that cannot be read, or of the wrong dimension."""


def convert(values: Floats, unit: str, to: str) -> Floats:
    """``values`` in ``unit`` as numbers in ``to``; ``C`` and ``F`` are degrees where ``to`` is a temperature.

    Raises UnitError if a unit cannot be read or the dimensions differ.
    """
    target = parse(to)
    given = _degrees(unit, target) or parse(unit)
    try:
        return _registry().Quantity(values, given).to(target).magnitude
    except pint.PintError as error:
        raise UnitError(f"unit {unit!r} cannot be converted to {to!r}") from error


def same_dimension(unit: str, to: str) -> bool:
    """Whether ``unit`` can be read and converted to ``to``."""
    target = parse(to)
    try:
        given = _degrees(unit, target) or parse(unit)
    except UnitError:
        return False
    return bool(given.is_compatible_with(target))


@cache
def parse(text: str) -> pint.Unit:
    """The unit; after ``/`` or ``_`` stand denominators, after ``*``, ``·``, ``.`` or a space numerators.

    So ``J_kg_K`` is J/(kg K), as in column names, and ``J/kg/K`` the same. Raises UnitError.
    """
    registry = _registry()
    if text.strip() in DIMENSIONLESS:
        return registry.Unit("dimensionless")
    pieces = SEPARATOR.split(text.strip().replace("**", "^"))
    signs = [1, *(-1 if s in ("/", "_") else 1 for s in pieces[1::2])]
    factors = [_factor(piece, sign, text) for piece, sign in zip(pieces[::2], signs, strict=True)]
    return registry.Unit(reduce(mul, factors))


def _factor(piece: str, sign: int, text: str) -> pint.Unit:
    if piece == "1":
        return _registry().Unit("dimensionless")
    match = TERM.fullmatch(piece)
    name = SPELLINGS.get(match["name"], match["name"]) if match else ""
    if match is None or not _registry().parse_unit_name(name):
        raise UnitError(f"unit {text!r} cannot be read")
    return _registry().Unit(_registry().Unit(name) ** (sign * int(match["power"] or 1)))


def _degrees(unit: str, target: pint.Unit) -> pint.Unit | None:
    known = {"C": "degC", "F": "degF"}
    if unit.strip() in known and target.dimensionality == {"[temperature]": 1}:
        return _registry().Unit(known[unit.strip()])
    return None


@cache
def _registry() -> pint.UnitRegistry[float]:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry(autoconvert_offset_to_baseunit=False)
    registry.define("newton_metre = newton * metre = Nm")
    return registry
