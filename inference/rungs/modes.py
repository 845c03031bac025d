"""Where a posterior has its modes: damped Gauss-Newton, then Newton, from many starts at once.

In prior-whitened coordinates u, with H = V diag(e) Vᵀ the Hessian of the potential U or its Fisher approximation,
and g the gradient, each start tries the steps -V (Vᵀg)/(|e| + λ) for a grid of dampings λ and takes the best
(Levenberg 1944; |e| keeps the direction downhill where U is not convex, Dauphin et al. 2014, arXiv 1406.2572).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.inference.density import LogDensity, Whitening, prior_whitening
from twin.inference.rungs.surface import Curvature, Surface, surface_of
from twin.space import Floats

DAMPINGS = (0.0, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e8, 1e10)
"""Close together, and up to very short steps: at the walls of data that run to a cut-off coarser grids got stuck."""
STARTS = 64
"""Of the measured LG M50 cell's two modes, 24 nats apart, 16 starts missed the better one in three of four searches."""
FLATTEST = 0.1
"""Smallest curvature that a Laplace approximation may have, in units of the prior's (u has unit scale)."""
SCOUTING = 30
"""Steps that every start takes; only those within ``HOPELESS`` of the best go on."""
HOPELESS = 150.0
"""Nats."""
TOLERANCE = 1e-6
"""Newton decrement ½ gᵀ|H|⁻¹g [nats] at which a climber rests, or gain of a step: at kinks slopes never vanish."""


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
