"""A forward map of one parameter as a table: what costs much to ask is asked a few dozen times, and interpolated.

At one set of conditions and places, y(θ) of a single parameter is a curve; where it is smooth its Chebyshev series
converges faster than any power of the number of points (Trefethen 2013, Approximation Theory and Approximation
Practice, ch. 7 and 8), so that many posteriors of the same experiment cost no more than one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from twin.arrays import Array, like, namespace, to_numpy
from twin.chebyshev import chebyshev_sums
from twin.error import ForwardError
from twin.forward import Wrapped
from twin.model import Forward
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Tabulated(Wrapped):
    """Coefficients (K, n, q) of y over the parameter, at conditions c (k,) and places x (n, d) and no others."""

    c: Floats
    x: Floats
    coefficients: Floats

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Predicted observables (*batch, n, q). ValueError at other conditions or places than the table's."""
        self._require_known(c, x)
        low, high = self.space.bounds[0]
        s = (2 * theta - low - high) / (high - low)
        rows = self.coefficients.reshape(len(self.coefficients), -1).T
        found = chebyshev_sums(like(rows, theta), s)[..., 0]
        return namespace(theta).reshape(found, (*theta.shape[:-1], *self.coefficients.shape[1:]))

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """That of the map itself."""
        self._require_known(c, x)
        return self.forward.error(c, x)

    def _require_known(self, c: Array, x: Array) -> None:
        if not (np.array_equal(to_numpy(c), self.c) and np.array_equal(to_numpy(x), self.x)):
            raise ValueError("the table holds for the conditions and places that it was made for, and for no others")


def tabulate(forward: Forward, c: Floats, x: Floats, *, points: int = 64, limit: float = 1e-4) -> Tabulated:
    """The forward map of one parameter at ``points`` of its range.

    ValueError if it has more parameters, no answer somewhere in the range, or a series whose last coefficients are
    not below ``limit`` of the largest: then the curve is not smooth, or the points are too few.
    """
    if len(forward.space) != 1:
        raise ValueError(f"a table is over one parameter, and this map has {len(forward.space)}: fix the others")
    low, high = forward.space.bounds[0]
    if not np.all(np.isfinite([low, high])):
        raise ValueError(f"{forward.space.names[0]} has no bounds, and a table needs a range")
    return Tabulated(forward, c, x, _series(forward, c, x, low + 0.5 * (high - low) * (1 + _nodes(points)), limit))


def _series(forward: Forward, c: Floats, x: Floats, theta: Floats, limit: float) -> Floats:
    y = np.asarray(forward(theta[:, None], c, x))
    if not np.isfinite(y).all():
        lost = theta[~np.isfinite(y).all(axis=(1, 2))]
        name = forward.space.names[0]
        raise ValueError(f"no answer at {name} = {lost.min():g} to {lost.max():g}: a table needs one everywhere")
    K = len(theta)
    found = np.tensordot(chebyshev.chebvander(_nodes(K), K - 1).T, y, axes=1) * 2 / K
    found[0] /= 2
    left = np.abs(found[-max(2, len(found) // 8) :]).max(axis=(0, 1)) / np.abs(y).max(axis=(0, 1))
    if left.max() > limit:
        raise ValueError(f"the series' last terms are still {left.max():.1e} of the largest value (limit {limit:.1e})")
    return np.asarray(found)


def _nodes(points: int) -> Floats:
    return np.asarray(chebyshev.chebpts1(points))
