"""Clips, exact or smooth, and powers that keep finite derivatives at their edge.

A smooth floor is low + w ln(1 + exp((x - low)/w)): it lies above the exact one by at most w ln 2, at the edge.
"""

from twin.arrays import Array, namespace


def at_least(x: Array, low: Array, width: float = 0.0) -> Array:
    """The larger of x and ``low``; with a derivative that is continuous over ``width`` if that is positive."""
    xp = namespace(x, low)
    if width == 0.0:
        return xp.where(x > low, x, low + xp.zeros_like(x))
    z = (x - low) / width
    return low + width * xp.logaddexp(z, xp.zeros_like(z))


def at_most(x: Array, high: Array, width: float = 0.0) -> Array:
    """The smaller of x and ``high``, in the same way."""
    return -at_least(-x, -high, width)


def between(x: Array, low: Array, high: Array, width: float = 0.0) -> Array:
    """x clipped to [low, high]."""
    return at_most(at_least(x, low, width), high, width)


def power(x: Array, exponent: float) -> Array:
    """x^exponent of x > 0 and 0 elsewhere, where it has no slope."""
    xp = namespace(x)
    positive = x > 0
    one = xp.ones_like(x)
    return xp.where(positive, xp.where(positive, x, one) ** exponent, 0 * one)
