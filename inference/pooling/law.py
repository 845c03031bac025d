"""The law of a population of units, in the prior's own standard deviations.

Let u be a unit's parameters in prior-whitened unconstrained coordinates (``density.prior_whitening``), in which the
ordinary prior is about N(0, 1). Of a parameter that is pooled, the units are draws of one population,

    u_i = m_g(i) + L z_i,   z_i ~ N(0, 1),   L = diag(s) C,

with a mean m_g for each group of units, a spread s common to all groups, and C = 1, or the Cholesky factor of a
correlation matrix that has Lewandowski, Kurowicka and Joe's prior (2009, J. Multivariate Anal. 100, 1989). The
population takes the place of the ordinary prior; that of m is by default the prior itself. A parameter that is common
has one value for all units (complete pooling), any other is each unit's own with its ordinary prior (no pooling).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from twin.arrays import Array, like, namespace
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening, prior_whitening
from twin.priors import Beta, HalfNormal, Normal, Prior
from twin.space import Parameter, Space

MEAN, SPREAD = Normal(0.0, 1.0), HalfNormal(0.5)
PRIOR_SD = "prior sd"
"""The unit of a population's numbers."""

Columns = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pooling:
    """Names of the parameters that are pooled and of those that are common, and what is believed of a population.

    ``mean`` and ``spread`` are the priors of m and s in prior standard deviations; ``concentration`` is that of the
    correlations, 1 for any correlation matrix alike, more for weaker ones, None for none.
    """

    pooled: tuple[str, ...]
    common: tuple[str, ...] = ()
    mean: Prior = MEAN
    spread: Prior = SPREAD
    concentration: float | None = None


