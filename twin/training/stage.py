"""What an optimiser is to the training loop: a stage, described by a frozen record, run by a runner.

A new optimiser is one file: a frozen dataclass with ``steps``, ``batch``, ``resample``, ``dtype``, ``begin``.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol, runtime_checkable

import torch

from twin.training.problem import Problem, TorchWeights
from twin.training.residual import Residual, RowWeights

State = dict[str, Any]
"""What an algorithm remembers: nested dictionaries and lists of tensors, numbers and strings only."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Points (N, dimension) of one step, and the weighting of the rows found there."""

    points: torch.Tensor
    weigh: Callable[[Residual], RowWeights]


@runtime_checkable
class Runner(Protocol):
    """An optimiser at work on one problem."""

    def step(self, k: int, batch: Batch) -> Residual:
        """Takes step k (from 0) of the stage; the rows, without graph, at the weights before the step."""
        ...

    def weights(self) -> dict[str, torch.Tensor]:
        """Current weights, trained and frozen."""
        ...

    def state(self) -> State:
        """Everything needed to go on bit by bit from here."""
        ...


@runtime_checkable
class Stage(Protocol):
    """A number of steps of one optimiser."""

    @property
    def steps(self) -> int:
        """How many steps."""
        ...

    @property
    def batch(self) -> int:
        """Points per step."""
        ...

    @property
    def resample(self) -> int:
        """Steps between new points."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Working precision."""
        ...

    def begin(self, problem: Problem, weights: TorchWeights, state: State | None) -> Runner:
        """A runner that starts from ``weights``, or goes on from a saved ``state`` of one."""
        ...


def describe(record: object) -> dict[str, Any]:
    """A frozen record as plain data for files and comparisons: its type's name and its fields."""
    if not is_dataclass(record):
        raise ValueError(f"stages, samplers and weightings are dataclasses, got {record!r}")
    return {"kind": type(record).__name__} | {f.name: _plain(getattr(record, f.name)) for f in fields(record)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return str(value)
