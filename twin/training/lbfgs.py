"""Limited-memory BFGS with strong Wolfe line search, float64 (Liu and Nocedal 1989, Math. Program. 45, 503).

In float32 its stop test fires early, which looks like a failure mode (Xu et al. 2025, arXiv 2505.10949).
"""

from dataclasses import dataclass

import torch

from twin.training.problem import Problem, TorchWeights
from twin.training.residual import Residual, evaluate, frozen_part, term_losses, total, trained_part
from twin.training.stage import Batch, Runner, State


@dataclass(frozen=True)
class LBFGS:
    """A step is ``iterations`` iterations; new points every ``resample`` steps, with an empty memory."""

    steps: int
    iterations: int = 20
    batch: int = 1024
    resample: int = 25
    dtype: torch.dtype = torch.float64
    memory: int = 50

    def begin(self, problem: Problem, weights: TorchWeights, state: State | None) -> Runner:
        """A runner from ``weights`` or a saved ``state``."""
        return _LBFGS(self, problem, weights, state)


class _LBFGS:
    def __init__(self, stage: LBFGS, problem: Problem, weights: TorchWeights, state: State | None) -> None:
        self._stage, self._problem, self._frozen = stage, problem, frozen_part(weights)
        self._trained = {k: v.detach().clone().requires_grad_() for k, v in trained_part(weights).items()}
        self._optimizer = self._fresh()
        self._scale = 1.0
        if state is not None:
            self._optimizer.load_state_dict(state["optimizer"])
            self._scale = state["scale"]

    def step(self, k: int, batch: Batch) -> Residual:
        first = self._residual(batch)
        row_weights = batch.weigh(first)
        if k % self._stage.resample == 0:
            self._optimizer = self._fresh()
            loss = float(total(term_losses(first, row_weights)))
            self._scale = 1 / loss if loss > 0 else 1.0

        def closure() -> torch.Tensor:
            self._optimizer.zero_grad()
            residual = evaluate(self._problem, self._trained | self._frozen, batch.points)
            scaled = self._scale * total(term_losses(residual, row_weights))
            scaled.backward()
            return scaled

        self._optimizer.step(closure)
        return first

    def weights(self) -> dict[str, torch.Tensor]:
        return {k: v.detach() for k, v in self._trained.items()} | self._frozen

    def state(self) -> State:
        return {"optimizer": self._optimizer.state_dict(), "scale": self._scale}

    def _residual(self, batch: Batch) -> Residual:
        with torch.no_grad():
            return evaluate(self._problem, self.weights(), batch.points)

    def _fresh(self) -> torch.optim.LBFGS:
        """PyTorch drops updates with yᵀs <= 1e-10, so the loss is scaled to start at one."""
        return torch.optim.LBFGS(
            self._trained.values(),
            max_iter=self._stage.iterations,
            max_eval=2 * self._stage.iterations,
            tolerance_grad=0.0,
            tolerance_change=0.0,
            history_size=self._stage.memory,
            line_search_fn="strong_wolfe",
        )
