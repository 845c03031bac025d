"""All ways on one window, one after the other on one core."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from twin.case_studies.benchmarks.engine_seeds import actuator_operator, few_shot, ours
from twin.case_studies.benchmarks.engine_seeds.collocation import CONTINUATION, TOLERANCE, collocate
from twin.case_studies.benchmarks.engine_seeds.networks_of_time import ALL, GAS, TimeNetworks
from twin.case_studies.benchmarks.engine_seeds.splines import Basis, splines
from twin.case_studies.benchmarks.engine_seeds.task import NAMES, NOMINAL_THETA, Answer, Task, task_of
from twin.case_studies.benchmarks.engine_seeds.warm_start import Compared, answer, compared, trail
from twin.case_studies.benchmarks.engine_seeds.window_pinn import Schedule, Window, fit, found_by, inputs_of
from twin.models.engine.transient import transient
from twin.space import Floats
from twin.training.problem import TorchWeights

Result = TypeVar("Result")
Strictness = tuple[Floats, tuple[float, ...]]
"""Tolerance of the equations, and the factors by which it shrinks to that."""
STRICT: Strictness = (TOLERANCE, CONTINUATION)
LENIENT: Strictness = (few_shot.TOLERANCE, few_shot.CONTINUATION)

DONOR_SEED = 7
"""Of the transient on which donors are trained and programs compiled."""
NEW_ENGINE = dict(zip(NAMES, NOMINAL_THETA.tolist(), strict=True))


@dataclass(frozen=True)
class Effort:
    """Schedule of networks of time; epochs and windows of what is trained beforehand."""

    schedule: Schedule
    operator: int
    windows: int
    body: int


FULL = Effort(Schedule(500, 400, climb=500), actuator_operator.EPOCHS, few_shot.WINDOWS, 1000)
QUICK = Effort(Schedule(50, 2, climb=50), 200, 4, 100)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Answers of all ways, and how a warm start compares with a cold one."""

    task: Task
    answers: tuple[Answer, ...]
    transfer: Compared


def compare(seed: int, effort: Effort, *, with_ladder: bool, told: Callable[[Answer, Task], None]) -> Comparison:
    """Every way on the standard transient with noise of this seed; ``told`` hears of each answer when it is there."""
    task, donor = task_of(seed), task_of(seed + 1, transient(DONOR_SEED), NEW_ENGINE)
    answers: list[Answer] = []

    def add(found: Answer) -> None:
        answers.append(found)
        told(found, task)

    add(ours.mode(task, donor))
    if with_ladder:
        add(ours.ladder(task, seed))
    add(_collocated("B-spline collocation", task, lambda: splines(task.time), STRICT))
    add(_collocated("B-splines, tolerance of few-shot", task, lambda: splines(task.time), LENIENT))
    body, offline = _timed(lambda: few_shot.trained_body(seed, windows=effort.windows, epochs=effort.body))

    def basis() -> Basis:
        return few_shot.learned_basis(body.weights, task.time)

    add(_collocated("frozen body, few-shot", task, basis, LENIENT, offline))
    six = Window(task, TimeNetworks(ALL), inputs_of(task))
    add(_fitted("six networks, adaptive weights", six, effort.schedule, seed))
    operator, offline = _timed(lambda: actuator_operator.trained_operator(seed, effort.operator))
    here, there = (_with_operator(window, operator.weights) for window in (task, donor))
    cold = trail(here, effort.schedule, seed=seed)
    add(answer("operator's actuators, cold", here, cold, offline))
    given = trail(there, replace(effort.schedule, polish=max(1, effort.schedule.polish // 2)), seed=seed)
    warm = trail(here, effort.schedule, seed=seed, weights=given.weights)
    add(answer("operator's actuators, warm", here, warm, offline + given.seconds[-1]))
    add(_fitted("six networks, equal weights", six, replace(effort.schedule, climb=0), seed))
    return Comparison(task, tuple(answers), compared(cold, warm))


def _timed(job: Callable[[], Result]) -> tuple[Result, float]:
    """What a job gives, and its processor time [s]: wall time would tell how busy the machine is."""
    begin = time.process_time()
    found = job()
    return found, time.process_time() - begin


def _fitted(way: str, window: Window, schedule: Schedule, seed: int) -> Answer:
    found, seconds = _timed(lambda: fit(window, schedule, seed=seed))
    z, states = found_by(window, found.weights)
    return Answer(way, z, states, seconds, epochs=schedule.passes)


def _with_operator(task: Task, weights: TorchWeights) -> Window:
    opened = actuator_operator.openings(weights, task.commands)
    return Window(task, TimeNetworks(GAS), inputs_of(task, opened))


def _collocated(way: str, task: Task, basis: Callable[[], Basis], how: Strictness, offline: float = 0.0) -> Answer:
    tolerance, continuation = how
    found, seconds = _timed(lambda: collocate(task, basis(), tolerance=tolerance, continuation=continuation))
    return Answer(way, found.z, found.states, seconds, offline, found.iterations, np.sqrt(np.diag(found.covariance)))


def cheapest(answers: Sequence[Answer]) -> float:
    """Seconds of the first way, to which all times are ratios."""
    return answers[0].seconds
