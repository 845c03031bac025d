"""The same densities under Pyro on PyTorch: NUTS, and a full-rank Gaussian by variational inference.

Pyro keeps parameters and random states globally; ``isolated`` sets the seed and puts everything back.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from pyro.optim import ClippedAdam

from twin.arrays import to_numpy
from twin.inference._arviz import psis
from twin.inference.density import LogDensity, potential
from twin.inference.rungs.modes import Modes, find_modes
from twin.inference.sample import Sample
from twin.space import Floats


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Seeds Pyro inside, with an empty parameter store; restores store and random states after."""
    before = pyro.util.get_rng_state()
    try:
        with pyro.get_param_store().scope():
            pyro.set_rng_seed(seed)
            yield
    finally:
        pyro.util.set_rng_state(before)


def sample_pyro_nuts(
    density: LogDensity,
    *,
    seed: int,
    draws: int = 500,
    warmup: int = 200,
    chains: int = 2,
    target_accept: float = 0.9,
    max_tree_depth: int = 10,
    modes: Modes | None = None,
) -> Sample:
    """NUTS in Laplace coordinates, chain after chain, each started at 1.5 times the Laplace spread.

    Pyro gives out no energies, so that there is no BFMI; potential energies and divergences are recorded.
    """
    begin = time.perf_counter()
    whitening = (find_modes(density, seed=seed) if modes is None else modes).whitening
    energy = potential(density, whitening)
    collected, diverging = [], np.zeros((chains, draws), dtype=bool)
    for chain in range(chains):
        with isolated(seed + 7919 * chain):  # a prime, so that neighbouring seeds share no chain
            kernel = NUTS(
                potential_fn=lambda at: energy(at["w"]),
                full_mass=True,
                target_accept_prob=target_accept,
                max_tree_depth=max_tree_depth,
            )
            start = {"w": _finite_start(energy, len(density.space))}
            run = MCMC(kernel, draws, warmup, initial_params=start, disable_progbar=True)
            run.run()
            collected.append(to_numpy(run.get_samples()["w"]))
            diverging[chain, run.diagnostics()["divergences"]["chain 0"]] = True
    w = np.stack(collected)
    with torch.no_grad():
        heights = to_numpy(energy(torch.as_tensor(w)))
    return Sample(
        sampler="pyro_nuts",
        rung="pyro_nuts",
        theta=density.space.constrain(whitening(w)),
        seed=seed,
        seconds=time.perf_counter() - begin,
        stats={"potential_energy": heights, "diverging": diverging},
        reason="asked for",
    )


def sample_svi(
    density: LogDensity,
    *,
    seed: int,
    draws: int = 4000,
    chains: int = 4,
    steps: int = 2000,
    particles: int = 16,
    learning_rate: float = 0.03,
    modes: Modes | None = None,
) -> Sample:
    """Draws of the Gaussian N(m, T Tᵀ) over z that minimises the Kullback-Leibler divergence to the posterior.

    The draws are not re-weighted; k-hat of their importance weights says how good the Gaussian is (Yao et al.
    2018, arXiv 1802.02538).
    """
    begin = time.perf_counter()
    whitening = (find_modes(density, seed=seed) if modes is None else modes).whitening
    energy = potential(density, whitening)
    with isolated(seed):
        _fit(energy, len(density.space), steps, particles, learning_rate)
        with torch.no_grad():
            guide = _normal(len(density.space))
            w = guide.sample((draws // chains * chains,))
            log_weights = to_numpy(-energy(w) - guide.log_prob(w))
            w = to_numpy(w)
    smoothed, khat = _weights(log_weights)
    return Sample(
        sampler="svi",
        rung="svi",
        theta=density.space.constrain(whitening(w)).reshape(chains, draws // chains, -1),
        seed=seed,
        seconds=time.perf_counter() - begin,
        khat=khat,
        weight_ess=float(np.exp(-np.logaddexp.reduce(2.0 * smoothed))),
        reason="asked for",
    )


def _fit(energy: Any, p: int, steps: int, particles: int, learning_rate: float) -> None:
    """Maximises the evidence lower bound; the step size falls a hundredfold over the run."""

    def model() -> None:
        free = dist.Normal(torch.zeros(p, dtype=torch.float64), 1.0).to_event(1).mask(False)
        pyro.factor("log_density", -energy(pyro.sample("w", free)))

    def guide() -> None:
        pyro.sample("w", _normal(p))

    schedule = {"lr": learning_rate, "lrd": 0.01 ** (1.0 / steps)}
    loss = Trace_ELBO(num_particles=particles, vectorize_particles=True, max_plate_nesting=0)
    fit = SVI(model, guide, ClippedAdam(schedule), loss)
    for _ in range(steps):
        fit.step()


def _normal(p: int) -> Any:
    """The guide's Gaussian; starts as the standard normal, which is Laplace's approximation."""
    centre = pyro.param("centre", lambda: torch.zeros(p, dtype=torch.float64))
    factor = pyro.param(
        "factor",
        lambda: torch.eye(p, dtype=torch.float64),
        constraint=dist.constraints.softplus_lower_cholesky,
    )
    return dist.MultivariateNormal(centre, scale_tril=factor)


def _finite_start(energy: Any, p: int, tries: int = 20) -> torch.Tensor:
    """The first of a few over-dispersed points where the potential is finite, else the mode."""
    for _ in range(tries):
        start = 1.5 * torch.randn(p, dtype=torch.float64)
        if bool(torch.isfinite(energy(start))):
            return start
    return torch.zeros(p, dtype=torch.float64)


def _weights(log_weights: Floats) -> tuple[Floats, float]:
    if not np.isfinite(log_weights).any():
        return np.full(len(log_weights), -math.log(len(log_weights))), math.inf
    return psis(log_weights)
