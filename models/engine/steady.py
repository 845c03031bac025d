"""Steady states under constant inputs, by pseudo-transient continuation.

Steps of implicit Euler, each as long as the fall of the rates before it allows (switched evolution relaxation), end in
Newton's method on the steady state. The slowest pole, the turbocharger's, is -0.7 1/s at usual loads and nearly 0 where
the compressor's efficiency is at its floor.
"""

import numpy as np

from twin.arrays import Array, detached, namespace
from twin.collocation import RadauIIA
from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.core import START, frozen, rate_of
from twin.models.engine.newton import improved
from twin.scan import scan

EULER = RadauIIA(1)
ITERATIONS = 60
FIRST, LONGEST = 0.02, 1e8
"""[s]"""
SHRINK, GROW = 0.3, 2.5
NOISE = 1e-12
"""[1/s] of rates that are rounding."""


def steady_state(drive: Drive, engine: Engine, air: Ambient, at: Array) -> Array:
    """Scaled states (3, *batch) for a drive that broadcasts to the batch of ``at`` (*batch,), only whose shape counts.

    The rates that are left tell whether it has been reached (``core.rate_of``).
    """
    xp = namespace(at)
    rate, still = rate_of(drive, engine, air), rate_of(drive, frozen(engine), frozen(air))
    y = xp.stack([one + 0 * at for one in START], axis=0)

    def step(carry: tuple[Array, ...], _: tuple[Array, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        y, h, before = carry
        found = improved(y[:, None], y, h, rate, still, EULER)[:, 0]
        left = xp.max(xp.abs(still(detached(found)) / detached(found)), axis=0)
        return (
            found,
            xp.clip(h * xp.clip((before + NOISE) / (left + NOISE), SHRINK, GROW), FIRST * SHRINK, LONGEST),
            left,
        ), ()

    first = FIRST + 0 * y[0]
    (y, _, _), _ = scan(step, (y, first, xp.max(xp.abs(still(y) / y), axis=0)), (np.zeros(ITERATIONS),))
    return y
