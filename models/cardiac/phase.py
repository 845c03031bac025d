"""A coordinate of the beat in which systole stands still while the heart rate changes.

Systole lasts about 1.1 T_max, a share of the beat that grows from 0.29 at 35 beats a minute to 0.8 at 180. The Möbius
map of the circle that fixes 0 and sends two events of the activation to where they are at 75 beats a minute,

    tan πs = tan πφ/(α + β tan πφ),

is smooth, periodic, monotone and known with its inverse, so Fourier series in s stay Fourier series of a periodic
function, and their coefficients hardly depend on the rate.
"""

import numpy as np

from twin.arrays import Array, namespace

NOMINAL_TAU = 0.4
"""At 75 beats a minute."""
EVENTS = (0.3, 1.1)
"""Time over T_max of the aortic valve's opening and closing, about."""


def coefficients(tau: Array) -> tuple[Array, Array]:
    """α and β of beats with T_max/T_c = τ."""
    xp = namespace(tau)
    first, last = (xp.tan(np.pi * event * tau) for event in EVENTS)
    ratios = [t / np.tan(np.pi * event * NOMINAL_TAU) for t, event in zip((first, last), EVENTS, strict=True)]
    beta = (ratios[1] - ratios[0]) / (last - first)
    return ratios[0] - beta * first, beta


def straightened(phase: Array, tau: Array) -> tuple[Array, Array]:
    """s in [0, 1) and ds/dφ at phases φ of any beat."""
    xp = namespace(phase, tau)
    phase = phase - xp.floor(phase)
    alpha, beta = coefficients(tau)
    sine, cosine = xp.sin(np.pi * phase), xp.cos(np.pi * phase)
    below = alpha * cosine + beta * sine
    return xp.atan2(sine, below) / np.pi, alpha / (below**2 + sine**2)
