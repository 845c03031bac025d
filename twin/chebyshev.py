"""Chebyshev series whose coefficients differ from draw to draw, several at each place, and their derivatives.

    f_j(s) = Σ_k a_jk T_k(s),     f_j'(s) = Σ_k (a D)_jk T_k(s),     T_0 = 1, T_1 = s, T_{m+n} = 2 T_m T_n - T_{|m-n|}

A derivative is a series again, with coefficients that a constant matrix D gives (``chebder``). JAX is told so: left to
itself it differentiates the recurrence, keeps what every step made and sums each of K coefficients on its own, which
costs several times as much as two products with the matrix of the T_k(s).
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from array_api_compat import is_jax_array

from twin.arrays import Array, like, namespace
from twin.scan import scan
from twin.space import Floats

BLOCK = 8
"""Terms that one step of the loop takes."""


def chebyshev_series(coefficients: Array, s: Array) -> Array:
    """Σ_k a_k T_k(s) (*batch, n) of coefficients (*batch, K) and s (*batch, n); beyond ±1 as at the end."""
    return chebyshev_sums(coefficients[..., None, :], s)[..., 0, :]


def chebyshev_sums(coefficients: Array, s: Array) -> Array:
    """Σ_k a_jk T_k(s) (*batch, J, n) of coefficients (*batch, J, K) and s (*batch, n); beyond ±1 as at the end."""
    z = namespace(s).clip(s, -1.0, 1.0)
    if is_jax_array(z):
        return _under_jax()(coefficients, z)
    return namespace(coefficients, z).matmul(coefficients, polynomials(z, coefficients.shape[-1]))


def polynomials(s: Array, count: int) -> Array:
    """T_0(s) … T_{count-1}(s) (*batch, count, n) of s (*batch, n)."""
    return namespace(s).stack(_each(s, count), axis=-2)


@cache
def derivative(count: int) -> Floats:
    """D (count, count): a D are the coefficients of (Σ_k a_k T_k)'."""
    slopes = np.zeros((count, count))
    for k in range(1, count):
        slopes[k, :k] = np.polynomial.chebyshev.chebder(np.eye(count)[k])[:k]
    return slopes


def _each(s: Array, count: int) -> list[Array]:
    found = [namespace(s).ones_like(s), s]
    for k in range(2, count):
        half = k // 2
        found.append(2 * found[half] * found[k - half] - (s if k % 2 else 1.0))
    return found[:count]


def _clenshaw(coefficients: Array, s: Array) -> Array:
    """By Clenshaw's recurrence (1955, Math. Tables Aids Comput. 9, 118), as a loop: what comes before and after is not
    computed anew for every term.
    """
    xp = namespace(s)
    rows = xp.flip(xp.moveaxis(coefficients, -1, 0), axis=0)[..., None]
    first = rows.shape[0] % BLOCK or BLOCK
    z = s[..., None, :]

    def steps(carry: tuple[Array, Array], block: tuple[Array]) -> tuple[tuple[Array, Array], tuple[()]]:
        one, two = carry
        for i in range(block[0].shape[0]):
            one, two = 2 * z * one - two + block[0][i], one
        return (one, two), ()

    zero = 0 * z + 0 * rows[0]
    begun, _ = steps((zero, zero), (rows[:first],))
    blocks = xp.reshape(rows[first:], (-1, BLOCK, *rows.shape[1:]))
    (one, two), _ = scan(steps, begun, (blocks,)) if blocks.shape[0] else (begun, ())
    return one - z * two


@cache
def _under_jax() -> Callable[[Array, Array], Array]:
    """The sums as a function that JAX can differentiate any number of times, either way."""
    jax: Any = sys.modules["jax"]
    matrix: Any = jax.custom_jvp(polynomials, nondiff_argnums=(1,))
    sums: Any = jax.custom_jvp(_clenshaw)

    def of_matrix(count: int, at: tuple[Array], along: tuple[Array]) -> tuple[Array, Array]:
        found = matrix(at[0], count)
        return found, (like(derivative(count), found) @ found) * along[0][..., None, :]

    def of_sums(at: tuple[Array, Array], along: tuple[Array, Array]) -> tuple[Array, Array]:
        coefficients, s = at
        count = coefficients.shape[-1]
        found = matrix(s, count)
        slope = (coefficients @ like(derivative(count), coefficients)) @ found
        return coefficients @ found, along[0] @ found + slope * along[1][..., None, :]

    matrix.defjvp(of_matrix)
    sums.defjvp(of_sums)
    known: Callable[[Array, Array], Array] = sums
    return known
