"""A coordinate of two opposed jets that moves with the flame: Chebyshev points in s, and x(s).

    x(s) = Σ_i a_i ψ_i(s),        ψ = 1, s, tanh σ_f, tanh σ_m, ln cosh σ_f, ln cosh σ_m,        σ_i = (s - s_i)/h_i

with a such that x is 0 and L at s = -1 and 1, the flame is at s_f and the layer where the jets mix at s_m, and the
slope at both is given: so each takes its share of the points, wherever it is, and fields over s change little from
flame to flame.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from twin.arrays import Array, like, namespace
from twin.space import Floats

FLAME, MIXING = -0.46, 0.47
"""s_f and s_m, chosen with their reaches and the slopes of ``streams.py`` so that few points draw flames of different
kinds."""
REACHES = 0.59, 0.26
"""h_f and h_m."""
TABLE = 801
POLISHED = 3
INSIDE = 1 - 2.0**-52
"""The largest |s| at which the arc cosine has a finite slope."""


class Points(NamedTuple):
    """N + 1 Chebyshev points s, from -1 to 1; matrices (N + 1, N + 1) that differentiate, integrate from s = -1, and
    turn values into Chebyshev coefficients.
    """

    s: Floats
    slope: Floats
    integral: Floats
    coefficients: Floats


class Stretch(NamedTuple):
    """Where x = 0, the flame, the mixing layer and the end are [m], and dx/ds at the two: (*batch, 6)."""

    targets: Array

    def at(self, s: Floats) -> tuple[Array, Array]:
        """x [m] and dx/ds at fixed s (n,): each (*batch, n)."""
        weights = self.weights
        return weights @ like(_functions(s).T, weights), weights @ like(_slopes(s).T, weights)

    @property
    def weights(self) -> Array:
        """a (*batch, 6)."""
        return self.targets @ like(_inverse().T, self.targets)

    def place(self, x: Array) -> Array:
        """s (*batch, n) of x (n,) or (*batch, n) [m], refined from a table."""
        xp = namespace(self.targets)
        s = np.linspace(-1, 1, TABLE)
        known = self.at(s)[0]
        wanted = like(x, known)
        below = xp.sum(xp.astype(known[..., None, 1:-1] <= wanted[..., :, None], known.dtype), axis=-1)
        found = -1 + (below + 0.5) * (2 / (TABLE - 1))
        weights = self.weights
        for _ in range(POLISHED):
            value = xp.sum(weights[..., None, :] * _functions(found), axis=-1)
            slope = xp.sum(weights[..., None, :] * _slopes(found), axis=-1)
            found = found - (value - wanted) / slope
        return found


@cache
def points(count: int) -> Points:
    """``count`` + 1 of them."""
    s = -np.cos(np.pi * np.arange(count + 1) / count)
    back = np.linalg.inv(chebyshev.chebvander(s, count))
    each = np.eye(count + 1)
    slope = np.stack([chebyshev.chebval(s, chebyshev.chebder(one)) for one in each], axis=-1)
    integral = np.stack([chebyshev.chebval(s, chebyshev.chebint(one, lbnd=-1)) for one in each], axis=-1)
    return Points(s, *(np.asarray(part, dtype=np.float64) for part in (slope @ back, integral @ back, back)))


def interpolated(values: Array, at: Points, s: Array) -> Array:
    """Values (*batch, f, N + 1) at the points, as (*batch, f, n) at s (*batch, n)."""
    xp = namespace(values)
    inside = xp.acos(xp.minimum(xp.maximum(s, -INSIDE + 0 * s), INSIDE + 0 * s))
    polynomials = xp.cos(inside[..., None] * like(np.arange(len(at.s), dtype=float), values))
    return (values @ like(at.coefficients.T, values)) @ xp.matrix_transpose(polynomials)


def _functions(s: Array) -> Array:
    """ψ (*batch, n, 6)."""
    xp = namespace(s)
    f, m = (s - FLAME) / REACHES[0], (s - MIXING) / REACHES[1]
    return xp.stack([1 + 0 * s, s, xp.tanh(f), xp.tanh(m), xp.log(xp.cosh(f)), xp.log(xp.cosh(m))], axis=-1)


def _slopes(s: Array) -> Array:
    """dψ/ds (*batch, n, 6)."""
    xp = namespace(s)
    (near, far), f = REACHES, xp.tanh((s - FLAME) / REACHES[0])
    m = xp.tanh((s - MIXING) / REACHES[1])
    return xp.stack([0 * s, 1 + 0 * s, (1 - f * f) / near, (1 - m * m) / far, f / near, m / far], axis=-1)


@cache
def _inverse() -> Floats:
    """a (6, 6) of the targets."""
    ends = np.array([-1.0, FLAME, MIXING, 1.0])
    return np.linalg.inv(np.concatenate([_functions(ends), _slopes(ends[1:3])]))
