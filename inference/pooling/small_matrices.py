"""Many small positive definite matrices at once, under NumPy, PyTorch and JAX.

The elimination is written out column by column: for matrices of a few rows it costs a compiled program less than a
call of LAPACK for each.
"""

from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace


class Factored(NamedTuple):
    """C of A = C Cᵀ, as columns of (*batch, q) each, y = C⁻¹ b (*batch, q), and log det C (*batch,)."""

    columns: list[Array]
    y: Array
    log_det: Array


def eliminate(a: Array, b: Array) -> Factored:
    """Cholesky's factor of A (*batch, q, q) and what it makes of b (*batch, q)."""
    xp, q = namespace(a), a.shape[-1]
    columns, y, log_det = [], [], 0 * b[..., 0]
    for j in range(q):
        root = xp.sqrt(a[..., j, j])
        column = a[..., :, j] / root[..., None] * like(np.arange(q) >= j, a)
        y.append(b[..., j] / root)
        a = a - column[..., :, None] * column[..., None, :]
        b = b - column * y[-1][..., None]
        log_det = log_det + xp.log(root)
        columns.append(column)
    return Factored(columns, xp.stack(y, axis=-1), log_det)


def back(columns: list[Array], y: Array) -> Array:
    """C⁻ᵀ y (*batch, q)."""
    xp, x = namespace(y), []
    lower = xp.stack(columns, axis=-1)
    for j in reversed(range(len(columns))):
        x.append(y[..., j] / lower[..., j, j])
        y = y - lower[..., j, :] * x[-1][..., None]
    return xp.stack(x[::-1], axis=-1)
