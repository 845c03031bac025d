"""The training loop: stages one after the other, checkpointed, bit by bit the same when resumed.

Points of step k come from the counter (seed, k) and the sampler's state, rates from k, never from the clock.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from twin.field import load_forward_mode
from twin.training import checkpoint as saved
from twin.training.interrupt import deferred_interrupt
from twin.training.problem import Problem, TorchWeights
from twin.training.residual import Residual, frozen_part, term_losses, total
from twin.training.sampling import Sampler, Sobol
from twin.training.stage import Batch, Runner, Stage, State, describe
from twin.training.weighting import Fixed, Weighting

_RECORDS_PER_STAGE = 200

History = tuple[tuple[int, float, float, str], ...]
"""(steps taken over all stages, seconds, unweighted loss before the last of them, the stage's name)."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: the stage's name, its steps taken of ``steps``, the loss, seconds so far."""

    stage: str
    step: int
    steps: int
    loss: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves behind: float64 weights on the CPU, and the record of how they came about.

    ``ended`` is "steps", "time budget", "interrupted" or "diverged"; in the last case the weights are the
    last recorded ones of finite loss. ``record`` describes seed, stages, sampler and weighting as plain data.
    """

    weights: dict[str, torch.Tensor]
    history: History
    steps: int
    seconds: float
    ended: str
    seed: int
    device: str
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether every step was taken."""
        return self.ended == "steps"


@dataclass(frozen=True, eq=False)
class _Plan:
    problem: Problem
    stages: tuple[Stage, ...]
    seed: int
    device: str
    sampler: Sampler
    weighting: Weighting
    checkpoint: Path | None
    checkpoint_seconds: float
    time_budget: float
    progress: Callable[[Progress], None] | None
    fingerprint: State
    frozen: dict[str, torch.Tensor]


@dataclass(eq=False)
class _Position:
    """Where a run is; local to one call of ``train``, and the content of a checkpoint."""

    weights: dict[str, torch.Tensor]
    stage: int = 0
    k: int = 0
    steps: int = 0
    seconds: float = 0.0
    runner: State | None = None
    sampler: State = field(default_factory=dict)
    weighting: State = field(default_factory=dict)
    points: torch.Tensor | None = None
    history: list[tuple[int, float, float, str]] = field(default_factory=list)
    good: dict[str, torch.Tensor] = field(default_factory=dict)


def train(
    problem: Problem,
    stages: tuple[Stage, ...],
    *,
    seed: int,
    device: str = "cpu",
    weights: TorchWeights | None = None,
    sampler: Sampler | None = None,
    weighting: Weighting | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    resume: bool = False,
    time_budget: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Trained:
    """Weights that make the rows of ``problem`` small, from ``weights`` or the network's own start.

    Points are ``Sobol`` and weights ``Fixed`` unless given. With ``checkpoint`` the run is saved every
    ``checkpoint_seconds`` [s] and at its end; ``resume`` goes on from there if the file exists. The time
    budget [s], which counts this call only, and Ctrl-C end a run between two steps and keep what is done.
    ValueError for a checkpoint of another problem, seed or other stages.
    """
    if resume and checkpoint is None:
        raise ValueError("resume needs the checkpoint's path, got checkpoint=None")
    load_forward_mode()
    sampler, weighting = sampler or Sobol(), weighting or Fixed()
    start = dict(problem.network.init(torch.Generator().manual_seed(seed)) if weights is None else weights)
    start = {k: v.detach().to(device, torch.float64) for k, v in start.items()}
    record = {
        "seed": seed,
        "stages": [describe(stage) for stage in stages],
        "sampler": describe(sampler),
        "weighting": describe(weighting),
    }
    budget = math.inf if time_budget is None else time_budget
    mark = saved.fingerprint(problem, start, record)
    plan = _Plan(
        problem, stages, seed, device, sampler, weighting, checkpoint, checkpoint_seconds, budget, progress,
        mark, frozen_part(start),
    )  # fmt: skip
    at = _Position(weights=start, good=start)
    if resume and checkpoint is not None and checkpoint.exists():
        content = saved.read(checkpoint, plan.fingerprint)
        at = _Position(**content["position"])
    with deferred_interrupt() as interrupted:
        ended = _run(plan, at, interrupted)
    final = at.good if ended == "diverged" else at.weights
    kept = {k: v.detach().to("cpu", torch.float64, copy=True) for k, v in (final | plan.frozen).items()}
    return Trained(kept, tuple(at.history), at.steps, at.seconds, ended, seed, device, record)


def _run(plan: _Plan, at: _Position, interrupted: Callable[[], bool]) -> str:
    """Takes the remaining steps of all stages; how it ended."""
    began = time.perf_counter() - at.seconds
    deadline = time.perf_counter() + plan.time_budget
    ended = "steps"
    while at.stage < len(plan.stages) and ended == "steps":
        ended = _run_stage(plan, at, interrupted, began, deadline)
        if ended == "steps":
            at.stage, at.k, at.runner, at.points = at.stage + 1, 0, None, None
    if ended != "diverged":
        _save(plan, at)
    return ended


def _run_stage(plan: _Plan, at: _Position, interrupted: Callable[[], bool], began: float, deadline: float) -> str:
    stage = plan.stages[at.stage]
    name = type(stage).__name__
    here = {k: v.to(plan.device, stage.dtype) for k, v in (at.weights | plan.frozen).items()}
    runner = stage.begin(plan.problem, here, at.runner)
    stride = max(1, stage.steps // _RECORDS_PER_STAGE)
    save_at = time.perf_counter() + plan.checkpoint_seconds
    ended = "steps"
    while at.k < stage.steps and ended == "steps":
        residual = _step(plan, at, stage, runner)
        now = time.perf_counter()
        at.seconds = now - began
        if at.k % stride == 0 or at.k == stage.steps:
            loss = float(total(term_losses(residual, {})))
            at.history.append((at.steps, at.seconds, loss, name))
            if not math.isfinite(loss):
                return "diverged"
            ended = _report(plan, Progress(name, at.k, stage.steps, loss, at.seconds))
            at.good = {k: v.to("cpu", torch.float64, copy=True) for k, v in runner.weights().items()}
        if at.k < stage.steps and interrupted():
            ended = "interrupted"
        elif at.k < stage.steps and now >= deadline:
            ended = "time budget"
        if plan.checkpoint is not None and now >= save_at:
            at.weights, at.runner = runner.weights(), runner.state()
            _save(plan, at)
            save_at = time.perf_counter() + plan.checkpoint_seconds
    at.weights, at.runner = runner.weights(), runner.state()
    return ended


def _step(plan: _Plan, at: _Position, stage: Stage, runner: Runner) -> Residual:
    """One step of the runner, and of the sampler's and the weighting's states."""
    problem = plan.problem
    if at.points is None or at.k % stage.resample == 0:
        at.points = torch.empty(0, problem.dimension, dtype=torch.float64)
        if problem.rows is not None:
            counter = (plan.seed, at.steps)
            at.points, at.sampler = plan.sampler.draw(stage.batch, problem.dimension, counter, at.sampler)
    points, state = at.points.to(plan.device, stage.dtype), at.weighting
    batch = Batch(points, lambda found: plan.weighting.weigh(problem, points, found, state))
    residual = runner.step(at.k, batch)
    at.sampler = plan.sampler.update(at.points, residual, at.sampler)
    at.weighting = plan.weighting.update(problem, points, residual, state)
    at.k, at.steps = at.k + 1, at.steps + 1
    return residual


def _report(plan: _Plan, progress: Progress) -> str:
    """Tells the caller; a KeyboardInterrupt raised there ends the run like Ctrl-C."""
    try:
        if plan.progress is not None:
            plan.progress(progress)
    except KeyboardInterrupt:
        return "interrupted"
    return "steps"


def _save(plan: _Plan, at: _Position) -> None:
    if plan.checkpoint is not None:
        position = {f.name: getattr(at, f.name) for f in fields(at)}
        saved.write(plan.checkpoint, {"fingerprint": plan.fingerprint, "position": position})
