"""One step of a stiff solver for the three core states, by Newton's method with its matrix in blocks.

The stages y_i (i = 1 … s) of the method Radau IIA (``twin/collocation.py``) on a step of length h solve

    R_i = Σ_j D_ij y_j + D_i0 y_0 - h f(y_i) = 0,        ∂R_i/∂y_j = D_ij I - δ_ij h ∂f/∂y(y_i)

Of s = 1 this is implicit Euler. The blocks 3 x 3 are eliminated one after the other, entry by entry over a batch, so
that the same code runs under NumPy, PyTorch and JAX. ∂f/∂y is exact (``twin/dual.py``), and no derivative by
parameters flows through it or the guess: that of y - (∂R/∂y)⁻¹ R is the implicit function theorem's up to terms of
the guess's error.
"""

from collections.abc import Callable
from typing import Any

from twin.arrays import Array, detached, like, namespace
from twin.collocation import RadauIIA
from twin.dual import variables

LEAST, MOST = 0.4, 2.5
"""Factors by which one iteration may change a state."""

Rate = Callable[[Any], Any]
"""Scaled states (3, s, *batch), or as many dual numbers (s, *batch), -> their rates [1/s]."""


def residual(stages: Array, start: Array, h: Array, rate: Rate, scheme: RadauIIA) -> Array:
    """R (3, s, *batch) of stages (3, s, *batch) after a start (3, *batch), all scaled."""
    D = scheme.slopes[1:]
    xp = namespace(stages)
    before = like(D[:, 0], stages)
    rows = [sum(float(D[i, j + 1]) * stages[:, j] for j in range(len(D))) for i in range(len(D))]
    known = xp.reshape(before, (1, len(D)) + (1,) * (stages.ndim - 2)) * start[:, None]
    return xp.stack(rows, axis=1) + known - h * rate(stages)


def improved(guess: Array, start: Array, h: Array, rate: Rate, frozen: Rate, scheme: RadauIIA) -> Array:
    """Stages (3, s, *batch) after one iteration; ``frozen`` is ``rate`` through which no derivative flows."""
    xp = namespace(guess)
    y = detached(guess)
    R = residual(y, start, h, rate, scheme)
    step = solve(scheme, h * detached(jacobian(y, frozen)), R)
    return xp.where(step > (1 - LEAST) * y, LEAST * y, xp.where(step < (1 - MOST) * y, MOST * y, y - step))


def jacobian(y: Array, rate: Rate) -> Array:
    """∂f_i/∂y_j (3, 3, s, *batch)."""
    xp = namespace(y)
    found = rate(variables([y[0], y[1], y[2]]))
    return xp.moveaxis(found.slope, 0, 1)


def solve(scheme: RadauIIA, hJ: Array, right: Array) -> Array:
    """x (3, s, *batch) of Σ_j (D_ij I - δ_ij hJ_i) x_j = right_i, by elimination of blocks."""
    D, s = scheme.slopes[1:, 1:], right.shape[1]
    xp = namespace(right)
    eye = [[1.0 if i == j else 0.0 for j in range(3)] for i in range(3)]
    one = xp.reshape(like(xp.asarray(eye), right), (3, 3) + (1,) * (right.ndim - 2))
    block: list[list[Any]] = [[float(D[i, j]) * one for j in range(s)] for i in range(s)]
    for i in range(s):
        block[i][i] = block[i][i] - hJ[:, :, i]
    b = [right[:, i] for i in range(s)]
    inverses = []
    for k in range(s):
        inverses.append(_inverse(block[k][k]))
        for i in range(k + 1, s):
            factor = _product(block[i][k], inverses[k])
            for j in range(k + 1, s):
                block[i][j] = block[i][j] - _product(factor, block[k][j])
            b[i] = b[i] - _times(factor, b[k])
    x: list[Any] = [None] * s
    for k in reversed(range(s)):
        rest = b[k]
        for j in range(k + 1, s):
            rest = rest - _times(block[k][j], x[j])
        x[k] = _times(inverses[k], rest)
    return xp.stack(x, axis=1)


def _inverse(m: Array) -> Array:
    """Of matrices (3, 3, *batch), by cofactors."""
    xp = namespace(m)
    columns = [_cross(m[1], m[2]), _cross(m[2], m[0]), _cross(m[0], m[1])]
    return xp.stack(columns, axis=1) / xp.sum(m[0] * columns[0], axis=0)


def _cross(a: Array, b: Array) -> Array:
    xp = namespace(a)
    return xp.roll(a, -1, axis=0) * xp.roll(b, -2, axis=0) - xp.roll(a, -2, axis=0) * xp.roll(b, -1, axis=0)


def _product(a: Array, b: Array) -> Array:
    return namespace(a, b).sum(a[:, :, None] * b[None], axis=1)


def _times(a: Array, v: Array) -> Array:
    return namespace(a, v).sum(a * v[None], axis=1)
