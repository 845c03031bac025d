"""Amortised variational inference: one network that answers for every unit, instead of one fit per unit.

With evidence L_i (``evidence.py``) and features φ_i of unit i, and u the prior-whitened unconstrained parameters,

    q(u | φ) = N(m(φ), T(φ) T(φ)ᵀ),     max Σ_i E_q(u|φ_i) [log L_i(f(θ(u))) + log p(u) - log q(u | φ_i)]

(Kingma and Welling 2014, arXiv 1312.6114; here the decoder f is a forward map and is not trained). The network is the
encoder of a variational auto-encoder whose latent variables are physical parameters. Evidence must hold all that is
uncertain between the unit's raw data and f: with labels in its place q would be too narrow by the spread of the labels
given the raw data.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import ClippedAdam

from twin.arrays import Array, like, namespace
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening, prior_whitening
from twin.inference.evidence import Evidence
from twin.inference.pyro_engine import isolated
from twin.inference.rungs.pareto import smooth
from twin.model import Forward
from twin.space import Floats, Space

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Decoder:
    """A forward map at fixed conditions c (k,) and abscissa x (n, d), with its prior."""

    forward: Forward
    c: Floats
    x: Floats

    @property
    def space(self) -> Space:
        """The forward map's parameters."""
        return self.forward.space

    @cached_property
    def scale(self) -> Whitening:
        """z = centre + factor u."""
        return prior_whitening(self.space)

    @cached_property
    def coordinates(self) -> Coordinates:
        """The space's transforms."""
        return Coordinates(self.space)

    def theta(self, u: Array) -> Array:
        """θ (*batch, p) of u."""
        return self.coordinates.constrain(self.scale(u))

    def outputs(self, u: Array) -> Array:
        """f (*batch, m) with m = n q."""
        y = self.forward(self.theta(u), self.c, self.x)
        return namespace(y).reshape(y, (*y.shape[:-2], y.shape[-2] * y.shape[-1]))

    def log_prior(self, u: Array) -> Array:
        """Log density of u (*batch,), up to a constant."""
        z = self.scale(u)
        return self.coordinates.log_prior(self.coordinates.constrain(z)) + self.coordinates.log_jacobian(z)

    def log_density(self, u: Array, whitening: Array, target: Array) -> Array:
        """log L(f(u)) + log p(u) (*batch,) of evidence that broadcasts against the batch."""
        xp = namespace(u)
        white = xp.matmul(like(whitening, u), self.outputs(u)[..., None])[..., 0] - like(target, u)
        value = -0.5 * xp.sum(white**2, axis=-1) + self.log_prior(u)
        return xp.where(xp.isnan(value), xp.full_like(value, -xp.inf), value)


@dataclass(frozen=True, eq=False)
class Guide:
    """A trained network (units, features) -> (units, p + p (p + 1)/2)."""

    decoder: Decoder
    network: torch.nn.Module
    losses: tuple[float, ...]

    def normal(self, features: Floats) -> tuple[Floats, Floats]:
        """Mean (units, p) and Cholesky factor (units, p, p) over u."""
        with torch.no_grad():
            mean, factor = normal_of(self.network(torch.as_tensor(features)), len(self.decoder.space))
        return np.asarray(mean), np.asarray(factor)


@dataclass(frozen=True, eq=False)
class Weighed:
    """The guide's draws (units, n, p) of θ, their normalised log weights (units, n), k-hat and ESS (units,)."""

    theta: Floats
    log_weights: Floats
    khat: Floats
    ess: Floats


def normal_of(raw: Tensor, p: int) -> tuple[Tensor, Tensor]:
    """Mean and Cholesky factor of a network's numbers; zeros are the standard normal."""
    mean, diagonal, below = raw[..., :p], raw[..., p : 2 * p], raw[..., 2 * p :]
    factor = torch.diag_embed(torch.nn.functional.softplus(diagonal + math.log(math.e - 1.0)))
    rows, columns = torch.tril_indices(p, p, -1)
    full = torch.zeros_like(factor)
    full[..., rows, columns] = below
    return mean, factor + full


def numbers(p: int) -> int:
    """How many numbers a network must give out for p parameters."""
    return p + p * (p + 1) // 2


def fit_guide(
    decoder: Decoder,
    network: torch.nn.Module,
    features: Floats,
    evidence: Evidence,
    *,
    seed: int,
    steps: int = 2000,
    batch: int = 64,
    particles: int = 8,
    learning_rate: float = 3e-3,
    progress: Callable[[int, float], None] | None = None,
) -> Guide:
    """Maximises the evidence lower bound over mini-batches; the step size falls a hundredfold over the run.

    ``network`` is float64 and is trained in place. ``losses`` are means over fiftieths of the run.
    """
    p, n = len(decoder.space), len(evidence)
    inputs, whitening, target = (torch.as_tensor(a) for a in (features, evidence.whitening, evidence.target))

    def model(rows: Tensor) -> None:
        free = dist.Normal(torch.zeros(p, dtype=torch.float64), 1.0).to_event(1).mask(False)
        with poutine.scale(scale=1.0 / len(rows)), pyro.plate("units", len(rows)):
            u = pyro.sample("u", free)
            pyro.factor("log_density", decoder.log_density(u, whitening[rows], target[rows]))

    def guide(rows: Tensor) -> None:
        pyro.module("network", network)
        mean, factor = normal_of(network(inputs[rows]), p)
        with poutine.scale(scale=1.0 / len(rows)), pyro.plate("units", len(rows)):
            pyro.sample("u", dist.MultivariateNormal(mean, scale_tril=factor))

    schedule: dict[str, Any] = {"lr": learning_rate, "lrd": 0.01 ** (1.0 / max(1, steps))}
    loss = Trace_ELBO(num_particles=particles, vectorize_particles=True, max_plate_nesting=1)
    losses = []
    with isolated(seed):
        fit = SVI(model, guide, ClippedAdam(schedule), loss)
        for k in range(steps):
            losses.append(float(fit.step(torch.randperm(n)[:batch])))
            if progress is not None and (k + 1) % max(1, steps // 50) == 0:
                progress(k + 1, float(np.mean(losses[-max(1, steps // 50) :])))
    return Guide(
        decoder,
        network,
        tuple(float(np.mean(part)) for part in np.array_split(losses, min(50, max(1, steps))) if len(part)),
    )


def weigh_guide(guide: Guide, features: Floats, evidence: Evidence, *, draws: int = 1000, seed: int) -> Weighed:
    """Draws of the guide with Pareto-smoothed importance weights, which say how good it is unit by unit."""
    mean, factor = guide.normal(features)
    units, p = mean.shape
    normal = np.random.default_rng(seed).standard_normal((units, draws, p))
    u = mean[:, None] + np.einsum("uij,unj->uni", factor, normal)
    log_guide = -0.5 * np.sum(normal**2, axis=-1) - np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(-1)[:, None]
    with torch.no_grad():
        parts = [
            np.asarray(guide.decoder.log_density(torch.as_tensor(u[i]), evidence.whitening[i], evidence.target[i]))
            for i in range(units)
        ]
    log_weights, khat = smooth(np.stack(parts) - log_guide)
    return Weighed(guide.decoder.theta(u), log_weights, khat, 1.0 / np.exp(2.0 * log_weights).sum(axis=1))
