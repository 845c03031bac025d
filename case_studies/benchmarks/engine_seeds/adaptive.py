"""Self-adaptive weights of each reading, that climb for a number of steps and then stay.

    ω_i = λ_i²,     λ climbs the loss mean_i(λ_i² r_i²) by its gradient, with steps of Adam's size, from λ = 1

McClenny and Braga-Neto 2023, DOI 10.1016/j.jcp.2022.111722. Every term has weights of its own.
"""

from dataclasses import dataclass

import torch

from twin.training.problem import Problem
from twin.training.residual import Residual, RowWeights
from twin.training.stage import State

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8
"""Adam's constants (Kingma and Ba 2015)."""


@dataclass(frozen=True)
class Climbing:
    """Weights of the readings of ``terms`` for ``steps`` steps at ``rate``; ``start`` are λ² found before."""

    terms: tuple[str, ...]
    rate: float
    steps: int

    def weigh(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> RowWeights:
        """ω (n, 1) of each adaptive term."""
        return {name: lam.square() for name, lam in self._lambdas(residual, state).items()}

    def update(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> State:
        """One step of ascent; nothing changes after the last."""
        k = state.get("k", 0) + 1
        if k > self.steps:
            return state
        lambdas, first, second = self._lambdas(residual, state), {}, {}
        for name, lam in lambdas.items():
            g = 2 * lam * residual.terms[name].square().mean(dim=1, keepdim=True) / len(lam)
            zero = torch.zeros_like(g)
            first[name] = FIRST * state.get("first", {}).get(name, zero) + (1 - FIRST) * g
            second[name] = SECOND * state.get("second", {}).get(name, zero) + (1 - SECOND) * g.square()
            size = (second[name] / (1 - SECOND**k)).sqrt() + TINY
            lambdas[name] = lam + self.rate * first[name] / (1 - FIRST**k) / size
        return {"k": k, "lambdas": lambdas, "first": first, "second": second}

    def _lambdas(self, residual: Residual, state: State) -> dict[str, torch.Tensor]:
        if state:
            return dict(state["lambdas"])
        return {name: torch.ones_like(residual.terms[name][:, :1]) for name in self.terms}
