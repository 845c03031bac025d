"""The array API's functions for single Python numbers: physics at one point, many times faster than 0-d arrays.

``arrays.namespace`` answers with this module where all its arguments are Python numbers, as in the right-hand side of
an ordinary differential equation that SciPy integrates.
"""

from math import cos, exp, expm1, inf, isfinite, isnan, log, log1p, pi, sin, sqrt, tan, tanh

__all__ = [
    "abs", "clip", "cos", "exp", "expm1", "inf", "isfinite", "isnan", "log", "log1p", "logaddexp", "maximum",
    "minimum", "ones_like", "pi", "sin", "sqrt", "tan", "tanh", "where", "zeros_like",
]  # fmt: skip

abs = abs


def where(condition: bool, x: float, y: float) -> float:
    """x if the condition holds, else y."""
    return x if condition else y


def maximum(x: float, y: float) -> float:
    """The larger one."""
    return max(x, y)


def minimum(x: float, y: float) -> float:
    """The smaller one."""
    return min(x, y)


def clip(x: float, low: float, high: float) -> float:
    """x within [low, high]."""
    return min(max(x, low), high)


def logaddexp(x: float, y: float) -> float:
    """ln(eˣ + eʸ)."""
    high, low = max(x, y), min(x, y)
    return high + log1p(exp(low - high))


def zeros_like(x: float) -> float:
    """0."""
    return 0.0


def ones_like(x: float) -> float:
    """1."""
    return 1.0
