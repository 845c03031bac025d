"""A one-step mechanism of methane from a YAML file as Cantera reads it, as the numbers of ``flame_free``.

ValueError names what the model does not know: reactions that are reversible, of another type or of other species, and
more than one of them.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from twin import units
from twin.models.flame.free import reference_state
from twin.models.flame.gas import R
from twin.models.flame.kinetics import CAL, Law
from twin.models.flame.published import LEFT, RIGHT, T_STAR

SI = {"length": "m", "quantity": "kmol", "time": "s", "activation-energy": "J/kmol"}
"""Units where a file names none."""


def read_law(path: Path) -> Law:
    """The law of the file's reaction, in SI units."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    reactions = content.get("reactions") if isinstance(content, dict) else None
    if not isinstance(reactions, list) or not reactions:
        raise ValueError(f"{path}: expected a mechanism with 'reactions', as Cantera reads it")
    if not all(isinstance(one, dict) for one in reactions):
        raise ValueError(f"{path}: expected reactions with an equation and a rate-constant each")
    wrong = [f"{one.get('equation')} ({reason})" for one in reactions if (reason := _objection(one))]
    if wrong:
        raise ValueError(f"{path}: reactions that one step cannot stand for: {'; '.join(wrong)}")
    if len(reactions) > 1:
        raise ValueError(f"{path}: {len(reactions)} steps; flame_free knows one, CH4 + 2 O2 => CO2 + 2 H2O")
    (one,) = reactions
    orders = LEFT | (one.get("orders") or {})
    try:
        numbers = {key: float(value) for key, value in (one["rate-constant"] | orders).items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected plain numbers of A, b, Ea and orders ({error})") from error
    return _law(path, numbers, tuple(numbers[name] for name in LEFT), SI | (content.get("units") or {}))


def parameters_of(law: Law) -> dict[str, float]:
    """``ln_k``, ``Ea`` [kcal/mol] and the orders of the preset ``one_step`` that are this law, at T* if b is not 0."""
    ln_r0, fuel, oxygen = reference_state()
    a, b = law.orders
    rate = np.log(law.A) + law.b * np.log(T_STAR) - law.Ea / (R * T_STAR) + a * np.log(fuel) + b * np.log(oxygen)
    Ea = law.Ea + law.b * R * T_STAR
    return {"ln_k": float(rate - ln_r0), "Ea": float(Ea / (1e3 * CAL)), "order_fuel": a, "order_O2": b}


def _objection(reaction: Mapping[str, Any]) -> str:
    """Why a reaction cannot be the step, or the empty string."""
    equation = str(reaction.get("equation", ""))
    if reaction.get("type", "Arrhenius") not in ("Arrhenius", "elementary"):
        return f"type {reaction['type']}"
    if "<=>" in equation or ("=" in equation and "=>" not in equation):
        return "reversible"
    sides = equation.split("=>")
    if len(sides) != 2 or [_side(side) for side in sides] != [LEFT, RIGHT]:
        return "not CH4 + 2 O2 => CO2 + 2 H2O"
    rate = reaction.get("rate-constant")
    if not isinstance(rate, dict) or not {"A", "b", "Ea"} <= set(rate):
        return "no rate-constant {A, b, Ea}"
    others = sorted(set(reaction.get("orders") or {}) - set(LEFT))
    return f"order in {', '.join(others)}" if others else ""


def _side(text: str) -> dict[str, float]:
    found = {}
    for term in text.split(" + "):
        match = re.fullmatch(r"\s*([\d.]*)\s*(\S+)\s*", term)
        if match is not None:
            found[match[2]] = float(match[1] or 1)
    return found


def _law(path: Path, rate: Mapping[str, float], orders: tuple[float, ...], given: Mapping[str, str]) -> Law:
    def size(kind: str, to: str) -> float:
        try:
            return float(units.convert(np.asarray(1.0), given[kind], to))
        except units.UnitError as error:
            raise ValueError(f"{path}: {kind} in {given[kind]!r} ({error})") from error

    volume = size("length", "m") ** 3 / size("quantity", "kmol")
    A = rate["A"] * volume ** (sum(orders) - 1) / size("time", "s")
    energy = R if given["activation-energy"] == "K" else size("activation-energy", "J/kmol")
    return Law(A, rate["b"], rate["Ea"] * energy, orders)
