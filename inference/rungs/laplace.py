"""Laplace approximation corrected by importance sampling: the ladder's first rung.

Draws of a split t around the mode are weighted with w_s ∝ p(z_s)/q(z_s). The weights' tail is Pareto-smoothed, and
its shape k-hat says whether they can be trusted (Vehtari et al. 2024, arXiv 1507.02646: reliable up to 0.7). The
draws returned are resampled, so that each counts the same.
"""

import time

import numpy as np

from twin.inference.density import LogDensity, Whitening, prior_whitening
from twin.inference.rungs.cheap import Peaks, first_proposal
from twin.inference.rungs.importance import resample, weigh
from twin.inference.rungs.modes import Modes, find_modes
from twin.inference.rungs.ridge import Local
from twin.inference.rungs.split_t import Rows, Target, points
from twin.inference.sample import Sample
from twin.space import Floats


def sample_laplace(
    density: LogDensity, *, seed: int, draws: int = 4000, chains: int = 4, modes: Modes | None = None
) -> Sample:
    """Mode, split t, importance weights, resampled draws; as many proposals as draws in all.

    ``modes`` saves the search when it was done before. The caller decides by ``khat`` and ``weight_ess``.
    """
    begin = time.perf_counter()
    found = find_modes(density, seed=seed) if modes is None else modes
    scale, row = prior_whitening(density.space), np.zeros(1, dtype=np.int64)
    target = target_of(found)
    with np.errstate(all="ignore"):
        proposal = first_proposal(target, local_of(found), peaks_of(found, scale), row)
        weighted = weigh(target, proposal, points(draws, len(density.space), seed), row)
    return Sample(
        sampler="laplace",
        rung="laplace",
        theta=equal_draws(density, scale, weighted.u[0], weighted.log_weights[0], draws, chains, seed),
        seed=seed,
        seconds=time.perf_counter() - begin,
        khat=float(weighted.khat[0]),
        weight_ess=float(weighted.ess[0]),
        reason="asked for",
    )


def target_of(modes: Modes) -> Target:
    """The density over prior-whitened coordinates, as the only one of many."""

    def target(u: Floats, rows: Rows) -> Floats:
        return -modes.surface.height(u[0])[None]

    return target


def local_of(modes: Modes) -> Local:
    """Curvature, gradient and value of the density, likewise."""

    def local(u: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        with np.errstate(all="ignore"):
            return modes.surface.curvature(u), -modes.surface.slope(u), -modes.surface.height(u)

    return local


def peaks_of(modes: Modes, scale: Whitening) -> Peaks:
    """The modes in prior-whitened coordinates, as those of the only target."""
    factor = np.asarray(np.linalg.solve(scale.factor, modes.factor), dtype=np.float64)
    return Peaks(scale.inverse(modes.z)[None], factor[None], modes.log_mass[None], modes.converged[:1])


def equal_draws(
    density: LogDensity, scale: Whitening, u: Floats, log_weights: Floats, draws: int, chains: int, seed: int
) -> Floats:
    """θ (chains, draws per chain, p) resampled from weighted u (n, p)."""
    per_chain = draws // chains
    chosen = resample(log_weights, chains * per_chain, np.random.default_rng(seed))
    theta = density.space.constrain(scale(u[chosen]))
    return np.asarray(theta.reshape(chains, per_chain, -1))
