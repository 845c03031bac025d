"""Compressible flow through a small opening, by a parabola in place of the isentropic nozzle.

    W = A p Ψ/√(R T),     Ψ = 1 - ((1 - Π)/(1 - Π_opt) - 1)²,     Π = clip(p_behind/p, Π_opt, 1)

choked below Π_opt, and no flow back. The EGR valve opens by A = A_egrmax f, with u = min(position, -c_2/(2 c_1)),

    f = max(0, c_1 u² + c_2 u + c_3).
"""

from twin.arrays import Array, namespace
from twin.models.engine.clips import at_least, at_most, between
from twin.models.engine.constants import Engine


def orifice(area: Array, p: Array, p_behind: Array, R: float, T: Array, engine: Engine) -> tuple[Array, Array]:
    """W [kg/s] and Ψ."""
    xp = namespace(p)
    ratio = between(p_behind / p, engine.Pi_egropt, 1.0, engine.softness)
    psi = 1 - ((1 - ratio) / (1 - engine.Pi_egropt) - 1) ** 2
    return area * p * psi / xp.sqrt(R * T), psi


def valve_opening(position: Array, engine: Engine) -> Array:
    """f of the EGR valve's position [%]: no more than at the parabola's vertex, 80 %."""
    square, linear, constant = engine.c_egr
    vertex = -linear / (2 * square)
    u = at_most(position, vertex, engine.softness * vertex)
    return at_least((square * u + linear) * u + constant, 0.0, engine.softness)
