"""Training of a module on batches of data: AdamW, checkpointed, the same when resumed.

Problems of physics go through ``loop.py``; this is for losses that are means over measured examples. The batch of step
k is drawn from k, never from the clock.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from twin.training import checkpoint as saved
from twin.training.first_order import Adam, rate
from twin.training.interrupt import deferred_interrupt
from twin.training.stage import describe

STEEPEST = 1.0
"""Norm to which gradients are cut."""
RECORDS = 100


@dataclass(frozen=True, eq=False)
class Fitted:
    """Steps taken, seconds over all calls, mean losses over hundredths of the run, and how it ended."""

    steps: int
    seconds: float
    history: tuple[tuple[int, float], ...]
    ended: str

    @property
    def finished(self) -> bool:
        """Whether every step was taken."""
        return self.ended == "steps"


def fit_module(
    module: torch.nn.Module,
    loss: Callable[[int], torch.Tensor],
    stage: Adam,
    *,
    what: str,
    decay: float = 0.0,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    time_budget: float = math.inf,
    progress: Callable[[int, float], None] | None = None,
) -> Fitted:
    """Trains ``module`` in place on ``loss(k)``, a scalar of the batch of step k.

    With a checkpoint a run goes on where it was left; ``what`` says what is trained, and ValueError is raised for a
    checkpoint of something else. ``decay`` is AdamW's (Loshchilov and Hutter 2019, arXiv 1711.05101).
    """
    optimizer = torch.optim.AdamW(module.parameters(), lr=stage.rate, betas=stage.betas, weight_decay=decay)
    mark = json.dumps({"what": what, "stage": describe(stage), "decay": decay}, sort_keys=True)
    k, before, history, recent = 0, 0.0, [], []
    if checkpoint is not None and checkpoint.exists():
        found = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if found["mark"] != mark:
            raise ValueError(f"{checkpoint}: checkpoint of another run: it has {found['mark']}, asked for is {mark}")
        module.load_state_dict(found["module"])
        optimizer.load_state_dict(found["optimizer"])
        k, before, history = found["k"], found["seconds"], list(found["history"])

    def save() -> None:
        if checkpoint is not None:
            content = {"mark": mark, "module": module.state_dict(), "optimizer": optimizer.state_dict(), "k": k,
                       "seconds": before + time.perf_counter() - begin, "history": history}  # fmt: skip
            saved.write(checkpoint, content)

    begin = last = time.perf_counter()
    stride, ended = max(1, stage.steps // RECORDS), "steps"
    with deferred_interrupt() as interrupted:
        while k < stage.steps:
            recent.append(_step(module, loss(k), optimizer, rate(k, stage)))
            k += 1
            if k % stride == 0 or k == stage.steps:
                history.append((k, sum(recent) / len(recent)))
                recent = []
                if progress is not None:
                    progress(*history[-1])
            now = time.perf_counter()
            if k < stage.steps and (interrupted() or now - begin > time_budget):
                ended = "interrupted" if interrupted() else "time budget"
                break
            if now - last > checkpoint_seconds:
                save()
                last = now
    save()
    return Fitted(k, before + time.perf_counter() - begin, tuple(history), ended)


def _step(module: torch.nn.Module, loss: torch.Tensor, optimizer: torch.optim.Optimizer, size: float) -> float:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), STEEPEST)
    for group in optimizer.param_groups:
        group["lr"] = size
    optimizer.step()
    return float(loss.detach())
