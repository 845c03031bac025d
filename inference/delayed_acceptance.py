"""Markov chains on the true solver's posterior that ask the solver once per many steps on the surrogate's.

Surrogate transition (Liu 2001, Monte Carlo Strategies, section 9.4.3; delayed acceptance of Christen & Fox 2005, J.
Comput. Graph. Stat. 14, 795): m random-walk Metropolis steps on the cheap density p̃ lead from z to z'; the true
density decides with probability min(1, p(z') p̃(z)/(p(z) p̃(z'))). The chain's law is p, however bad p̃ is.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from twin.inference.density import LogDensity, Whitening, values
from twin.inference.sample import Sample
from twin.space import Floats

Truth = Callable[[Floats], Floats]
"""z (chains, p) -> true log density (chains,)."""

MINIMUM = 10
"""Outer steps without which there is nothing to return."""


@dataclass(frozen=True, eq=False)
class State:
    """Chains at ``z`` (chains, p) with their cheap and true log densities (chains,)."""

    z: Floats
    cheap: Floats
    true: Floats


@dataclass(frozen=True, eq=False)
class Setting:
    """How the chains move: ``inner`` cheap steps, each ``scale`` times the whitening's unit, from the generator."""

    whitening: Whitening
    inner: int
    scale: float
    rng: np.random.Generator


def outer_step(cheap: LogDensity, true: Truth, state: State, setting: Setting) -> tuple[State, Floats]:
    """One decision of the true density for every chain; new state, and 1 where it moved, 0 where not."""
    proposed = inner_walk(cheap, state, setting)
    worth = true(proposed.z)
    ratio = worth - state.true - (proposed.cheap - state.cheap)
    accepted = np.log(setting.rng.uniform(size=len(ratio))) < np.where(np.isnan(ratio), -np.inf, ratio)
    new = State(
        z=np.where(accepted[:, None], proposed.z, state.z),
        cheap=np.where(accepted, proposed.cheap, state.cheap),
        true=np.where(accepted, worth, state.true),
    )
    return new, accepted.astype(np.float64)


def inner_walk(cheap: LogDensity, state: State, setting: Setting) -> State:
    """Random-walk Metropolis on the cheap density; the true one is not looked at."""
    z, height = state.z, state.cheap
    for _ in range(setting.inner):
        step = setting.rng.standard_normal(z.shape) @ setting.whitening.factor.T
        tried = z + setting.scale * step
        value = values(cheap, tried)
        accepted = np.log(setting.rng.uniform(size=len(z))) < value - height
        z, height = np.where(accepted[:, None], tried, z), np.where(accepted, value, height)
    return State(z, height, state.true)


def sample_delayed(
    cheap: LogDensity,
    true: Truth,
    start: Sample,
    *,
    seed: int,
    seconds: float,
    chains: int = 4,
    draws: int = 1000,
    inner: int = 20,
    progress: Callable[[int, int], None] | None = None,
) -> Sample:
    """At most ``draws`` outer steps per chain within the time budget; the first fifth is dropped as warm-up.

    ``true`` gives the true log density of z (chains, p), up to the constant it shares with ``cheap``; -∞ or NaN
    where there is none. Chains start at draws of ``start``, whose covariance scales the steps. ValueError where none
    of the starts is possible.
    """
    begin = time.perf_counter()
    rng = np.random.default_rng(seed)
    flat = cheap.space.unconstrain(start.theta.reshape(-1, start.theta.shape[-1]))
    p = flat.shape[1]
    covariance = np.atleast_2d(np.cov(flat.T)) + 1e-12 * np.eye(p)
    whitening = Whitening(flat.mean(axis=0), np.asarray(np.linalg.cholesky(covariance), dtype=np.float64))
    setting = Setting(whitening, inner, 2.38 / np.sqrt(p), rng)
    state = _possible_starts(cheap, true, flat, chains, rng)
    collected, moved = [], []
    for k in range(draws):
        if time.perf_counter() - begin > seconds:
            break
        state, accepted = outer_step(cheap, true, state, setting)
        collected.append(state.z)
        moved.append(accepted)
        if progress is not None:
            progress(k + 1, draws)
    kept = slice(len(collected) // 5, None)
    if len(collected) < MINIMUM:
        raise ValueError(f"only {len(collected)} steps fit into {seconds:g} s; give more time")
    z = np.stack(collected[kept], axis=1)
    return Sample(
        sampler=start.sampler,
        rung="delayed acceptance",
        theta=cheap.space.constrain(z),
        seed=seed,
        seconds=time.perf_counter() - begin,
        stats={"acceptance_rate": np.stack(moved[kept], axis=1)},
        reason=f"the reference solver decided {len(collected)} times in each of {chains} chains",
    )


def _possible_starts(
    cheap: LogDensity, true: Truth, flat: Floats, chains: int, rng: np.random.Generator, tries: int = 25
) -> State:
    """Draws at which the true density is finite."""
    found: list[tuple[Floats, float]] = []
    for _ in range(tries):
        z = flat[rng.integers(len(flat), size=chains)]
        worth = true(z)
        found += [(z[i], float(worth[i])) for i in np.flatnonzero(np.isfinite(worth))]
        if len(found) >= chains:
            break
    if not found:
        raise ValueError(f"the reference solver has no answer at any of {tries * chains} draws of the surrogate")
    chosen = [found[i % len(found)] for i in range(chains)]
    z = np.stack([place for place, _ in chosen])
    return State(z, values(cheap, z), np.array([value for _, value in chosen]))
