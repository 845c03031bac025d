"""Laws of a valve: flow times resistance as a function of the pressure drop u.

The ideal diode is max(u, 0); the smooth law has a width w, in the unit of u. Softplus would leak backwards and a
quadratic blend keep an offset of w/2.
"""

from twin.arrays import Array, namespace


def smoothstep(u: Array, width: float) -> Array:
    """u z² (3 - 2z), z = u/w held within [0, 1]: no leak for u <= 0, exact for u >= w."""
    z = _held(u / width)
    return u * z**2 * (3 - 2 * z)


def smoothstep_slope(u: Array, width: float) -> Array:
    """Its derivative: 9z² - 8z³, 1 from w on."""
    z = _held(u / width)
    return 9 * z**2 - 8 * z**3


def _held(z: Array) -> Array:
    """z within [0, 1]."""
    xp = namespace(z)
    positive = xp.where(z > 0, z, 0 * z)
    return xp.where(positive < 1, positive, 0 * z + 1)
