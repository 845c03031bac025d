"""The No-U-Turn sampler (Hoffman & Gelman 2014) of NumPyro, chains vectorised, in Laplace coordinates."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.infer import MCMC, NUTS
from numpyro.infer.hmc import hmc

from twin.inference.density import LogDensity, Whitening, potential, values
from twin.inference.rungs.modes import Modes, find_modes
from twin.inference.sample import Sample
from twin.space import Floats

FIELDS = {
    "potential_energy": "potential_energy",
    "energy": "energy",
    "num_steps": "n_steps",
    "accept_prob": "acceptance_rate",
    "diverging": "diverging",
}
"""NumPyro's names of the sampler statistics and ArviZ's."""


TARGET_ACCEPT = 0.99
"""Small steps: data that run to the steep end of a discharge make walls at which larger ones diverge. They cost twice
the gradients, which is less than what compilation costs."""


def sample_nuts(
    density: LogDensity,
    *,
    seed: int,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    target_accept: float = TARGET_ACCEPT,
    max_tree_depth: int = 10,
    modes: Modes | None = None,
) -> Sample:
    """Draws per chain after warm-up, with ArviZ's sampler statistics.

    The coordinates are those of the best mode; the chains start spread over the modes that matter.
    """
    begin = time.perf_counter()
    found = find_modes(density, seed=seed) if modes is None else modes
    whitening = found.whitening
    with jax.enable_x64(True):
        energy = jax.jit(potential(density, whitening))
        kernel = NUTS(
            potential_fn=energy,
            dense_mass=True,
            target_accept_prob=target_accept,
            max_tree_depth=max_tree_depth,
        )
        run = MCMC(
            kernel,
            num_warmup=warmup,
            num_samples=draws,
            num_chains=chains,
            chain_method="vectorized",
            progress_bar=False,
        )
        starts = overdispersed(density, found, whitening, chains, seed)
        run.run(jax.random.PRNGKey(seed), init_params=jnp.asarray(starts), extra_fields=tuple(FIELDS))
        w = np.asarray(run.get_samples(group_by_chain=True), dtype=np.float64)
        extra = run.get_extra_fields(group_by_chain=True)
    return Sample(
        sampler="nuts",
        rung="nuts",
        theta=density.space.constrain(whitening(w)),
        seed=seed,
        seconds=time.perf_counter() - begin,
        stats={name: np.asarray(extra[field]) for field, name in FIELDS.items()},
        reason="asked for",
    )


def overdispersed(density: LogDensity, modes: Modes, whitening: Whitening, chains: int, seed: int) -> Floats:
    """Starts (chains, p): 1.5 times the Laplace spread, dealt in turn to every mode within 10 nats of the best.

    A mode is left out when nothing finite is found near it; the best mode itself is the last resort.
    """
    rng = np.random.default_rng(seed)
    worth = np.flatnonzero(modes.potential < modes.potential[0] + 10.0)
    starts = []
    for chain in range(chains):
        k = worth[chain % len(worth)]
        steps = np.concatenate([1.5 * rng.standard_normal((20, modes.z.shape[1])), np.zeros((1, modes.z.shape[1]))])
        tried = modes.z[k] + steps @ modes.factor[k].T
        finite = np.flatnonzero(np.isfinite(values(density, tried)))
        starts.append(whitening.inverse(tried[finite[:1]])[0])
    return np.stack(starts)


def compiled_lanes(
    energy: Callable[[Any, Any], Any],
    *,
    draws: int,
    warmup: int,
    target_accept: float,
    max_tree_depth: int,
    dense_mass: bool | list[tuple[str, ...]] = True,
) -> Callable[[Any, Any, Any], tuple[Any, dict[str, Any]]]:
    """One program for many targets of one form: (w (lanes, p), keys (lanes,), data) -> draws and statistics.

    w may be a dictionary of arrays, of which ``dense_mass`` lists those whose metric is not diagonal.

    ``energy`` is (w, data) -> -log p(w | data); the data's arrays have a leading axis of lanes, one chain each. The
    draws (lanes, draws, p) and the statistics (lanes, draws) under ArviZ's names come after each lane's own warm-up.
    NumPyro's MCMC compiles anew for every potential; this compiles once.
    """

    def lane(w: jax.Array, key: jax.Array, data: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        begin, move = hmc(potential_fn_gen=lambda own: lambda at: energy(at, own), algo="NUTS")
        state = begin(
            w,
            warmup,
            inverse_mass_matrix=None,
            dense_mass=dense_mass,
            target_accept_prob=target_accept,
            max_tree_depth=max_tree_depth,
            model_args=(data,),
            rng_key=key,
        )
        state = jax.lax.fori_loop(0, warmup, lambda _, s: move(s, model_args=(data,)), state)

        def one(s: Any, _: Any) -> tuple[Any, tuple[jax.Array, dict[str, jax.Array]]]:
            new = move(s, model_args=(data,))
            return new, (new.z, {name: getattr(new, field) for field, name in FIELDS.items()})

        found: tuple[jax.Array, dict[str, jax.Array]] = jax.lax.scan(one, state, None, length=draws)[1]
        return found

    compiled: Callable[[Any, Any, Any], tuple[Any, dict[str, Any]]] = jax.jit(jax.vmap(lane))
    return compiled
