"""Compiled programs that climb to modes: damped Gauss-Newton, then Newton.

A lane is a climber with its unit's data, in prior-whitened coordinates. With e the eigenvalues of the Fisher
information (or the Hessian), V its eigenvectors and g the gradient, a step is V (Vᵀg)/(|e| + λ); each iteration tries
0, λ and its neighbours and keeps the best (Levenberg 1944, Marquardt 1963).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.inference.rungs.modes import FLATTEST
from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import UnitDensity
from twin.inference.units.likelihood import Data, Row, of_rows
from twin.space import Floats

LANES = 32
"""Climbers that one call of the compiled programs takes."""
NEIGHBOURS = (0.03, 1.0, 30.0)
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1.0, 1e-6, 1e8
STEPS = 4
"""Gauss-Newton steps of a round."""
POLISH = 3
"""Newton steps."""
DIFFERENCE = 1e-3
"""Step of the Hessian's central differences, in standard deviations."""


Program = Callable[[Any, Any], Any]


class Climbers(NamedTuple):
    """Points u (L, p), log density (L,), damping (L,), curvature (L, p, p) and decrement (L,) at the last step."""

    u: Any
    value: Any
    damping: Any
    curvature: Any
    decrement: Any


@dataclass(frozen=True, eq=False)
class Climb:
    """The two compiled programs over LANES climbers with data of their own."""

    density: UnitDensity

    @cached_property
    def scout(self) -> Program:
        """STEPS Gauss-Newton steps."""
        program: Program = jax.jit(
            lambda at, data: _iterate(self.density, at, data, lambda now, own: self._fisher(now.u, own), STEPS)
        )
        return program

    @cached_property
    def polish(self) -> Program:
        """POLISH Newton steps and the Hessian at the end."""
        program: Program = jax.jit(
            lambda at, data: _iterate(self.density, at, data, self._newton, POLISH, at_rest=True)
        )
        return program

    @cached_property
    def local(self) -> Program:
        """Fisher curvature (L, p, p), gradient (L, p) and log density (L,) of u (L, p)."""
        compiled: Program = jax.jit(self._fisher)
        return compiled

    def _fisher(self, u: jax.Array, data: Sequence[Row]) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Fisher information plus the prior's curvature (L, p, p), gradient (L, p), log density (L,)."""

        def one(v: jax.Array, own: Sequence[Row]) -> tuple[jax.Array, jax.Array, jax.Array]:
            def both(w: jax.Array) -> Any:
                found, value = self.density.scored(w, own)
                return (found.values, value), (found, value)

            (jacobian, gradient), (outputs, value) = jax.jacfwd(both, has_aux=True)(v)
            return outputs.fisher(jacobian.T) - jax.hessian(self.density.prior)(v), gradient, value

        found: tuple[jax.Array, jax.Array, jax.Array] = jax.vmap(one)(u, data)
        return found

    def _newton(self, at: Climbers, data: Sequence[Row]) -> tuple[jax.Array, jax.Array]:
        """Minus the Hessian (L, p, p) and the gradient (L, p).

        Central differences of the gradient along the principal axes of the curvature so far, ``DIFFERENCE`` of a
        standard deviation to either side: no fixed step suits axes whose lengths differ by a factor of a million.
        """

        def one(v: jax.Array, matrix: jax.Array, own: Sequence[Row]) -> tuple[jax.Array, jax.Array]:
            e, axes = jnp.linalg.eigh(jnp.where(jnp.isfinite(matrix).all(), matrix, jnp.eye(len(v))))
            root = jnp.sqrt(jnp.maximum(jnp.abs(e), FLATTEST))
            shifts = DIFFERENCE * (axes / root).T
            nodes = v + jnp.concatenate([jnp.zeros((1, len(v))), shifts, -shifts])
            slopes = jax.vmap(jax.grad(lambda w: self.density(w, own)))(nodes)
            bend = (slopes[1 + len(v) :] - slopes[1 : 1 + len(v)]) @ axes * root[:, None] / (2 * DIFFERENCE)
            return axes @ (0.5 * (bend + bend.T)) @ axes.T, slopes[0]

        found: tuple[jax.Array, jax.Array] = jax.vmap(one)(at.u, at.curvature, data)
        return found


