"""Markov moves that make particles differ again: whole paths, under a law that they leave as it is.

A mixture of t densities of ν degrees of freedom is fitted to the particles (``rungs/mixture.py``), and regressions to
their paths (``path.py``). With ξ (D,) a particle whitened by component j, j drawn by its responsibility for it, and a
path after the mixture's component i, i = j or, where β = 1, drawn by weight, the proposal is

    g ~ Gamma(½(ν + D), rate ½(ν + |ξ|²)),     ξ' = √(1 - β²) ξ + β g^(-½) z,     z ~ N(0, I)

This mixed preconditioned Crank-Nicolson step (Kamatani 2018, Bernoulli 24, 3711) leaves the fitted law as it is, and
Metropolis's rule makes up for what the true law differs from it. β = 1 forgets where a particle was; shorter steps
serve laws that are far from what was fitted. Each step length is chosen the more often, the further it carries the
particles. Sweeps end when positions no longer remember where they began.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from twin.inference.rungs.mixture import fit_mixture
from twin.inference.rungs.split_t import NU, SplitT, coordinates
from twin.inference.stream.path import Links, Paths, links_of, path_of, whitened
from twin.space import Floats

COMPONENTS = 5
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
class Fitted:
    """A law of paths: a mixture of ts for now, and links to the windows before."""

    now: SplitT
    links: Links


@dataclass(frozen=True, eq=False)
class Place:
    """Paths, log density (N, K) of each component at them, and whitened paths before now (N, (S-1) k)."""

    paths: Paths
    components: Floats
    tail: Floats

    @property
    def log_fitted(self) -> Floats:
        """Log density (N,) of the fitted law, up to a constant."""
        return np.asarray(special.logsumexp(self.components, axis=1))


@dataclass(frozen=True, eq=False)
class Moved:
    """Paths after the moves, what the windows say of them (N, S), and what the moves did."""

    paths: Paths
    fits: Floats
    work: Work


def fitted(paths: Paths, log_weights: Floats) -> Fitted:
    """The law of weighted particles."""
    now = fit_mixture(paths.u[None], log_weights[None], np.eye(paths.u.shape[1])[None], COMPONENTS)
    return Fitted(now, links_of(paths, np.exp(log_weights)))


def moved(law: Law, at: Fitted, paths: Paths, fits: Floats, value: Floats, rng: np.random.Generator) -> Moved:
    """Paths of log density ``value`` (N,) after as many sweeps as they need."""
    begin, place = paths, placed(at, paths)
    excess = value - place.log_fitted
    gained, tried, work = np.ones(len(STEPS)), np.ones(len(STEPS)), Work(levels=1, remembered=1.0)
    while work.sweeps < MOST_SWEEPS and work.remembered > REMEMBERED:
        share = gained / tried * STEPS**2
        chance = LEAST_CHANCE + (1 - LEAST_CHANCE * len(STEPS)) * share / share.sum()
        chosen = rng.choice(len(STEPS), size=len(value), p=chance)
        other = placed(at, _proposed(at, place, STEPS[chosen], rng))
        other_fits, other_value = law(other.paths)
        other_excess = other_value - other.log_fitted
        yes = np.log(rng.uniform(size=len(value))) < other_excess - excess
        place, fits = _chosen(yes, other, place), np.where(yes[:, None], other_fits, fits)
        excess = np.where(yes, other_excess, excess)
        tried += np.bincount(chosen, minlength=len(STEPS))
        gained += np.bincount(chosen[yes], minlength=len(STEPS))
        work = Work(1, work.sweeps + 1, work.accepted + float(yes.mean()), memory(begin, place.paths))
    return Moved(place.paths, fits, work)


def memory(begin: Paths, now: Paths) -> float:
    """The largest correlation over the particles between then and now, of any coordinate; of a walking one its mean."""
    found = [_correlation(begin.u, now.u)]
    if now.walking:
        found.append(_correlation(begin.walked, now.walked).mean(axis=0))
    return float(np.max(np.concatenate(found)))


def placed(at: Fitted, paths: Paths) -> Place:
    """What the fitted law says of paths."""
    tail = whitened(at.links, paths)
    square = np.sum(coordinates(at.now, paths.u[None])[0] ** 2, axis=1).T + np.sum(tail**2, axis=1)[:, None]
    d = paths.u.shape[1] + tail.shape[1]
    volume = np.linalg.slogdet(at.now.axes[0])[1]
    return Place(paths, np.log(at.now.weight[0]) - volume - 0.5 * (NU + d) * np.log1p(square / NU), tail)


def _proposed(at: Fitted, place: Place, beta: Floats, rng: np.random.Generator) -> Paths:
    """A step from each path that leaves the fitted law as it is."""
    n, p = place.paths.u.shape
    rows = np.arange(n)
    chance = np.exp(place.components - place.log_fitted[:, None])
    own = np.minimum((chance.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1), chance.shape[1] - 1)
    xi = np.concatenate([coordinates(at.now, place.paths.u[None])[0, own, :, rows], place.tail], axis=1)
    g = rng.gamma(0.5 * (NU + xi.shape[1]), size=n) / (0.5 * (NU + np.sum(xi**2, axis=1)))
    fresh = rng.standard_normal(xi.shape) / np.sqrt(g)[:, None]
    xi = np.sqrt(1 - beta**2)[:, None] * xi + beta[:, None] * fresh
    anywhere = rng.choice(chance.shape[1], size=n, p=at.now.weight[0])
    to = np.where(beta == 1.0, anywhere, own)
    u = at.now.centre[0, to] + (at.now.axes[0, to] @ xi[:, :p, None])[..., 0]
    return path_of(at.links, u, xi[:, p:])


def _chosen(yes: Flags, other: Place, place: Place) -> Place:
    u, components, tail = (
        np.where(yes[:, None], new, old)
        for new, old in (
            (other.paths.u, place.paths.u),
            (other.components, place.components),
            (other.tail, place.tail),
        )
    )
    walked = np.where(yes[:, None, None], other.paths.walked, place.paths.walked)
    return Place(Paths(u, walked, place.paths.walking), components, tail)


def _correlation(a: Floats, b: Floats) -> Floats:
    """Over the first axis; 1 where nothing varies."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.asarray(np.where(size > 0, (a * b).sum(axis=0) / np.where(size > 0, size, 1.0), 1.0))
