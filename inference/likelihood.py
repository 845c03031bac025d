"""What a forward map is worth against measurements.

For experiment e, point i and observable j, with f the forward map, (b, s) the surrogate's bias and standard
deviation, ς the measurement's own standard deviation, δ the discrepancy and σ_j the sampled noise scale:

    y_eij = f_ij(θ, c_e) - b_eij + δ_eij + ε,      ε ~ noise law of scale √(σ_j² + ς_eij² + s_eij²)

All of it runs under NumPy, PyTorch and JAX and is batched over the leading axes of the extended θ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.inference.blocks import Block, discrepancy_space, noise_space, prepare, require_fit
from twin.inference.discrepancy import Discrepancy
from twin.inference.noise import Gaussian, Noise
from twin.model import Forward
from twin.space import Floats, Space

GAUSSIAN = Gaussian()


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A forward map, the experiments it is held against (one θ for all), and the laws of what remains.

    ``surrogate_error=False`` leaves the forward map's error out, as an explicit choice that is recorded.
    Raises ValueError where an experiment does not fit the forward map.
    """

    forward: Forward
    experiments: Sequence[Experiment]
    noise: Noise = GAUSSIAN
    noise_per_experiment: bool = False
    discrepancy: Discrepancy | None = None
    surrogate_error: bool = True

    def __post_init__(self) -> None:
        if not self.experiments:
            raise ValueError("a likelihood needs at least one experiment, got none")
        names = [e.name for e in self.experiments]
        if len(set(names)) != len(names):
            raise ValueError(f"experiments must have different names, got {names}")
        for experiment in self.experiments:
            require_fit(self.forward, experiment)
        object.__setattr__(self, "experiments", tuple(self.experiments))

    @cached_property
    def nuisance(self) -> tuple[Space, Space]:
        """Noise scales, and the discrepancy's sizes and coefficients."""
        return (
            noise_space(self.forward, self.experiments, self.noise_per_experiment),
            discrepancy_space(self.forward, self.experiments, self.discrepancy),
        )

    @cached_property
    def space(self) -> Space:
        """The forward map's parameters and all nuisance parameters."""
        noise, discrepancy = self.nuisance
        return self.forward.space + noise + discrepancy

    @cached_property
    def latent(self) -> tuple[str, ...]:
        """Names of the discrepancy's coefficients: sampled and checked, but of no interest one by one."""
        sizes = 0 if self.discrepancy is None else len(self.discrepancy.scale)
        return self.nuisance[1].names[sizes:]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The experiments as arrays."""
        return tuple(
            prepare(
                self.forward,
                experiment,
                self.space,
                noise_per_experiment=self.noise_per_experiment,
                discrepancy=self.discrepancy,
                surrogate_error=self.surrogate_error,
            )
            for experiment in self.experiments
        )

    def predict(self, theta: Array, *, discrepancy: bool = True) -> tuple[Array, ...]:
        """Noise-free predictions f - b (+ δ) of the extended θ, (*batch, n, q) per experiment."""
        return tuple(self._mean(block, theta, discrepancy) for block in self.blocks)

    def replicate(self, theta: Floats, seed: int) -> tuple[Floats, ...]:
        """New measurements drawn at each extended θ (*batch, P): (*batch, n, q) per experiment."""
        rng = np.random.default_rng(seed)
        means = self.predict(theta)
        scales = (self._scale(block, theta) for block in self.blocks)
        return tuple(m + s * self.noise.draw(m.shape, rng) for m, s in zip(means, scales, strict=True))

    def scale(self, theta: Array) -> tuple[Array, ...]:
        """The noise law's scale √(σ² + ς² + s²), (*batch, n, q) per experiment."""
        return tuple(self._scale(block, theta) for block in self.blocks)

    def pointwise(self, theta: Array) -> Array:
        """Log density of every measured value (*batch, points): experiments in order, each row by row."""
        xp = namespace(theta)
        parts = []
        for block in self.blocks:
            terms = self._terms(block, theta)
            flat = xp.reshape(terms, (*terms.shape[:-2], terms.shape[-2] * terms.shape[-1]))
            parts.append(xp.take(flat, like_index(block.points, theta), axis=-1))
        return xp.concat(parts, axis=-1)

    def log_prob(self, theta: Array) -> Array:
        """Sum of ``pointwise`` (*batch,)."""
        xp = namespace(theta)
        total = theta[..., 0] * 0
        for block in self.blocks:
            total = total + xp.sum(self._terms(block, theta), axis=(-2, -1))
        return total

    def outputs(self, theta: Array) -> tuple[Array, Array]:
        """What the noise law sees of θ, means and log scales (*batch, 2 values), and its Fisher information there.

        With J the outputs' Jacobian and w the information, JᵀwJ is the Fisher information of θ: the matrix of
        Gauss-Newton (Fisher scoring). Values that were not measured have information 0.
        """
        xp = namespace(theta)
        location, log_scale = self.noise.information
        values, information = [], []
        for block in self.blocks:
            mask = xp.broadcast_to(like_index(block.mask, theta), (*theta.shape[:-1], *block.y.shape))
            scale = self._scale(block, theta)
            mean = self._mean(block, theta, discrepancy=True)
            zero = xp.zeros_like(mean)
            for output, weight in ((mean, location / scale**2), (xp.log(scale), zero + log_scale)):
                values.append(xp.reshape(xp.where(mask, output, zero), (*theta.shape[:-1], -1)))
                information.append(xp.reshape(xp.where(mask, weight, zero), (*theta.shape[:-1], -1)))
        return xp.concat(values, axis=-1), xp.concat(information, axis=-1)

    def _terms(self, block: Block, theta: Array) -> Array:
        """Log densities (*batch, n, q), 0 where nothing was measured."""
        xp = namespace(theta)
        mean = self._mean(block, theta, discrepancy=True)
        mask = xp.broadcast_to(like_index(block.mask, theta), mean.shape)
        residual = xp.where(mask, like(block.y, theta) - mean, xp.zeros_like(mean))
        terms = self.noise.log_prob(residual, self._scale(block, theta))
        return xp.where(mask, terms, xp.zeros_like(terms))

    def _mean(self, block: Block, theta: Array, discrepancy: bool) -> Array:
        xp = namespace(theta)
        own = theta[..., : len(self.forward.space)]
        y = self.forward(own, block.c, block.x)
        if block.columns != tuple(range(y.shape[-1])):
            y = xp.stack([y[..., j] for j in block.columns], axis=-1)
        if np.any(block.bias):
            y = y - like(block.bias, theta)
        return y + _discrepancy(block, theta) if discrepancy and any(block.latent) else y

    def _scale(self, block: Block, theta: Array) -> Array:
        xp = namespace(theta)
        sampled = xp.stack([theta[..., j] for j in block.noise], axis=-1)[..., None, :]
        if not np.any(block.variance):
            return xp.broadcast_to(sampled, (*theta.shape[:-1], *block.y.shape))
        return xp.sqrt(sampled**2 + like(block.variance, theta))


def _discrepancy(block: Block, theta: Array) -> Array:
    """δ (*batch, n, q): size times basis times coefficients, 0 for observables without one."""
    xp = namespace(theta)
    columns = []
    for latent in block.latent:
        if latent is None:
            columns.append(xp.zeros((*theta.shape[:-1], len(block.x)), dtype=theta.dtype))
            continue
        coefficients = theta[..., latent.start : latent.start + latent.basis.shape[1]]
        wave = xp.matmul(coefficients[..., None, :], like(latent.basis.T, theta))[..., 0, :]
        columns.append(theta[..., latent.size, None] * wave)
    return xp.stack(columns, axis=-1)


def like_index(values: Array, theta: Array) -> Array:
    """Positions or a mask as an array of theta's kind."""
    return like(values, namespace(theta).asarray(values))
