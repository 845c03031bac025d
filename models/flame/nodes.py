"""Where a front's equations are held: points of the progress variable, and polynomials on them.

c(t) = t² (3 - 2 t) crowds both ends, where fields go with broken powers of c and of 1 - c; in t they are smooth enough
for few Chebyshev polynomials (Boyd 2001, Chebyshev and Fourier Spectral Methods, ch. 16). The points are Gauss's, so
the ends, where the equations say nothing, are left out.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev, legendre

from twin.space import Floats

REACH = 8.0
"""How far towards both ends profiles are drawn: c from 1/(1 + e^8) on."""


class Nodes(NamedTuple):
    """N points: c, dc/dt and weights of quadrature over t (N,); polynomials and their t-derivatives there (N, K)."""

    c: Floats
    rise: Floats
    weights: Floats
    values: Floats
    slopes: Floats


@cache
def nodes(count: int) -> Nodes:
    """So many Gauss points, and as many polynomials."""
    s, weights = legendre.leggauss(count)
    return _at(0.5 * (1 + s), 0.5 * weights, count)


def even(points: int, count: int) -> tuple[Floats, Nodes]:
    """``points`` even in u = ln(c/(1 - c)), as in space far from the flame, for ``count`` polynomials; u and they."""
    u = np.linspace(-REACH, REACH, points)
    c = 1 / (1 + np.exp(-u))
    return u, _at(place(c), np.zeros(points), count)


def place(c: Floats) -> Floats:
    """t of c."""
    return np.asarray(0.5 - np.sin(np.arcsin(1 - 2 * c) / 3))


def _at(t: Floats, weights: Floats, count: int) -> Nodes:
    s = 2 * t - 1
    slopes = [2 * chebyshev.chebval(s, chebyshev.chebder(one)) for one in np.eye(count)]
    values: Floats = np.asarray(chebyshev.chebvander(s, count - 1), dtype=np.float64)
    return Nodes(t * t * (3 - 2 * t), 6 * t * (1 - t), weights, np.asarray(values), np.stack(slopes, axis=-1))
