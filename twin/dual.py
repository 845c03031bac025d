"""Numbers that carry their derivatives: the Jacobian of a formula written against the array API, in forward mode.

A ``Dual`` is a value (*shape) with derivatives (k, *shape) by k variables; ``arrays.namespace`` knows it, so the same
formula runs on it under NumPy, PyTorch and JAX. For the few variables of a solver's state it costs half of differences
and is exact to rounding. Functions that physics needs stand below; where a function has an edge, the derivative is that
of the branch taken.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from twin.arrays import Array, namespace


@dataclass(frozen=True, eq=False)
class Dual:
    """v + Σ_k d_k ε_k."""

    value: Array
    slope: Array

    carries_derivatives = True
    __array_ufunc__ = None

    def __array_namespace__(self, api_version: str | None = None) -> ModuleType:
        """Of its functions: the module itself."""
        return sys.modules[__name__]

    def __add__(self, other: Any) -> "Dual":
        v, d = _parts(other)
        return Dual(self.value + v, self.slope if d is None else self.slope + d)

    def __sub__(self, other: Any) -> "Dual":
        v, d = _parts(other)
        return Dual(self.value - v, self.slope if d is None else self.slope - d)

    def __rsub__(self, other: Any) -> "Dual":
        return Dual(other - self.value, -self.slope)

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.slope)

    def __mul__(self, other: Any) -> "Dual":
        v, d = _parts(other)
        own = self.slope * v
        return Dual(self.value * v, own if d is None else own + self.value * d)

    def __truediv__(self, other: Any) -> "Dual":
        v, d = _parts(other)
        ratio = self.value / v
        return Dual(ratio, self.slope / v if d is None else (self.slope - ratio * d) / v)

    def __rtruediv__(self, other: Any) -> "Dual":
        ratio = other / self.value
        return Dual(ratio, -ratio / self.value * self.slope)

    def __pow__(self, exponent: float) -> "Dual":
        if exponent == 2:
            return Dual(self.value * self.value, 2 * self.value * self.slope)
        power = self.value**exponent
        return Dual(power, exponent * power / self.value * self.slope)

    def __rpow__(self, base: float) -> "Dual":
        value = base**self.value
        return Dual(value, math.log(base) * value * self.slope)

    def __getitem__(self, index: Any) -> "Dual":
        """Part of the values; ``index`` begins with ``...``, so that derivatives are cut alike."""
        return Dual(self.value[index], self.slope[index])

    __radd__ = __add__
    __rmul__ = __mul__

    def __gt__(self, other: Any) -> Array:
        return self.value > _parts(other)[0]

    def __lt__(self, other: Any) -> Array:
        return self.value < _parts(other)[0]

    def __ge__(self, other: Any) -> Array:
        return self.value >= _parts(other)[0]

    def __le__(self, other: Any) -> Array:
        return self.value <= _parts(other)[0]


def variables(values: Sequence[Array]) -> tuple[Dual, ...]:
    """Independent variables, all of one shape: the derivatives of the i-th are 1 by itself."""
    xp = namespace(*values)
    made = []
    for i, value in enumerate(values):
        unit = [xp.ones_like(value[:1]) if i == j else xp.zeros_like(value[:1]) for j in range(len(values))]
        made.append(Dual(value, xp.stack(unit, axis=0)))
    return tuple(made)


def sqrt(x: Dual) -> Dual:
    """√x."""
    root = namespace(x.value).sqrt(x.value)
    return Dual(root, 0.5 / root * x.slope)


def exp(x: Dual) -> Dual:
    """eˣ."""
    value = namespace(x.value).exp(x.value)
    return Dual(value, value * x.slope)


def log(x: Dual) -> Dual:
    """ln x."""
    return Dual(namespace(x.value).log(x.value), x.slope / x.value)


def tanh(x: Dual) -> Dual:
    """tanh x."""
    value = namespace(x.value).tanh(x.value)
    return Dual(value, (1 - value * value) * x.slope)


def asinh(x: Dual) -> Dual:
    """asinh x."""
    xp = namespace(x.value)
    return Dual(xp.asinh(x.value), x.slope / xp.sqrt(x.value * x.value + 1))


def sum(x: Dual, axis: int) -> Dual:
    """Along an axis that counts from the end, along which derivatives are not broadcast."""
    xp = namespace(x.value)
    return Dual(xp.sum(x.value, axis=axis), xp.sum(x.slope, axis=axis))


def logaddexp(x: Any, y: Any) -> Dual:
    """ln(eˣ + eʸ)."""
    (a, da), (b, db) = _parts(x), _parts(y)
    xp = namespace(a, b)
    value = xp.logaddexp(a, b)
    terms = [xp.exp(v - value) * d for v, d in ((a, da), (b, db)) if d is not None]
    return Dual(value, terms[0] if len(terms) == 1 else terms[0] + terms[1])


def where(condition: Array, x: Any, y: Any) -> Any:
    """x where the condition holds, else y: plain values, if both depend on nothing."""
    (a, da), (b, db) = _parts(x), _parts(y)
    if da is None and db is None:
        return namespace(a, b).where(condition, a, b)
    xp = namespace(a, b, da if db is None else db)
    zero = xp.zeros_like(da if db is None else db)
    slope = xp.where(condition, zero if da is None else da, zero if db is None else db)
    return Dual(xp.where(condition, a, b), slope)


def maximum(x: Any, y: Any) -> Any:
    """The larger one; y where they are equal."""
    return where(_parts(x)[0] > _parts(y)[0], x, y)


def zeros_like(x: Dual) -> Array:
    """0, which depends on nothing."""
    return namespace(x.value).zeros_like(x.value)


def ones_like(x: Dual) -> Array:
    """1, which depends on nothing."""
    return namespace(x.value).ones_like(x.value)


def full_like(x: Dual, value: float) -> Array:
    """The number everywhere, which depends on nothing."""
    return namespace(x.value).full_like(x.value, value)


def stack(parts: Sequence[Dual], axis: int = 0) -> Dual:
    """Stacked values, and derivatives along the same axis of the values."""
    xp = namespace(parts[0].value)
    slopes = [xp.broadcast_to(part.slope, (part.slope.shape[0], *part.value.shape)) for part in parts]
    return Dual(
        xp.stack([part.value for part in parts], axis=axis), xp.stack(slopes, axis=axis if axis < 0 else axis + 1)
    )


def _parts(x: Any) -> tuple[Array, Array | None]:
    """Value and derivatives, None of a constant."""
    return (x.value, x.slope) if isinstance(x, Dual) else (x, None)
