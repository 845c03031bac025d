"""Residual rows as optimisers see them: evaluated, kept apart by origin, reduced at the last moment.

Over terms t with rows r_t (N, m) and weights ω_t, (N, 1) or a number:

    loss = Σ_t mean(ω_t r_t²)
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from twin.networks import is_frozen
from twin.training.problem import Problem, TorchRows, TorchWeights

RowWeights = Mapping[str, torch.Tensor]
"""ω by term, each broadcastable to the term's rows (N, m); a term not named has weight one."""


@dataclass(frozen=True, eq=False)
class Residual:
    """Rows at the sampled points and rows of the anchors, by term."""

    at_points: TorchRows
    at_anchors: TorchRows

    @property
    def terms(self) -> dict[str, torch.Tensor]:
        """All rows."""
        return {**self.at_points, **self.at_anchors}

    def detach(self) -> "Residual":
        """The same values without their graph."""
        return Residual(
            {k: r.detach() for k, r in self.at_points.items()},
            {k: r.detach() for k, r in self.at_anchors.items()},
        )


def evaluate(problem: Problem, weights: TorchWeights, points: torch.Tensor) -> Residual:
    """Rows of ``problem`` at ``points`` (N, dimension)."""
    at_points = {} if problem.rows is None else problem.rows(weights, points)
    at_anchors = {} if problem.anchors is None else problem.anchors(weights)
    return Residual(at_points, at_anchors)


def require_rows(residual: Residual) -> None:
    """ValueError unless there are rows, each (N, m), under names that do not collide."""
    shared = set(residual.at_points) & set(residual.at_anchors)
    if shared:
        raise ValueError(f"rows and anchors must have different names, both have {sorted(shared)}")
    if not residual.terms:
        raise ValueError("a problem needs rows or anchors, got neither")
    for name, r in residual.terms.items():
        if r.ndim != 2:
            raise ValueError(f"rows of {name!r} must be (N, m), got shape {tuple(r.shape)}")


def term_losses(residual: Residual, weights: RowWeights) -> dict[str, torch.Tensor]:
    """mean(ω_t r_t²) by term."""
    return {
        name: (weights[name] * r.square()).mean() if name in weights else r.square().mean()
        for name, r in residual.terms.items()
    }


def total(losses: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The sum of the terms' losses."""
    return torch.stack(list(losses.values())).sum()


def scaled_rows(residual: Residual, weights: RowWeights) -> torch.Tensor:
    """All rows in one vector (R,) whose sum of squares is the loss: r √(ω/(N m))."""
    flat = [(r * row_scale(r, weights.get(name))).flatten() for name, r in residual.terms.items()]
    return torch.cat(flat)


def row_scale(rows: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """√(ω/(N m)) as (N, m)."""
    scale = torch.full_like(rows, 1.0 / rows.numel())
    return (scale if weight is None else scale * weight).sqrt()


def trained_part(weights: TorchWeights) -> dict[str, torch.Tensor]:
    """The weights that optimisers may change."""
    return {k: v for k, v in weights.items() if not is_frozen(k)}


def frozen_part(weights: TorchWeights) -> dict[str, torch.Tensor]:
    """The weights of a stack's parent."""
    return {k: v for k, v in weights.items() if is_frozen(k)}
