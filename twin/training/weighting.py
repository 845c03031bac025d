"""Weights ω of the rows in the loss. They follow the training, and are constants to the optimiser's step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch

from twin.training.problem import Problem
from twin.training.residual import Residual, RowWeights
from twin.training.sampling import sample_loss
from twin.training.stage import State


@runtime_checkable
class Weighting(Protocol):
    """A rule for ω."""

    def weigh(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> RowWeights:
        """ω at the current residual."""
        ...

    def update(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> State:
        """The state after a step."""
        ...


@dataclass(frozen=True)
class Fixed:
    """One number per term; a term not named has weight one."""

    terms: Mapping[str, float] = field(default_factory=dict)

    def weigh(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> RowWeights:
        """The numbers given; ValueError for a name that is no term."""
        known = residual.terms
        for name in self.terms:
            if name not in known:
                raise ValueError(f"weight of {name!r}, which is no term; terms: {', '.join(known)}")
        return {name: known[name].new_tensor(w) for name, w in self.terms.items()}

    def update(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> State:
        """Nothing to remember."""
        return state


@dataclass(frozen=True)
class Causal:
    """Later times count only once earlier ones are solved.

        ω_i = exp(-ε Σ_{k<i} L_k)

    over ``bins`` of the problem's time column, L_k the mean square of a bin's rows, all terms summed. ε takes
    the next of ``epsilons`` when min ω exceeds ``threshold``. Anchors keep weight one. Wang, Sankaran,
    Perdikaris 2022, arXiv 2203.07404.
    """

    bins: int = 32
    epsilons: tuple[float, ...] = (1e-2, 1e-1, 1.0, 1e1, 1e2)
    threshold: float = 0.99

    def weigh(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> RowWeights:
        """ω (N, 1) of the terms at points; ValueError if the problem names no time column."""
        if problem.time_column is None:
            raise ValueError("causal weights need a problem with a time_column, got None")
        index, by_bin = self._bins(points[:, problem.time_column], residual, state)
        return dict.fromkeys(residual.at_points, by_bin[index][:, None])

    def update(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> State:
        """The next ε where every bin has its weight."""
        assert problem.time_column is not None
        _, by_bin = self._bins(points[:, problem.time_column], residual, state)
        rise = int(by_bin.min() > self.threshold)
        return {"level": min(state.get("level", 0) + rise, len(self.epsilons) - 1)}

    def _bins(self, t: torch.Tensor, residual: Residual, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """Bin of each point (N,), and ω by bin."""
        index = (t * self.bins).long().clamp(0, self.bins - 1)
        member = torch.nn.functional.one_hot(index, self.bins).to(t.dtype)
        loss = (sample_loss(residual) @ member) / member.sum(dim=0).clamp(min=1)
        before = torch.cumsum(loss, dim=0) - loss
        return index, torch.exp(-self.epsilons[state.get("level", 0)] * before)


@dataclass(frozen=True)
class SelfAdaptive:
    """Multipliers that climb where the residual stays: ω = λ², λ <- λ + rate · 2 λ r², from λ = 1.

    Gradient ascent on the loss (McClenny and Braga-Neto 2023, DOI 10.1016/j.jcp.2022.111722,
    with the mask λ²), one λ per term, or with ``per_point`` one per row of every term (there r² is the mean
    square of the row, the paper's factor 1/N taken into the rate). That needs points that stay, so a stage
    whose ``resample`` is no less than its ``steps``. Only ``terms`` adapt, if any are named: loud terms climb
    first, so that it pays to name the soft ones.
    """

    rate: float
    per_point: bool = False
    terms: tuple[str, ...] = ()

    def weigh(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> RowWeights:
        """ω of every term, (N, 1) or a number."""
        return {name: lam.square() for name, lam in self._multipliers(points, residual, state).items()}

    def update(self, problem: Problem, points: torch.Tensor, residual: Residual, state: State) -> State:
        """One step of ascent."""
        climbed = {
            name: lam * (1 + 2 * self.rate * self._square(residual.terms[name]))
            for name, lam in self._multipliers(points, residual, state).items()
        }
        return {"multipliers": climbed, "points": points}

    def _square(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.square().mean(dim=1, keepdim=True) if self.per_point else rows.square().mean()

    def _multipliers(self, points: torch.Tensor, residual: Residual, state: State) -> dict[str, torch.Tensor]:
        if not state:
            known = residual.terms
            missing = sorted(set(self.terms) - set(known))
            if missing:
                raise ValueError(f"self-adaptive {missing} are no terms; terms: {', '.join(known)}")
            return {name: torch.ones_like(self._square(known[name])) for name in self.terms or known}
        if self.per_point and not same(points, state["points"]):
            raise ValueError("multipliers per point need points that stay: give one stage resample >= steps")
        like = next(iter(residual.terms.values()))
        return {name: lam.to(like) for name, lam in state["multipliers"].items()}


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two sets of points agree, their precision aside."""
    return a.shape == b.shape and bool(torch.allclose(a.double().cpu(), b.double().cpu(), atol=1e-6))
