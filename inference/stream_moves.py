"""Markov moves that make particles differ again: whole paths, under a law that they leave as it is.

A whitened path ξ (``stream_path.py``) of D coordinates is proposed anew by the mixed preconditioned Crank-Nicolson step

    g ~ Gamma(½(ν + D), rate ½(ν + |ξ|²)),     ξ' = √(1 - β²) ξ + β g^(-½) z,     z ~ N(0, I)

which leaves a t law of ν degrees of freedom as it is (Kamatani 2018, Bernoulli 24, 3711), and accepted by Metropolis's
rule for what the true law differs from it. β = 1 forgets where a particle was; shorter steps serve laws that are far
from Gaussian. Each step length is chosen the more often, the further it carries the particles. Sweeps end when
positions no longer remember where they began.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference.split_t import NU
from twin.inference.stream_path import Chain, Paths, coloured, whitened
from twin.space import Floats

STEPS = np.array([1.0, 0.5, 0.2])
"""β."""
LEAST_CHANCE = 0.1
"""With which each of them is chosen at least."""
REMEMBERED = 0.1
"""Largest correlation with the beginning that ends the sweeps."""
MOST_SWEEPS = 30

Flags = npt.NDArray[np.bool_]
Law = Callable[[Paths], tuple[Floats, Floats]]
"""What windows say (N, S) at paths, and the log density (N,)."""


@dataclass(frozen=True)
class Work:
    """Times that particles were drawn and moved, sweeps in all, and the sum of the shares that these accepted.

    ``remembered`` is the largest correlation that was left with where particles began.
    """

    levels: int = 0
    sweeps: int = 0
    accepted: float = 0.0
    remembered: float = 0.0

    @property
    def acceptance(self) -> float:
        """Mean share of moves that were accepted; NaN without moves."""
        return self.accepted / self.sweeps if self.sweeps else float("nan")

    def plus(self, other: "Work") -> "Work":
        """Both."""
        left = max(self.remembered, other.remembered)
        return Work(self.levels + other.levels, self.sweeps + other.sweeps, self.accepted + other.accepted, left)


@dataclass(frozen=True, eq=False)
class Moved:
    """Paths after the moves, what the windows say of them (N, S), and what the moves did."""

    paths: Paths
    fits: Floats
    work: Work


def moved(law: Law, chain: Chain, paths: Paths, fits: Floats, value: Floats, rng: np.random.Generator) -> Moved:
    """Paths of log density ``value`` (N,) after as many sweeps as they need."""
    begin, xi = paths, whitened(chain, paths)
    excess = value - _log_t(xi)
    gained, tried, work = np.ones(len(STEPS)), np.ones(len(STEPS)), Work(levels=1, remembered=1.0)
    while work.sweeps < MOST_SWEEPS and work.remembered > REMEMBERED:
        share = gained / tried * STEPS**2
        chance = LEAST_CHANCE + (1 - LEAST_CHANCE * len(STEPS)) * share / share.sum()
        chosen = rng.choice(len(STEPS), size=len(xi), p=chance)
        proposed = _stepped(xi, STEPS[chosen][:, None], rng)
        others = coloured(chain, proposed)
        other_fits, other_value = law(others)
        other_excess = other_value - _log_t(proposed)
        yes = np.log(rng.uniform(size=len(xi))) < other_excess - excess
        paths, fits = _chosen(yes, others, paths), np.where(yes[:, None], other_fits, fits)
        xi, excess = np.where(yes[:, None], proposed, xi), np.where(yes, other_excess, excess)
        tried += np.bincount(chosen, minlength=len(STEPS))
        gained += np.bincount(chosen[yes], minlength=len(STEPS))
        work = Work(1, work.sweeps + 1, work.accepted + float(yes.mean()), memory(begin, paths))
    return Moved(paths, fits, work)


def memory(begin: Paths, now: Paths) -> float:
    """The largest correlation over the particles between then and now, of any coordinate; of a walking one its mean."""
    found = [_correlation(begin.u, now.u)]
    if now.walking:
        found.append(_correlation(begin.walked, now.walked).mean(axis=0))
    return float(np.max(np.concatenate(found)))


def _stepped(xi: Floats, beta: Floats, rng: np.random.Generator) -> Floats:
    d = xi.shape[1]
    rate = 0.5 * (NU + np.sum(xi**2, axis=1))
    g = rng.gamma(0.5 * (NU + d), size=len(xi)) / rate
    return np.asarray(np.sqrt(1 - beta**2) * xi + beta * rng.standard_normal(xi.shape) / np.sqrt(g)[:, None])


def _log_t(xi: Floats) -> Floats:
    return np.asarray(-0.5 * (NU + xi.shape[1]) * np.log1p(np.sum(xi**2, axis=1) / NU))


def _chosen(yes: Flags, others: Paths, paths: Paths) -> Paths:
    walked = np.where(yes[:, None, None], others.walked, paths.walked)
    return Paths(np.where(yes[:, None], others.u, paths.u), walked, paths.walking)


def _correlation(a: Floats, b: Floats) -> Floats:
    """Over the first axis; 1 where nothing varies."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.asarray(np.where(size > 0, (a * b).sum(axis=0) / np.where(size > 0, size, 1.0), 1.0))
