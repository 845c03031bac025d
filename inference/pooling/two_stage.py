"""Partial pooling in two stages, for hundreds to thousands of units: their own answers are used again.

First every unit is calibrated alone, under the ordinary prior π. With its weighted draws u_d the likelihood of the
population's numbers is, up to a constant,

    p(data_i | h) = Σ_d w_d N(u_d; m, L Lᵀ)/π(u_d)

(Lunn, Barrett, Sweeting, Thompson 2013, J. R. Stat. Soc. C 62, 551). The closed form of Gaussian evidence proposes
draws of h, importance weights correct them, and units are drawn from their own draws again. Where too few of these
fit the population, the sum cannot be trusted: such a unit counts by its Gaussian evidence, and is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.inference.pooling.closed_form import sample_closed_form
from twin.inference.pooling.conditional import Conditional, conditional_of
from twin.inference.pooling.evidence import alone_of
from twin.inference.pooling.law import Pooling, column_prior
from twin.inference.pooling.pooled import Pooled, Reweighting
from twin.inference.rungs.importance import resample
from twin.inference.rungs.pareto import khat_limit, smooth
from twin.inference.units.solve import UnitAnswer, Units
from twin.space import Floats

DRAWS = 2000
LEAST_ESS = 30.0
"""Effective draws of a unit, on average over the population's draws, below which its sum is not trusted."""


class Pull(NamedTuple):
    """Inverse factors L⁻¹ (K, k, k), means L⁻¹ m (K, k) of a group and log det L (K,)."""

    root: Floats
    mean: Floats
    log_det: Floats


@dataclass(frozen=True, eq=False)
class Again:
    """A unit's draws under many populations: log p(data | h) (K,), k-hat, effective draws, the chosen draws (K,)."""

    log_evidence: Floats
    khat: float
    ess: float
    chosen: Floats


def pool_answers(
    units: Units,
    answers: Sequence[UnitAnswer],
    pooling: Pooling,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    draws: int = DRAWS,
) -> Pooled:
    """The posterior of a population and its units, from the units' answers alone.

    ValueError as of ``pool_units``, and for common parameters: draws of different units never agree on a value.
    """
    if pooling.common:
        raise ValueError(
            f"two-stage pooling: expected no common parameters, got {', '.join(pooling.common)}; pool them, or sample "
            "all units together (pool_units)"
        )
    alone = alone_of(units.density, answers, doubtful=False)
    conditional = conditional_of(units.density, alone, pooling, groups)
    rough = sample_closed_form(conditional, draws=draws, seed=seed)
    h = rough.theta.reshape(-1, rough.theta.shape[-1])
    rng = np.random.default_rng(seed)
    u = conditional.draw(h, rng)
    smoothly = conditional.log_evidence(h)
    prior, columns = column_prior(conditional.law.space, conditional.law.pooled), conditional.law.pooled
    pulls = [_pull(conditional, h, g) for g in range(len(conditional.law.groups))]
    gain, khat, ess, by_gaussian = np.zeros(len(h)), [], [], {}
    for i, row in enumerate(alone.rows.tolist()):
        pooled = alone.u[i][:, columns]
        again = _again(alone.log_weights[i] - prior(pooled), pooled, pulls[conditional.groups[i]], rng)
        khat.append(again.khat)
        ess.append(again.ess)
        against = _objection(again, khat_limit(len(pooled)))
        if against:
            by_gaussian[row] = against
            continue
        gain += again.log_evidence - smoothly[:, i]
        u[:, i] = alone.u[i][again.chosen]
    log_weights, shape = smooth(gain[None])
    worth = Reweighting(
        np.array(khat), np.array(ess), by_gaussian, float(shape[0]), float(1 / np.sum(np.exp(2 * log_weights[0])))
    )
    kept = resample(log_weights[0], len(h), rng)
    return Pooled(
        conditional.law,
        units.density,
        conditional.groups,
        alone,
        h[kept].reshape(rough.theta.shape),
        u[kept].reshape(*rough.theta.shape[:-1], *u.shape[1:]),
        reweighting=worth,
    )


def _pull(conditional: Conditional, h: Floats, group: int) -> Pull:
    factor = np.asarray(conditional.law.factor(h))
    root = np.linalg.inv(factor)
    mean = (root @ np.asarray(conditional.law.mean(h))[:, group, :, None])[..., 0]
    return Pull(root, mean, np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1))


def _again(log_weights: Floats, u: Floats, pull: Pull, rng: np.random.Generator) -> Again:
    """Draws u (n, k), with log weights (n,) over the prior, under K populations."""
    z = np.einsum("kab,nb->kna", pull.root, u) - pull.mean[:, None]
    ratio = log_weights - 0.5 * np.sum(z**2, axis=-1) - pull.log_det[:, None]
    log_evidence = np.logaddexp.reduce(ratio, axis=1)
    share = np.exp(ratio - log_evidence[:, None])
    with np.errstate(divide="ignore"):
        (_, khat) = smooth(np.log(share.mean(axis=0))[None])
    ess = 1.0 / np.mean(np.sum(share**2, axis=1))
    at = np.sum(np.cumsum(share, axis=1) < rng.uniform(size=(len(share), 1)), axis=1).clip(max=len(u) - 1)
    return Again(log_evidence, float(khat[0]), float(ess), at)


def _objection(again: Again, limit: float) -> str:
    """What speaks against using a unit's draws again, or the empty string."""
    heavy = "" if again.khat <= limit else f"k-hat {again.khat:.2f} > {limit:.2f}"
    few = "" if again.ess >= LEAST_ESS else f"ESS {again.ess:.0f} < {LEAST_ESS:.0f}"
    return ", ".join(filter(None, (heavy, few)))
