"""Partial pooling: the population and all of its units together, by the No-U-Turn sampler of NumPyro.

    log p(h, u | data) = Σ_i log p(data_i | u_i) + Σ_i log p(u_i | h) + log p(h)

with the law of ``pooling.py`` and the units' own likelihood, batched over them. The sampler moves in coordinates that
each unit's own evidence chooses (``conditional.py``); the population's numbers are whitened by their closed form.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS

from twin.arrays import Array
from twin.inference.closed_form import CHAINS, sample_closed_form
from twin.inference.conditional import Conditional, conditional_of
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening
from twin.inference.nuts_numpyro import FIELDS
from twin.inference.pooled import Pooled
from twin.inference.pooling import Law, Pooling, column_prior
from twin.inference.unit_density import UnitDensity
from twin.inference.unit_door import UnitData, admit
from twin.inference.unit_evidence import alone_of, evidence_of
from twin.inference.unit_likelihood import Row, of_rows, one_unit
from twin.inference.units import UnitAnswer, Units
from twin.space import Floats

STARTING_DRAWS = 2000
"""Draws of the closed form whose mean and covariance whiten the population's numbers."""
AT_ONCE = 250
"""Draws that are turned back into units at a time."""
TRIES = 20


@dataclass(frozen=True)
class PoolChains:
    """Chains, draws of each after warm-up, and NUTS's two settings."""

    chains: int = CHAINS
    draws: int = 1000
    warmup: int = 500
    target_accept: float = 0.9
    max_tree_depth: int = 10


POOL_CHAINS = PoolChains()


@dataclass(frozen=True, eq=False)
class Joint:
    """The joint density over {"population": ω (H,), "units": ξ (U, q)}, for the ``data`` of U units."""

    density: UnitDensity
    conditional: Conditional
    whitening: Whitening
    data: tuple[Row, ...]

    @property
    def law(self) -> Law:
        """The population's."""
        return self.conditional.law

    @cached_property
    def to(self) -> Coordinates:
        """Transforms of the population's numbers."""
        return Coordinates(self.law.hyper)

    @cached_property
    def own_prior(self) -> Callable[[Array], Array]:
        """Of what is not pooled."""
        return column_prior(self.law.space, self.law.own)

    def units(self, at: dict[str, Array]) -> tuple[Array, Array]:
        """h (H,) and u (U, p)."""
        h = self.to.constrain(self.whitening(at["population"]))
        return h, self.conditional.place(h, at["units"]).u

    def __call__(self, at: dict[str, Array]) -> Array:
        """Minus the log density, ∞ where it is not a number."""
        z = self.whitening(at["population"])
        h = self.to.constrain(z)
        placed = self.conditional.place(h, at["units"])
        value = self.to.log_prior(h) + self.to.log_jacobian(z) + placed.log_jacobian
        value = value - 0.5 * jnp.sum(placed.z**2) + jnp.sum(self.own_prior(placed.u[..., self.law.own]))
        value = value + jnp.sum(jax.vmap(self._log_likelihood)(placed.u, self.data))
        return jnp.where(jnp.isnan(value), jnp.inf, -value)

    def _log_likelihood(self, u: Array, data: Sequence[Row]) -> Array:
        likelihood, measured = one_unit(self.density.likelihood, data)
        return likelihood.log_prob(self.density.theta(u), measured)


def pool_units(
    units: Units,
    measured: Sequence[UnitData | tuple[Array, Array]],
    answers: Sequence[UnitAnswer],
    pooling: Pooling,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    chains: PoolChains = POOL_CHAINS,
) -> Pooled:
    """The posterior of a population and its units.

    ``measured`` and ``answers`` are what ``solve_units`` takes and gives; ``groups`` holds a label for every unit of
    the data. Units without a converged answer are refused by name. ValueError for a pooling that does not fit the
    parameters, labels that do not fit the data, and fewer than three units.
    """
    admitted = admit(units.likelihood, measured)
    alone = alone_of(units.density, answers)
    conditional = conditional_of(units.density, alone, pooling, groups)
    joint = joint_of(units.density, conditional, of_rows(admitted.data, alone.rows), seed)
    hyper, u, stats = sample_joint(joint, chains, seed)
    return Pooled(conditional.law, units.density, conditional.groups, alone, hyper, u, stats)


def joint_of(density: UnitDensity, conditional: Conditional, data: tuple[Row, ...], seed: int) -> Joint:
    """The joint density, its population whitened by mean and covariance of the closed form's z."""
    rough = sample_closed_form(conditional, draws=STARTING_DRAWS, seed=seed).theta
    z = conditional.law.hyper.unconstrain(rough.reshape(-1, rough.shape[-1]))
    return Joint(density, conditional, Whitening(z.mean(axis=0), np.linalg.cholesky(np.cov(z.T))), data)


def sample_joint(joint: Joint, chains: PoolChains, seed: int) -> tuple[Floats, Floats, dict[str, Floats]]:
    """h (chains, draws, H), u (chains, draws, U, p) and the sampler's statistics (chains, draws)."""
    with jax.enable_x64(True):
        kernel = NUTS(
            potential_fn=joint,
            dense_mass=[("population",)],
            target_accept_prob=chains.target_accept,
            max_tree_depth=chains.max_tree_depth,
        )
        run = MCMC(
            kernel,
            num_warmup=chains.warmup,
            num_samples=chains.draws,
            num_chains=chains.chains,
            chain_method="vectorized",
            progress_bar=False,
        )
        run.run(jax.random.PRNGKey(seed), init_params=_starts(joint, chains.chains, seed), extra_fields=tuple(FIELDS))
        drawn = run.get_samples(group_by_chain=False)
        extra = run.get_extra_fields(group_by_chain=True)
        place = jax.jit(jax.vmap(joint.units))
        parts = [
            jax.tree.map(np.asarray, place({name: values[i : i + AT_ONCE] for name, values in drawn.items()}))
            for i in range(0, chains.chains * chains.draws, AT_ONCE)
        ]
    hyper, u = (np.concatenate(part).reshape(chains.chains, chains.draws, *part[0].shape[1:]) for part in zip(*parts))
    return hyper, u, {name: np.asarray(extra[field]) for field, name in FIELDS.items()}


def _starts(joint: Joint, chains: int, seed: int) -> dict[str, Any]:
    """Points near the closed form's draws where the density is finite; its centre where none of a few tries is."""
    rng = np.random.default_rng(seed)
    height, h, shape = jax.jit(jax.vmap(joint)), len(joint.law.hyper), joint.conditional.shape
    tried = {
        "population": np.concatenate([rng.standard_normal((chains * TRIES, h)), np.zeros((1, h))]),
        "units": np.concatenate([rng.standard_normal((chains * TRIES, *shape)), np.zeros((1, *shape))]),
    }
    finite = np.isfinite(np.asarray(height(tried)))[:-1].reshape(chains, TRIES)
    first = np.arange(chains) * TRIES + np.argmax(finite, axis=1)
    chosen = np.where(finite.any(axis=1), first, chains * TRIES)
    return {name: jnp.asarray(values[chosen]) for name, values in tried.items()}
