"""Electrode balance: which stoichiometries a rested cell starts from.

With electrode capacities Q_n, Q_p [A h], cyclable lithium N [A h] and rested voltage V₀, (x₀, y₀) solves

    x₀ Q_n + y₀ Q_p = N,    U_p(y₀) - U_n(x₀) = V₀

(Dubarry, Truchot, Liaw 2012, J. Power Sources 219, 204, for the mechanistic reading of N, Q_n, Q_p.)
"""

from typing import Any

import numpy as np

from twin.arrays import Array, detached, like, namespace
from twin.dual import Dual
from twin.models.battery.cell import Cell

BRACKETS = np.linspace(0.0, 1.0, 41)
NEWTON_STEPS = 5
"""Leave 1e-14 V at most wherever the start is possible; 3 leave 0.09 mV, 4 leave 8e-9 V (200,000 draws, 3-4.25 V)."""
DIFFERENTIATED_STEPS = 2


def fresh_lithium(cell: Cell) -> float:
    """N of the fresh cell [A h]."""
    n, p = cell.negative, cell.positive
    return n.start_stoichiometry * cell.electrode_capacity(n) + p.start_stoichiometry * cell.electrode_capacity(p)


def start_stoichiometries(
    cell: Cell, lithium_loss: Array, active_n: Array, active_p: Array, start_voltage: Array
) -> tuple[Array, Array]:
    """(x₀, y₀) after losing the share ``lithium_loss`` of N and scaling the electrodes by ``active_*``.

    The excess f(y) = U_p(y) - U_n(x(y)) - V₀ falls monotonically: its crossing is read off a grid by linear
    interpolation and polished by Newton's method. At the root a Newton step has zero derivative by its start, so
    derivatives flow through the last steps only, and there they are the implicit function's, to second order.
    """
    xp = namespace(lithium_loss, active_n, active_p, start_voltage)
    lithium = (1 - lithium_loss) * fresh_lithium(cell) + 0 * (active_n + active_p + start_voltage)
    q_n = active_n * cell.electrode_capacity(cell.negative)
    q_p = active_p * cell.electrode_capacity(cell.positive)

    def excess(y: Any, lithium: Array, q_n: Array, q_p: Array, rested: Array) -> Any:
        x = (lithium - y * q_p) / q_n
        return cell.positive.open_circuit_potential(y) - cell.negative.open_circuit_potential(x) - rested

    def newton(y: Array) -> Array:
        f = excess(Dual(y, xp.ones_like(y)[None]), lithium, q_n, q_p, start_voltage)
        return y - f.value / f.slope[0, ...]

    f = excess(like(BRACKETS, lithium), *(a[..., None] for a in (lithium, q_n, q_p, start_voltage)))
    share = f[..., :-1] / (f[..., :-1] - f[..., 1:])
    y = xp.sum(xp.clip(share, 0.0, 1.0), axis=-1) * (BRACKETS[1] - BRACKETS[0])
    for _ in range(NEWTON_STEPS - DIFFERENTIATED_STEPS):
        y = newton(y)
    y = detached(y)
    for _ in range(DIFFERENTIATED_STEPS):
        y = newton(y)
    return (lithium - y * q_p) / q_n, y
