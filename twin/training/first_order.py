"""First-order stages: Adam and SOAP, with warm-up and a cosine that depend on the step only."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytorch_optimizer
import torch

from twin.training.problem import Problem, TorchWeights
from twin.training.residual import Residual, evaluate, frozen_part, term_losses, total, trained_part
from twin.training.stage import Batch, Runner, State

Combine = Callable[[torch.Tensor], torch.Tensor]
"""Gradients of the terms (T, P) -> one direction (P,), as ``conflict.config``."""


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980). ``combine`` merges the terms' gradients; None sums them."""

    steps: int
    rate: float = 5e-3
    batch: int = 512
    resample: int = 1
    dtype: torch.dtype = torch.float32
    warmup: int = 50
    final: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    combine: Combine | None = None

    def begin(self, problem: Problem, weights: TorchWeights, state: State | None) -> Runner:
        """A runner from ``weights`` or a saved ``state``."""
        trained = _leaves(weights)
        optimizer = torch.optim.Adam(trained.values(), lr=self.rate, betas=self.betas)
        return _Descent(self, problem, trained, frozen_part(weights), optimizer, state)


@dataclass(frozen=True)
class SOAP:
    """Adam in the eigenbasis of Shampoo's factors (Vyas et al. 2024, arXiv 2409.11321).

    For physics residuals: Wang, Bhartari, Li, Perdikaris 2025, arXiv 2502.00604.
    """

    steps: int
    rate: float = 3e-3
    batch: int = 512
    resample: int = 1
    dtype: torch.dtype = torch.float32
    warmup: int = 50
    final: float = 0.01
    betas: tuple[float, float] = (0.95, 0.95)
    precondition_frequency: int = 2
    combine: Combine | None = None

    def begin(self, problem: Problem, weights: TorchWeights, state: State | None) -> Runner:
        """A runner from ``weights`` or a saved ``state``."""
        trained = _leaves(weights)
        optimizer = pytorch_optimizer.SOAP(
            list(trained.values()),
            lr=self.rate,
            betas=self.betas,
            weight_decay=0.0,
            precondition_frequency=self.precondition_frequency,
        )
        return _Descent(self, problem, trained, frozen_part(weights), optimizer, state)


def rate(k: int, stage: Adam | SOAP) -> float:
    """η_k = η · min(1, (k + 1)/warmup) · (f + (1 - f)(1 + cos πk/steps)/2), f the final fraction."""
    rise = min(1.0, (k + 1) / stage.warmup) if stage.warmup else 1.0
    fall = stage.final + (1 - stage.final) * 0.5 * (1 + math.cos(math.pi * k / stage.steps))
    return stage.rate * rise * fall


class _Descent:
    """A PyTorch optimiser at work."""

    def __init__(
        self,
        stage: Adam | SOAP,
        problem: Problem,
        trained: dict[str, torch.Tensor],
        frozen: dict[str, torch.Tensor],
        optimizer: torch.optim.Optimizer,
        state: State | None,
    ) -> None:
        self._stage, self._problem, self._optimizer = stage, problem, optimizer
        self._trained, self._frozen = trained, frozen
        if state is not None:
            optimizer.load_state_dict(state["optimizer"])

    def step(self, k: int, batch: Batch) -> Residual:
        residual = evaluate(self._problem, self._trained | self._frozen, batch.points)
        detached = residual.detach()
        losses = term_losses(residual, batch.weigh(detached))
        leaves = list(self._trained.values())
        for leaf, g in zip(leaves, gradient(losses, leaves, self._stage.combine), strict=True):
            leaf.grad = g
        for group in self._optimizer.param_groups:
            group["lr"] = rate(k, self._stage)
        self._optimizer.step()
        return detached

    def weights(self) -> dict[str, torch.Tensor]:
        return {k: v.detach() for k, v in self._trained.items()} | self._frozen

    def state(self) -> State:
        return {"optimizer": self._optimizer.state_dict()}


def gradient(
    losses: dict[str, torch.Tensor], leaves: list[torch.Tensor], combine: Combine | None
) -> list[torch.Tensor]:
    """Gradient of the summed losses, or what ``combine`` makes of the terms' gradients."""
    if combine is None:
        return _gradient(total(losses), leaves, retain=False)
    each = [_gradient(loss, leaves, retain=True) for loss in losses.values()]
    rows = [torch.cat([g.flatten() for g in of_term]) for of_term in each]
    pieces = torch.split(combine(torch.stack(rows)), [leaf.numel() for leaf in leaves])
    return [piece.reshape(leaf.shape) for piece, leaf in zip(pieces, leaves, strict=True)]


def _gradient(loss: torch.Tensor, leaves: list[torch.Tensor], *, retain: bool) -> list[torch.Tensor]:
    found = torch.autograd.grad(loss, leaves, retain_graph=retain, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves, strict=True)]


def _leaves(weights: TorchWeights) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone().requires_grad_() for k, v in trained_part(weights).items()}
