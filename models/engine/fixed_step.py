"""The direct solver with fixed steps: the classical Runge-Kutta method, differentiable under PyTorch and JAX.

Explicit, so its step is bounded by the fastest pole, -137 1/s: 20 ms is the limit of stability, 10 ms the default. It
shares neither the scheme nor Newton's method with the step network, and is what that one is held against.
"""

from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.engine.actuators import Commands, drive_at
from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.core import rate_of
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.steady import steady_state
from twin.scan import scan
from twin.space import Floats

STEP = 0.01
"""[s]"""
LIMIT = 0.02


class Nodes(NamedTuple):
    """Drive (K, 3) at the start, middle and end of K steps; the step before each of n readings, and the share of it."""

    drive: Drive
    left: Floats
    share: Floats


def nodes_of(commands: Commands, h: float = STEP) -> Nodes:
    """Steps of length h that cover the commands. ValueError for one at which the method is not stable."""
    if not 0 < h <= LIMIT:
        raise ValueError(f"step of {h:g} s: expected at most {LIMIT:g} s, beyond which the solution is wrong")
    t = commands.time
    count = max(1, int(np.ceil((t[-1] - t[0]) / h - 1e-9)))
    times = t[0] + h * (np.arange(count)[:, None] + np.array([0.0, 0.5, 1.0]))
    place = (t - t[0]) / h
    left = np.clip(np.floor(place + 1e-9).astype(int), 0, count - 1)
    return Nodes(drive_at(commands, times, NOMINAL), left, place - left)


def runge_kutta(commands: Commands, engine: Engine, air: Ambient, at: Array, *, h: float = STEP) -> Array:
    """Scaled states (3, n, *batch) at the commands' times, from the steady state of the first on.

    ``at`` (*batch,) gives kind and shape of the batch. Between steps readings are linear. ValueError for a step at
    which the method is not stable.
    """
    return run(nodes_of(commands, h), engine, air, at, h)


def run(nodes: Nodes, engine: Engine, air: Ambient, at: Array, h: float = STEP) -> Array:
    """The same where the drive is known already, and may be traced."""
    begin = steady_state(Drive(*(like(column[0, 0], at) for column in nodes.drive)), engine, air, at)

    def advance(carry: tuple[Array], row: Drive) -> tuple[tuple[Array], tuple[Array]]:
        (y,) = carry
        first, middle, last = (rate_of(Drive(*(like(c[i], y) for c in row)), engine, air) for i in range(3))
        k1 = first(y)
        k2 = middle(y + 0.5 * h * k1)
        k3 = middle(y + 0.5 * h * k2)
        k4 = last(y + h * k3)
        after = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return (after,), (after,)

    _, (path,) = scan(advance, (begin,), nodes.drive)
    xp = namespace(path)
    known = xp.concat([begin[None], path], axis=0)
    share = xp.reshape(like(nodes.share, path), (-1, 1) + (1,) * (path.ndim - 2))
    near, far = (xp.take(known, xp.asarray(nodes.left + i), axis=0) for i in (0, 1))
    return xp.moveaxis(near + share * (far - near), 0, 1)
