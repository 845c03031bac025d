"""Mixtures of t densities fitted to weighted draws, by expectation maximisation.

With weights w_s, responsibilities ρ_sk and, for the t, γ_sk = (ν + p)/(ν + (u_s - μ_k)ᵀ Σ_k⁻¹ (u_s - μ_k))
(Peel and McLachlan 2000, Stat. Comput. 10, 339; weighted as in Cappé et al. 2008, arXiv 0710.4242, section 4):

    α_k = Σ_s w_s ρ_sk,   μ_k = Σ w ρ γ u / Σ w ρ γ,   Σ_k = Σ w ρ γ (u - μ_k)(u - μ_k)ᵀ / α_k

Each Σ_k is shrunk towards their mean as if that had been seen p + 2 times.
"""

import numpy as np
from scipy import special

from twin.inference.rungs.split_t import NU, SplitT, coordinates, log_components
from twin.space import Floats

ITERATIONS = 8
FAR = 1e10
"""Prior widths from the prior's centre at which no posterior lies."""


def fit_mixture(u: Floats, log_weights: Floats, factor: Floats, components: int) -> SplitT:
    """t mixtures of draws ``u`` (m, n, p) with normalised log weights (m, n).

    Draws beyond ``FAR``, at infinity or nowhere do not count, whatever their weight: a proposal that went astray makes
    them.

    The first responsibilities are slices of equal weight along the direction in which the draws spread most beyond
    Laplace's approximation ``factor`` (m, p, p): along a banana, and across two modes.
    """
    w = np.exp(log_weights)
    with np.errstate(invalid="ignore"):
        near = (w > 0) & np.all(np.abs(u) < FAR, axis=-1)
    u, w = np.where(near[..., None], u, 0.0), np.where(near, w, 0.0)
    share = _slices(u, w, factor, components)
    found = _maximise(u, w, share, np.ones_like(share))
    for _ in range(ITERATIONS):
        with np.errstate(divide="ignore"):
            log_share = np.log(found.weight)[..., None] + log_components(found, u)
        share = np.exp(log_share - special.logsumexp(log_share, axis=1, keepdims=True))
        square = np.sum(coordinates(found, u) ** 2, axis=-2)
        found = _maximise(u, w, share, (NU + u.shape[-1]) / (NU + square))
    return found


def _maximise(u: Floats, w: Floats, share: Floats, gamma: Floats) -> SplitT:
    """Weights, centres and axes from responsibilities and γ (m, K, n)."""
    m, _, p = u.shape
    mass = share * w[:, None]
    alpha = np.maximum(mass.sum(-1), 1e-12)
    pulled = mass * gamma
    centre = (pulled @ u) / np.maximum(pulled.sum(-1), 1e-300)[..., None]
    away = u[:, None] - centre[:, :, None]
    scatter = (away * pulled[..., None]).swapaxes(-1, -2) @ away
    pooled = scatter.sum(axis=1, keepdims=True) / alpha.sum(-1)[:, None, None, None]
    counts = alpha / np.maximum(np.sum(w**2, axis=1), 1e-300)[:, None]
    prior = p + 2.0
    matrix = (scatter / alpha[..., None, None] * counts[..., None, None] + prior * pooled) / (
        counts[..., None, None] + prior
    )
    floor = 1e-10 * np.trace(pooled, axis1=-2, axis2=-1)[..., None, None] + 1e-14
    axes = np.linalg.cholesky(matrix + floor * np.eye(p))
    one = np.ones((m, share.shape[1], p))
    return SplitT(alpha / alpha.sum(-1, keepdims=True), centre, axes, one, one)


def _slices(u: Floats, w: Floats, factor: Floats, components: int) -> Floats:
    """Responsibilities (m, K, n): slices of equal weight along the direction of largest excess spread."""
    mean = np.sum(w[..., None] * u, axis=1, keepdims=True)
    whitened = np.linalg.solve(factor, (u - mean).swapaxes(-1, -2))
    spread = (whitened * w[:, None]) @ whitened.swapaxes(-1, -2)
    direction = np.linalg.eigh(spread)[1][..., -1]
    along = (direction[:, None] @ whitened)[:, 0]
    order = np.argsort(along, axis=1)
    passed = np.cumsum(np.take_along_axis(w, order, axis=1), axis=1)
    level = np.empty_like(passed)
    np.put_along_axis(level, order, passed, axis=1)
    slot = np.minimum((level * components).astype(int), components - 1)
    return np.asarray(slot[:, None] == np.arange(components)[:, None], dtype=np.float64)
