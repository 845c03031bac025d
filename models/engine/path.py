"""The core states over a record of commands, step by step.

Steps have one length h, whatever the rows of the record. Commands are followed exactly to the stages of each step, so
between rows and after delays nothing is lost but what a polynomial of degree s cannot follow. Readings are taken off
that polynomial, anywhere in a step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from twin.arrays import Array, detached, like, namespace
from twin.collocation import RadauIIA
from twin.models.engine.actuators import Commands, drive_at
from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.core import frozen, rate_of
from twin.models.engine.newton import improved
from twin.models.engine.steady import steady_state
from twin.scan import scan
from twin.space import Floats

STEP = 0.2
"""[s]"""
SCHEME = RadauIIA(3)
SOFTNESS = 0.001
"""Width of clips in the matrix of Newton's method: with exact ones one iteration's answer would jump
where the guess crosses from one side of a clip to the other."""

Guess = Callable[[Array, Drive], Array]
"""Start (3, *batch) and drive (s, *batch) -> a guess of the stages (3, s, *batch)."""


class Grid(NamedTuple):
    """Drive (K, s) at the stages of K steps, drive (n,) at the readings, and which step and weights give each.

    ``weights`` (n, s + 1) take the step's start and stages to the reading.
    """

    stages: Drive
    readings: Drive
    step: Floats
    weights: Floats


@dataclass(frozen=True, eq=False)
class Solver:
    """A guess of each step's stages, and how often Newton's method improves it."""

    guess: Guess
    corrections: int
    scheme: RadauIIA = SCHEME
    h: float = STEP


def grid_of(commands: Commands, engine: Engine, *, scheme: RadauIIA = SCHEME, h: float = STEP) -> Grid:
    """Where the drive is needed for readings at the commands' own times; ``engine`` gives the actuators."""
    since = commands.time - commands.time[0]
    count = max(1, int(np.ceil(since[-1] / h - 1e-9)))
    stages = commands.time[0] + h * (np.arange(count)[:, None] + scheme.nodes[1:])
    step = np.clip(np.ceil(since / h - 1e-9).astype(int) - 1, 0, count - 1)
    weights = scheme.interpolation(since / h - step)
    return Grid(drive_at(commands, stages, engine), drive_at(commands, commands.time, engine), step, weights)


def follow(grid: Grid, engine: Engine, air: Ambient, solver: Solver, at: Array) -> Array:
    """Scaled states (3, n, *batch) at the readings, from the steady state of the first drive on.

    ``at`` (*batch,) gives kind and shape of the batch.
    """
    first = Drive(*(like(column[0], at) for column in grid.readings))
    begin = steady_state(first, engine, air, at)
    return readings(grid, *steps(grid, begin, engine, air, solver))


def steps(grid: Grid, begin: Array, engine: Engine, air: Ambient, solver: Solver) -> tuple[Array, Array]:
    """Starts (K, 3, *batch) and stages (K, 3, s, *batch) of all steps; the drive may differ over the batch.

    Derivatives flow through the last correction of a step only, so those before it are one loop without them.
    """
    still, quiet = frozen(engine), frozen(air)
    soft = replace(still, softness=SOFTNESS)
    free = (1,) * (begin.ndim + 1 - grid.stages.n_e.ndim)

    def advance(carry: tuple[Array], row: Drive) -> tuple[tuple[Array], tuple[Array, Array]]:
        (start,) = carry
        xp = namespace(start)
        drive = Drive(*(xp.reshape(like(column, start), (*column.shape, *free)) for column in row))
        halted, at, h, scheme = rate_of(drive, soft, quiet), detached(start), solver.h, solver.scheme

        def corrected(carry: tuple[Array], _: tuple[Array]) -> tuple[tuple[Array], tuple[Array, ...]]:
            return (improved(carry[0], at, h, rate_of(drive, still, quiet), halted, scheme),), ()

        stages = solver.guess(start, drive)
        if solver.corrections > 1:
            (stages,), _ = scan(corrected, (detached(stages),), (np.zeros(solver.corrections - 1),))
        if solver.corrections:
            stages = improved(stages, start, h, rate_of(drive, engine, air), halted, scheme)
        return (stages[:, -1],), (start, stages)

    _, (starts, stages) = scan(advance, (begin,), grid.stages)
    return starts, stages


def readings(grid: Grid, starts: Array, stages: Array) -> Array:
    """Scaled states (3, n, *batch) at the readings."""
    xp = namespace(starts)
    which = xp.asarray(grid.step)
    nodes = xp.concat([starts[:, :, None], stages], axis=2)
    near = xp.take(nodes, which, axis=0)
    weights = like(grid.weights, starts)
    shape = (weights.shape[0], 1, weights.shape[1]) + (1,) * (starts.ndim - 2)
    return xp.moveaxis(xp.sum(near * xp.reshape(weights, shape), axis=2), 0, 1)


def hold(start: Array, drive: Drive, stages: int = len(SCHEME.nodes) - 1) -> Array:
    """The guess that nothing changes."""
    return start[:, None] + 0 * namespace(start).stack([start] * stages, axis=1)
