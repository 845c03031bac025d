"""What a relative error of the abscissa is worth on a predicted curve y(x), by differences a step h ahead:

    p_i = (y(x_i + h x_i) - y(x_i))/h ≈ x ∂y/∂x

The step is as long as such errors get, not as short as a derivative asks: a curve that is about to fall into a wall
counts as steep while it is still flat, since the truth may be in the wall already. y at x_i + h x_i is interpolated
linearly between the abscissae that there are. Where they lie further apart than the step, p is x times the slope to the
next one. So p is linear in y, with weights that the abscissae alone give, and y is asked at one place more only: a step
beyond the end. Abscissae are not negative; they may be few, in any order, and repeated.
"""

import numpy as np

from twin.arrays import Array, like, namespace
from twin.space import Floats

STEP = 0.005
"""h, a share of the abscissa."""


def and_beyond(x: Floats) -> Floats:
    """The abscissae x (n, d), and the one with the largest first coordinate a step further: (n + 1, d)."""
    last = x[[np.argmax(x[:, 0])]]
    return np.concatenate([x, np.concatenate([last[:, :1] * (1 + STEP), last[:, 1:]], axis=1)])


def slide_of(y: Array, x: Floats) -> Array:
    """p (*batch, n, q) of predictions y (*batch, n + 1, q) at abscissae x (n + 1, d), one of them beyond the end.

    The abscissa is the first of d coordinates.
    """
    places, first = np.unique(x[:, 0], return_index=True)
    here = y[..., :-1, :]
    if len(places) == 1:
        return 0 * here
    ahead = x[:-1, 0] * (1 + STEP)
    left = np.clip(np.searchsorted(places, ahead) - 1, 0, len(places) - 2)
    share = (ahead - places[left]) / (places[left + 1] - places[left])
    xp = namespace(y)
    low, high = (xp.take(y, xp.asarray(first[index]), axis=-2) for index in (left, left + 1))
    return (low + like(share[:, None], y) * (high - low) - here) / STEP
