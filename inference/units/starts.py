"""Where many units start their search for modes: a table of the forward map.

The forward map is evaluated at Sobol points of the prior, once where units share conditions and abscissae, else for
each unit. Every unit ranks them with its own noise scales profiled, σ̂_j² = Σ r²/n_j: by Σ_j n_j log σ̂_j, which is
minus its log likelihood there; where errors ς are known, by ½ Σ r²/ς².
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from twin.arrays import Array
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import UnitDensity
from twin.inference.units.likelihood import Data, Row, of_rows, one_unit
from twin.space import Floats

Squares = Callable[[Floats], Floats]
"""Weights (k, N) of the values of k units to their weighted sums of squared residuals (k, T) at all starts."""

TABLE = 256
"""Sobol points of the table."""
AT_ONCE = 16
"""Units that one call of the program for predictions of their own takes."""
KNOWN = -1
"""In place of the index of a noise scale where the error is known."""
TINY = 1e-30
"""Least variance."""


class Starts(Protocol):
    """Starts θ (T, P), and how far the data of units are from predictions there."""

    @property
    def theta(self) -> Floats:
        """Points of the prior (T, P)."""
        ...

    def squares(self, data: Sequence[Row]) -> Squares:
        """Weighted sums of squares for the data of k units."""
        ...


@dataclass(frozen=True, eq=False)
class Table:
    """Shared starts: θ (T, P) and noise-free predictions (T, N), less their mean."""

    theta: Floats
    predicted: Floats
    centre: Floats

    def squares(self, data: Sequence[Row]) -> Squares:
        """For units that share conditions and abscissae."""
        y, mask = _values(data)
        return lambda weights: _squares(weights, np.where(mask, y - self.centre, 0.0), self.predicted)


@dataclass(frozen=True, eq=False)
class OwnTable:
    """Starts θ (T, P) whose predictions every unit has of its own, ``AT_ONCE`` units to a compiled program."""

    likelihood: Likelihood
    theta: Floats

    @cached_property
    def program(self) -> Callable[[Any], Any]:
        """Squared residuals (AT_ONCE, T, N), ∞ at starts whose predictions are not finite; 0 where nothing counts."""

        def one(data: Sequence[Row]) -> jax.Array:
            likelihood, _ = one_unit(self.likelihood, data)
            parts = likelihood.predict(jnp.asarray(self.theta), discrepancy=False)
            away = [_flat(jnp.where(d.mask, d.y - part, 0.0)) for d, part in zip(data, parts, strict=True)]
            square = jnp.concatenate(away, axis=1) ** 2
            return jnp.where(jnp.isfinite(square), square, jnp.inf)

        compiled: Callable[[Any], Any] = jax.jit(jax.vmap(one))
        return compiled

    def squares(self, data: Sequence[Row]) -> Squares:
        """For units with conditions and abscissae of their own."""
        k = len(data[0].y)
        with jax.enable_x64(True):
            parts = [np.asarray(self.program(of_rows(data, _block(i, k)))) for i in range(0, k, AT_ONCE)]
        found = np.concatenate(parts)[:k]
        unusable = ~np.isfinite(found).all(axis=-1)
        found[unusable] = 0.0

        def squares(weights: Floats) -> Floats:
            return np.where(unusable, np.inf, np.einsum("kn,ktn->kt", weights, found))

        return squares


def table_of(likelihood: Likelihood, seed: int) -> Table:
    """The forward map at Sobol points of the prior where it is finite."""
    theta = likelihood.space.sobol(TABLE, seed)
    with np.errstate(all="ignore"):
        predicted = np.concatenate([_flat(part) for part in likelihood.predict(theta, discrepancy=False)], axis=1)
    usable = np.isfinite(predicted).all(axis=1)
    if not usable.any():
        raise ValueError(f"the forward map is finite at none of {TABLE} prior draws: check the prior and conditions")
    centre = predicted[usable].mean(axis=0)
    return Table(theta[usable], predicted[usable] - centre, centre)


def own_table(likelihood: Likelihood, seed: int) -> OwnTable:
    """Sobol points of the prior."""
    return OwnTable(likelihood, likelihood.space.sobol(TABLE, seed))


def starts(density: UnitDensity, table: Starts, measured: Data, rows: Rows, count: int) -> Floats:
    """The best ``count`` rows of the table for each unit, with profiled noise scales: u (k, count, p)."""
    likelihood = density.likelihood
    data = of_rows(measured, rows)
    _, mask = _values(data)
    both = list(zip(likelihood.blocks, data, strict=True))
    owner = np.concatenate([np.tile([KNOWN if j is None else j for j in b.noise], own.y.shape[1]) for b, own in both])
    known = np.concatenate([_flat(b.own[None] if own.variance is None else own.variance) for b, own in both], axis=1)
    median = likelihood.space.from_unit(np.full((1, len(likelihood.space)), 0.5))[0]
    squares = table.squares(data)
    score, scales = 0.5 * squares((mask & (owner == KNOWN)) / np.maximum(known, TINY)), {}
    for index in np.unique(owner[owner != KNOWN]):
        counted = (mask & (owner == index)).astype(float)
        total = np.maximum(counted.sum(axis=1), 1.0)[:, None]
        square = squares(counted) / total
        low, high = likelihood.space.bounds[index]
        sigma = np.sqrt(np.maximum(square - (counted * known).sum(axis=1)[:, None] / total, 1e-3 * square + TINY))
        inside = max(low, 1e-6 * median[index]), min(high * (1 - 1e-6), 1e6 * median[index])
        scales[index] = np.clip(sigma, *inside)
        score += counted.sum(axis=1)[:, None] * (np.log(scales[index]) + 0.5 * square / scales[index] ** 2)
    best = np.argsort(score, axis=1)[:, :count]
    theta = table.theta[best]
    for index, scale in scales.items():
        theta[..., index] = np.take_along_axis(scale, best, axis=1)
    z = likelihood.space.unconstrain(theta)
    return np.asarray(density.scale.inverse(z.reshape(-1, z.shape[-1])).reshape(z.shape))


def _squares(weights: Floats, y: Floats, predicted: Floats) -> Floats:
    """Weighted sums of squares (k, T) of values (k, N) less predictions (T, N), with weights (k, N)."""
    square = (weights * y**2).sum(axis=1)[:, None] - 2 * (weights * y) @ predicted.T + weights @ (predicted**2).T
    return np.asarray(np.maximum(square, 0.0))


def _values(data: Sequence[Row]) -> tuple[Floats, Floats]:
    """y and mask (k, N) of all experiments."""
    return np.concatenate([_flat(d.y) for d in data], axis=1), np.concatenate([_flat(d.mask) for d in data], axis=1)


def _block(first: int, count: int) -> Rows:
    """AT_ONCE rows from ``first`` on, the last one again behind the end."""
    return np.minimum(np.arange(first, first + AT_ONCE), count - 1)


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1)
