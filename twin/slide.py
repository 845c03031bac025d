"""What a relative error of the abscissa is worth on a predicted curve y(x), by differences a step h ahead:

    p_i = (y(x_i + h x_i) - y(x_i))/h ≈ x ∂y/∂x

The step is as long as such errors get, not as short as a derivative asks: a curve that is about to fall into a wall
counts as steep while it is still flat, since the truth may be in the wall already. y at x_i + h x_i is interpolated
linearly between the abscissae that there are. Where they lie further apart than the step, p is x times the slope to the
next one. So p is linear in y, with weights that the abscissae alone give, and y is asked at one place more only: a step
beyond the end. Abscissae are not negative; they may be few, in any order, and repeated.
"""

from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace
from twin.space import Floats

STEP = 0.005
"""h, a share of the abscissa."""


class Ahead(NamedTuple):
    """Where x_i + h x_i lies: at a ``share`` (n,) of the way from the place ``low`` to the place ``high`` (n,)."""

    low: Array
    high: Array
    share: Array


def and_beyond(x: Array) -> Array:
    """The abscissae x (n, d), and the one with the largest first coordinate a step further: (n + 1, d)."""
    xp = namespace(x)
    last = xp.take(x, xp.argmax(x[:, :1], axis=0), axis=0)
    return xp.concat([x, xp.concat([last[:, :1] * (1 + STEP), last[:, 1:]], axis=1)], axis=0)


def ahead_of(x: Floats) -> Ahead:
    """Where a step ahead of the n abscissae x (n + 1, d) lies, the last of which is beyond the end."""
    places, first = np.unique(x[:, 0], return_index=True)
    here = np.arange(len(x) - 1)
    if len(places) == 1:
        return Ahead(here, here, np.zeros(len(here)))
    ahead = x[:-1, 0] * (1 + STEP)
    left = np.clip(np.searchsorted(places, ahead) - 1, 0, len(places) - 2)
    share = (ahead - places[left]) / (places[left + 1] - places[left])
    return Ahead(first[left], first[left + 1], share)


def slide_along(y: Array, at: Ahead) -> Array:
    """p (*batch, n, q) of predictions y (*batch, n + 1, q), the last of them beyond the end."""
    xp = namespace(y)
    low, high = (xp.take(y, xp.asarray(index), axis=-2) for index in (at.low, at.high))
    return (low + like(at.share[:, None], y) * (high - low) - y[..., :-1, :]) / STEP


def slide_of(y: Array, x: Floats) -> Array:
    """p (*batch, n, q) of predictions y (*batch, n + 1, q) at abscissae x (n + 1, d), one of them beyond the end.

    The abscissa is the first of d coordinates.
    """
    return slide_along(y, ahead_of(x))
