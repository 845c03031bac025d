"""Electrode balance: which stoichiometries a rested cell starts from.

With electrode capacities Q_n, Q_p [A h], cyclable lithium N [A h] and rested voltage V₀, (x₀, y₀) solves

    x₀ Q_n + y₀ Q_p = N,    U_p(y₀) - U_n(x₀) = V₀

(Dubarry, Truchot, Liaw 2012, J. Power Sources 219, 204, for the mechanistic reading of N, Q_n, Q_p.)
"""

from twin.arrays import Array, namespace
from twin.models.battery.cell import Cell

NEWTON_STEPS = 12
LARGEST_STEP = 0.05
DIFFERENCE = 1e-6


def fresh_lithium(cell: Cell) -> float:
    """N of the fresh cell [A h]."""
    n, p = cell.negative, cell.positive
    return n.start_stoichiometry * cell.electrode_capacity(n) + p.start_stoichiometry * cell.electrode_capacity(p)


def start_stoichiometries(
    cell: Cell, lithium_loss: Array, active_n: Array, active_p: Array, start_voltage: Array
) -> tuple[Array, Array]:
    """(x₀, y₀) after losing the share ``lithium_loss`` of N and scaling the electrodes by ``active_*``.

    Newton's method in y₀ from the fresh value, unrolled: at the root the derivative of a Newton step by its
    start is zero, so the gradient that flows through the last step is that of the implicit function.
    """
    xp = namespace(lithium_loss, active_n, active_p, start_voltage)
    lithium = (1 - lithium_loss) * fresh_lithium(cell)
    q_n = active_n * cell.electrode_capacity(cell.negative)
    q_p = active_p * cell.electrode_capacity(cell.positive)

    def excess(y: Array) -> Array:
        x = (lithium - y * q_p) / q_n
        open_circuit = cell.positive.open_circuit_potential(y) - cell.negative.open_circuit_potential(x)
        return open_circuit - start_voltage

    y = xp.zeros_like(lithium + active_n + active_p + start_voltage) + cell.positive.start_stoichiometry
    for _ in range(NEWTON_STEPS):
        slope = (excess(y + DIFFERENCE) - excess(y - DIFFERENCE)) / (2 * DIFFERENCE)
        step = -excess(y) / slope
        y = y + xp.clip(step, -LARGEST_STEP, LARGEST_STEP)
    return (lithium - y * q_p) / q_n, y
