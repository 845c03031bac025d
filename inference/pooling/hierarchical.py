"""Partial pooling: a population of units and its units, together, for tens to hundreds of them.

Every unit is calibrated alone first (``units/solve.py``); its answer says what its data are worth, first where it
stands alone, then where a first guess of the population sees it. ``two_stage.py`` is the cheap way for more units.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twin.arrays import Array
from twin.inference.density import Whitening
from twin.inference.pooling.closed_form import sample_closed_form
from twin.inference.pooling.conditional import Conditional, conditional_of
from twin.inference.pooling.evidence import alone_of
from twin.inference.pooling.law import Pooling
from twin.inference.pooling.nuts import PoolChains, PoolSampler
from twin.inference.pooling.pooled import Pooled
from twin.inference.pooling.refined_evidence import refined
from twin.inference.units.door import UnitData, admit
from twin.inference.units.likelihood import of_rows
from twin.inference.units.solve import UnitAnswer, Units

STARTING_DRAWS = 2000
"""Draws of the closed form whose mean and covariance whiten the population's numbers."""
POOL_CHAINS = PoolChains()


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
    the data. Units without an answer are refused by name; one that did not converge is good enough, as it only chooses
    the sampler's coordinates. ValueError for a pooling that does not fit the parameters, labels that do not fit the
    data, and fewer than three units.
    """
    admitted = admit(units.likelihood, measured)
    alone = alone_of(units.density, answers, doubtful=True)
    first = conditional_of(units.density, alone, pooling, groups)
    h = first.law.hyper.constrain(whitened(first, seed).centre)
    evidence = refined(units.climb, first, h, admitted.data, alone.rows)
    conditional = replace(first, evidence=evidence)
    sampler = PoolSampler(units.density, conditional.law, chains)
    drawn = sampler.sample(conditional, whitened(conditional, seed), of_rows(admitted.data, alone.rows), seed)
    return Pooled(conditional.law, units.density, conditional.groups, alone, drawn.hyper, drawn.u, drawn.stats)


def whitened(conditional: Conditional, seed: int) -> Whitening:
    """Mean and covariance of the closed form in the unconstrained z of ``law.hyper``."""
    rough = sample_closed_form(conditional, draws=STARTING_DRAWS, seed=seed).theta
    z = conditional.law.hyper.unconstrain(rough.reshape(-1, rough.shape[-1]))
    return Whitening(z.mean(axis=0), np.linalg.cholesky(np.cov(z.T)))
