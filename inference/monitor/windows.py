"""What each of many records says of a model's parameters, as a Gaussian: compiled once, whatever the records.

Readings y of channel j differ from the forward map f by noise σ_j and by the model's own error, an Ornstein-Uhlenbeck
process of standard deviation τ_j: R_j = σ_j² I + τ_j² exp(-|t - t'|/T). Without the second term a record of hundreds of
readings would be believed to a fraction of a percent, by a model that is off by a few. In prior-whitened coordinates u
damped Gauss-Newton steps lower

    ½ Σ_j r_jᵀ R_j⁻¹ r_j + ½ |u - u₀|²/s²,       r = y - f(u)

from u₀ on, where the carried posterior is. What a record says beside the prior is then the precision Λ = JᵀR⁻¹J and the
shift η = Λ u + JᵀR⁻¹r: together a factor exp(-½ uᵀΛu + ηᵀu) of any posterior. The noise is taken from differences of
neighbouring residuals (von Neumann 1941), which slow errors of a model hardly touch; a reading whose residual stands
out from its neighbours' by more than ``FAR`` times twice the usual noise is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.arrays import Array
from twin.inference.monitor.frame import Frame
from twin.space import Floats

ITERATIONS = 6
DAMPINGS = (0.0, 0.03, 0.3, 3.0)
"""Shares of the diagonal that are added to it, of which a step takes the best (Marquardt 1963)."""
LONGEST = 1.0
"""Largest step of a coordinate, in standard deviations of the prior."""
NEAR = 0.5
"""s: how far from u₀ a record is looked at, in standard deviations of the prior."""
FAR = 5.0
CHUNK = 16
"""Records that one call of the compiled program takes."""
EQUIVALENT = 4.0
"""Differences that a sensor's data sheet counts for when the noise is estimated."""
AT_REST = 4.0
"""Newton decrement [nats] below which a fit counts as converged: η carries what is left of the step."""
PASSES = 3


class Information(NamedTuple):
    """Of records (…,): precision Λ (…, p, p), shift η (…, p), noise (…, q), and how well they are fitted.

    ``decrement`` (…,) is that of the last step; ``misfit`` (…, q) a channel's rᵀR⁻¹r for each of its readings, about 1.
    """

    precision: Any
    shift: Any
    noise: Any
    decrement: Any
    misfit: Any

    @property
    def converged(self) -> Any:
        """Whether each fit came to rest."""
        return self.decrement < AT_REST


class Local(NamedTuple):
    """A record about u (p,): precision JᵀR⁻¹J (p, p), pull JᵀR⁻¹r (p,) and whitened residual (q n,)."""

    u: Any
    precision: Any
    pull: Any
    residual: Any


@dataclass(frozen=True, eq=False)
class Channels:
    """Of q channels: usual noise (q,) of the sensors, errors (q,) of the model, and their correlation time."""

    noise: Floats
    error: Floats
    memory: float


