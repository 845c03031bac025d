"""Where the fields of a porous cell are held: Gauss-Lobatto points in each of its three layers.

Neighbours share the point between them, so concentrations are continuous; fluxes are so through the weak form. With six
points in each electrode voltages are exact to some 0.01 mV (docs/dfn.md), since fields are smooth across a layer.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

from twin.space import Floats


class Layer(NamedTuple):
    """N points ξ on [0, 1], weights (N,), matrices d/dξ and ∫₀^ξ (N, N), and the first point's place in the cell."""

    xi: Floats
    weights: Floats
    slope: Floats
    integral: Floats
    first: int

    @property
    def span(self) -> slice:
        """Its points among those of the cell."""
        return slice(self.first, self.first + len(self.xi))


@dataclass(frozen=True)
class Layers:
    """Numbers of points in the three layers."""

    negative: int = 6
    separator: int = 4
    positive: int = 6

    @property
    def each(self) -> tuple[Layer, Layer, Layer]:
        """The layers."""
        first = self.negative - 1
        return (
            _layer(self.negative, 0),
            _layer(self.separator, first),
            _layer(self.positive, first + self.separator - 1),
        )

    @property
    def points(self) -> int:
        """Of the cell."""
        return self.negative + self.separator + self.positive - 2


@cache
def _layer(n: int, first: int) -> Layer:
    top = legendre.Legendre.basis(n - 1)
    s = np.concatenate([[-1.0], np.sort(top.deriv().roots().real), [1.0]])
    weights = 2 / (n * (n - 1) * np.asarray(top(s)) ** 2)
    inverse = np.linalg.inv(legendre.legvander(s, n - 1))
    slopes = [legendre.legval(s, legendre.legder(one)) for one in np.eye(n)]
    integrals = [legendre.legval(s, legendre.legint(one, lbnd=-1)) for one in np.eye(n)]
    slope, integral = (np.stack(rows, axis=1) @ inverse for rows in (slopes, integrals))
    return Layer((s + 1) / 2, weights / 2, 2 * slope, integral / 2, first)