@dataclass(frozen=True, eq=False)
class Law:
    """A pooling of units whose parameters span ``space``, in the groups of these labels.

    ValueError for names that are not the space's, that are named twice, and for a pooling of nothing.
    """

    pooling: Pooling
    space: Space
    groups: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        named = self.pooling.pooled + self.pooling.common
        if not self.pooling.pooled:
            raise ValueError("pooling: expected the name of at least one pooled parameter, got none")
        if len(set(named)) != len(named):
            raise ValueError(f"pooling: a parameter is either pooled or common and named once, got {', '.join(named)}")
        for name in named:
            self.space.index(name)
        eta = self.pooling.concentration
        if eta is not None and not eta > 0:
            raise ValueError(f"pooling: the concentration of correlations must be positive, got {eta:g}")
        if self.pooling.spread.support[0] < 0:
            raise ValueError(f"pooling: the prior of a spread must live on positive numbers, got {self.pooling.spread}")

    @cached_property
    def pooled(self) -> Columns:
        """Columns of the pooled parameters (k,)."""
        return np.array([self.space.index(name) for name in self.pooling.pooled], dtype=np.int64)

    @cached_property
    def common(self) -> Columns:
        """Columns of the common ones."""
        return np.array([self.space.index(name) for name in self.pooling.common], dtype=np.int64)

    @cached_property
    def own(self) -> Columns:
        """Columns of those that are each unit's own."""
        taken = {*self.pooled.tolist(), *self.common.tolist()}
        return np.array([i for i in range(len(self.space)) if i not in taken], dtype=np.int64)

    @cached_property
    def scale(self) -> Whitening:
        """The u of a common parameter's z, and back."""
        return prior_whitening(_part(self.space, self.common))

    @cached_property
    def hyper(self) -> Space:
        """Means, group after group, spreads, partial correlations on (0, 1), common parameters: h (H,)."""
        names, law = self.pooling.pooled, self.pooling
        means = [_number(f"mean {n}{_at(g)}", law.mean, f"population mean of {n}") for g in self.groups for n in names]
        spreads = [_number(f"spread {n}", law.spread, f"population spread of {n}") for n in names]
        return Space((*means, *spreads, *self._correlations(), *_part(self.space, self.common).parameters))

    def _correlations(self) -> list[Parameter]:
        """Independent Beta laws that make Lewandowski, Kurowicka and Joe's (their section 2.4)."""
        eta, names = self.pooling.concentration, self.pooling.pooled
        if eta is None:
            return []
        shape = [eta + 0.5 * (len(names) - 2 - j) for j in range(len(names))]
        return [
            Parameter(f"link {names[i]} {names[j]}", "1", Beta(shape[j], shape[j]), 0.5, "partial correlation", "LKJ")
            for i in range(len(names))
            for j in range(i)
        ]

    def mean(self, h: Array) -> Array:
        """m (*batch, groups, k) of h (*batch, H)."""
        k = len(self.pooled)
        return namespace(h).reshape(h[..., : k * len(self.groups)], (*h.shape[:-1], len(self.groups), k))

    def factor(self, h: Array) -> Array:
        """L (*batch, k, k), lower triangular."""
        xp, k = namespace(h), len(self.pooled)
        first = k * len(self.groups)
        spread, eye = h[..., first : first + k], like(np.eye(k), h)
        if self.pooling.concentration is None:
            return spread[..., None] * eye
        return spread[..., None] * _triangle(2 * h[..., first + k : first + k + k * (k - 1) // 2] - 1, k, xp)

    def deviation(self, h: Array) -> Array:
        """Standard deviations √diag(L Lᵀ) (*batch, k)."""
        return namespace(h).sqrt(namespace(h).sum(self.factor(h) ** 2, axis=-1))

    def values(self, u: Array) -> Array:
        """θ (*batch, k) of the pooled parameters' u (*batch, k)."""
        part = _part(self.space, self.pooled)
        return part.constrain(prior_whitening(part)(u))

    def shared(self, h: Array) -> Array:
        """u (*batch, c) of the common parameters."""
        values = h[..., len(self.hyper) - len(self.common) :]
        if not len(self.common):
            return values
        z = _part(self.space, self.common).unconstrain(values)
        return (z - like(self.scale.centre, z)) / like(np.diag(self.scale.factor), z)


def column_prior(space: Space, columns: Columns) -> Callable[[Array], Array]:
    """The ordinary log prior, with its Jacobian, of some parameters' u (*batch, k)."""
    part = _part(space, columns)
    if not len(part):
        return lambda u: namespace(u).sum(u, axis=-1)
    scale, to = prior_whitening(part), Coordinates(part)

    def log_prior(u: Array) -> Array:
        z = scale(u)
        return to.log_prior(to.constrain(z)) + to.log_jacobian(z)

    return log_prior


def group_rows(labels: Sequence[str]) -> tuple[tuple[str, ...], Columns]:
    """The different labels in the order in which they first come, and the position of each unit's own (U,)."""
    names = tuple(dict.fromkeys(labels))
    return names, np.array([names.index(label) for label in labels], dtype=np.int64)


def _triangle(links: Array, k: int, xp: Array) -> Array:
    """The Cholesky factor (*batch, k, k) of the correlation matrix with partial correlations (*batch, k (k-1)/2)."""
    one = links[..., 0] * 0 + 1 if k > 1 else None
    if one is None:
        return xp.ones((*links.shape[:-1], 1, 1), dtype=links.dtype)
    rows, at = [], 0
    for i in range(k):
        left, row = one, []
        for _ in range(i):
            row.append(links[..., at] * xp.sqrt(left))
            left = left * (1 - links[..., at] ** 2)
            at += 1
        rows.append(xp.stack([*row, xp.sqrt(left), *[0 * one] * (k - 1 - i)], axis=-1))
    return xp.stack(rows, axis=-2)


def _part(space: Space, columns: Columns) -> Space:
    return Space(tuple(space.parameters[i] for i in columns))


def _number(name: str, prior: Prior, meaning: str) -> Parameter:
    return Parameter(name, PRIOR_SD, prior, float(prior.scipy().median()), meaning, "hyperprior")


def _at(group: str) -> str:
    return f" [{group}]" if group else ""
