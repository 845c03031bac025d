"""The default sampler: the cheap answer where it can be trusted, the expensive one where not.

Rungs in order: ``laplace`` and ``mixture`` (``rungs/cheap.py``), ``nuts``. The reason says why each lower one was
refused.
"""

import time
from dataclasses import replace

from twin.inference.density import LogDensity, prior_whitening
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.rungs.cheap import Effort, climb_rungs
from twin.inference.rungs.laplace import equal_draws, local_of, peaks_of, target_of
from twin.inference.rungs.modes import find_modes
from twin.inference.sample import Sample

CHAINS = 4


def sample_ladder(density: LogDensity, *, seed: int, ess_limit: float = 400.0, effort: Effort | None = None) -> Sample:
    """The lowest rung that k-hat, effective sample size and modes allow; ``reason`` says which and why."""
    begin = time.perf_counter()
    modes = find_modes(density, seed=seed)
    scale = prior_whitening(density.space)
    spent = replace(effort or Effort(), ess_limit=ess_limit)
    target, local = target_of(modes), local_of(modes)
    (found,) = climb_rungs(target, local, peaks_of(modes, scale), effort=spent, seed=seed)
    if not found.accepted:
        chains = sample_nuts(density, seed=seed, modes=modes)
        return replace(chains, sampler="ladder", reason=found.reason, seconds=time.perf_counter() - begin)
    return Sample(
        sampler="ladder",
        rung=found.rung,
        theta=equal_draws(density, scale, found.u, found.log_weights, 4000, CHAINS, seed),
        seed=seed,
        seconds=time.perf_counter() - begin,
        khat=found.khat,
        weight_ess=found.ess,
        reason=found.reason,
    )
