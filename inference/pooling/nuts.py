"""The No-U-Turn sampler of NumPyro on a population and all of its units together.

    log p(h, u | data) = Σ_i log p(data_i | u_i) + Σ_i log p(u_i | h) + log p(h)

with the law of ``law.py`` and the units' own likelihood, batched over them. The sampler moves in coordinates that
each unit's own evidence chooses (``conditional.py``), with a diagonal metric; the population's numbers are whitened
with a dense one. One compiled program serves all fleets of one size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from twin.arrays import Array
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening
from twin.inference.nuts_numpyro import compiled_lanes
from twin.inference.pooling.conditional import Conditional
from twin.inference.pooling.evidence import Evidence
from twin.inference.pooling.law import Law, column_prior
from twin.inference.units.density import UnitDensity
from twin.inference.units.likelihood import Row, one_unit
from twin.space import Floats

AT_ONCE = 250
"""Draws that are turned back into units at a time."""
TRIES = 20
"""Starts that a chain may try before it begins at the centre."""


@dataclass(frozen=True)
class PoolChains:
    """Chains, draws of each after warm-up, and NUTS's two settings."""

    chains: int = 4
    draws: int = 1000
    warmup: int = 500
    target_accept: float = 0.85
    max_tree_depth: int = 10


class Fleet(NamedTuple):
    """What the program is told of a fleet: evidence, groups (U,), the population's whitening, and the units' data."""

    evidence: tuple[Array, Array, Array]
    groups: Array
    whitening: tuple[Array, Array]
    data: Sequence[Row]


class Drawn(NamedTuple):
    """h (chains, draws, H), u (chains, draws, U, p) and the sampler's statistics (chains, draws)."""

    hyper: Floats
    u: Floats
    stats: dict[str, Floats]


@dataclass(frozen=True, eq=False)
class PoolSampler:
    """The compiled programs of one law."""

    density: UnitDensity
    law: Law
    settings: PoolChains

    @cached_property
    def to(self) -> Coordinates:
        """Transforms of the population's numbers."""
        return Coordinates(self.law.hyper)

    @cached_property
    def own_prior(self) -> Callable[[Array], Array]:
        """Of what is each unit's own."""
        return column_prior(self.law.space, self.law.own)

    @cached_property
    def program(self) -> Callable[[Any, Any, Any], Any]:
        """As ``compiled_lanes`` gives it, of {"population": ω (H,), "units": ξ (U, q)}."""
        own = self.settings
        return compiled_lanes(
            self.energy,
            draws=own.draws,
            warmup=own.warmup,
            target_accept=own.target_accept,
            max_tree_depth=own.max_tree_depth,
            dense_mass=[("population",)],
        )

    @cached_property
    def heights(self) -> Callable[[Any, Any], Any]:
        """``energy`` of many points."""
        compiled: Callable[[Any, Any], Any] = jax.jit(jax.vmap(self.energy, in_axes=(0, None)))
        return compiled

    @cached_property
    def placed(self) -> Callable[[Any, Any], Any]:
        """h and u of many points."""
        compiled: Callable[[Any, Any], Any] = jax.jit(jax.vmap(self.units, in_axes=(0, None)))
        return compiled

    def units(self, at: dict[str, Array], fleet: Fleet) -> tuple[Array, Array]:
        """h (H,) and u (U, p)."""
        h = self.to.constrain(Whitening(*fleet.whitening)(at["population"]))
        return h, self._conditional(fleet).place(h, at["units"]).u

    def energy(self, at: dict[str, Array], fleet: Fleet) -> Array:
        """Minus the log density, ∞ where it is not a number."""
        z = Whitening(*fleet.whitening)(at["population"])
        h = self.to.constrain(z)
        placed = self._conditional(fleet).place(h, at["units"])
        value = self.to.log_prior(h) + self.to.log_jacobian(z) + placed.log_jacobian
        value = value - 0.5 * jnp.sum(placed.z**2) + jnp.sum(self.own_prior(placed.u[..., self.law.own]))
        value = value + jnp.sum(jax.vmap(self._log_likelihood)(placed.u, fleet.data))
        return jnp.where(jnp.isnan(value), jnp.inf, -value)

    def sample(self, conditional: Conditional, whitening: Whitening, data: Sequence[Row], seed: int) -> Drawn:
        """Chains for U units with their ``data`` (U, …), which are finite wherever they count."""
        own, e = self.settings, conditional.evidence
        with jax.enable_x64(True):
            told = Fleet(
                (e.centre, e.slope, e.precision), conditional.groups, (whitening.centre, whitening.factor), data
            )
            fleet = jax.tree.map(jnp.asarray, told)
            lanes = jax.tree.map(lambda a: jnp.broadcast_to(a, (own.chains, *a.shape)), fleet)
            keys = jax.random.split(jax.random.PRNGKey(seed), own.chains)
            drawn, stats = self.program(self._starts(conditional.shape, fleet, seed), keys, lanes)
            flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), drawn)
            parts = [
                [np.asarray(a) for a in self.placed(jax.tree.map(lambda a, i=i: a[i : i + AT_ONCE], flat), fleet)]
                for i in range(0, own.chains * own.draws, AT_ONCE)
            ]
        hyper, u = (np.concatenate(part) for part in zip(*parts, strict=True))
        shape = own.chains, own.draws
        return Drawn(
            hyper.reshape(*shape, -1),
            u.reshape(*shape, *u.shape[1:]),
            {name: np.asarray(values) for name, values in stats.items()},
        )

    def _starts(self, shape: tuple[int, int], fleet: Fleet, seed: int) -> dict[str, Any]:
        """Standard normal points where the density is finite; the centre where none of a few tries is."""
        rng, chains = np.random.default_rng(seed), self.settings.chains
        sizes = {"population": (len(self.law.hyper),), "units": shape}
        tried = {
            name: jnp.asarray(np.concatenate([rng.standard_normal((chains * TRIES, *size)), np.zeros((1, *size))]))
            for name, size in sizes.items()
        }
        finite = np.isfinite(np.asarray(self.heights(tried, fleet)))[:-1].reshape(chains, TRIES)
        first = np.arange(chains) * TRIES + np.argmax(finite, axis=1)
        chosen = np.where(finite.any(axis=1), first, chains * TRIES)
        return {name: values[chosen] for name, values in tried.items()}

    def _conditional(self, fleet: Fleet) -> Conditional:
        return Conditional(self.law, Evidence(*fleet.evidence), fleet.groups)

    def _log_likelihood(self, u: Array, data: Sequence[Row]) -> Array:
        likelihood, measured = one_unit(self.density.likelihood, data)
        return likelihood.log_prob(self.density.theta(u), measured)
