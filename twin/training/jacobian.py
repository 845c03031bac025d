"""The normal equations of a least-squares step, from per-sample Jacobians by automatic differentiation.

With the scaled rows r (R,) of ``residual.scaled_rows`` and trained weights w (P,):

    A = JᵀJ,   b = Jᵀr,   J = ∂r/∂w

Samples do not mix, so reverse mode runs once per row of a sample, vectorised over samples (training.md 2.5);
rows may hold forward-mode derivatives in the coordinates.
"""

from collections.abc import Iterator

import torch

from twin.training.problem import Problem, TorchRows
from twin.training.residual import Residual, RowWeights, row_scale

Tensors = dict[str, torch.Tensor]


COLUMNS = 16
"""Directions of the weights that forward mode carries at a time."""


def normal_equations(
    problem: Problem,
    weights: tuple[Tensors, Tensors],
    points: torch.Tensor,
    residual: Residual,
    row_weights: RowWeights,
    chunk: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A (P, P) and b (P,) at the (trained, frozen) weights, ``chunk`` samples at a time: J is never whole."""
    trained, frozen = weights
    size = sum(v.numel() for v in trained.values())
    a, b = points.new_zeros(size, size), points.new_zeros(size)
    for jacobian, rows, scale in _blocks(problem, trained, frozen, points, residual, row_weights, chunk):
        j = jacobian.mul_(scale[:, None])
        a += _gram(j)
        b.addmv_(j.T, rows * scale)
    return a, b


def _blocks(
    problem: Problem,
    trained: Tensors,
    frozen: Tensors,
    points: torch.Tensor,
    residual: Residual,
    row_weights: RowWeights,
    chunk: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Blocks of unscaled Jacobian (n, P), rows (n,) and scales (n,)."""
    if problem.rows is not None:
        scales = {k: row_scale(r, row_weights.get(k)) for k, r in residual.at_points.items()}
        for start in range(0, len(points), chunk):
            part = slice(start, start + chunk)
            rows = _flat(_cut(residual.at_points, part))
            yield at_points(problem, trained, frozen, points[part]), rows, _flat(_cut(scales, part))
    if problem.anchors is not None:
        scales = {k: row_scale(r, row_weights.get(k)) for k, r in residual.at_anchors.items()}
        jacobian = at_anchors(problem, trained, frozen, chunk)
        yield jacobian, _apart(residual.at_anchors), _apart(scales)


def at_points(problem: Problem, trained: Tensors, frozen: Tensors, points: torch.Tensor) -> torch.Tensor:
    """∂rows/∂w (N m, P), sample by sample, the terms of a sample side by side."""
    assert problem.rows is not None
    of = problem.rows

    def sample(w: Tensors, x: torch.Tensor) -> torch.Tensor:
        return _flat(of(w | frozen, x[None]))

    blocks = torch.func.vmap(torch.func.jacrev(sample), in_dims=(None, 0))(trained, points)
    return torch.cat([blocks[k].flatten(2).flatten(0, 1) for k in trained], dim=1)


def at_anchors(problem: Problem, trained: Tensors, frozen: Tensors, chunk: int) -> torch.Tensor:
    """∂anchors/∂w (R, P), term by term: forward mode, since anchors are many and evaluated all together."""
    assert problem.anchors is not None
    of = problem.anchors

    sizes = [v.numel() for v in trained.values()]

    def rows(w: Tensors) -> torch.Tensor:
        return _apart(of(w | frozen))

    def column(direction: torch.Tensor) -> torch.Tensor:
        pieces = torch.split(direction, sizes)
        tangents = {k: d.reshape(v.shape) for (k, v), d in zip(trained.items(), pieces, strict=True)}
        along: torch.Tensor = torch.func.jvp(rows, (trained,), (tangents,))[1]
        return along

    directions = torch.eye(sum(sizes)).to(next(iter(trained.values())))
    columns: torch.Tensor = torch.func.vmap(column, chunk_size=min(chunk, COLUMNS))(directions)
    return columns.T


def _gram(j: torch.Tensor) -> torch.Tensor:
    """JᵀJ; NumPy sees the symmetry, which halves the work on a CPU."""
    if j.device.type != "cpu":
        return j.T @ j
    seen = j.numpy()
    return torch.from_numpy(seen.T @ seen)


def _cut(rows: TorchRows, part: slice) -> Tensors:
    return {k: r[part] for k, r in rows.items()}


def _flat(rows: TorchRows) -> torch.Tensor:
    """Rows of a sample side by side, then sample after sample."""
    return torch.cat(list(rows.values()), dim=1).flatten()


def _apart(rows: TorchRows) -> torch.Tensor:
    """Term after term."""
    return torch.cat([r.flatten() for r in rows.values()])
