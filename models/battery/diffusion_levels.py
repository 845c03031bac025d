"""The Galerkin basis of a ball's diffusion, and the lower levels that a network corrects in it.

φ_k are the zero-mean polynomials of ``BallPolynomials``; K_jk = ∫ ρ² φ_j' φ_k' dρ is their stiffness matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from twin.arrays import Array, like, namespace, safe_sqrt
from twin.basis import BallPolynomials
from twin.models.battery.sphere import surface_response
from twin.space import Floats

MODES = 14
QUADRATURE = 32
SURFACE = np.array([1.0])
STEADY_FIRST = 1 / (5 * np.sqrt(7.0))
"""ρ²/2 - 3/10 = φ_1(ρ)/(5 √7), since φ_1 = √7 (5ρ² - 3)/2."""


@dataclass(frozen=True)
class LowerLevel:
    """What the network corrects, as functions of (τ, d(ȳ), r): coefficients b (…, MODES), and Σ b_k φ_k(1) over
    all modes, not only the first.
    """

    coefficients: Callable[[Array, Array, Array], Array]
    surface: Callable[[Array, Array, Array], Array]


def reach_of(tau: Array) -> Array:
    """Bounded diffusion length m/√(1 + m²), m = 2√τ: 0 at the start, 1 in the quasi-steady state."""
    m = 2 * safe_sqrt(tau)
    return m / namespace(m).sqrt(1 + m * m)


@cache
def quadrature() -> tuple[Floats, Floats]:
    """Gauss nodes ρ on [0, 1] and weights times ρ²."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    rho = (nodes + 1) / 2
    return rho, weights / 2 * rho**2


@cache
def stiffness_modes() -> tuple[Floats, Floats]:
    """Eigenvalues and eigenvectors of K_jk = ∫ ρ² φ_j' φ_k' dρ."""
    rho, volume = quadrature()
    slopes = BallPolynomials(MODES).derivative().matrix(rho)
    values, vectors = np.linalg.eigh((slopes * volume[:, None]).T @ slopes)
    return values, vectors


def _frozen_coefficients(tau: Array, local: Array, reach: Array) -> Array:
    """b of ḃ + d K b = φ(1) with constant d = ``local``: Σ (1 - e^(-d κ τ))/(d κ) over eigenvalues κ of K."""
    xp = namespace(tau)
    values, vectors = (like(a, tau) for a in stiffness_modes())
    load = like(vectors_at_surface(), tau)
    rate = local[..., None] * values
    return (load * -xp.expm1(-rate * tau[..., None]) / rate) @ vectors.T


def _frozen_surface(tau: Array, local: Array, reach: Array) -> Array:
    """G(d τ)/d - 3 τ."""
    return surface_response(local * tau) / local - 3 * tau


def _steady_coefficients(tau: Array, local: Array, reach: Array) -> Array:
    """b of the quasi-steady profile ρ²/2 - 3/10, faded in with the diffusion length."""
    first = np.zeros(MODES)
    first[0] = STEADY_FIRST
    return like(first, tau) * (reach / local)[..., None]


def _steady_surface(tau: Array, local: Array, reach: Array) -> Array:
    """r/(5 d)."""
    return reach / (5 * local)


@cache
def sizes_at_surface() -> Floats:
    """S_k φ_k(1) (MODES, 1)."""
    return np.asarray(sizes() * BallPolynomials(MODES).matrix(SURFACE)[0])[:, None]


@cache
def vectors_at_surface() -> Floats:
    """Components of φ(1) along the eigenvectors of K."""
    return np.asarray(stiffness_modes()[1].T @ BallPolynomials(MODES).matrix(SURFACE)[0])


@cache
def sizes() -> Floats:
    """S_k = √(4k + 3)/((k + 1/2) π)² (MODES,): how large b_k typically is."""
    k = np.arange(1, MODES + 1)
    return np.asarray(np.sqrt(4.0 * k + 3) / ((k + 0.5) * np.pi) ** 2)


frozen_diffusivity = LowerLevel(_frozen_coefficients, _frozen_surface)
"""The closed form with the diffusivity frozen at the mean filling."""
steady = LowerLevel(_steady_coefficients, _steady_surface)
"""The quasi-steady profile alone."""
