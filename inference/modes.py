"""Where a posterior has its modes: damped Gauss-Newton, then Newton, from many starts at once, in JAX.

In prior-whitened coordinates u, with H = V diag(e) Vᵀ the Hessian of the potential U or its Fisher approximation,
and g the gradient, each start tries the steps -V (Vᵀg)/(|e| + λ) for a grid of dampings λ and takes the best
(Levenberg 1944; |e| keeps the direction downhill where U is not convex, Dauphin et al. 2014, arXiv 1406.2572).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.inference.density import LogDensity, Whitening, potential, prior_whitening
from twin.space import Floats

DAMPINGS = (0.0, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e4, 1e6)
FLATTEST = 0.1
"""Smallest curvature that a Laplace approximation may have, in units of the prior's (u has unit scale)."""


@dataclass(frozen=True, eq=False)
class Modes:
    """Distinct modes, best first: ``z`` (k, p), potential (k,), Laplace factors (k, p, p).

    ``converged`` (k,) says whether Newton's method came to rest there. ``log_mass`` (k,) is the logarithm of each
    mode's share by Laplace's approximation, relative to the best mode's.
    """

    z: Floats
    potential: Floats
    factor: Floats
    converged: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def log_mass(self) -> Floats:
        """-U + log det factor, minus the first mode's."""
        volume = np.log(np.abs(np.diagonal(self.factor, axis1=-2, axis2=-1))).sum(-1)
        mass = volume - self.potential
        return np.asarray(mass - mass[0])

    @property
    def whitening(self) -> Whitening:
        """The best mode's Laplace approximation as coordinates."""
        return Whitening(self.z[0], self.factor[0])


Energy = Callable[[jax.Array], jax.Array]
Curvature = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
"""A matrix (p, p) that stands for the Hessian at u, and the gradient (p,) there."""


@dataclass(frozen=True)
class Descent:
    """How far a search goes: at most ``iterations``, and until ½ gᵀ|H|⁻¹g, in nats, is below ``tolerance``."""

    iterations: int = 100
    tolerance: float = 1e-6


DESCENT = Descent()


def hessian_of(energy: Energy) -> Curvature:
    """The exact Hessian."""

    def slope_twice(u: jax.Array) -> tuple[jax.Array, jax.Array]:
        slope = jax.grad(energy)(u)
        return slope, slope

    curvature: Curvature = jax.jacfwd(slope_twice, has_aux=True)
    return curvature


def fisher_of(density: LogDensity, whitening: Whitening) -> Curvature:
    """Fisher information of the likelihood, JᵀwJ, plus the exact Hessian of the rest."""
    outputs, energy = density.outputs, potential(density, whitening)
    rest = potential(LogDensity(density.space, lambda theta: theta[..., 0] * 0), whitening)
    if outputs is None:
        return hessian_of(energy)

    def curvature(u: jax.Array) -> tuple[jax.Array, jax.Array]:
        jacobian, information = jax.jacfwd(
            lambda at: outputs(density.coordinates.constrain(whitening(at))), has_aux=True
        )(u)
        return jacobian.T @ (information[:, None] * jacobian) + jax.jacfwd(jax.grad(rest))(u), jax.grad(energy)(u)

    return curvature


def descend(
    energy: Energy, curvature: Curvature, start: jax.Array, descent: Descent
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Minimum of ``energy`` near ``start`` (p,): point, value, curvature, decrement ½ gᵀ|H|⁻¹g.

    Curvature and decrement are those from which the last step was taken. Pure JAX, so it can be batched with
    vmap over starts, and over the data inside ``energy``.
    """
    dampings = jnp.asarray(DAMPINGS)

    def improve(state: tuple[Any, ...]) -> tuple[Any, ...]:
        u, value, _, _, _, k = state
        matrix, gradient = curvature(u)
        size, axes = jnp.linalg.eigh(matrix)
        slope = axes.T @ gradient
        size = jnp.abs(size) + dampings[:, None] + 1e-10
        candidates = u - (slope / size) @ axes.T
        values = jax.vmap(energy)(candidates)
        values = jnp.where(jnp.isnan(values), jnp.inf, values)
        best = jnp.argmin(values)
        better = values[best] < value
        decrement = 0.5 * jnp.sum(slope**2 / size[0])
        point = jnp.where(better, candidates[best], u)
        go_on = better & (decrement > descent.tolerance)
        return point, jnp.minimum(values[best], value), matrix, decrement, go_on, k + 1

    def running(state: tuple[Any, ...]) -> Any:
        return state[4] & (state[5] < descent.iterations)

    p, unknown = start.shape[0], jnp.full_like(start, jnp.inf)
    state = (start, unknown[0], jnp.full((p, p), jnp.nan, start.dtype), unknown[0], jnp.asarray(True), 0)
    point, value, matrix, decrement, _, _ = jax.lax.while_loop(running, improve, state)
    return point, value, matrix, decrement


def find_modes(density: LogDensity, *, seed: int, starts: int = 16, descent: Descent = DESCENT) -> Modes:
    """Modes of the density reached from Sobol points of the prior, with their Laplace approximations.

    Gauss-Newton first where the density allows it, then Newton's method, which also gives the exact Hessian.
    ValueError when the density is finite at none of the starts.
    """
    scale = prior_whitening(density.space)
    z = density.space.unconstrain(density.space.sobol(starts, seed))
    energy = potential(density, scale)

    def climb(u: jax.Array) -> Any:
        if density.outputs is not None:
            u = descend(energy, fisher_of(density, scale), u, descent)[0]
        return descend(energy, hessian_of(energy), u, descent)

    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(climb))(jnp.asarray(scale.inverse(z[np.isfinite(z).all(axis=-1)])))
        u, value, hessian, decrement = (np.asarray(a) for a in found)
    usable = np.isfinite(value) & np.isfinite(hessian).all(axis=(-2, -1))
    if not usable.any():
        raise ValueError(
            f"the log density is finite at none of {starts} prior draws: check the data's units and the prior"
        )
    order = np.flatnonzero(usable)[np.argsort(value[usable])]
    factors = np.stack([laplace_factor(h) for h in hessian[order]])
    keep = _distinct(u[order], factors)
    u, value, factors, decrement = u[order][keep], value[order][keep], factors[keep], decrement[order][keep]
    return Modes(scale(u), value, scale.factor @ factors, decrement < 100 * descent.tolerance)


def laplace_factor(hessian: Floats) -> Floats:
    """Lower-triangular L with L Lᵀ = H⁻¹, the curvature bounded below by the prior's flattest."""
    curvature, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))
    spread = axes / np.sqrt(np.maximum(curvature, FLATTEST))
    triangle: Floats = np.linalg.qr(spread.T)[1].T
    return triangle * np.sign(np.diagonal(triangle))


def _distinct(u: Floats, factors: Floats) -> list[int]:
    """Positions of the points farther than three standard deviations from every better one."""
    kept: list[int] = []
    for i in range(len(u)):
        away = [np.linalg.norm(np.linalg.solve(factors[k], u[i] - u[k])) > 3.0 for k in kept]
        if all(away):
            kept.append(i)
    return kept
