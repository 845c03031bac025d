"""What is correlated over the points of the data: patterns with a size that may depend on θ, times N(0, 1).

Two things make patterns: the forward map's own error (its covariance of low rank) and the discrepancy (its basis). All
are the same for every θ but one, the slide of a forward map's curve. A pattern spans all experiments. Under Gaussian
noise the coefficients are integrated out (``low_rank.py``); under any other law they are parameters of the extended
space.
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

Slides = Sequence[Array | None]
"""Of each experiment's predicted curve (*batch, n, q), None where nothing asks for it."""


@dataclass(frozen=True, eq=False)
class Patterns:
    """R columns over all N values of all experiments, those not measured included.

    ``columns`` maps the extended θ (*batch, P) and slides to them, (N, R) where they are the same for all θ and else
    (*batch, N, R), ``size`` the extended θ to their sizes (*batch, R); ``names`` are the coefficients'; ``start`` is
    where sampled coefficients stand in the extended θ, None where they are integrated out.
    """

    columns: Callable[[Array, Slides], Array]
    size: Callable[[Array], Array]
    names: tuple[str, ...]
    source: str
    start: int | None = None

    def factor(self, theta: Array, slides: Slides) -> Array:
        """Columns times sizes (*batch, N, R)."""
        return self.columns(theta, slides) * self.size(theta)[..., None, :]

    def sampled(self, theta: Array, slides: Slides) -> Array:
        """Columns times sizes times sampled coefficients (*batch, N)."""
        assert self.start is not None
        xp = namespace(theta)
        weights = self.size(theta) * theta[..., self.start : self.start + len(self.names)]
        return xp.matmul(weights[..., None, :], xp.matrix_transpose(self.columns(theta, slides)))[..., 0, :]


def error_patterns(blocks: Sequence[Block], p: int) -> tuple[Patterns, ...]:
    """The correlated part of the forward map's error; its sizes depend on the first ``p`` of the extended θ."""
    found = []
    for i, block in enumerate(blocks):
        if block.error is None or block.error.count == 0:
            continue
        columns = _sliding(blocks, i, block.error) if block.slides else _same(_placed(blocks, i, block.error.modes))
        names = tuple(f"surrogate_error[{label(block.experiment)}][{k}]" for k in range(block.error.count))
        found.append(Patterns(columns, _sizes_of(block.error, p), names, "held-out reference solves"))
    return tuple(found)


def discrepancy_patterns(
    forward: Forward, blocks: Sequence[Block], discrepancy: Discrepancy | None, space: Space
) -> tuple[Patterns, ...]:
    """A basis per experiment and observable that has a discrepancy."""
    if discrepancy is None:
        return ()
    found, rows = [], []
    for i, block in enumerate(blocks):
        for j, observable in enumerate(block.experiment.observables):
            if observable not in discrepancy.scale:
                continue
            basis = discrepancy.basis(block.x)
            inside = np.zeros((*block.y.shape, basis.shape[1]))
            inside[:, j] = basis
            rows.append(_placed(blocks, i, inside))
            stem = f"{size_name(observable)}[{label(block.experiment)}]"
            names = tuple(f"{stem}[{k}]" for k in range(basis.shape[1]))
            size = _one_size(space.index(size_name(observable)), basis.shape[1])
            found.append(Patterns(_same(rows[-1]), size, names, "Solin & Särkkä 2020"))
    if discrepancy.orthogonal_at is None:
        return tuple(found)
    kept = without_sensitivities(forward, blocks, discrepancy.orthogonal_at, rows)
    return tuple(replace(f, columns=_same(part)) for f, part in zip(found, kept, strict=True))


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


def _same(rows: Floats) -> Callable[[Array, Slides], Array]:
    """Rows (N, R), whatever θ is."""
    return lambda theta, slides: like(rows, theta)


def _sliding(blocks: Sequence[Block], i: int, error: ForwardError) -> Callable[[Array, Slides], Array]:
    """The patterns of block i's error (*batch, N, R), the last of which is its curve's slide."""
    return lambda theta, slides: _placed(blocks, i, error.patterns(theta, slides[i]))


def _sizes_of(error: ForwardError, p: int) -> Callable[[Array], Array]:
    return lambda theta: error.sizes(theta[..., :p])


def _one_size(index: int, count: int) -> Callable[[Array], Array]:
    def size(theta: Array) -> Array:
        return namespace(theta).broadcast_to(theta[..., index, None], (*theta.shape[:-1], count))

    return size


def _placed(blocks: Sequence[Block], i: int, inside: Array) -> Array:
    """Patterns (…, n, q, R) of block i's values among those of all values (…, N, R), 0 elsewhere."""
    xp = namespace(inside)
    *batch, _, _, count = inside.shape
    sizes = [(*batch, block.y.size, count) for block in blocks]
    parts = [xp.reshape(inside, s) if k == i else like(np.zeros(s), inside) for k, s in enumerate(sizes)]
    return xp.concat(parts, axis=-2)
