import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import scalars
from twin.arrays import floored, horner, like, namespace, polynomial, safe_sqrt, to_numpy

jax.config.update("jax_enable_x64", True)


def test_numbers_and_numpy_constants_give_way_to_torch_and_jax() -> None:
    constant = np.ones(2)
    assert namespace(constant, torch.ones(2)) is namespace(torch.ones(2))
    assert namespace(1.0, jnp.ones(2), constant) is namespace(jnp.ones(2))
    assert namespace(1.0, constant) is namespace(constant)
    assert namespace(1.0) is scalars, "plain numbers have functions of their own"
    with pytest.raises(TypeError):
        namespace(torch.ones(2), jnp.ones(2))


def test_like_takes_kind_and_precision_of_the_reference() -> None:
    single = like(np.array([1.0, 2.0]), torch.ones(1, dtype=torch.float32))
    assert isinstance(single, torch.Tensor)
    assert single.dtype == torch.float32
    assert like(3.0, jnp.ones(1)).dtype == jnp.float64
    kept = torch.ones(2, requires_grad=True)
    assert like(kept, torch.zeros(1)) is kept


@given(x=st.floats(1e-12, 1e12))
@settings(deadline=None)
def test_the_safe_root_is_the_root_where_there_is_one(x: float) -> None:
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    safe_sqrt(leaf).backward()
    assert float(safe_sqrt(leaf.detach())) == pytest.approx(x**0.5, rel=1e-15)
    assert float(leaf.grad) == pytest.approx(0.5 / x**0.5, rel=1e-12)  # type: ignore[arg-type]


@pytest.mark.parametrize("x", [0.0, -3.0])
def test_the_safe_root_is_flat_and_zero_where_there_is_none(x: float) -> None:
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    root = safe_sqrt(leaf)
    root.backward()
    assert float(root.detach()) == 0
    assert float(leaf.grad) == 0  # type: ignore[arg-type]
    assert float(jax.grad(safe_sqrt)(x + 0 * jnp.ones(()))) == 0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9), st.floats(-2, 2))
@settings(deadline=None)
def test_horner_evaluates_the_polynomial_from_the_highest_power(coefficients: list[float], x: float) -> None:
    expected = np.polyval(coefficients, x)
    assert float(horner(tuple(coefficients), np.asarray(x))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_to_numpy_leaves_the_gradient_behind() -> None:
    values = np.arange(3.0)
    np.testing.assert_array_equal(to_numpy(torch.tensor(values, requires_grad=True) * 1), values)
    np.testing.assert_array_equal(to_numpy(jnp.asarray(values)), values)


@pytest.mark.parametrize("degree", [0, 1, 3, 4, 7, 28])
def test_blocks_of_four_terms_give_the_polynomial_of_horners_rule(degree: int) -> None:
    coefficients = tuple(np.random.default_rng(degree).normal(size=degree + 1))
    x = np.linspace(-1, 1, 41)
    expected = horner(coefficients, x)
    for kind in (np.asarray, torch.asarray, jnp.asarray):
        np.testing.assert_allclose(to_numpy(polynomial(coefficients, kind(x))), expected, rtol=0, atol=1e-13)


def test_a_floor_passes_gradients_above_it_and_none_below() -> None:
    x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
    (slope,) = torch.autograd.grad(floored(x, 0.0).sum(), x)
    np.testing.assert_array_equal(floored(x, 0.0).detach(), [0.0, 0.5, 2.0])
    np.testing.assert_array_equal(slope, [0.0, 1.0, 1.0])