@dataclass(frozen=True, eq=False)
class WindowFit(Frame):
    """A forward map ``predict``(θ (p,), record) -> readings (n, q) at ``times`` (n,) since a record's start.

    Records are trees of arrays that ``predict`` understands; only their shapes are compiled.
    """

    predict: Callable[[Array, Any], Array]
    times: Floats
    channels: Channels

    def informations(self, records: Any, y: Floats, start: Floats) -> Information:
        """Of records with a leading axis W and readings y (W, n, q), NaN where there is none; u₀ = ``start`` (p,)."""
        count = len(y)
        parts = []
        with jax.enable_x64(True):
            for first in range(0, count, CHUNK):
                rows = np.minimum(np.arange(first, first + CHUNK), count - 1)
                own = jax.tree.map(lambda a, rows=rows: np.asarray(a)[rows], records)
                found = self._program(own, y[rows], np.asarray(start, dtype=float))
                parts.append([np.asarray(part)[: count - first] for part in found])
        return Information(*(np.concatenate(whole) for whole in zip(*parts, strict=True)))

    def centre(self, records: Any, y: Floats, tight: Floats) -> Floats:
        """Where records are best looked at first: the median (p,) of the modes that fits from the last median reach.

        A fit from far off may end in a corner of the prior; of many the median does not. ``tight`` (p,) are the
        standard deviations of the prior.
        """
        start = np.zeros(len(self.space))
        for _ in range(PASSES):
            found = self.informations(records, y, start)
            modes = np.linalg.solve(found.precision + np.diag(tight**-2.0), found.shift[..., None])[..., 0]
            sound = np.isfinite(modes).all(axis=-1) & np.asarray(found.converged)
            if sound.any():
                start = np.asarray(np.median(modes[sound], axis=0))
        return start

    @cached_property
    def _program(self) -> Callable[[Any, Any, Any], Information]:
        program: Callable[[Any, Any, Any], Information] = jax.jit(jax.vmap(self._one, in_axes=(0, 0, None)))
        return program

    def _one(self, record: Any, y: jax.Array, start: jax.Array) -> Information:
        measured, stiff = jnp.isfinite(y), NEAR**-2
        known = jnp.where(measured, y, 0.0)

        def readings(u: jax.Array) -> jax.Array:
            return self.predict(self.theta(u), record)

        def left(found: jax.Array) -> jax.Array:
            return jnp.where(measured, known - found, 0.0)

        first = left(readings(start))
        measured = measured & ~self._spikes(first, measured)
        noise = self._noise(first, measured)
        lower = self._factors(noise, measured)

        def white(residual: jax.Array) -> jax.Array:
            return jnp.ravel(jax.scipy.linalg.solve_triangular(lower, residual.T[..., None], lower=True))

        def height(u: jax.Array) -> jax.Array:
            r = white(left(readings(u)))
            found = 0.5 * r @ r + 0.5 * stiff * jnp.sum((u - start) ** 2)
            return jnp.where(jnp.isnan(found), jnp.inf, found)

        def local(u: jax.Array) -> Local:
            def both(v: jax.Array) -> tuple[jax.Array, jax.Array]:
                found = readings(v)
                return white(jnp.where(measured, found, 0.0)), found

            slopes, found = jax.jacfwd(both, has_aux=True)(u)
            residual = white(left(found))
            return Local(u, slopes.T @ slopes, slopes.T @ residual, residual)

        def moved(at: Local) -> jax.Array:
            u, matrix, slope = at.u, at.precision + stiff * jnp.eye(len(at.u)), at.pull - stiff * (at.u - start)
            ways = [jnp.linalg.solve(matrix + d * jnp.diag(jnp.diagonal(matrix)), slope) for d in DAMPINGS]
            points = jnp.stack([u, *(u + way * jnp.minimum(1.0, LONGEST / jnp.abs(way).max()) for way in ways)])
            return points[jnp.argmin(jax.vmap(height)(points))]

        def step(k: jax.Array, at: Local) -> Local:
            return local(jax.lax.cond(k > 0, moved, lambda here: here.u, at))

        size = len(start)  # the loop also looks at its start and its end: one copy of the Jacobian is compiled
        nowhere = Local(start, jnp.zeros((size, size)), jnp.zeros(size), jnp.zeros(first.size))
        u, precision, pull, residual = jax.lax.fori_loop(0, ITERATIONS + 1, step, nowhere)
        slope = pull - stiff * (u - start)
        decrement = 0.5 * slope @ jnp.linalg.solve(precision + stiff * jnp.eye(size), slope)
        square = residual.reshape(len(noise), -1) ** 2
        misfit = square.sum(axis=-1) / jnp.maximum(measured.sum(axis=0), 1)
        return Information(precision, precision @ u + pull, noise, decrement, misfit)

    def _spikes(self, left: jax.Array, measured: jax.Array) -> jax.Array:
        """Readings between two others that stand out most, by far more than twice the usual noise."""
        among = measured[2:] & measured[:-2]
        away = jnp.pad(jnp.where(among, jnp.abs(left[1:-1] - 0.5 * (left[2:] + left[:-2])), 0.0), ((2, 2), (0, 0)))
        most = (away[1:-1] >= away[2:]) & (away[1:-1] >= away[:-2])
        return measured & most & (away[1:-1] > FAR * jnp.sqrt(1.5) * 2 * self.channels.noise)

    def _noise(self, left: jax.Array, measured: jax.Array) -> jax.Array:
        pairs = measured[1:] & measured[:-1]
        square = jnp.where(pairs, jnp.diff(left, axis=0) ** 2 / 2, 0.0).sum(axis=0)
        return jnp.sqrt((square + EQUIVALENT * self.channels.noise**2) / (pairs.sum(axis=0) + EQUIVALENT))

    def _factors(self, noise: jax.Array, measured: jax.Array) -> jax.Array:
        """Cholesky factors (q, n, n) of R; what was not measured is a unit of its own."""
        alike = jnp.exp(-jnp.abs(self.times[:, None] - self.times) / self.channels.memory)
        both = measured.T[:, :, None] & measured.T[:, None, :]
        slow = jnp.asarray(self.channels.error)[:, None, None] ** 2 * jnp.where(both, alike, 0.0)
        own = jnp.where(measured.T, noise[:, None] ** 2, 1.0)
        return jnp.linalg.cholesky(slow + jax.vmap(jnp.diag)(own))
