"""Gauss-Newton with tiny damping and a line search: the high-accuracy stage, float64 (training.md 4.1.5).

    (JᵀJ + λ mean(diag JᵀJ) I) d = -Jᵀr,      w(s) = w + s d + s² a/2,      a = -(…)⁻¹ Jᵀ r_vv

For a least-squares loss this is energy natural gradient (Müller and Zeinhofer 2023, arXiv 2302.13163). The
geodesic acceleration a follows Transtrum and Sethna 2012, arXiv 1201.5885: r_vv, the second derivative of the
rows along d, comes from one more residual at h = 0.05 of the step.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from twin.training.jacobian import normal_equations
from twin.training.problem import Problem, TorchWeights
from twin.training.residual import Residual, RowWeights, evaluate, frozen_part, scaled_rows, trained_part
from twin.training.stage import Batch, Runner, State

_FLOOR = 1e-14
_HALVINGS = 10
_PROBE = 0.05


@dataclass(frozen=True)
class GaussNewton:
    """``batch`` should give four times as many rows as there are weights; ``chunk`` samples share one J."""

    steps: int
    batch: int = 512
    resample: int = 10
    dtype: torch.dtype = torch.float64
    damping: float = 1e-8
    geodesic: bool = True
    chunk: int = 256

    def begin(self, problem: Problem, weights: TorchWeights, state: State | None) -> Runner:
        """A runner from ``weights`` or a saved ``state``."""
        return _GaussNewton(self, problem, weights, self.damping if state is None else state["damping"])


class _GaussNewton:
    def __init__(self, stage: GaussNewton, problem: Problem, weights: TorchWeights, damping: float) -> None:
        self._stage, self._problem, self._damping = stage, problem, damping
        self._trained, self._frozen = trained_part(weights), frozen_part(weights)

    def step(self, k: int, batch: Batch) -> Residual:
        stage, trained, frozen = self._stage, self._trained, self._frozen
        with torch.no_grad():
            residual = evaluate(self._problem, trained | frozen, batch.points)
        row_weights = batch.weigh(residual)
        a, b = normal_equations(self._problem, (trained, frozen), batch.points, residual, row_weights, stage.chunk)
        rows_at = _along(self._problem, trained, frozen, batch.points, row_weights)
        factor = _factor(a, self._damping)
        if factor is None:
            self._damping = 10 * self._damping
            return residual
        d = -_solve(factor, b)
        curve = _geodesic(rows_at, factor, d) if stage.geodesic else torch.zeros_like(d)
        s = line_search(lambda s: _loss(rows_at, s * d + 0.5 * s**2 * curve))
        self._damping = next_damping(self._damping, s)
        if s > 0:
            self._trained = _moved(trained, s * d + 0.5 * s**2 * curve)
        return residual

    def weights(self) -> dict[str, torch.Tensor]:
        return self._trained | self._frozen

    def state(self) -> State:
        return {"damping": self._damping}


def line_search(loss: Callable[[float], float]) -> float:
    """Step fraction 1, 1/2, 1/4, …: the last one while the loss falls; 0 where none beats ``loss(0)``."""
    start = loss(0.0)
    s, here = 1.0, loss(1.0)
    for _ in range(_HALVINGS):
        half = loss(s / 2)
        if here < start and not half < here:
            break
        s, here = s / 2, half
    return s if here < start else 0.0


def next_damping(damping: float, s: float) -> float:
    """λ/3 after a full step, λ where s > 0.05, 3 λ below, 10 λ where nothing decreased; at least 1e-14."""
    factor = 1 / 3 if s == 1 else 1.0 if s > 0.05 else 3.0 if s > 0 else 10.0
    return max(_FLOOR, damping * factor)


RowsAlong = Callable[[torch.Tensor], torch.Tensor]
"""Scaled rows (R,) at the weights moved by a flat vector (P,)."""


def _along(
    problem: Problem,
    trained: dict[str, torch.Tensor],
    frozen: dict[str, torch.Tensor],
    points: torch.Tensor,
    row_weights: RowWeights,
) -> RowsAlong:
    def rows(move: torch.Tensor) -> torch.Tensor:
        return scaled_rows(evaluate(problem, _moved(trained, move) | frozen, points), row_weights)

    return rows


def _loss(rows_at: RowsAlong, move: torch.Tensor) -> float:
    with torch.no_grad():
        return float(rows_at(move).square().sum())


def _geodesic(rows_at: RowsAlong, factor: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
    """The module's a, with r_vv = (2/h)((r(w + h d) - r(w))/h - J d)."""
    zero = torch.zeros_like(d)
    with torch.no_grad():
        ahead = rows_at(_PROBE * d)
        here, slope = torch.func.jvp(rows_at, (zero,), (d,))[:2]
    r_vv = (2 / _PROBE) * ((ahead - here) / _PROBE - slope)
    pull = torch.func.vjp(rows_at, zero)[1]
    curve = -_solve(factor, pull(r_vv)[0])
    return torch.where(torch.isfinite(curve).all(), curve, zero)


def _factor(a: torch.Tensor, damping: float) -> torch.Tensor | None:
    """Cholesky factor of the damped A; None where it is not positive definite in float64."""
    a.diagonal().add_(damping * a.diagonal().mean())
    factor, info = torch.linalg.cholesky_ex(a)
    return factor if int(info) == 0 else None


def _solve(factor: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.cholesky_solve(b[:, None], factor)[:, 0]


def _moved(trained: dict[str, torch.Tensor], move: torch.Tensor) -> dict[str, torch.Tensor]:
    pieces = torch.split(move, [v.numel() for v in trained.values()])
    return {k: v + p.reshape(v.shape) for (k, v), p in zip(trained.items(), pieces, strict=True)}
