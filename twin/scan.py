"""A recursion over data, under NumPy, PyTorch and JAX.

Under JAX it is one compiled loop (``jax.lax.scan``), without which thousands of steps could not be compiled.
"""

import sys
from collections.abc import Callable
from typing import Any

from array_api_compat import is_jax_array

from twin.arrays import Array, namespace

Arrays = tuple[Array, ...]
"""Also a named tuple of arrays."""


def scan(step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, data: Any) -> tuple[Any, Any]:
    """The last carry, and what each step gave, stacked along a new first axis.

    ``step`` maps (carry, one row of data) to (carry, result). Carry, data and result are tuples of arrays, named or
    plain; the rows are the first axis of the data.
    """
    if any(is_jax_array(a) for a in carry):
        last, results = sys.modules["jax"].lax.scan(step, carry, data)
        return last, results
    found = []
    for i in range(len(data[0])):
        carry, result = step(carry, _made_like(data, [a[i] for a in data]))
        found.append(result)
    stacked = [namespace(*column).stack(column, axis=0) for column in zip(*found, strict=True)]
    return carry, _made_like(found[0], stacked)


def _made_like(one: Arrays, values: list[Array]) -> Arrays:
    """A tuple of the same class."""
    make = getattr(one, "_make", tuple)
    made: Arrays = make(values)
    return made
