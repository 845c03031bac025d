"""Numbers that carry derivatives, plain numbers, and recursions, against NumPy and JAX."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin import scalars
from twin.arrays import Array, namespace
from twin.dual import Dual, variables
from twin.scan import scan

jax.config.update("jax_enable_x64", True)


def _formula(x: Any, y: Any) -> Any:
    xp = namespace(x, y)
    a = xp.where(x > y, x * y + 2.0, 1.0 - x / y)
    b = xp.sqrt(x) + xp.exp(-y) + xp.log(x + y) + xp.logaddexp(x, y) + xp.tanh(x) * xp.asinh(x - 2 * y)
    return a * b**1.7 + 3.0 / (1.0 + x**2) - xp.maximum(x - y, xp.zeros_like(x))


def _of_pair(v: jax.Array) -> Any:
    return _formula(v[0], v[1])


def test_derivatives_are_those_of_forward_mode() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.2, 2.0, (2, 7))
    found = _formula(*variables((x, y)))
    np.testing.assert_allclose(found.value, _formula(x, y), rtol=1e-14)
    for i in range(7):
        expected = np.asarray(jax.jit(jax.jacfwd(_of_pair))(jnp.array([x[i], y[i]])))
        np.testing.assert_allclose(found.slope[:, i], expected, rtol=1e-12)


def test_duals_stand_on_both_sides_of_arrays() -> None:
    x: Any = variables((np.array([2.0, 3.0]),))[0]
    c = np.array([5.0, 7.0])
    pairs: list[tuple[Any, Any]] = [(c - x, -np.ones(2)), (c / x, -c / x.value**2), (c * x, c), (c + x, np.ones(2))]
    for found, slope in pairs:
        assert isinstance(found, Dual)
        np.testing.assert_allclose(np.broadcast_to(found.slope[0], 2), slope)


def test_sums_and_parts_carry_derivatives() -> None:
    rng = np.random.default_rng(1)
    v = rng.uniform(0.5, 2.0, (4, 3))
    x = Dual(v, np.broadcast_to(np.eye(3)[:, None], (3, 4, 3)))

    def formula(x: Any) -> Any:
        xp = namespace(x)
        return xp.sum(x * x / (1.0 + x[..., :1]), axis=-1) + 2.0 ** x[..., 1]

    found = formula(x)
    np.testing.assert_allclose(found.value, formula(v), rtol=1e-14)
    for i in range(4):
        expected = np.asarray(jax.jacfwd(formula)(jnp.asarray(v[i])))
        np.testing.assert_allclose(found.slope[:, i], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["sqrt", "exp", "log", "log1p", "expm1", "sin", "cos", "tanh", "abs"])
def test_functions_of_plain_numbers_are_numpys(name: str) -> None:
    own: Callable[[float], float] = getattr(scalars, name)
    assert own(0.7) == pytest.approx(float(getattr(np, name)(0.7)), rel=1e-15)
    assert namespace(0.7, 1.0) is scalars


def test_a_recursion_is_the_same_compiled() -> None:
    def step(carry: tuple[Array], row: tuple[Array]) -> tuple[tuple[Array], tuple[Array, Array]]:
        after = 0.5 * carry[0] + row[0]
        return (after,), (after, after * after)

    data = np.arange(6.0)
    last, (plain, square) = scan(step, (np.ones(2),), (data,))
    compiled = jax.jit(lambda c: scan(step, (c,), (data,)))(jnp.ones(2))
    np.testing.assert_allclose(compiled[0][0], last[0])
    np.testing.assert_allclose(compiled[1][0], plain)
    np.testing.assert_allclose(compiled[1][1], square)
    assert plain.shape == (6, 2)
