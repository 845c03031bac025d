"""One irreversible step with reaction orders:

    r = A T^b exp(-Ea/(R T)) Π c_k (c_k + ε)^(n_k - 1)  [kmol/(m³ s)],        c_k = ρ Y_k/W_k

ε is far below any concentration that counts, and gives c_k = 0 a finite slope under an order n_k below 1.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from twin.arrays import Array, detached, like, namespace
from twin.models.flame.gas import Gas, R, enthalpies
from twin.space import Floats

LEAST = 1e-20
"""kmol/m³, some 1e-17 of a fuel at room conditions."""
CAL = 4184.0
"""J/kmol of 1 cal/mol."""


class Kinetics(NamedTuple):
    """ln A (SI units of the order), b, Ea [J/kmol], orders of the step's two reactants, and the size of transport;
    each (*batch,).
    """

    ln_A: Array  # noqa: N815 - the equation's symbol
    b: Array
    Ea: Array
    orders: tuple[Array, ...]
    spread: Array

    def over_points(self) -> "Kinetics":
        """Each (*batch, 1)."""
        return Kinetics(
            self.ln_A[..., None], self.b[..., None], self.Ea[..., None],
            tuple(order[..., None] for order in self.orders), self.spread[..., None],
        )  # fmt: skip

    def frozen(self) -> "Kinetics":
        """The same, through which no derivative flows."""
        return Kinetics(
            detached(self.ln_A), detached(self.b), detached(self.Ea), tuple(map(detached, self.orders)),
            detached(self.spread),
        )  # fmt: skip


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


def kinetics_of(law: Law, spread: float = 1.0) -> Kinetics:
    """The law's numbers, as arrays (1,)."""
    ln_A, b, Ea, size, *orders = (np.array([v]) for v in (np.log(law.A), law.b, law.Ea, spread, *law.orders))
    return Kinetics(ln_A, b, Ea, tuple(orders), size)


def rate(step: Step, law: Kinetics, T: Any, c: Any, least: float = LEAST) -> Any:
    """r [kmol/(m³ s)] (*batch,) at temperatures (*batch,) and concentrations (*batch, s) [kmol/m³]; ε is ``least``.

    Arrays, or dual numbers. Where a reactant is below nothing, as an iteration may have it, the step goes backwards.
    """
    xp, logs, product = namespace(c), law.ln_A + law.b * namespace(T).log(T) - law.Ea / (R * T), 1.0
    backward: Any = False
    for k, order in zip(step.reactants, law.orders, strict=True):
        left = c[..., k]
        backward = backward | (left < 0)
        held = xp.where(left < 0, 0 * left, left) + least
        logs = xp.log(held) * (order - 1) + logs
        product = xp.where(left < 0, -left, left) * product
    return namespace(logs).exp(logs) * xp.where(backward, -product, product)


def heat_release(gas: Gas, step: Step, T: Array, r: Array) -> Array:
    """-Σ ν_k W_k h_k r [W/m³] (*batch,)."""
    molar = enthalpies(gas, T) * like(gas.W * step.nu, T)
    return -r * namespace(T).sum(molar, axis=-1)
