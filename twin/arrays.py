"""The array API, so that one formula runs under NumPy, PyTorch and JAX.

Physics asks ``xp = namespace(x)`` and uses the functions of the array API standard (2023.12) only. What the
standard lacks and physics needs stands here, written with what it has.
"""

import sys
from types import ModuleType
from typing import Any

import numpy as np
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
)

from twin import scalars

Array = Any
"""A NumPy, PyTorch or JAX array. The three share no base class; shapes are in the docstrings."""


def namespace(*arrays: Array) -> ModuleType:
    """Array namespace of the arguments; numbers and NumPy constants give way to PyTorch and JAX arrays.

    Python numbers alone get functions of single numbers (``scalars.py``), dual numbers those that carry their
    derivatives along (``dual.py``).
    """
    if all(type(a) is float for a in arrays) and arrays:
        return scalars
    for a in arrays:
        if getattr(a, "carries_derivatives", False):
            own: ModuleType = a.__array_namespace__()
            return own
    known = [a for a in arrays if is_array_api_obj(a)]
    foreign = [a for a in known if not is_numpy_array(a)]
    chosen = foreign or known
    xp: ModuleType = array_namespace(*(chosen or [np.empty(0)]))
    return xp


def like(value: Array, reference: Array) -> Array:
    """``value`` as an array of ``reference``'s kind, dtype and device; of its values' if it carries derivatives."""
    if getattr(reference, "carries_derivatives", False):
        return like(value, reference.value)
    xp = namespace(reference)
    if is_array_api_obj(value) and namespace(value) is xp and value.dtype == reference.dtype:
        return value
    if xp is scalars:
        return float(value)
    if is_numpy_array(reference):
        return xp.asarray(value, dtype=reference.dtype)
    return xp.asarray(value, dtype=reference.dtype, device=device(reference))


def safe_sqrt(x: Array) -> Array:
    """√x with 0 where x <= 0, and a gradient of 0 there instead of infinity or NaN."""
    xp = namespace(x)
    positive = x > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, x, xp.ones_like(x))), xp.zeros_like(x))


def floored(x: Array, low: float) -> Array:
    """The larger of x and ``low``, by one comparison: a gradient of 1 or 0, with no share for ties."""
    xp = namespace(x)
    return xp.where(x > low, x, xp.full_like(x, low))


def horner(coefficients: tuple[float, ...], x: Array) -> Array:
    """Polynomial with ``coefficients`` from the highest power to the constant, by Horner's rule."""
    result = x * 0 + coefficients[0]
    for c in coefficients[1:]:
        result = result * x + c
    return result


def polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """The same by blocks of four terms, Horner's rule in x⁴: shorter chains, half the cost of a gradient.

    Paterson and Stockmeyer 1973, SIAM J. Comput. 2, 60.
    """
    powers = (1.0, x, x * x, x * x * x)
    fourth = powers[2] * powers[2]
    rising = coefficients[::-1]
    result = x * 0
    for start in reversed(range(0, len(rising), 4)):
        terms = zip(rising[start : start + 4], powers, strict=False)
        result = result * fourth + sum(c * power for c, power in terms)
    return result


def detached(x: Array) -> Array:
    """The same values, through which no derivative flows."""
    if is_torch_array(x):
        return x.detach()
    if is_jax_array(x):
        return sys.modules["jax"].lax.stop_gradient(x)
    return x


def concrete(*arrays: Array) -> bool:
    """Whether the values can be looked at: not those of a JAX array that is being traced."""
    return not any(is_jax_array(a) and isinstance(a, sys.modules["jax"].core.Tracer) for a in arrays)


def to_numpy(x: Array) -> np.ndarray[Any, np.dtype[Any]]:
    """A NumPy copy of any of the three kinds, on the host and without its gradient."""
    detach = getattr(x, "detach", None)
    return np.asarray(detach().cpu() if detach is not None else x)
