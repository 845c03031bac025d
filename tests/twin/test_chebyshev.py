import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from twin.chebyshev import chebyshev_series, chebyshev_sums, derivative, polynomials


@pytest.mark.parametrize("count", [1, 2, 9, 16, 33])
def test_series_are_numpys_under_every_array_and_beyond_the_ends_as_there(count: int) -> None:
    rng = np.random.default_rng(0)
    a, s = rng.standard_normal((2, 3, count)), rng.uniform(-1.2, 1.2, (2, 5))
    z = np.clip(s, -1, 1)
    expected = np.stack([[chebyshev.chebval(at, one) for one in rows] for rows, at in zip(a, z, strict=True)])
    np.testing.assert_allclose(chebyshev_sums(a, s), expected, atol=1e-12)
    np.testing.assert_allclose(chebyshev_sums(torch.as_tensor(a), torch.as_tensor(s)), expected, atol=1e-12)
    np.testing.assert_allclose(chebyshev_series(a[:, 1], s), expected[:, 1], atol=1e-12)
    with jax.enable_x64(True):
        np.testing.assert_allclose(chebyshev_sums(jnp.asarray(a), jnp.asarray(s)), expected, atol=1e-12)


def test_derivatives_either_way_and_twice_are_those_of_the_polynomial() -> None:
    rng = np.random.default_rng(1)
    a, s = rng.standard_normal((2, 3, 9)), rng.uniform(-1.2, 1.2, (2, 5))
    inside = np.abs(s) < 1
    first, second = (
        [[inside[b] * chebyshev.chebval(s[b], chebyshev.chebder(a[b, j], m)) for j in range(3)] for b in range(2)]
        for m in (1, 2)
    )

    def total(c, z):  # type: ignore[no-untyped-def]
        return chebyshev_sums(c, z).sum()

    by_torch = torch.autograd.functional.jacobian(total, (torch.as_tensor(a), torch.as_tensor(s)))
    with jax.enable_x64(True):
        at = jnp.asarray(a), jnp.asarray(s)
        back = jax.grad(total, (0, 1))(*at)
        ahead = jax.jacfwd(total, (0, 1))(*at)
        twice = jax.jvp(lambda z: jax.grad(total, 1)(at[0], z), (at[1],), (jnp.ones_like(at[1]),))[1]
        mixed = jax.jvp(lambda z: jax.grad(total)(at[0], z), (at[1],), (jnp.ones_like(at[1]),))[1]
    for one in (by_torch, ahead):
        for found, expected in zip(one, back, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(back[1], np.sum(first, axis=1), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(twice, np.sum(second, axis=1), rtol=1e-9, atol=1e-9)
    slopes = np.einsum("bkn,bn->bk", derivative(9) @ polynomials(s, 9), inside)
    np.testing.assert_allclose(mixed, np.broadcast_to(slopes[:, None], mixed.shape), rtol=1e-9, atol=1e-9)
