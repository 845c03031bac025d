"""Transfer by a warm start: networks of one window go on from those of another, and how soon they are as good.

The donor is a window of other commands and a new engine. A trail records the largest error of the parameters over the
passes; of a cold and a warm trail it is asked when each came to stay within the worse of the two last errors.
"""

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from twin.case_studies.benchmarks.engine_seeds.task import Answer
from twin.case_studies.benchmarks.engine_seeds.window_pinn import Schedule, Window, fit, found_by
from twin.training.problem import TorchWeights

CHUNK = 20
"""Steps of L-BFGS between two looks; its memory starts anew."""


@dataclass(frozen=True, eq=False)
class Trail:
    """Weights at the end; passes, seconds and largest errors of z on the way there."""

    weights: TorchWeights
    passes: tuple[int, ...]
    seconds: tuple[float, ...]
    errors: tuple[float, ...]


def trail(window: Window, schedule: Schedule, *, seed: int, weights: TorchWeights | None = None) -> Trail:
    """Adam from a fresh start if there are no ``weights``, then L-BFGS, with all readings' weights at 1."""
    begin = time.process_time()
    passes: list[int] = []
    seconds: list[float] = []
    errors: list[float] = []
    first = 0
    if weights is None:
        weights, first = fit(window, replace(schedule, polish=0, climb=0), seed=seed).weights, schedule.epochs
    steps = 0
    while steps < schedule.polish:
        part = min(CHUNK, schedule.polish - steps)
        weights = fit(window, Schedule(0, part, climb=0), seed=seed, weights=weights).weights
        steps += part
        passes.append(first + 20 * steps)
        seconds.append(time.process_time() - begin)
        errors.append(float(np.abs(found_by(window, weights)[0] - window.task.truth).max()))
    return Trail(weights, tuple(passes), tuple(seconds), tuple(errors))


def answer(way: str, window: Window, found: Trail, offline: float = 0.0) -> Answer:
    """What a trail ends with."""
    with torch.no_grad():
        z, states = found_by(window, found.weights)
    return Answer(way, z, states, found.seconds[-1], offline, found.passes[-1])


def settled(found: Trail, bar: float) -> int:
    """Index of the first look from which on no error is beyond the bar; the last where there is none."""
    beyond = [i for i, error in enumerate(found.errors) if error > bar]
    return min(beyond[-1] + 1, len(found.errors) - 1) if beyond else 0


@dataclass(frozen=True)
class Compared:
    """Passes and seconds until cold and warm networks are within ``bar`` (largest error of z)."""

    bar: float
    cold: tuple[int, float]
    warm: tuple[int, float]


def compared(cold: Trail, warm: Trail) -> Compared:
    """To equal errors of the parameters."""
    bar = max(cold.errors[-1], warm.errors[-1])
    i, j = settled(cold, bar), settled(warm, bar)
    return Compared(bar, (cold.passes[i], cold.seconds[i]), (warm.passes[j], warm.seconds[j]))
