"""Following a curved posterior along its longest axis.

In coordinates u = c + A η of a mode's principal axes, let b(t) maximise log p over the other coordinates where
η₁ = t, with curvature F(t) there. Then, by Laplace's approximation of the inner integral (Tierney and Kadane 1986,
JASA 81, 82),

    log p(η₁ = t) ≈ log p(t, b(t)) - ½ log det F(t) + const,      η_i | t ≈ N(b_i(t), (F(t)⁻¹)_ii)

A proposal bent along b and stretched along F fits a posterior whose parameters trade off along a curve, where a
straight one leaves it within a standard deviation. b and log √(F⁻¹)_ii are polynomials through the nodes that a
predictor (the polynomial so far) and a corrector (Newton's method with t held) reach on either side.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from twin.inference.rungs.split_t import SMALLEST, Bend, Rows, SplitT
from twin.space import Floats

FIRST_STEP = 0.5
"""Standard deviations of Laplace's approximation."""
NODES, ATTEMPTS = 4, 7
"""On either side."""
CORRECTIONS = 5
NEAR, STRAYED = 0.01, 0.05
"""Newton decrement [nats] at which a node is good enough, and above which it is not on the ridge."""
FAR = 4.0
"""Drop of the marginal [nats] at which a side is finished."""
TARGET_DROPS = (0.125, 0.5, 2.0, 4.5)
"""Drops that the nodes aim at: ½, 1, 2 and 3 standard deviations."""
LONGEST = 3.0
"""A step's length at most, in lengths of what lies behind it."""
SHRINK = 0.4
"""Share of a failed step that is tried next."""


