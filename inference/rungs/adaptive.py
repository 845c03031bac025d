"""Adaptive importance sampling: the ladder's second rung.

Starting from split t densities at all modes, draws are weighted, a mixture of t densities is fitted to them, and new
draws are taken from it (population Monte Carlo, Cappé et al. 2008, arXiv 0710.4242). The fit uses the draws of all
rounds, weighted against the mixture of all their proposals (deterministic mixture weights: Owen and Zhou 2000, JASA
95, 135; Cornuet et al. 2012, arXiv 0907.1254). A share of every proposal stays with the first one. A round is judged
by its own draws only, which are independent of the fit that they are drawn from.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy import special

from twin.inference.rungs.importance import Standard, Weighted, weigh
from twin.inference.rungs.mixture import fit_mixture
from twin.inference.rungs.split_t import Rows, SplitT, Target, joined, log_density, points
from twin.space import Floats

DEFENSIVE = 0.3
"""Share of the first proposal in every later one (Hesterberg 1995, Technometrics 37, 185)."""
FEWEST = 0.1
"""Weights are flattened until their effective sample size is at least this share of the draws."""
BISECTIONS = 12


@dataclass(frozen=True, eq=False)
class Adapted:
    """The last round of each target: draws (m, n, p) with weights, and how many rounds it took (m,)."""

    weighted: Weighted
    rounds: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pool:
    """All draws (m, N, p) of some targets so far, their log target (m, N), and their rounds' proposals."""

    u: Floats
    log_target: Floats
    proposals: tuple[SplitT, ...]


def adapt(
    target: Target,
    start: SplitT,
    factor: Floats,
    rows: Rows,
    *,
    draws: int,
    rounds: int,
    components: int,
    standard: Standard,
    seed: int,
) -> Adapted:
    """Rounds until each target's sample meets the standard or ``rounds`` are spent.

    ``start`` holds the first proposal of every target, ``factor`` (m, p, p) its best mode's Laplace factor.
    """
    m, p = start.centre.shape[0], start.centre.shape[-1]
    results: list[tuple[Rows, Weighted, int]] = []
    left, first, proposal = np.arange(m), start, start
    pool = Pool(np.empty((m, 0, p)), np.empty((m, 0)), ())
    for r in range(rounds):
        found = weigh(target, proposal, points(draws, p, seed + r), rows[left])
        done = standard.met(found) | (r == rounds - 1)
        results.append((left[done], _cut(found, done), r + 1))
        if done.all():
            break
        keep = ~done
        pool = Pool(
            np.concatenate([pool.u, found.u], axis=1)[keep],
            np.concatenate([pool.log_target, found.log_target], axis=1)[keep],
            tuple(q.part(keep) for q in (*pool.proposals, proposal)),
        )
        left, first = left[keep], first.part(keep)
        fitted = fit_mixture(pool.u, _flattened(pool), factor[left], components)
        proposal = joined(fitted, first, DEFENSIVE)
    return _collected(results, m)


def _flattened(pool: Pool) -> Floats:
    """Deterministic mixture log weights (m, N) times the largest power <= 1 that leaves enough of them."""
    against = [log_density(q, pool.u) for q in pool.proposals]
    raw = pool.log_target - special.logsumexp(np.stack(against), axis=0)
    raw = np.where(np.isfinite(raw), raw, -np.inf)
    raw = raw - np.maximum(raw.max(axis=1, keepdims=True), -1e300)
    finite = np.maximum(raw, -700.0)
    low, power, high = np.zeros(len(raw)), np.ones(len(raw)), np.ones(len(raw))
    for _ in range(BISECTIONS):
        w = np.exp(power[:, None] * finite)
        enough = w.sum(1) ** 2 / (w**2).sum(1) >= FEWEST * raw.shape[1]
        low, high = np.where(enough, power, low), np.where(enough, high, power)
        power = 0.5 * (low + high)
    tempered = low[:, None] * finite
    return np.asarray(tempered - special.logsumexp(tempered, axis=1, keepdims=True))


def _cut(found: Weighted, keep: npt.NDArray[np.bool_]) -> Weighted:
    return Weighted(found.u[keep], found.log_target[keep], found.log_weights[keep], found.khat[keep], found.ess[keep])


def _collected(results: list[tuple[Rows, Weighted, int]], m: int) -> Adapted:
    """The targets' results in their order."""
    order = np.argsort(np.concatenate([where for where, _, _ in results]))

    def whole(name: str) -> Floats:
        return np.asarray(np.concatenate([getattr(part, name) for _, part, _ in results])[order])

    rounds = np.concatenate([np.full(len(where), r) for where, _, r in results])[order]
    return Adapted(Weighted(*(whole(field.name) for field in fields(Weighted))), rounds)
