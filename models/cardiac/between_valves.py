"""The limit cycle given the instants at which valves open and close: linear.

With the groups of ``groups.py``, phase φ = t/T_c, and m, a = 1 where the mitral or the aortic valve is open, else 0,

    v'       = m (p_la - p_lv)/r_m - a (p_lv - p_ao)/r_a      g_s p_s' = p_la - p_s + q
    g_a p_ao' = a (p_lv - p_ao)/r_a - q                       l q'     = p_ao - p_s - r_c q
    p_la = (1 - v - g_s p_s - g_a p_ao)/g_r,                  p_lv = ε(φ) v

is y' = A(φ) y + b, whose solution over a piece is y = Y y(start) + z by collocation (``collocation.py``), and the
periodic one follows from (I - Π Y) y(0) = z. The fourth line holds the stressed volume. An ideal valve's flow is zero
when it opens and closes, so instants that are wrong by δ make errors of order δ² in the volumes.
"""

from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace
from twin.collocation import RadauIIA
from twin.models.cardiac.activation import periodic_activation
from twin.models.cardiac.groups import Groups
from twin.models.cardiac.instants import AORTIC, MITRAL, Instants
from twin.models.cardiac.piecewise import PiecewiseField
from twin.space import Floats

FIELDS = ("volume", "arterial", "aortic", "flow")
"""v, p_s, p_ao, q: the state y."""
SCHEME = RadauIIA(6)


@dataclass(frozen=True, eq=False)
class Linear:
    """y' = A y + b: (*batch, 4, 4) and (*batch, 4)."""

    matrix: Array
    source: Array

    def slope(self, y: Array) -> Array:
        """y' (*batch, 4)."""
        xp = namespace(y)
        return xp.matmul(self.matrix, y[..., None])[..., 0] + self.source


def elastance(groups: Groups, phase: Array) -> Array:
    """ε(φ) = ε_min + (ε_max - ε_min) e_n (*batch, n)."""
    against = groups[..., None]
    return against.eps_min + (against.eps_max - against.eps_min) * periodic_activation(phase, against.tau)


def atrial(groups: Groups, v: Array, p_s: Array, p_ao: Array) -> Array:
    """p_la of the other states, by the stressed volume (*batch, n)."""
    g = groups[..., None]
    return (1 - v - g.g_s * p_s - g.g_a * p_ao) / g.g_r


def equations(groups: Groups, eps: Array, mitral: Floats, aortic: Floats) -> Linear:
    """A and b at elastances (*batch, n) with the valves (n,) open (1) or shut (0)."""
    xp = namespace(eps)
    g = groups[..., None]
    one, none = 1 + 0 * eps, 0 * eps
    m, a = like(mitral, eps) / g.r_m, like(aortic, eps) / g.r_a
    rows = [
        [-m * (1 / g.g_r + eps) - a * eps, -m * g.g_s / g.g_r, a - m * g.g_a / g.g_r, none],
        [-one / (g.g_r * g.g_s), -one * (1 / g.g_r + 1 / g.g_s), -one * g.g_a / (g.g_r * g.g_s), one / g.g_s],
        [a * eps / g.g_a, none, -a / g.g_a, -one / g.g_a],
        [none, -one / g.l, one / g.l, -one * g.r_c / g.l],
    ]
    source = [m / g.g_r + none, one / (g.g_r * g.g_s), none, none]
    matrix = xp.stack([xp.stack([entry + none for entry in row], axis=-1) for row in rows], axis=-2)
    return Linear(matrix, xp.stack(source, axis=-1))


def beat_between(groups: Groups, when: Instants, scheme: RadauIIA = SCHEME) -> dict[str, PiecewiseField]:
    """The periodic solution, by ``FIELDS``; fewer stages are quicker and less exact."""
    xp = namespace(groups.tau)
    knots = when.knots
    y, step = _stages(groups, knots, scheme)
    transfer, driven = y[..., -1, :, :4], y[..., -1, :, 4]
    start = _closed(transfer, driven)
    found = []
    for p in range(step.shape[-1]):
        values = xp.matmul(y[..., p, :, :, :4], start[..., None, :, None])[..., 0] + y[..., p, :, :, 4]
        found.append(xp.concat([start[..., None, :], values], axis=-2))
        start = values[..., -1, :]
    state = xp.stack(found, axis=-3)
    return {name: PiecewiseField(knots, state[..., i], scheme) for i, name in enumerate(FIELDS)}


def _stages(groups: Groups, knots: Array, scheme: RadauIIA) -> tuple[Array, Array]:
    """Y and z at all stages of all pieces (*batch, P, n, 4, 5), and the lengths of the pieces (*batch, P)."""
    xp = namespace(knots)
    n = scheme.stages
    step = knots[..., 1:] - knots[..., :-1]
    phase = knots[..., :-1, None] + step[..., None] * like(scheme.nodes[1:], knots)
    flat = (*step.shape[:-1], -1)
    system = equations(
        groups, elastance(groups, xp.reshape(phase, flat)), np.repeat(MITRAL, n), np.repeat(AORTIC, n),
    )  # fmt: skip
    shape = (*step.shape, n)
    matrix = xp.reshape(system.matrix, (*shape, 4, 4)) * step[..., None, None, None]
    source = xp.reshape(system.source, (*shape, 4)) * step[..., None, None]
    slopes = scheme.slopes[1:]
    between = like(np.einsum("ij,ab->iajb", slopes[:, 1:], np.eye(4)), knots)
    at_once = like(np.eye(n)[:, None, :, None], knots) * matrix[..., :, :, None, :]
    left = xp.reshape(between - at_once, (*step.shape, 4 * n, 4 * n))
    from_start = like(np.einsum("i,ab->iab", -slopes[:, 0], np.eye(4)), knots) + 0 * matrix
    right = xp.concat([from_start, source[..., None]], axis=-1)
    found = xp.linalg.solve(left, xp.reshape(right, (*step.shape, 4 * n, 5)))
    return xp.reshape(found, (*step.shape, n, 4, 5)), step


def _closed(transfer: Array, driven: Array) -> Array:
    """The state (*batch, 4) that pieces y -> Y y + z, (*batch, P, 4, 4) and (*batch, P, 4), lead back to."""
    xp = namespace(transfer)
    total, added = transfer[..., 0, :, :], driven[..., 0, :]
    for p in range(1, transfer.shape[-3]):
        added = xp.matmul(transfer[..., p, :, :], added[..., None])[..., 0] + driven[..., p, :]
        total = xp.matmul(transfer[..., p, :, :], total)
    return xp.linalg.solve(like(np.eye(4), total) - total, added[..., None])[..., 0]