class Local(Protocol):
    """Curvature, gradient and value of many log densities."""

    def __call__(self, u: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Minus Hessian (k, p, p), gradient (k, p), log density (k,) of u (k, p) under the targets ``rows`` (k,)."""
        ...


@dataclass(frozen=True, eq=False)
class Side:
    """One half of each ridge: t (k, J), other coordinates and log stretches (k, J, p - 1), drop (k, J).

    The first ``count`` (k,) nodes of each are filled.
    """

    t: Floats
    rest: Floats
    stretch: Floats
    drop: Floats
    count: npt.NDArray[np.int64]

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Which nodes are filled (k, J)."""
        return np.asarray(np.arange(NODES) < self.count[:, None])

    def part(self, rows: Rows) -> "Side":
        """Some of the ridges."""
        return Side(self.t[rows], self.rest[rows], self.stretch[rows], self.drop[rows], self.count[rows])


def bent(local: Local, proposal: SplitT, rows: Rows) -> SplitT:
    """The proposal bent along the ridge of each component, its first half-axes as long as the marginal says."""
    m, k, p = proposal.centre.shape
    if p == 1:
        return proposal
    centre, axes = proposal.centre.reshape(-1, p), proposal.axes.reshape(-1, p, p)
    owner = np.repeat(rows, k)
    start = _relaxed(local, centre, axes, owner, np.zeros(len(centre)), np.zeros((len(centre), p - 1)), 0)
    plus, minus = (_follow(local, centre, axes, owner, start, sign) for sign in (1.0, -1.0))
    scale = [np.where(side.used.any(1), _half_axis(side), old) for side, old in _pairs(proposal, plus, minus)]
    first = np.arange(p) == 0
    return SplitT(
        weight=proposal.weight,
        centre=proposal.centre,
        axes=proposal.axes,
        plus=np.where(first, scale[0].reshape(m, k, 1), proposal.plus),
        minus=np.where(first, scale[1].reshape(m, k, 1), proposal.minus),
        bend=_bend(start, plus, minus, (m, k, p)),
    )


def _pairs(proposal: SplitT, plus: Side, minus: Side) -> list[tuple[Side, Floats]]:
    return [(plus, proposal.plus[..., 0].ravel()), (minus, proposal.minus[..., 0].ravel())]


def _half_axis(side: Side) -> Floats:
    """The longest half-axis among the nodes, each from its drop as in ``split_t.fit_half_axes``."""
    length = np.abs(side.t) / np.sqrt(2.0 * np.maximum(side.drop, TARGET_DROPS[0]))
    seen = side.used & (side.drop > TARGET_DROPS[0])
    best = np.where(seen, length, 0.0).max(axis=1)
    far = np.where(side.used, np.abs(side.t), 0.0).max(axis=1)
    return np.asarray(np.where(best > 0, best, np.maximum(2.0 * far, SMALLEST)))


@dataclass(frozen=True, eq=False)
class Node:
    """A point of each ridge: other coordinates (k, p - 1), log stretches, log marginal (k,), whether it is one."""

    rest: Floats
    stretch: Floats
    height: Floats
    good: npt.NDArray[np.bool_]


def _follow(local: Local, centre: Floats, axes: Floats, owner: Rows, start: Node, sign: float) -> Side:
    """Nodes on one side of every ridge."""
    k, p = centre.shape
    side = Side(
        t=np.zeros((k, NODES)),
        rest=np.zeros((k, NODES, p - 1)),
        stretch=np.zeros((k, NODES, p - 1)),
        drop=np.zeros((k, NODES)),
        count=np.zeros(k, dtype=np.int64),
    )
    at, step, going = np.zeros(k), np.full(k, FIRST_STEP), start.good.copy()
    for _ in range(ATTEMPTS):
        active = np.flatnonzero(going)
        if not len(active):
            break
        trial = at[active] + step[active]
        guess = _polynomial(side.part(active), trial * sign)
        node = _relaxed(local, centre[active], axes[active], owner[active], trial * sign, guess, CORRECTIONS)
        fall = start.height[active] - node.height
        good = node.good & (fall < 4 * FAR) & (fall > -FAR)
        where, slot = active[good], side.count[active[good]]
        side.t[where, slot], side.drop[where, slot] = trial[good] * sign, fall[good]
        side.rest[where, slot] = node.rest[good]
        side.stretch[where, slot] = node.stretch[good] - start.stretch[where]
        side.count[where] += 1
        at[where] = trial[good]
        width = at[where] / np.sqrt(2.0 * np.maximum(fall[good], 0.02))
        aim = np.sqrt(2.0 * np.array(TARGET_DROPS)[np.minimum(slot + 1, NODES - 1)]) * width
        step[where] = np.clip(aim - at[where], 0.3 * at[where], (LONGEST - 1) * at[where])
        step[active[~good]] *= SHRINK
        going[where] = (fall[good] < FAR) & (slot + 1 < NODES)
    return side


def _relaxed(
    local: Local, centre: Floats, axes: Floats, owner: Rows, t: Floats, rest: Floats, corrections: int
) -> Node:
    """Newton's method for the other coordinates with t held, until each is near the ridge."""
    k = len(t)
    found = Node(rest.copy(), np.zeros_like(rest), np.full(k, -np.inf), np.zeros(k, dtype=bool))
    moving = np.arange(k)
    for left in range(corrections, -1, -1):
        eta = np.concatenate([t[moving, None], found.rest[moving]], axis=1)
        own = axes[moving]
        curvature, gradient, value = local(centre[moving] + (own @ eta[..., None])[..., 0], owner[moving])
        turned = own.swapaxes(-1, -2) @ curvature @ own
        slope = (own.swapaxes(-1, -2) @ gradient[..., None])[:, 1:, 0]
        usable = np.isfinite(turned).all(axis=(-2, -1)) & np.isfinite(slope).all(axis=-1) & np.isfinite(value)
        inner = np.where(usable[:, None, None], turned[:, 1:, 1:], np.eye(slope.shape[1]))
        e, basis = np.linalg.eigh(0.5 * (inner + inner.swapaxes(-1, -2)))
        along = np.einsum("kij,ki->kj", basis, np.where(usable[:, None], slope, 0.0))
        bounded = np.maximum(np.abs(e), 1e-8)
        decrement = 0.5 * np.sum((along / np.sqrt(bounded)) ** 2, axis=1)
        found.stretch[moving] = 0.5 * np.log(np.einsum("kij,kj->ki", basis**2, 1.0 / bounded))
        found.height[moving] = value - 0.5 * np.log(bounded).sum(axis=1)
        found.good[moving] = usable & (decrement < STRAYED) & (e > 1e-6).all(axis=1)
        on = usable & (decrement > NEAR)
        moving = moving[on]
        if not left or not len(moving):
            break
        found.rest[moving] += np.einsum("kij,kj->ki", basis, along / bounded)[on]
    return found


def _polynomial(side: Side, at: Floats) -> Floats:
    """At ``at`` (k,), the polynomials through 0 with slope 0 at t = 0 and the nodes so far: (k, p - 1)."""
    coefficients = _coefficients(side.t, side.rest, side.used, first=2)
    return np.asarray((at[:, None] ** np.arange(2, 2 + NODES))[:, None] @ coefficients)[:, 0]


def _coefficients(t: Floats, values: Floats, used: npt.NDArray[np.bool_], first: int) -> Floats:
    """Of t^first, t^(first + 1), ...: (k, J, q); as many as there are nodes used, the rest 0."""
    j = t.shape[1]
    order = np.argsort(~used, axis=1, kind="stable")
    t, used = np.take_along_axis(t, order, axis=1), np.take_along_axis(used, order, axis=1)
    values = np.take_along_axis(values, order[..., None], axis=1)
    size = np.maximum(np.abs(np.where(used, t, 0.0)).max(axis=1, keepdims=True), 1e-6)
    degrees = np.arange(first, first + j)
    rows = np.where(used[..., None], (np.where(used, t, 0.0) / size)[..., None] ** degrees, np.eye(j))
    solved = np.linalg.solve(rows, np.where(used[..., None], values, 0.0))
    return np.asarray(solved / (size**degrees)[..., None])


def _bend(start: Node, plus: Side, minus: Side, shape: tuple[int, int, int]) -> Bend:
    """The polynomials through the nodes of both sides, from t¹ on, as columns for all p axes."""
    m, k, p = shape
    t, used = np.concatenate([plus.t, minus.t], axis=1), np.concatenate([plus.used, minus.used], axis=1)

    def whole(a: Floats, b: Floats) -> Floats:
        found = _coefficients(t, np.concatenate([a, b], axis=1), used, first=1)
        padded = np.concatenate([np.zeros((*found.shape[:2], 1)), found], axis=2)
        return padded.reshape(m, k, 2 * NODES, p)

    ends = np.where(used, t, 0.0)
    reach = np.stack([ends.min(axis=1), ends.max(axis=1)], axis=-1).reshape(m, k, 2)
    return Bend(whole(plus.rest, minus.rest), whole(plus.stretch, minus.stretch), reach)
