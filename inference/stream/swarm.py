"""Weighted particles, and how they are carried from one law to the next.

Laws differ by the powers of the windows' likelihoods and are reached along a straight line between these.
"""

from dataclasses import dataclass, replace

import jax
import numpy as np

from twin.inference.rungs.importance import resample
from twin.inference.stream.kept import Kept, log_law, under
from twin.inference.stream.moves import Moved, Work, fitted, moved
from twin.inference.stream.path import Paths
from twin.inference.stream.windows import WindowLikelihood, log_likelihoods
from twin.space import Floats

SHARE = 0.5
"""Of the particles, that must stay effective."""
MOST_LEVELS = 100
GROUP = 16
"""Windows whose likelihoods are looked at together."""
HALVINGS = 50


@dataclass(frozen=True, eq=False)
class Swarm:
    """N particles: their paths, log likelihood of each kept window (N, S), and log weights (N,) that sum to 1."""

    paths: Paths
    fits: Floats
    log_weights: Floats

    @property
    def weights(self) -> Floats:
        """Weights (N,)."""
        return np.asarray(np.exp(self.log_weights))

    def since(self, first: int) -> "Swarm":
        """The same with paths from the window ``first`` on."""
        paths = Paths(self.paths.u, self.paths.walked[:, first:], self.paths.walking)
        return Swarm(paths, self.fits[:, first:], self.log_weights)


@dataclass(frozen=True, eq=False)
class Carried:
    """Particles under the powers of ``kept``, the log of the ratio of normalising constants, and what it took.

    Not ``arrived``: given up on the way.
    """

    swarm: Swarm
    kept: Kept
    log_ratio: float
    work: Work
    arrived: bool


def effective(log_weights: Floats) -> float:
    """Effective number 1/Σw² of particles with normalised log weights (N,) (Kish 1965)."""
    return float(1.0 / np.sum(np.exp(2.0 * log_weights)))


def carried(
    density: WindowLikelihood, walk: Floats, swarm: Swarm, kept: Kept, powers: Floats, rng: np.random.Generator
) -> Carried:
    """The particles under other ``powers`` (S,), by weights as far as these go and by moves."""
    work, ratio = Work(), 0.0
    while True:
        log_weights, step = reweighted(swarm, powers - kept.powers)
        total = float(np.logaddexp.reduce(log_weights))
        swarm = replace(swarm, log_weights=log_weights - total)
        kept = under(kept, powers if step == 1.0 else kept.powers + step * (powers - kept.powers))
        ratio += total
        if step == 1.0 or work.levels == MOST_LEVELS:
            return Carried(swarm, kept, ratio, work, arrived=step == 1.0)
        done = rejuvenated(density, walk, swarm, kept, rng)
        equal = np.full(len(log_weights), -np.log(len(log_weights)))
        swarm, work = Swarm(done.paths, done.fits, equal), work.plus(done.work)


def reweighted(swarm: Swarm, change: Floats) -> tuple[Floats, float]:
    """Log weights (N,), not normalised, after the largest part of a ``change`` of powers (S,) that leaves enough."""
    which = change != 0
    alive = swarm.log_weights > -np.inf
    with np.errstate(invalid="ignore"):
        news = np.where(alive, swarm.fits[:, which] @ change[which], 0.0)
    step = _longest(swarm.log_weights, news, SHARE * len(news))
    return swarm.log_weights + step * news, step


def _longest(log_weights: Floats, news: Floats, least: float) -> float:
    """The largest share of ``news`` (N,) that leaves ``least`` effective particles; always some."""

    def enough(step: float) -> bool:
        after = log_weights + step * news
        return effective(after - np.logaddexp.reduce(after)) >= least

    if enough(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if enough(middle) else (low, middle)
    return high


def rejuvenated(density: WindowLikelihood, walk: Floats, swarm: Swarm, kept: Kept, rng: np.random.Generator) -> Moved:
    """Equally weighted particles, drawn in proportion to their weights and moved."""
    counted = np.flatnonzero(kept.powers > 0)

    def law(paths: Paths) -> tuple[Floats, Floats]:
        fits = np.zeros((len(paths.u), len(kept)))
        for first in range(0, len(counted), GROUP):
            own = counted[first : first + GROUP]
            data = tuple(jax.tree.map(lambda a, own=own: a[own], part) for part in kept.data)
            fits[:, own] = log_likelihoods(density, data, paths.at(own)).T
        return fits, density_of(paths, fits)

    def density_of(paths: Paths, fits: Floats) -> Floats:
        return log_law(density, walk, kept, paths) + fits[:, counted] @ kept.powers[counted]

    rows = resample(swarm.log_weights, len(swarm.log_weights), rng)
    paths, fits = swarm.paths.of(rows), swarm.fits[rows]
    return moved(law, fitted(swarm.paths, swarm.log_weights), paths, fits, density_of(paths, fits), rng)
