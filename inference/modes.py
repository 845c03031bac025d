"""Where a posterior has its modes: damped Gauss-Newton, then Newton, from many starts at once.

In prior-whitened coordinates u, with H = V diag(e) Vᵀ the Hessian of the potential U or its Fisher approximation,
and g the gradient, each start tries the steps -V (Vᵀg)/(|e| + λ) for a grid of dampings λ and takes the best
(Levenberg 1944; |e| keeps the direction downhill where U is not convex, Dauphin et al. 2014, arXiv 1406.2572).
Fisher information comes by forward mode, a column of the Jacobian per parameter. Hessians are central differences of
the gradient: for a map of a few hundred operations second derivatives would take a minute to compile, and a Newton step
needs no more.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from twin.inference.density import LogDensity, Whitening, potential, prior_whitening
from twin.inference.errors import Outputs
from twin.space import Floats

DAMPINGS = (0.0, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e8, 1e10)
"""Close together, and up to very short steps: at the walls of data that run to a cut-off coarser grids got stuck."""
STARTS = 64
"""Of the measured LG M50 cell's two modes, 24 nats apart, 16 starts missed the better one in three of four searches."""
FLATTEST = 0.1
"""Smallest curvature that a Laplace approximation may have, in units of the prior's (u has unit scale)."""
DIFFERENCE = 1e-5
"""Step of the Hessian's central differences, in the same units."""
CHUNK = 64
"""Points that one call of a compiled function takes."""
SCOUTING = 30
"""Steps that every start takes; only those within ``HOPELESS`` of the best go on."""
HOPELESS = 150.0
"""Nats."""
TOLERANCE = 1e-6
"""Newton decrement ½ gᵀ|H|⁻¹g [nats] at which a climber rests, or gain of a step: at kinks slopes never vanish."""

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


@dataclass(frozen=True, eq=False)
class Modes:
    """Distinct modes, best first: ``z`` (k, p), potential (k,), Laplace factors (k, p, p).

    ``converged`` (k,) says whether Newton's method came to rest there. ``log_mass`` (k,) is the logarithm of each
    mode's share by Laplace's approximation, relative to the best mode's. ``surface`` is what was searched, for those
    who go on from there.
    """

    z: Floats
    potential: Floats
    factor: Floats
    converged: npt.NDArray[np.bool_]
    surface: Surface

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


@dataclass(frozen=True, eq=False)
class Climbers:
    """Points on their way: ``u`` (n, p), potential (n,), Hessian (n, p, p), decrement (n,), still moving."""

    u: Floats
    value: Floats
    hessian: Floats
    decrement: Floats
    moving: npt.NDArray[np.bool_]


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


def step(surface: Surface, curvature: Curvature, at: Climbers) -> Climbers:
    """One damped step of every climber that still moves."""
    active = np.flatnonzero(at.moving)
    u = at.u[active]
    n, p = u.shape
    matrix, gradient = curvature(u), surface.slope(u)
    usable = np.asarray(np.isfinite(matrix).all(axis=(-2, -1)) & np.isfinite(gradient).all(axis=-1))
    values, axes = np.linalg.eigh(np.where(usable[:, None, None], matrix, np.eye(p)))
    turned = np.einsum("nij,ni->nj", axes, np.where(usable[:, None], gradient, 0.0))
    size = np.abs(values)[:, None] + np.array(DAMPINGS)[:, None] + 1e-10
    candidates = u[:, None] - np.einsum("nij,nkj->nki", axes, turned[:, None] / size)
    heights = surface.height(candidates.reshape(-1, p)).reshape(n, -1)
    rows, best = np.arange(n), np.argmin(heights, axis=1)
    gain = np.where(usable, at.value[active] - heights[rows, best], 0.0)
    better = gain > 0
    decrement = np.where(usable, 0.5 * np.sum(turned**2 / size[:, 0], axis=-1), np.inf)
    return Climbers(
        u=_put(at.u, active, np.where(better[:, None], candidates[rows, best], u)),
        value=_put(at.value, active, np.where(better, heights[rows, best], at.value[active])),
        hessian=_put(at.hessian, active, np.where(usable[:, None, None], matrix, np.nan)),
        decrement=_put(at.decrement, active, decrement),
        moving=_put(at.moving, active, (gain > TOLERANCE) & (decrement > TOLERANCE)),
    )


def descend(surface: Surface, curvature: Curvature, u: Floats, iterations: int) -> Climbers:
    """Climbers from ``u`` (n, p) until they rest, fall hopelessly behind or ``iterations`` are spent."""
    n, p = u.shape
    value = surface.height(u)
    at = Climbers(u, value, np.full((n, p, p), np.nan), np.full(n, np.inf), np.isfinite(value))
    for k in range(iterations):
        if k >= SCOUTING:
            at = replace(at, moving=at.moving & (at.value < at.value.min() + HOPELESS))
        if not at.moving.any():
            break
        at = step(surface, curvature, at)
    return at


def find_modes(density: LogDensity, *, seed: int, starts: int = STARTS, iterations: int = 60) -> Modes:
    """Modes of the density reached from Sobol points of the prior, with their Laplace approximations.

    Gauss-Newton first where the density allows it, then Newton's method, which also gives the Hessian. ValueError
    when the density is finite at none of the starts.
    """
    scale = prior_whitening(density.space)
    z = density.space.unconstrain(density.space.sobol(starts, seed))
    u = scale.inverse(z[np.isfinite(z).all(axis=-1)])
    surface = surface_of(density, scale)
    with np.errstate(all="ignore"):
        if density.outputs is not None:
            u = _apart(descend(surface, surface.curvature, u, iterations))
        at = descend(surface, surface.bend, u, iterations)
    usable = np.isfinite(at.value) & np.isfinite(at.hessian).all(axis=(-2, -1))
    if not usable.any():
        raise ValueError(
            f"the log density is finite at none of {starts} prior draws: check the data's units and the prior"
        )
    order = np.flatnonzero(usable)[np.argsort(at.value[usable])]
    factors = np.stack([laplace_factor(h) for h in at.hessian[order]])
    keep = _distinct(at.u[order], factors)
    chosen = order[keep]
    reached = at.decrement[chosen] < 100 * TOLERANCE
    return Modes(scale(at.u[chosen]), at.value[chosen], scale.factor @ factors[keep], reached, surface)


def _apart(at: Climbers) -> Floats:
    """The climbers' points (k, p), best first, without those that joined a better one."""
    order = np.argsort(at.value)
    order = order[np.isfinite(at.value[order]) & np.isfinite(at.hessian[order]).all(axis=(-2, -1))]
    if not len(order):
        return at.u
    return at.u[order[_distinct(at.u[order], np.stack([laplace_factor(h) for h in at.hessian[order]]))]]


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


def _put(whole: npt.NDArray[Any], rows: npt.NDArray[np.int64], part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy of ``whole`` with some rows replaced."""
    copy = whole.copy()
    copy[rows] = part
    return copy