def _iterate(
    density: UnitDensity, at: Climbers, data: Sequence[Row], curvature_of: Any, steps: int, *, at_rest: bool = False
) -> Climbers:
    """Damped steps; curvature and decrement are those before the last one, or ``at_rest`` those where it led."""
    factors = jnp.concatenate([jnp.zeros(1), jnp.asarray(NEIGHBOURS)])

    def step(k: Any, here: Climbers) -> Climbers:
        curvature, gradient = curvature_of(here, data)[:2]
        e, axes, turned = _turned(curvature, gradient)
        size = jnp.abs(e)[:, None] + factors[:, None] * here.damping[:, None, None] + 1e-10
        candidates = here.u[:, None] + jnp.einsum("lij,lkj->lki", axes, turned[:, None] / size)
        heights = jax.vmap(density)(candidates, data)
        best = jnp.argmax(heights, axis=1)
        lane = jnp.arange(len(best))
        better = (heights[lane, best] > here.value) & (k < steps)
        trend = jnp.where(better, jnp.maximum(factors[best], NEIGHBOURS[0]), NEIGHBOURS[-1])
        return Climbers(
            u=jnp.where(better[:, None], candidates[lane, best], here.u),
            value=jnp.where(better, heights[lane, best], here.value),
            damping=jnp.clip(here.damping * trend, LEAST_DAMPING, MOST_DAMPING),
            curvature=curvature,
            decrement=0.5 * jnp.sum(turned**2 / (jnp.abs(e) + 1e-10), axis=-1),
        )

    done: Climbers = jax.lax.fori_loop(0, steps + at_rest, step, at)
    return done


def _turned(curvature: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Eigenvalues, eigenvectors, and the gradient along them; a start that cannot be used stays where it is."""
    usable = jnp.isfinite(curvature).all(axis=(-2, -1)) & jnp.isfinite(gradient).all(axis=-1)
    matrix = jnp.where(usable[:, None, None], curvature, jnp.eye(curvature.shape[-1]))
    e, axes = jnp.linalg.eigh(matrix)
    return e, axes, jnp.einsum("lij,li->lj", axes, jnp.where(usable[:, None], gradient, 0.0))


def run(program: Program, at: Climbers, measured: Data, unit: Rows, lanes: Rows) -> Climbers:
    """The climbers with those in ``lanes`` moved on by a compiled program, LANES at a time."""
    moved = Climbers(*(part.copy() for part in at))
    with jax.enable_x64(True):
        for first in range(0, len(lanes), LANES):
            own = lanes[first : first + LANES]
            padded = np.concatenate([own, np.full(LANES - len(own), own[-1])])
            new = program(Climbers(*(part[padded] for part in at)), of_rows(measured, unit[padded]))
            for whole, part in zip(moved, new, strict=True):
                whole[own] = np.asarray(part)[: len(own)]
    return moved


def local_values(climb: Climb, measured: Data, u: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
    """Curvature (k, p, p), gradient (k, p) and log density (k,) of u (k, p) under the data of ``rows`` (k,)."""
    k = len(u)
    parts: list[tuple[Floats, ...]] = []
    with jax.enable_x64(True):
        for first in range(0, k, LANES):
            own = np.arange(first, min(first + LANES, k))
            padded = np.concatenate([own, np.full(LANES - len(own), own[-1])])
            found = climb.local(u[padded], of_rows(measured, rows[padded]))
            parts.append(tuple(np.asarray(a)[: len(own)] for a in found))
    curvature, gradient, value = (np.concatenate(whole) for whole in zip(*parts, strict=True))
    return curvature, gradient, value
