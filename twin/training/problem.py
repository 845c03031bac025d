"""What training needs to know: unreduced residual rows as a function of weights and points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from twin.networks import Network

TorchWeights = Mapping[str, torch.Tensor]
TorchRows = Mapping[str, torch.Tensor]
"""Residuals by term, each (N, m), one row per sample; the loss is the sum over terms of mean square rows."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Make the rows small.

    ``rows(weights, points)`` gives the residual at points (N, dimension) of the unit cube, ``anchors(weights)``
    those of a fixed data set (reference solves); either may be absent. ``time_column`` is the column of the
    points that runs along time, for causal weighting.
    """

    network: Network
    dimension: int
    rows: Callable[[TorchWeights, torch.Tensor], TorchRows] | None = None
    anchors: Callable[[TorchWeights], TorchRows] | None = None
    time_column: int | None = None
