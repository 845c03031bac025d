"""Where residuals are evaluated. Points depend on (seed, step) and the sampler's state, nothing else."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from twin.training.residual import Residual
from twin.training.stage import State


@runtime_checkable
class Sampler(Protocol):
    """A rule for points in the unit cube, float64 on the CPU."""

    def draw(self, n: int, dimension: int, seed: tuple[int, int], state: State) -> tuple[torch.Tensor, State]:
        """Points (n, dimension) of the counter ``seed``, and the sampler's next state."""
        ...

    def update(self, points: torch.Tensor, residual: Residual, state: State) -> State:
        """The state after the rows at ``points`` became known."""
        ...


@dataclass(frozen=True)
class Sobol:
    """A Sobol net, newly scrambled every time (Owen 1998, J. Complexity 14, 466): fresh and evenly spread."""

    def draw(self, n: int, dimension: int, seed: tuple[int, int], state: State) -> tuple[torch.Tensor, State]:
        """Points (n, dimension)."""
        return sobol(n, dimension, seed), state

    def update(self, points: torch.Tensor, residual: Residual, state: State) -> State:
        """Nothing to remember."""
        return state


@dataclass(frozen=True)
class R3:
    """Retain-resample-release: points of more than the mean residual stay, the others are drawn anew.

    F(x) = √(Σ_t mean r_t(x)²); retained are the points with F > mean F, released those that fall below as
    training proceeds (Daw et al. 2022, arXiv 2207.02338; F is taken at the step before).
    """

    def draw(self, n: int, dimension: int, seed: tuple[int, int], state: State) -> tuple[torch.Tensor, State]:
        """Points (n, dimension), the retained ones first."""
        if not state:
            return sobol(n, dimension, seed), state
        retained = state["retained"][:n]
        fresh = np.random.default_rng(seed).random((n - len(retained), dimension))
        return torch.cat([retained, torch.from_numpy(fresh)]), state

    def update(self, points: torch.Tensor, residual: Residual, state: State) -> State:
        """Remembers the points to retain."""
        if not residual.at_points:
            return state
        score = sample_loss(residual).sqrt().cpu()
        return {"retained": points[score > score.mean()]}


def sobol(n: int, dimension: int, seed: tuple[int, int]) -> torch.Tensor:
    """Scrambled Sobol points (n, dimension), float64."""
    scramble = int(np.random.SeedSequence(seed).generate_state(1)[0])
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=scramble)
    return torch.as_tensor(engine.draw(n, dtype=torch.float64))


def sample_loss(residual: Residual) -> torch.Tensor:
    """Σ_t mean_m r_t² of each point (N,)."""
    return torch.stack([r.square().mean(dim=1) for r in residual.at_points.values()]).sum(dim=0)
