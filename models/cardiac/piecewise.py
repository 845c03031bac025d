"""Periodic fields that are smooth between instants of their own: polynomials, piece by piece."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace
from twin.collocation import RadauIIA
from twin.field import Field
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class PiecewiseField:
    """u(φ), φ of [0, 1): ``values`` (*batch, P, n + 1) at the nodes of pieces between ``knots`` (*batch, P + 1).

    Where two pieces meet, the later one counts.
    """

    knots: Array
    values: Array
    scheme: RadauIIA
    coordinates: tuple[str, ...] = ("phase",)

    def __call__(self, *at: Array) -> Array:
        """Values (*batch, n) at phases of any beat: (n,), the same for all of the batch, or each draw's own."""
        (phase,) = at
        xp = namespace(self.values)
        phase = like(phase, self.values)
        phase = (phase - xp.floor(phase))[..., None]
        begin, end = self.knots[..., None, :-1], self.knots[..., None, 1:]
        after, before = phase >= begin, phase < end
        inside = xp.astype(after & before, self.values.dtype)
        z = xp.sum(inside * (phase - begin) / (end - begin), axis=-1)
        a = xp.matmul(inside, xp.matmul(self.values, like(self.scheme.coefficients.T, self.values)))
        return _chebyshev(a, 2 * z - 1)

    def on(self, z: Floats) -> Array:
        """Values (*batch, P m) at shares z (m,) of [0, 1] of each piece."""
        xp = namespace(self.values)
        found = xp.matmul(self.values, like(self.scheme.interpolation(z).T, self.values))
        return xp.reshape(found, (*found.shape[:-2], -1))

    def d(self, *names: str) -> "PiecewiseField":
        """The derivative by the phase."""
        xp = namespace(self.values)
        values = self.values
        for _ in names:
            step = self.knots[..., 1:] - self.knots[..., :-1]
            values = xp.matmul(values, like(self.scheme.slopes.T, values)) / step[..., None]
        return PiecewiseField(self.knots, values, self.scheme)


def pieces_of(u: Mapping[str, Field]) -> Mapping[str, PiecewiseField]:
    """The same fields, known to be of this kind; TypeError if one is not."""
    found = {name: field for name, field in u.items() if isinstance(field, PiecewiseField)}
    if len(found) < len(u):
        raise TypeError(f"expected piecewise fields, got {sorted(type(field).__name__ for field in u.values())}")
    return found


def phases(knots: Array, z: Floats) -> Array:
    """Phases (*batch, P m) at shares z (m,) of each piece."""
    xp = namespace(knots)
    begin, step = knots[..., :-1, None], (knots[..., 1:] - knots[..., :-1])[..., None]
    found = begin + step * like(z, knots)
    return xp.reshape(found, (*found.shape[:-2], -1))


def trapezoid(knots: Array, m: int) -> Array:
    """Weights (*batch, P m) of the trapezoidal rule on m equal steps of each piece, ends included; they add up to 1."""
    xp = namespace(knots)
    rule = np.full(m, 1.0 / (m - 1))
    rule[[0, -1]] /= 2
    found = (knots[..., 1:] - knots[..., :-1])[..., None] * like(rule, knots)
    return xp.reshape(found, (*found.shape[:-2], -1))


def _chebyshev(a: Array, z: Array) -> Array:
    """Σ_k a_k T_k(z), a (*batch, n, K) by the recurrence."""
    before, here = 1 + 0 * z, z
    total = a[..., 0]
    for k in range(1, a.shape[-1]):
        total = total + a[..., k] * here
        before, here = here, 2 * z * here - before
    return total
