"""One irreversible step with reaction orders: r = A T^b exp(-Ea/(R T)) Π c_k^order_k [kmol/(m³ s)], c_k = ρ Y_k/W_k.

A concentration of zero has no finite slope under an order below 1, so ``LEAST`` is added.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.flame.gas import Gas, R, enthalpies
from twin.space import Floats

LEAST = 1e-20
"""kmol/m³, some 1e-17 of a fuel at room conditions."""
CAL = 4184.0
"""J/kmol of 1 cal/mol."""


class Arrhenius(NamedTuple):
    """A in SI units of the order, b, Ea [J/kmol]; each (*batch,)."""

    A: Array
    b: Array
    Ea: Array


@dataclass(frozen=True)
class Law:
    """A in SI units (kmol, m³), b, Ea [J/kmol] and the orders of the step's reactants."""

    A: float
    b: float
    Ea: float
    orders: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Step:
    """Net stoichiometric coefficients (s,), and by whose concentrations the rate goes."""

    nu: Floats
    reactants: tuple[int, ...]


def step_of(gas: Gas, left: dict[str, float], right: dict[str, float]) -> Step:
    """The step ``left`` ⇒ ``right``. ValueError where elements' mass is not conserved."""
    nu = np.zeros(len(gas.names))
    for side, sign in ((left, -1.0), (right, 1.0)):
        for name, many in side.items():
            nu[gas.index(name)] += sign * many
    gap = float(nu @ gas.W)
    if abs(gap) > 1e-3 * float(np.abs(nu) @ gas.W):
        raise ValueError(f"step {left} => {right}: mass is not conserved, {gap:+.3g} kg per kmol")
    return Step(nu, tuple(gas.index(name) for name in left))


def rate(step: Step, law: Arrhenius, orders: tuple[Array, ...], T: Array, c: Array) -> Array:
    """r [kmol/(m³ s)] (*batch,) at concentrations c (*batch, s) [kmol/m³], with an order for each reactant."""
    xp = namespace(T)
    log_c = [xp.log(c[..., k] + LEAST) for k in step.reactants]
    logs = sum(order * log for order, log in zip(orders, log_c, strict=True))
    return law.A * xp.exp(law.b * xp.log(T) - law.Ea / (R * T) + logs)


def heat_release(gas: Gas, step: Step, T: Array, r: Array) -> Array:
    """-Σ ν_k W_k h_k r [W/m³] (*batch,)."""
    molar = enthalpies(gas, T) * like(gas.W * step.nu, T)
    return -r * namespace(T).sum(molar, axis=-1)
