"""From a model to a training problem: physics, hybrid or data alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import torch

from twin.arrays import Array
from twin.model import Fields, Model, Rows
from twin.networks import Network
from twin.space import Floats
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.recipe import Recipe


@runtime_checkable
class Trainable(Model, Protocol):
    """A model that a network can be trained for."""

    @property
    def inputs(self) -> int:
        """Features the network sees."""
        ...

    @property
    def outputs(self) -> int:
        """Numbers the network gives."""
        ...

    @property
    def recipe(self) -> Recipe:
        """The training that is recommended for it."""
        ...

    @property
    def dimension(self) -> int:
        """Coordinates of a collocation point in the unit cube."""
        ...

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Fields of a network (features -> outputs) that meet initial and boundary conditions exactly."""
        ...

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError if the abscissa x (n, d) leaves the stretch that training covers under conditions c."""
        ...

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, k) and coordinates of points (N, dimension) in the unit cube."""
        ...

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Unreduced residual rows (N, m) by term."""
        ...

    def precondition(self, rows: Rows, theta: Array, c: Array, x: Array) -> Rows:
        """Rows times an approximate inverse of the linearised operator, so that they measure error."""
        ...


@dataclass(frozen=True, eq=False)
class Solves:
    """Reference solutions: θ (N, p), c (N, k), abscissae x (N, n, d), y (N, n, q); NaN where a run had ended."""

    theta: Floats
    c: Floats
    x: Floats
    y: Floats


def physics(model: Trainable, network: Network, *, preconditioned: bool = True) -> Problem:
    """Residuals of the equations only; no reference solution is used."""

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        theta, c, x = model.collocate(points)
        u = model.lift(partial(network, weights), theta, c)
        plain = model.residuals(u, theta, c, x)
        return model.precondition(plain, theta, c, x) if preconditioned else plain

    return Problem(network=network, dimension=model.dimension, rows=rows)


def data(model: Trainable, network: Network, solves: Solves, scale: float) -> Problem:
    """Misfit to reference solutions, in units of ``scale`` (the observable's)."""
    measured = torch.isfinite(torch.as_tensor(solves.y))
    target = torch.nan_to_num(torch.as_tensor(solves.y))

    def anchors(weights: TorchWeights) -> TorchRows:
        like = next(iter(weights.values()))
        theta, c, x, y, mask = (
            torch.as_tensor(a).to(like) for a in (solves.theta, solves.c, solves.x, target, measured)
        )
        u = model.lift(partial(network, weights), theta, c)
        misfit = (model.observe(u, theta, c, x) - y) * mask / scale
        return {"data": misfit.reshape(len(misfit), -1)}

    return Problem(network=network, dimension=model.dimension, anchors=anchors)


def hybrid(model: Trainable, network: Network, solves: Solves, scale: float) -> Problem:
    """Equations and reference solutions together."""
    equations, solutions = physics(model, network), data(model, network, solves, scale)
    return Problem(network, model.dimension, equations.rows, solutions.anchors)
