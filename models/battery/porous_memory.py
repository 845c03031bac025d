"""How particles that answer linearly remember the reaction: surfaces in closed form, with no step in time.

A particle's modes (``porous_particles.py``) obey dm/dt = -λ m + f g J with λ = v κ. Where J is a straight line between
moments t_j, what its surface has gained at any t since rest is a sum over the moments,

    y(t) = f [J_0 H(t) + Σ_j (J_{j+1} - J_j) (R(t - t_j) - R(t - t_{j+1}))/(t_{j+1} - t_j)],
    H(t) = Σ_k φ_k(1) g_k (1 - e^(-λ_k t))/λ_k,    R(t) = ∫₀ᵗ H = Σ_k φ_k(1) g_k t² ψ(λ_k t),

ψ(z) = (e^(-z) - 1 + z)/z², and H = R = 0 before t = 0. The mean's λ is 0: lithium is neither lost nor made.
"""

from functools import cache

import numpy as np

from twin.arrays import Array, floored, like, namespace
from twin.models.battery.porous_particles import modes_of_a_particle
from twin.space import Floats

SHORT, LONG, NODES = 1e-8, 20.0, 1000
"""v t that the table of R spans, evenly in its logarithm: before it R/t² is constant, after it all modes but the mean
are at rest.
"""


def memory(speed: Array, at: Array, moments: Array) -> Array:
    """What J at moments (*batch, m) in order, the first 0, has made of a surface at times (*batch, n), over f [s]:
    (*batch, n, m). ``speed`` v = D/R² [1/s] (*batch, 1); J stays after the last moment.
    """
    xp = namespace(at)
    since = at[..., :, None] - moments[..., None, :]
    ramps = ramp_response(speed[..., None], floored(since, 0.0))
    spans = moments[..., None, 1:] - moments[..., None, :-1]
    slopes = (ramps[..., :-1] - ramps[..., 1:]) / spans
    first = step_response(speed, at)[..., None] - slopes[..., :1]
    return xp.concat([first, slopes[..., :-1] - slopes[..., 1:], slopes[..., -1:]], axis=-1)


def step_response(speed: Array, t: Array) -> Array:
    """H(t) [s] for t >= 0."""
    values, reads, drives = (like(part, t) for part in modes_of_a_particle())
    decayed = -namespace(t).expm1(-(speed * t)[..., None] * values[1:]) / values[1:]
    return t + (decayed @ (reads * drives)[1:]) / speed


def ramp_response(speed: Array, t: Array) -> Array:
    """R(t) [s²] for t >= 0, from a table of Σ φ_k(1) g_k ψ(κ_k z) within 1e-9 of itself."""
    xp = namespace(t)
    z = speed * t
    step = np.log(LONG / SHORT) / (NODES - 1)
    place = xp.clip(xp.log(floored(z, SHORT) / SHORT) / step, 0.0, NODES - 1 - 1e-9)
    left = xp.floor(place)
    s, k = place - left, xp.astype(left, xp.int64)
    value, slope = (like(part, t) for part in _ramps())
    a, b, da, db = (part[k + i] for part in (value, slope) for i in (0, 1))
    inner = a + s * (da + s * (3 * (b - a) - 2 * da - db + s * (da + db - 2 * (b - a))))
    rest = _at_rest()
    late = 0.5 + (rest[0] - rest[1] / floored(z, LONG)) / floored(z, LONG)
    return t * t * xp.where(z > LONG, late, inner)


def implicit_gain(speed: Array, length: Array) -> Array:
    """What J = 1 makes of a surface in one implicit stage of that length, over f [s]: Σ φ_k(1) g_k h/(1 + λ_k h)."""
    values, reads, drives = (like(part, length) for part in modes_of_a_particle())
    return length * namespace(length).sum(reads * drives / (1 + (speed * length)[..., None] * values), axis=-1)


@cache
def _ramps() -> tuple[Floats, Floats]:
    """Σ φ_k(1) g_k ψ(κ_k z) at the table's nodes (NODES,), and its derivative by ln z times their distance."""
    values, reads, drives = modes_of_a_particle()
    z = np.geomspace(SHORT, LONG, NODES)
    x = z[:, None] * values
    small, safe = x < 0.02, np.maximum(x, 0.02)
    psi = np.where(small, np.polyval([1 / 40320, -1 / 5040, 1 / 720, -1 / 120, 1 / 24, -1 / 6, 1 / 2], x),
                   (np.expm1(-safe) + safe) / safe**2)  # fmt: skip
    one = np.where(
        small, np.polyval([1 / 5040, -1 / 720, 1 / 120, -1 / 24, 1 / 6, -1 / 2, 1.0], x), -np.expm1(-safe) / safe
    )
    return psi @ (reads * drives), (one - 2 * psi) @ (reads * drives) * np.log(LONG / SHORT) / (NODES - 1)


@cache
def _at_rest() -> tuple[float, float]:
    """Σ φ_k(1) g_k/κ_k and Σ φ_k(1) g_k/κ_k² without the mean."""
    values, reads, drives = (part[1:] for part in modes_of_a_particle())
    return float((reads * drives / values).sum()), float((reads * drives / values**2).sum())
