"""Where the network of a step is trained: steps that engines take on seeded transients.

States and drives come from trajectories of engines of all kinds of health, in all kinds of weather, by the step's own
equations with Newton's method; what becomes of them in the step is left to the training.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twin.models.engine.air_path import Drive
from twin.models.engine.parameters import ACTUATED, AMBIENT, BUILD, NOMINAL, TURBOCHARGER, ambient_of, engine_of
from twin.models.engine.path import Solver, grid_of, hold, steps
from twin.models.engine.steady import steady_state
from twin.models.engine.transient import WHOLE, random_transient
from twin.space import Floats, Space

WEAR = Space((*ACTUATED, *TURBOCHARGER, *BUILD))
"""Constants of the engine that vary."""
ENGINES, WINDOW = 1024, 30.0
"""Each on its own transient [s]: 150,000 steps."""
SEED = 20261126
CORRECTIONS = 3
SANE = ((0.5, 8.0), (0.7, 9.0), (0.15, 3.0))
"""Scaled states beyond which the submodels mean nothing: a stalled or exploded turbocharger."""


class Visited(NamedTuple):
    """N steps: starts (N, 3), drives (N, 4, 3), constants (N, 11) and air (N, 4)."""

    start: Floats
    drive: Floats
    theta: Floats
    c: Floats


@cache
def visited() -> Visited:
    """All of them."""
    rng = np.random.default_rng(SEED)
    theta, c = (_within(space, rng) for space in (WEAR, AMBIENT))
    engine, air = engine_of(dict(zip(WEAR.names, theta.T, strict=True))), ambient_of(c)
    grids = [grid_of(random_transient(seed, WINDOW, WHOLE), NOMINAL) for seed in range(ENGINES)]
    first, drive = (
        Drive(*(np.stack(column, axis=-1) for column in zip(*(getattr(grid, part) for grid in grids), strict=True)))
        for part in ("readings", "stages")
    )
    with np.errstate(all="ignore"):
        begin = steady_state(Drive(*(column[0] for column in first)), engine, air, np.zeros(ENGINES))
        starts, stages = steps(grids[0]._replace(stages=drive), begin, engine, air, Solver(hold, CORRECTIONS))
        sane = _sane(starts) & _sane(stages[:, :, -1])
    every = np.ones((len(starts), 1, 1))
    return Visited(
        np.moveaxis(starts, 1, -1)[sane],
        np.moveaxis(np.stack(list(drive), axis=0), (1, 3), (0, 1))[sane],
        (every * theta)[sane],
        (every * c)[sane],
    )


def _within(space: Space, rng: np.random.Generator) -> Floats:
    """Even draws (ENGINES, d), a little inside the bounds."""
    low, high = space.bounds.T
    return np.asarray(low + (high - low) * rng.uniform(0.03, 0.97, (ENGINES, len(space))))


def _sane(y: Floats) -> npt.NDArray[np.bool_]:
    """Which of (K, 3, B) are within ``SANE``."""
    return np.asarray(np.all([(y[:, i] > low) & (y[:, i] < high) for i, (low, high) in enumerate(SANE)], axis=0))
