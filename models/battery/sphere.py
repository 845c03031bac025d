"""Diffusion in a sphere under a constant surface flux: the closed form.

With τ = D t/R², ξ = r/R and a flux j out of the sphere [mol/m²/s],

    c(r, t) = c₀ - (j R/D) H(τ, ξ),   H = 3τ + ξ²/2 - 3/10 - 2 Σ_m φ_m(ξ) exp(-λ_m² τ)/λ_m²
    φ_m(ξ) = sin(λ_m ξ)/(ξ sin λ_m),  tan λ_m = λ_m,  and at the surface H(τ, 1) = G(τ)

(Carslaw and Jaeger 1959, section 9.8; Crank 1975, section 6.3.4). At early times the sphere answers like a
half-space, G = e^τ (1 + erf √τ) - 1, an analytic function of √τ. G is therefore evaluated as √τ P(√τ) up to a switch
and by two terms of the series beyond: one polynomial and two exponentials instead of hundreds.
"""

import math
from functools import cache

import numpy as np
from scipy import optimize, special

from twin.arrays import Array, like, namespace, polynomial, safe_sqrt
from twin.space import Floats

SWITCH = 0.2
"""τ beyond which the third term of the series is below 1e-12."""
DEGREE = 26
"""of P, the Chebyshev interpolant of G(τ)/√τ on [0, √SWITCH]: within 2e-12."""
HALF_SPACE = 0.02
"""τ below which the second boundary is not felt: e^(-1/τ) = 2e-22."""


def eigenvalues(n: int) -> Floats:
    """The first n positive roots of tan λ = λ: 4.493409, 7.725252, 10.904122, …"""

    def root(m: int) -> float:
        low, high = (m + 0.25) * math.pi, (m + 0.5) * math.pi
        return float(optimize.brentq(lambda v: math.sin(v) - v * math.cos(v), low, high, xtol=1e-14))

    return np.array([root(m) for m in range(1, n + 1)])


def surface_response(tau: Array) -> Array:
    """G(τ) for τ >= 0, zero below: the surface's answer to a unit flux switched on at τ = 0."""
    xp = namespace(tau)
    switch = like(SWITCH, tau)
    late = xp.maximum(tau, switch)
    decay = sum(xp.exp(-square * late) / square for square in late_squares())
    root = safe_sqrt(xp.minimum(tau, switch))
    early = root * polynomial(early_polynomial(), root * (2 / math.sqrt(SWITCH)) - 1)
    return xp.where(tau > SWITCH, 3 * tau + 0.2 - 2 * decay, early)


@cache
def late_squares() -> tuple[float, ...]:
    """λ_1², λ_2²."""
    return tuple(map(float, eigenvalues(2) ** 2))


@cache
def early_polynomial() -> tuple[float, ...]:
    """Coefficients of P from the highest power, in 2 √(τ/SWITCH) - 1."""

    def over_root(root: Floats) -> Floats:
        tau = root**2
        near = special.erfcx(-root) - 1
        squares = eigenvalues(40) ** 2
        far = 3 * tau + 0.2 - 2 * np.sum(np.exp(-squares * tau[..., None]) / squares, axis=-1)
        return np.asarray(np.where(tau < HALF_SPACE, near, far) / root)

    chebyshev = np.polynomial.Chebyshev.interpolate(over_root, DEGREE, domain=[0.0, math.sqrt(SWITCH)])
    return tuple(map(float, np.polynomial.chebyshev.cheb2poly(chebyshev.coef)[::-1]))


def profile_response(tau: Array, xi: Floats, modes: int = 60) -> Array:
    """H(τ, ξ) (*τ.shape, len(ξ)), zero for τ <= 0; the truncation error is below 2/(π² modes) at τ -> 0."""
    xp = namespace(tau)
    squares = like(eigenvalues(modes) ** 2, tau)
    shapes = like(mode_shapes(xi, modes), tau)
    positive = xp.maximum(tau, xp.zeros_like(tau))[..., None]
    decay = xp.exp(-squares * positive) / squares
    response = 3 * positive + like(np.asarray(xi) ** 2 / 2 - 0.3, tau) - 2 * (decay @ shapes)
    return xp.where(positive > 0, response, xp.zeros_like(response))


def mode_shapes(xi: Floats, modes: int) -> Floats:
    """φ_m(ξ) (modes, len(ξ)), by sinc so that the centre is regular."""
    values = eigenvalues(modes)[:, None]
    inner = values * np.asarray(xi, dtype=np.float64)[None, :]
    return np.asarray(np.sinc(inner / np.pi) * values / np.sin(values))
