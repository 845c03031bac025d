"""A log density as a landscape, compiled: its height, its slope and its curvature at many points.

Fisher information comes by forward mode, a column of the Jacobian per parameter. Hessians are central differences of
the gradient: for a map of a few hundred operations second derivatives would take a minute to compile, and a Newton step
needs no more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from twin.inference.density import LogDensity, Whitening, potential
from twin.inference.errors import Outputs
from twin.space import Floats

DIFFERENCE = 1e-5
"""Step of the Hessian's central differences, in standard deviations of the prior."""
CHUNK = 64
"""Points that one call of a compiled function takes."""

Curvature = Callable[[Floats], Floats]
"""u (n, p) -> matrices (n, p, p) that stand for the Hessian there."""

Height = Callable[[Floats], Floats]
"""u (n, p) -> U (n,), ∞ where it is not a number."""

Slope = Callable[[Floats], Floats]
"""u (n, p) -> ∂U/∂u (n, p)."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A potential U over prior-whitened u, compiled: its height, its slope and what stands for its curvature.

    ``bend`` is the Hessian, ``curvature`` the Fisher approximation where the density has one, else the Hessian too.
    """

    height: Height
    slope: Slope
    curvature: Curvature
    bend: Curvature


def surface_of(density: LogDensity, scale: Whitening) -> Surface:
    """Compiled when first asked; the same functions serve the search and the samplers after it."""
    energy = potential(density, scale)
    heights, slopes = chunked(lambda u: (energy(u),)), chunked(lambda u: (jax.grad(energy)(u),))

    def height(u: Floats) -> Floats:
        (value,) = heights(u)
        return np.where(np.isnan(value), np.inf, value)

    def slope(u: Floats) -> Floats:
        return slopes(u)[0]

    hessian = hessian_of(slope)
    return Surface(height, slope, fisher_of(density, scale) or hessian, hessian)


def hessian_of(slope: Slope) -> Curvature:
    """Central differences of the gradient."""

    def curvature(u: Floats) -> Floats:
        n, p = u.shape
        shifts = DIFFERENCE * np.eye(p)
        nodes = np.stack([u[:, None] + shifts, u[:, None] - shifts], axis=1)
        gradients = slope(nodes.reshape(-1, p)).reshape(n, 2, p, p)
        matrix = (gradients[:, 0] - gradients[:, 1]) / (2 * DIFFERENCE)
        return np.asarray(0.5 * (matrix + matrix.swapaxes(-1, -2)))

    return curvature


def fisher_of(density: LogDensity, scale: Whitening) -> Curvature | None:
    """The likelihood's Fisher information (``errors.py``) plus the prior's diagonal.

    None where the density has no outputs.
    """
    outputs = density.outputs
    if outputs is None:
        return None
    to = density.coordinates

    def rest(u: Floats) -> Floats:
        z = scale(u)
        return np.asarray(-to.log_prior(to.constrain(z)) - to.log_jacobian(z))

    def information(u: jax.Array) -> tuple[jax.Array]:
        def seen(v: jax.Array) -> tuple[jax.Array, Outputs]:
            found = outputs(to.constrain(scale(v)))
            return found.values, found

        jacobian, at = jax.jacfwd(seen, has_aux=True)(u)
        return (at.fisher(jacobian.T),)

    likelihood = chunked(information)

    def curvature(u: Floats) -> Floats:
        p = u.shape[1]
        wide = 100 * DIFFERENCE * np.eye(p)
        sides = [rest((u[:, None] + side * wide).reshape(-1, p)).reshape(-1, p) for side in (1, -1)]
        bend = (sides[0] + sides[1] - 2 * rest(u)[:, None]) / (100 * DIFFERENCE) ** 2
        return np.asarray(likelihood(u)[0] + bend[:, :, None] * np.eye(p))

    return curvature


def chunked(function: Callable[[jax.Array], tuple[jax.Array, ...]]) -> Callable[[Floats], tuple[Floats, ...]]:
    """A function of one point as one of many, compiled once for ``CHUNK`` points at a time."""
    program = jax.jit(jax.vmap(function))

    def run(u: Floats) -> tuple[Floats, ...]:
        parts = []
        with jax.enable_x64(True):
            for i in range(0, len(u), CHUNK):
                part = u[i : i + CHUNK]
                padded = np.concatenate([part, np.repeat(part[-1:], CHUNK - len(part), axis=0)])
                parts.append([np.asarray(found)[: len(part)] for found in program(jnp.asarray(padded))])
        return tuple(np.concatenate(whole) for whole in zip(*parts, strict=True))

    return run
