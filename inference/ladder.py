"""The default sampler: the cheap answer where it can be trusted, the expensive one where not."""

import time
from dataclasses import replace

import numpy as np

from twin.inference.density import LogDensity
from twin.inference.laplace import sample_laplace
from twin.inference.modes import Modes, find_modes
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.sample import Sample

KHAT_LIMIT = 0.7
"""Above it importance weights are not to be trusted (Vehtari et al. 2024)."""


def sample_ladder(density: LogDensity, *, seed: int, ess_limit: float = 400.0) -> Sample:
    """Laplace with importance sampling if k-hat, ESS and modes allow, else NUTS; ``reason`` says which and why."""
    begin = time.perf_counter()
    modes = find_modes(density, seed=seed)
    first = sample_laplace(density, seed=seed, modes=modes)
    objection = objections(first, modes, ess_limit)
    if not objection:
        reason = f"k-hat {first.khat:.2f} <= {KHAT_LIMIT}, ESS {first.weight_ess:.0f} >= {ess_limit:.0f}"
        return replace(first, sampler="ladder", reason=reason, seconds=time.perf_counter() - begin)
    second = sample_nuts(density, seed=seed, modes=modes)
    return replace(second, sampler="ladder", reason="laplace: " + objection, seconds=time.perf_counter() - begin)


def objections(first: Sample, modes: Modes, ess_limit: float) -> str:
    """What speaks against the first rung, or the empty string."""
    against = []
    if not modes.converged[0]:
        against.append("no mode reached")
    rivals = int(np.sum(modes.log_mass[1:] > np.log(0.01)))
    if rivals:
        against.append(f"{rivals + 1} modes of comparable mass")
    if first.khat is None or not first.khat <= KHAT_LIMIT:
        against.append(f"k-hat {first.khat:.2f} > {KHAT_LIMIT}")
    if first.weight_ess is None or not first.weight_ess >= ess_limit:
        against.append(f"ESS {first.weight_ess:.0f} < {ess_limit:.0f}")
    return ", ".join(against)
