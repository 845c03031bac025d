"""From a model to a training problem: physics, hybrid or data alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from scipy.stats import qmc

from twin.arrays import Array
from twin.model import Fields, Model, Rows
from twin.networks import Network
from twin.space import Floats
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.recipe import Recipe

AT_ONCE = 512
"""Most solves that every step sees all of."""

Scale = float | tuple[float, ...]


@runtime_checkable
class Trainable(Model, Protocol):
    """A model that a network can be trained for: it is ``Collocated``, ``Solved``, or learns from references alone."""

    @property
    def trained_as(self) -> "Trainable":
        """The model whose network this one shares: itself, unless they differ by their priors alone."""
        ...

    def as_trained(self, theta: Array) -> Array:
        """θ of ``trained_as`` (*batch, p') for this model's θ (*batch, p): what it does not know of is nominal."""
        ...

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


@runtime_checkable
class Collocated(Trainable, Protocol):
    """A model whose equations are rows at collocation points, to be made small."""

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Unreduced residual rows (N, m) by term."""
        ...

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Rows times an approximate inverse of the operator linearised about u, so that they measure error."""
        ...


@runtime_checkable
class Corrected(Trainable, Protocol):
    """A trainable dataclass that improves what its network says by iterations of Newton's method.

    Derivatives by θ are then those of the equations; by the network's weights there are none, so that a misfit to
    reference solutions is taken before (``uncorrected``).
    """

    @property
    def corrections(self) -> int:
        """How many iterations."""
        ...


@runtime_checkable
class Solved(Trainable, Protocol):
    """A model that solves its own equations, at less cost than the reference: that is what physics teaches."""

    def solved(self, n: int, seed: int) -> "Solves":
        """So many solutions of the equations, at the model's collocation points."""
        ...


@runtime_checkable
class Targeted(Trainable, Protocol):
    """A model whose own solver gives what the network should: it learns that, and not readings at some places."""

    def targets(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """Outputs (N, outputs) of equations solved at θ (N, p), c (N, k), x (N, d); NaN where there is no solution."""
        ...

    def guessed(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """The network's outputs (N, outputs) behind fields."""
        ...


@dataclass(frozen=True, eq=False)
class Solves:
    """Solutions: θ (N, p), c (N, k), abscissae x (N, n, d), y (N, n, q); NaN where a run had ended.

    Of a ``Targeted`` model, y (N, 1, outputs) are the network's targets.
    """

    theta: Floats
    c: Floats
    x: Floats
    y: Floats
    size: Floats | None = None
    """Of the errors that count alike, relative (N, n, q); None where all do."""


def uncorrected(model: Trainable) -> Trainable:
    """The model as its network alone has it."""
    if not isinstance(model, Corrected):
        return model
    bare: Trainable = replace(model, corrections=0)  # type: ignore[type-var]
    return bare


def physics(model: Collocated, network: Network, *, preconditioned: bool = True) -> Problem:
    """Residuals of the equations only; no reference solution is used."""

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        theta, c, x = model.collocate(points)
        u = model.lift(partial(network, weights), theta, c)
        plain = model.residuals(u, theta, c, x)
        return model.precondition(plain, u, theta, c, x) if preconditioned else plain

    return Problem(network=network, dimension=model.dimension, rows=rows)


def sobol_points(model: Trainable, n: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """θ (n, p), c (n, k) and coordinates at n scrambled Sobol points of the model's unit cube."""
    points = torch.as_tensor(qmc.Sobol(model.dimension, seed=seed).random_base2((n - 1).bit_length())[:n])
    theta, c, x = (part.numpy() for part in model.collocate(points))
    return theta, c, x


def targets_at(model: Targeted, n: int, seed: int) -> Solves:
    """Targets at n of the model's collocation points."""
    theta, c, x = sobol_points(model, n, seed)
    return Solves(theta, c, x[:, None], model.targets(theta, c, x)[:, None])


def data(
    model: Trainable, network: Network, solves: Solves, scale: Scale, *, term: str = "data", robust: bool = False
) -> Problem:
    """Misfit to solutions, in units of ``scale`` (the observables'), as the rows of ``term``.

    ``robust`` rows count misfits m above 1 by their size and not its square, so that a few curves do not rule: their
    squares are 2 (√(1 + m²) - 1), the pseudo-Huber loss (Charbonnier et al. 1997, DOI 10.1109/83.551699).

    Up to ``AT_ONCE`` solves are all seen at every step; of more, each point of a step picks one.
    """
    if isinstance(model, Targeted):
        return Problem(network, model.dimension, rows=_regressed(model, network, solves, term))
    known = _Known(uncorrected(model), solves, scale)
    count, counted = len(solves.theta), bent if robust else _plain

    def picked(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        which = (points[:, 0].double() * count).long().clamp(max=count - 1).cpu()
        return {term: counted(known.misfit(network, weights, which))}

    def everything(weights: TorchWeights) -> TorchRows:
        return {term: counted(known.misfit(network, weights, torch.arange(count)))}

    if count <= AT_ONCE:
        return Problem(network, model.dimension, anchors=everything)
    return Problem(network, model.dimension, rows=picked)


def hybrid(equations: Problem, solutions: Problem) -> Problem:
    """Equations (``physics``, or ``data`` of a model's own solutions) and reference solutions (``data``) together."""
    return Problem(
        equations.network,
        equations.dimension,
        rows=_together(equations.rows, solutions.rows),
        anchors=_together(equations.anchors, solutions.anchors),
    )


def _together(*parts: Callable[..., TorchRows] | None) -> Callable[..., TorchRows] | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return lambda *at: {name: r for part in known for name, r in part(*at).items()}


def _plain(misfit: torch.Tensor) -> torch.Tensor:
    return misfit


def bent(misfit: torch.Tensor) -> torch.Tensor:
    """Rows whose squares are 2 (√(1 + m²) - 1): of misfits above 1 the size counts and not the square."""
    return misfit * torch.sqrt(2 / (1 + torch.sqrt(1 + misfit * misfit)))


def _regressed(
    model: Targeted, network: Network, solves: Solves, term: str
) -> Callable[[TorchWeights, torch.Tensor], TorchRows]:
    known = np.isfinite(solves.y).all(axis=(1, 2))
    parts = (solves.theta, solves.c, solves.x[:, 0], solves.y[:, 0])
    theta, c, x, target = (torch.as_tensor(part[known]) for part in parts)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        which = (points[:, 0].double() * len(theta)).long().clamp(max=len(theta) - 1).cpu()
        some = next(iter(weights.values()))
        at = (theta[which].to(some), c[which].to(some), x[which].to(some))
        u = model.lift(partial(network, weights), *at[:2])
        return {term: model.guessed(u, *at) - target[which].to(some)}

    return rows


class _Known:
    """Reference solutions as tensors."""

    def __init__(self, model: Trainable, solves: Solves, scale: Scale) -> None:
        self._model, self._solves, self._scale = model, solves, torch.as_tensor(scale, dtype=torch.float64)
        self._size = torch.as_tensor(np.ones_like(solves.y) if solves.size is None else solves.size)
        self._measured = torch.isfinite(torch.as_tensor(solves.y))
        self._target = torch.nan_to_num(torch.as_tensor(solves.y))

    def misfit(self, network: Network, weights: TorchWeights, which: torch.Tensor) -> torch.Tensor:
        """Rows (N, n q) of the solves ``which`` (N,)."""
        like = next(iter(weights.values()))
        known = (self._solves.theta, self._solves.c, self._solves.x)
        theta, c, x = (torch.as_tensor(a)[which].to(like) for a in known)
        target, measured = self._target[which].to(like), self._measured[which].to(like.device)
        u = self._model.lift(partial(network, weights), theta, c)
        size = self._size[which].to(like) * self._scale.to(like)
        misfit = (self._model.observe(u, theta, c, x) - target) / size
        known_of = measured & torch.isfinite(misfit)
        return torch.where(known_of, misfit, torch.zeros_like(misfit)).reshape(len(misfit), -1)
