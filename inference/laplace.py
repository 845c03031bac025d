"""Laplace approximation corrected by importance sampling: the ladder's first rung.

Draws z_s of a multivariate t around the mode are weighted with w_s ∝ p(z_s)/q(z_s). The weights' tail is
Pareto-smoothed, and its shape k-hat says whether they can be trusted (Vehtari et al. 2024, arXiv 1507.02646:
reliable up to 0.7). The draws returned are resampled, so that each counts the same.
"""

import math
import time
from dataclasses import dataclass

import numpy as np

from twin.inference._arviz import psis
from twin.inference.density import LogDensity, values
from twin.inference.modes import Modes, find_modes
from twin.inference.sample import Sample
from twin.space import Floats

TAIL_NU = 8.0
"""Degrees of freedom of the proposal: tails heavier than any Gaussian posterior's."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """Importance sample: ``z`` (n, p), normalised smoothed log weights (n,), k-hat and Kish's 1/Σw²."""

    z: Floats
    log_weights: Floats
    khat: float

    @property
    def ess(self) -> float:
        """Effective sample size 1/Σw²."""
        return float(np.exp(-np.logaddexp.reduce(2.0 * self.log_weights)))


def propose(modes: Modes, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draws (n, p) of the multivariate t_ν(mode, H⁻¹) and their log density (n,) up to a constant."""
    p = modes.z.shape[1]
    normal = rng.standard_normal((n, p))
    w = normal * np.sqrt(TAIL_NU / rng.chisquare(TAIL_NU, (n, 1)))
    log_q = -0.5 * (TAIL_NU + p) * np.log1p(np.sum(w**2, axis=-1) / TAIL_NU)
    return modes.whitening(w), log_q


def weigh(density: LogDensity, z: Floats, log_q: Floats) -> Weighted:
    """Importance weights of the draws ``z`` (n, p) whose proposal's log density is ``log_q`` (n,)."""
    log_p = values(density, z)
    if not np.isfinite(log_p).any():
        return Weighted(z, np.full(len(z), -math.log(len(z))), math.inf)
    log_weights, khat = psis(log_p - log_q)
    return Weighted(z, log_weights, khat)


def resample(weighted: Weighted, n: int, rng: np.random.Generator) -> Floats:
    """Equally weighted draws (n, p) by systematic resampling, in random order."""
    cumulative = np.cumsum(np.exp(weighted.log_weights))
    places = (rng.uniform() + np.arange(n)) / n * cumulative[-1]
    chosen = np.searchsorted(cumulative, places).clip(max=len(cumulative) - 1)
    return weighted.z[rng.permutation(chosen)]


def sample_laplace(
    density: LogDensity, *, seed: int, draws: int = 4000, chains: int = 4, modes: Modes | None = None
) -> Sample:
    """Mode, Laplace proposal, importance weights, resampled draws; as many proposals as draws in all.

    ``modes`` saves the search when it was done before. The caller decides by ``khat`` and ``weight_ess``.
    """
    begin = time.perf_counter()
    found = find_modes(density, seed=seed) if modes is None else modes
    rng = np.random.default_rng(seed)
    weighted = weigh(density, *propose(found, draws, rng))
    per_chain = draws // chains
    z = resample(weighted, chains * per_chain, rng)
    return Sample(
        sampler="laplace",
        rung="laplace",
        theta=density.space.constrain(z).reshape(chains, per_chain, -1),
        seed=seed,
        seconds=time.perf_counter() - begin,
        khat=weighted.khat,
        weight_ess=weighted.ess,
        reason="asked for",
    )
