"""The densities of many units: one likelihood, different data.

Units share the forward map; each has its own values and its own mask, and may have its own conditions and abscissae.
Two JAX programs of fixed shapes serve any number of them, so that nothing is compiled twice and no answer depends on
how the units are grouped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from twin.arrays import Array, namespace
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening, prior_whitening
from twin.inference.errors import Outputs
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.split_t import Rows
from twin.inference.units.likelihood import Data, Row, of_rows, one_unit
from twin.space import Floats

BLOCK, STRIP = 16, 64
"""Units, and points of each, that one call of the compiled density takes: its arrays stay in the cache."""


@dataclass(frozen=True, eq=False)
class UnitDensity:
    """log p(u | data) over prior-whitened u (*batch, p), for the data of one unit."""

    likelihood: Likelihood

    @cached_property
    def scale(self) -> Whitening:
        """z = centre + factor u."""
        return prior_whitening(self.likelihood.space)

    @cached_property
    def coordinates(self) -> Coordinates:
        """The space's transforms."""
        return Coordinates(self.likelihood.space)

    def theta(self, u: Array) -> Array:
        """θ of u."""
        return self.coordinates.constrain(self.scale(u))

    def prior(self, u: Array) -> Array:
        """Log prior and Jacobian (*batch,)."""
        z = self.scale(u)
        return self.coordinates.log_prior(self.coordinates.constrain(z)) + self.coordinates.log_jacobian(z)

    def __call__(self, u: Array, data: Sequence[Row]) -> Array:
        """Log density (*batch,), -∞ where it is not a number."""
        likelihood, measured = one_unit(self.likelihood, data)
        return self._whole(likelihood.log_prob(self.theta(u), measured), u)

    def scored(self, u: Array, data: Sequence[Row]) -> tuple[Outputs, Array]:
        """The likelihood's outputs, and the log density."""
        likelihood, measured = one_unit(self.likelihood, data)
        found, value = likelihood.scored(self.theta(u), measured)
        return found, self._whole(value, u)

    def _whole(self, log_likelihood: Array, u: Array) -> Array:
        xp = namespace(u)
        value = log_likelihood + self.prior(u)
        return xp.where(xp.isnan(value), xp.full_like(value, -xp.inf), value)

    @cached_property
    def compiled(self) -> Callable[[Any, Any], Any]:
        """The same for u (BLOCK, STRIP, p) and data with a leading axis of BLOCK."""
        compiled: Callable[[Any, Any], Any] = jax.jit(jax.vmap(self))
        return compiled


def evaluate(density: UnitDensity, measured: Data, u: Floats, rows: Rows) -> Floats:
    """Log density (k, n) of u (k, n, p) under the data of the units ``rows`` (k,)."""
    k, n, p = u.shape
    strips, blocks = -(-n // STRIP), -(-k // BLOCK)
    padded = np.zeros((blocks * BLOCK, strips * STRIP, p))
    padded[:k, :n] = u
    whole = np.empty((blocks * BLOCK, strips * STRIP))
    index = np.concatenate([rows, np.full(blocks * BLOCK - k, rows[-1])])
    with jax.enable_x64(True):
        for b in range(0, len(index), BLOCK):
            data = of_rows(measured, index[b : b + BLOCK])
            for s in range(0, strips * STRIP, STRIP):
                part = density.compiled(padded[b : b + BLOCK, s : s + STRIP], data)
                whole[b : b + BLOCK, s : s + STRIP] = np.asarray(part)
    return whole[:k, :n]
