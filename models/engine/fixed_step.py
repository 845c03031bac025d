"""The direct solver with fixed steps: the classical Runge-Kutta method, differentiable under PyTorch and JAX.

Explicit, so its step is bounded by the fastest pole, -137 1/s: 20 ms is the limit of stability, 10 ms the default. It
shares neither the scheme nor Newton's method with the step network, and is what that one is held against.
"""

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.engine.actuators import Commands, drive_at
from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.core import rate_of
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.steady import steady_state
from twin.scan import scan

STEP = 0.01
"""[s]"""
LIMIT = 0.02


def runge_kutta(commands: Commands, engine: Engine, air: Ambient, at: Array, *, h: float = STEP) -> Array:
    """Scaled states (3, n, *batch) at the commands' times, from the steady state of the first on.

    ``at`` (*batch,) gives kind and shape of the batch. Between steps readings are linear. ValueError for a step at
    which the method is not stable.
    """
    if not 0 < h <= LIMIT:
        raise ValueError(f"step of {h:g} s: expected at most {LIMIT:g} s, beyond which the solution is wrong")
    t = commands.time
    count = max(1, int(np.ceil((t[-1] - t[0]) / h - 1e-9)))
    times = t[0] + h * (np.arange(count)[:, None] + np.array([0.0, 0.5, 1.0]))
    rows = drive_at(commands, times, NOMINAL)
    begin = steady_state(Drive(*(float(column[0, 0]) for column in rows)), engine, air, at)

    def advance(carry: tuple[Array], row: Drive) -> tuple[tuple[Array], tuple[Array]]:
        (y,) = carry
        first, middle, last = (rate_of(Drive(*(like(c[i], y) for c in row)), engine, air) for i in range(3))
        k1 = first(y)
        k2 = middle(y + 0.5 * h * k1)
        k3 = middle(y + 0.5 * h * k2)
        k4 = last(y + h * k3)
        after = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return (after,), (after,)

    _, (path,) = scan(advance, (begin,), rows)
    xp = namespace(path)
    nodes = xp.concat([begin[None], path], axis=0)
    place = (t - t[0]) / h
    left = np.clip(np.floor(place + 1e-9).astype(int), 0, count - 1)
    share = xp.reshape(like(place - left, path), (-1, 1) + (1,) * (path.ndim - 2))
    near, far = (xp.take(nodes, xp.asarray(left + i), axis=0) for i in (0, 1))
    return xp.moveaxis(near + share * (far - near), 0, 1)
