"""A population's numbers where every unit's evidence is Gaussian: units integrated out, the rest by the ladder."""

import time
from dataclasses import dataclass

from twin.arrays import Array, namespace
from twin.inference.density import LogDensity, prior_whitening
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.pooling.conditional import Conditional
from twin.inference.rungs.cheap import Effort, climb_rungs
from twin.inference.rungs.laplace import equal_draws, local_of, peaks_of, target_of
from twin.inference.rungs.modes import find_modes
from twin.inference.sample import Sample

STARTS = 4
"""Starts of the search for the mode: with units integrated out there has been one."""
CHAINS = 4


@dataclass(frozen=True, eq=False)
class Marginal:
    """Σ log p(data_i | h) over the units (*batch,), of h (*batch, H)."""

    conditional: Conditional

    def __call__(self, h: Array) -> Array:
        """The sum."""
        return namespace(h).sum(self.conditional.log_evidence(h), axis=-1)


def sample_closed_form(conditional: Conditional, *, draws: int, seed: int) -> Sample:
    """Draws h (4, draws / 4, H) of ``law.hyper``, by the ladder's cheap rungs or by NUTS; ``reason`` says which."""
    begin = time.perf_counter()
    density = LogDensity(conditional.law.hyper, Marginal(conditional))
    modes = find_modes(density, seed=seed, starts=STARTS)
    scale = prior_whitening(density.space)
    (found,) = climb_rungs(target_of(modes), local_of(modes), peaks_of(modes, scale), effort=Effort(), seed=seed)
    if not found.accepted:
        return sample_nuts(density, seed=seed, draws=draws // CHAINS, modes=modes, target_accept=0.9)
    return Sample(
        sampler="ladder",
        rung=found.rung,
        theta=equal_draws(density, scale, found.u, found.log_weights, draws, CHAINS, seed),
        seed=seed,
        seconds=time.perf_counter() - begin,
        khat=found.khat,
        weight_ess=found.ess,
        reason=found.reason,
    )
