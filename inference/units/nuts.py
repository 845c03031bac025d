"""NUTS for the units that importance sampling cannot be trusted with, several side by side in one program."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.inference import _arviz
from twin.inference.nuts_numpyro import compiled_lanes
from twin.inference.rungs.cheap import RIVAL, Peaks
from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import UnitDensity, evaluate
from twin.inference.units.likelihood import Data, of_rows
from twin.space import Floats

TRIES = 8
"""Starts that a chain may try before it begins at the mode itself."""


@dataclass(frozen=True)
class ChainSettings:
    """Units per call of the program, chains of each, draws of each chain."""

    units: int = 4
    chains: int = 4
    draws: int = 500
    warmup: int = 400
    target_accept: float = 0.95
    max_tree_depth: int = 8


@dataclass(frozen=True, eq=False)
class Chains:
    """Draws ``u`` (k, chains, draws, p), the largest R-hat and the smallest bulk ESS of each unit (k,)."""

    u: Floats
    rhat: Floats
    ess: Floats
    steps: Floats


@dataclass(frozen=True, eq=False)
class UnitChains:
    """The compiled program: lanes move in the coordinates of their unit's best mode."""

    density: UnitDensity
    settings: ChainSettings

    @cached_property
    def program(self) -> Callable[[Any, Any, Any], Any]:
        """As ``compiled_lanes`` gives it; data are centre (p,), factor (p, p) and the unit's data."""

        def energy(w: jax.Array, data: Any) -> jax.Array:
            centre, factor, measured = data
            return -self.density(centre + factor @ w, measured)

        own = self.settings
        return compiled_lanes(
            energy,
            draws=own.draws,
            warmup=own.warmup,
            target_accept=own.target_accept,
            max_tree_depth=own.max_tree_depth,
        )

    def sample(self, measured: Data, rows: Rows, peaks: list[Peaks], seed: int) -> Chains:
        """Chains of at most ``settings.units`` units ``rows`` (k,) with the modes of each."""
        c, k = self.settings.chains, len(rows)
        padded = np.concatenate([np.arange(k), np.zeros(self.settings.units - k, dtype=int)])
        begins = [_begins(self.density, measured, rows[i], peaks[i], c, seed) for i in range(k)]
        lanes = np.repeat(padded, c)
        with jax.enable_x64(True):
            keys = jax.random.split(jax.random.PRNGKey(seed), c)
            data = (
                jnp.asarray(np.stack([peaks[i].u[0, 0] for i in lanes])),
                jnp.asarray(np.stack([peaks[i].factor[0, 0] for i in lanes])),
                jax.tree.map(jnp.asarray, of_rows(measured, rows[lanes])),
            )
            w = jnp.asarray(np.concatenate([begins[i] for i in padded]))
            drawn, stats = self.program(w, jnp.tile(keys, (len(padded), 1)), data)
            whitened = np.asarray(drawn).reshape(len(padded), c, self.settings.draws, -1)[:k]
            steps = np.asarray(stats["n_steps"]).reshape(len(padded), -1)[:k].sum(axis=1)
        u = np.stack([own.u[0, 0] + w @ own.factor[0, 0].T for w, own in zip(whitened, peaks, strict=True)])
        rhat = [max(_arviz.rhat(own[..., j]) for j in range(own.shape[-1])) for own in whitened]
        ess = [min(_arviz.ess_bulk(own[..., j]) for j in range(own.shape[-1])) for own in u]
        return Chains(u, np.array(rhat), np.array(ess), steps.astype(np.float64))


def _begins(density: UnitDensity, measured: Data, row: int, peaks: Peaks, chains: int, seed: int) -> Floats:
    """Starts (chains, p) in the best mode's coordinates, dealt in turn to the modes that count."""
    p = peaks.u.shape[-1]
    rng = np.random.default_rng(seed)
    worth = np.flatnonzero(peaks.log_mass[0] > np.log(RIVAL))
    mode = worth[np.arange(chains) % len(worth)]
    steps = np.concatenate([rng.standard_normal((chains, TRIES, p)), np.zeros((chains, 1, p))], axis=1)
    tried = peaks.u[0, mode][:, None] + steps @ peaks.factor[0, mode].swapaxes(-1, -2)
    height = evaluate(density, measured, tried.reshape(1, -1, p), np.array([row])).reshape(chains, -1)
    first = np.argmax(np.isfinite(height), axis=1)
    chosen = tried[np.arange(chains), np.where(np.isfinite(height).any(axis=1), first, TRIES)]
    return np.linalg.solve(peaks.factor[0, 0], (chosen - peaks.u[0, 0]).T).T
