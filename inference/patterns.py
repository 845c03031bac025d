"""What is correlated over the points of the data: patterns with a size that may depend on θ, times N(0, 1).

Two things make patterns: the forward map's own error (its covariance of low rank) and the discrepancy (its basis).
A pattern spans all experiments. Under Gaussian noise the coefficients are integrated out (``low_rank.py``); under
any other law they are parameters of the extended space.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.arrays import Array, like, namespace
from twin.error import ForwardError
from twin.inference.blocks import Block, label, size_name
from twin.inference.discrepancy import Discrepancy
from twin.inference.orthogonal import without_sensitivities
from twin.model import Forward
from twin.priors import Normal
from twin.space import Floats, Parameter, Space


@dataclass(frozen=True, eq=False)
class Patterns:
    """Columns ``rows`` (N, R) over all values of all experiments, those not measured included.

    ``size`` maps the extended θ (*batch, P) to the columns' sizes (*batch, R); ``names`` are the coefficients';
    ``start`` is where sampled coefficients stand in the extended θ, None where they are integrated out.
    """

    rows: Floats
    size: Callable[[Array], Array]
    names: tuple[str, ...]
    source: str
    start: int | None = None

    def factor(self, theta: Array) -> Array:
        """Columns times sizes (*batch, N, R)."""
        return like(self.rows, theta) * self.size(theta)[..., None, :]

    def sampled(self, theta: Array) -> Array:
        """Columns times sizes times sampled coefficients (*batch, N)."""
        assert self.start is not None
        xp = namespace(theta)
        weights = self.size(theta) * theta[..., self.start : self.start + len(self.names)]
        return xp.matmul(weights[..., None, :], like(self.rows.T, theta))[..., 0, :]


def error_patterns(blocks: Sequence[Block], p: int) -> tuple[Patterns, ...]:
    """The correlated part of the forward map's error; its sizes depend on the first ``p`` of the extended θ."""
    found = []
    for i, block in enumerate(blocks):
        if block.error is None or block.error.modes.shape[-1] == 0:
            continue
        count = block.error.modes.shape[-1]
        rows = _placed(blocks, i, block.error.modes.reshape(-1, count))
        names = tuple(f"surrogate_error[{label(block.experiment)}][{k}]" for k in range(count))
        found.append(Patterns(rows, _sizes_of(block.error, p), names, "held-out reference solves"))
    return tuple(found)


def discrepancy_patterns(
    forward: Forward, blocks: Sequence[Block], discrepancy: Discrepancy | None, space: Space
) -> tuple[Patterns, ...]:
    """A basis per experiment and observable that has a discrepancy."""
    if discrepancy is None:
        return ()
    found = []
    for i, block in enumerate(blocks):
        for j, observable in enumerate(block.experiment.observables):
            if observable not in discrepancy.scale:
                continue
            basis = discrepancy.basis(block.x)
            inside = np.zeros((*block.y.shape, basis.shape[1]))
            inside[:, j] = basis
            rows = _placed(blocks, i, inside.reshape(-1, basis.shape[1]))
            stem = f"{size_name(observable)}[{label(block.experiment)}]"
            names = tuple(f"{stem}[{k}]" for k in range(basis.shape[1]))
            size = _one_size(space.index(size_name(observable)), basis.shape[1])
            found.append(Patterns(rows, size, names, "Solin & Särkkä 2020"))
    if discrepancy.orthogonal_at is None:
        return tuple(found)
    kept = without_sensitivities(forward, blocks, discrepancy.orthogonal_at, [f.rows for f in found])
    return tuple(replace(f, rows=rows) for f, rows in zip(found, kept, strict=True))


def coefficient_space(patterns: Sequence[Patterns]) -> Space:
    """Standard normal coefficients of all patterns, for noise under which they cannot be integrated out."""
    return Space(
        tuple(
            Parameter(name, "1", Normal(0.0, 1.0), 0.0, "coefficient of a pattern of errors", f.source)
            for f in patterns
            for name in f.names
        )
    )


def sampled(patterns: Sequence[Patterns], start: int) -> tuple[Patterns, ...]:
    """The patterns with their coefficients in a row of the extended θ from ``start`` on."""
    found = []
    for f in patterns:
        found.append(replace(f, start=start))
        start += len(f.names)
    return tuple(found)


def _sizes_of(error: ForwardError, p: int) -> Callable[[Array], Array]:
    return lambda theta: error.coefficients(theta[..., :p])[1][..., :-1]


def _one_size(index: int, count: int) -> Callable[[Array], Array]:
    def size(theta: Array) -> Array:
        return namespace(theta).broadcast_to(theta[..., index, None], (*theta.shape[:-1], count))

    return size


def _placed(blocks: Sequence[Block], i: int, rows: Floats) -> Floats:
    """Rows of block i among those of all, 0 elsewhere."""
    parts = [rows if k == i else np.zeros((b.y.size, rows.shape[1])) for k, b in enumerate(blocks)]
    return np.concatenate(parts)
