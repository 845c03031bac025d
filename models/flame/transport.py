"""Viscosity, conductivity and diffusion of a mixture, by fits over ln T and mixture rules.

    √μ_k = T^¼ P,    λ_k = √T P,    D_kj = T^1.5/p P,    P of degree four in ln(T/1000 K)
    μ = Σ X_k μ_k/Σ_j X_j Φ_kj,   Φ_kj = (1 + √(μ_k/μ_j) (W_j/W_k)^¼)²/√(8 (1 + W_k/W_j))           (Wilke 1950)
    λ = ½ (Σ X_k λ_k + 1/Σ (X_k/λ_k))                                                       (Mathur et al. 1967)
    D'_k = (1 - Y_k)/Σ_{j≠k} (X_j/D_kj)                                          (Kee, Coltrin and Glarborg 2003)

The fluxes j*_k = -ρ (W_k/W̄) D'_k ∇X_k are corrected so that they add up to nothing, j_k = j*_k - Y_k Σ j*_i.
"""

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.flame.gas import MIDDLE, Gas, density, heat_capacity, mean_weight, mole_fractions
from twin.space import Floats

TINY = 1e-30
"""Mole fraction that every species has at least, so that a pure gas has diffusivities too."""


def viscosities(gas: Gas, T: Array) -> Array:
    """μ_k [Pa s] (*batch, s)."""
    root = _fit(gas.viscosity, T) * namespace(T).sqrt(namespace(T).sqrt(T))[..., None]
    return root * root


def conductivities(gas: Gas, T: Array) -> Array:
    """λ_k [W/(m K)] (*batch, s)."""
    return _fit(gas.conductivity, T) * namespace(T).sqrt(T)[..., None]


def binary_diffusivities(gas: Gas, T: Array, p: Array) -> Array:
    """D_kj [m²/s] (*batch, s, s)."""
    scale = T * namespace(T).sqrt(T) / p
    return _fit(gas.diffusion, T) * scale[..., None, None]


def viscosity(gas: Gas, T: Array, Y: Array) -> Array:
    """μ of the mixture [Pa s] (*batch,)."""
    xp = namespace(T)
    X, mu = mole_fractions(gas, Y), viscosities(gas, T)
    ratio = xp.sqrt(mu[..., :, None] / mu[..., None, :]) * like((gas.W[None] / gas.W[:, None]) ** 0.25, mu)
    phi = (1 + ratio) ** 2 / like(np.sqrt(8 * (1 + gas.W[:, None] / gas.W[None])), mu)
    return xp.sum(X * mu / xp.sum(X[..., None, :] * phi, axis=-1), axis=-1)


def conductivity(gas: Gas, T: Array, Y: Array) -> Array:
    """λ of the mixture [W/(m K)] (*batch,)."""
    return mixed_conductivity(mole_fractions(gas, Y), conductivities(gas, T))


def mixed_conductivity(X: Array, lam: Array) -> Array:
    """λ of a mixture (*batch,) of species with conductivities (*batch, s)."""
    xp = namespace(X)
    return 0.5 * (xp.sum(X * lam, axis=-1) + 1 / xp.sum(X / lam, axis=-1))


def mixture_diffusivities(gas: Gas, T: Array, p: Array, Y: Array) -> Array:
    """D'_k [m²/s] (*batch, s)."""
    return mixed_diffusivities(gas, mole_fractions(gas, Y), Y, binary_diffusivities(gas, T, p))


def mixed_diffusivities(gas: Gas, X: Array, Y: Array, binary: Array) -> Array:
    """D'_k (*batch, s) of species with binary diffusivities (*batch, s, s)."""
    xp = namespace(X)
    others = 1.0 - np.eye(len(gas.names))
    X = X + TINY
    away = xp.sum(X[..., None, :] * like(others * gas.W, X), axis=-1) / mean_weight(gas, Y)[..., None]
    return away / xp.sum(X[..., None, :] * (like(others, binary) / binary), axis=-1)


def unity_lewis_diffusivities(gas: Gas, T: Array, p: Array, Y: Array) -> Array:
    """λ/(ρ c_p) for every species [m²/s] (*batch, s)."""
    alike = conductivity(gas, T, Y) / (density(gas, T, p, Y) * heat_capacity(gas, T, Y))
    return alike[..., None] + 0 * Y


def constant_lewis_diffusivities(gas: Gas, T: Array, p: Array, Y: Array, lewis: Floats) -> Array:
    """λ/(ρ c_p Le_k) [m²/s] (*batch, s) with Lewis numbers (s,)."""
    return unity_lewis_diffusivities(gas, T, p, Y) / like(lewis, Y)


def _fit(coefficients: Floats, T: Array) -> Array:
    """P of coefficients (*shape, 5), rising: (*batch, *shape)."""
    L = namespace(T).log(T / MIDDLE)[(..., *(None,) * (coefficients.ndim - 1))]
    a = [like(coefficients[..., i], T) for i in range(5)]
    return a[0] + L * (a[1] + L * (a[2] + L * (a[3] + L * a[4])))
