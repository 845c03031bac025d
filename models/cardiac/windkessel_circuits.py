"""Windkessel circuits: what the aorta's load makes of the flow q [mL/s] that enters it, p in [mmHg].

Each circuit is written twice. Its input impedance Z(s), s = jω, is the closed form; its state equations

    x' = A x + b q,   p = c·x + d q

are what the reference solver integrates. Both are relative to the venous pressure, and Z(s) = c·(s - A)⁻¹b + d.
Names of elements: Westerhof, Lankhaar, Westerhof 2009, Med. Biol. Eng. Comput. 47, 131, DOI 10.1007/s11517-008-0359-2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array
from twin.space import Floats

Elements = Mapping[str, Array]
"""Resistances [mmHg s/mL], compliances [mL/mmHg], inertances [mmHg s²/mL] by name, of shapes that broadcast."""


@dataclass(frozen=True, eq=False)
class StateSpace:
    """A (m, m), b (m,), c (m,) and d of one set of elements."""

    matrix: Floats
    inflow: Floats
    output: Floats
    through: float


@dataclass(frozen=True, eq=False)
class Circuit:
    """Names of the elements, Z(s), and the state equations."""

    elements: tuple[str, ...]
    impedance: Callable[[Elements, Array], Array]
    state_space: Callable[[Mapping[str, float]], StateSpace]


def two_element(e: Elements, s: Array) -> Array:
    """Z = R/(1 + s R C): Frank 1899."""
    return e["R"] / (1.0 + s * e["R"] * e["C"])


def two_element_states(e: Mapping[str, float]) -> StateSpace:
    """C p' = q - p/R."""
    return _states([[-1.0 / (e["R"] * e["C"])]], [1.0 / e["C"]], [1.0], 0.0)


def three_element(e: Elements, s: Array) -> Array:
    """Z = Zc + R/(1 + s R C): Westerhof, Elzinga, Sipkema 1971, J. Appl. Physiol. 31, 776."""
    return e["Zc"] + two_element(e, s)


def three_element_states(e: Mapping[str, float]) -> StateSpace:
    """C x' = q - x/R,   p = x + Zc q."""
    return _states([[-1.0 / (e["R"] * e["C"])]], [1.0 / e["C"]], [1.0], e["Zc"])


def four_element(e: Elements, s: Array) -> Array:
    """Z = s L Zc/(Zc + s L) + R/(1 + s R C), inertance beside Zc.

    Stergiopulos, Westerhof, Westerhof 1999, Am. J. Physiol. 276, H81, DOI 10.1152/ajpheart.1999.276.1.H81.
    """
    return s * e["L"] * e["Zc"] / (e["Zc"] + s * e["L"]) + two_element(e, s)


def four_element_states(e: Mapping[str, float]) -> StateSpace:
    """C x' = q - x/R,   L i' = Zc (q - i),   p = x + Zc (q - i): i flows through L, q - i through Zc."""
    a = [[-1.0 / (e["R"] * e["C"]), 0.0], [0.0, -e["Zc"] / e["L"]]]
    return _states(a, [1.0 / e["C"], e["Zc"] / e["L"]], [1.0, -e["Zc"]], e["Zc"])


def five_element(e: Elements, s: Array) -> Array:
    """1/Z = s Ca + 1/(Rc + s Ls + Rs/(1 + s Rs Cs)).

    The load of Simaan et al. 2009, IEEE Trans. Control Syst. Technol. 17, 217, DOI 10.1109/TCST.2008.912123.
    """
    return 1.0 / (s * e["Ca"] + 1.0 / (e["Rc"] + s * e["Ls"] + e["Rs"] / (1.0 + s * e["Rs"] * e["Cs"])))


def five_element_states(e: Mapping[str, float]) -> StateSpace:
    """Ca p' = q - i,   Ls i' = p - x - Rc i,   Cs x' = i - x/Rs;   states p, i, x."""
    a = [
        [0.0, -1.0 / e["Ca"], 0.0],
        [1.0 / e["Ls"], -e["Rc"] / e["Ls"], -1.0 / e["Ls"]],
        [0.0, 1.0 / e["Cs"], -1.0 / (e["Rs"] * e["Cs"])],
    ]
    return _states(a, [1.0 / e["Ca"], 0.0, 0.0], [1.0, 0.0, 0.0], 0.0)


def _states(matrix: list[list[float]], inflow: list[float], output: list[float], through: float) -> StateSpace:
    return StateSpace(np.array(matrix), np.array(inflow), np.array(output), through)


TWO = Circuit(("R", "C"), two_element, two_element_states)
THREE = Circuit(("R", "C", "Zc"), three_element, three_element_states)
FOUR = Circuit(("R", "C", "Zc", "L"), four_element, four_element_states)
FIVE = Circuit(("Rs", "Cs", "Rc", "Ls", "Ca"), five_element, five_element_states)
