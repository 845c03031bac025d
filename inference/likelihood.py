"""What a forward map is worth against measurements.

For experiment e, point i and observable j, with f the forward map, its error of mean b and covariance
Σ_k s_k² φ_k φ_kᵀ + diag(r²) (``twin/error.py``), the measurement's own standard deviation ς, discrepancy δ and
sampled noise scale σ_j, which is 0 for an observable whose errors are known:

    y_eij = f_ij(θ, c_e) - b_eij(θ) - Σ_k s_k(θ) ξ_k φ_keij + δ_eij + ε,     ε ~ noise law of scale √(σ_j² + ς² + r²)

ξ and the discrepancy's coefficients are standard normal; under Gaussian noise they are integrated out
(``low_rank.py``), and the ε of some observables may follow one another (``autoregression.py``). All of it runs under
NumPy, PyTorch and JAX and is batched over the leading axes of the extended θ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import is_jax_array

from twin.arrays import Array, concrete, like, namespace
from twin.experiment import Experiment
from twin.inference import autoregression, errors, low_rank
from twin.inference.autoregression import Filter, Links, Order
from twin.inference.blocks import Block, Curve, noise_scales, noise_space, prepare, require_fit, size_space
from twin.inference.discrepancy import Discrepancy
from twin.inference.errors import Errors, Outputs, with_patterns
from twin.inference.noise import Gaussian, Noise
from twin.inference.patterns import Patterns, coefficient_space, discrepancy_patterns, error_patterns, sampled
from twin.inference.together import alike, curves
from twin.inference.treatment import Treatment
from twin.model import Forward
from twin.space import Floats, Space

GAUSSIAN = Gaussian()

Measured = tuple[tuple[Array, Array], ...]
"""y and mask (*batch, n, q) of each experiment; y is finite where the mask is False."""


@dataclass(frozen=True, eq=False)
class Likelihood:
    """A forward map, the experiments it is held against (one θ for all), and the laws of what remains.

    ``surrogate_error`` says what is made of the forward map's own error, ``autoregressive`` names the observables whose
    errors follow one another. Raises ValueError where an experiment does not fit the forward map, or such errors are
    not Gaussian.
    """

    forward: Forward
    experiments: Sequence[Experiment]
    noise: Noise = GAUSSIAN
    noise_per_experiment: bool = False
    discrepancy: Discrepancy | None = None
    surrogate_error: Treatment = Treatment.MARGINALISED
    autoregressive: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.experiments:
            raise ValueError("a likelihood needs at least one experiment, got none")
        names = [e.name for e in self.experiments]
        if len(set(names)) != len(names):
            raise ValueError(f"experiments must have different names, got {names}")
        for experiment in self.experiments:
            require_fit(self.forward, experiment)
        if self.autoregressive and not self.noise.gaussian:
            raise ValueError(
                f"errors of {', '.join(self.autoregressive)} that follow one another must be Gaussian, got {self.noise}"
            )
        object.__setattr__(self, "experiments", tuple(self.experiments))
        object.__setattr__(self, "autoregressive", tuple(self.autoregressive))
        _ = self.scales

    @cached_property
    def scales(self) -> Space:
        """The forward map's parameters, noise scales, correlations and sizes of the discrepancy."""
        noise = noise_space(self.forward, self.experiments, self.noise_per_experiment)
        noise = noise + autoregression.correlation_space(self.forward, self.experiments, self.autoregressive)
        return self.forward.space + noise + size_space(self.forward, self.experiments, self.discrepancy)

    @cached_property
    def space(self) -> Space:
        """The forward map's parameters and all nuisance parameters."""
        return self.scales if self.noise.gaussian else self.scales + coefficient_space(self.patterns)

    @cached_property
    def latent(self) -> tuple[str, ...]:
        """Names of sampled coefficients: checked like all parameters, but of no interest one by one."""
        return self.space.names[len(self.scales) :]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The experiments as arrays."""
        own = self.noise_per_experiment
        return tuple(prepare(self.forward, e, self.scales, noise_per_experiment=own) for e in self.experiments)

    @cached_property
    def patterns(self) -> tuple[Patterns, ...]:
        """What is correlated over the data."""
        widened = self.surrogate_error is Treatment.MARGINALISED
        own = error_patterns(self.blocks, len(self.forward.space)) if widened else ()
        found = own + discrepancy_patterns(self.forward, self.blocks, self.discrepancy, self.scales)
        return found if self.noise.gaussian else sampled(found, len(self.scales))

    @cached_property
    def order(self) -> Order:
        """Which values' errors may follow one another."""
        return autoregression.order_of(self.blocks, self.autoregressive, self.scales)

    @cached_property
    def links(self) -> Links:
        """Which of the measured values' errors do."""
        return autoregression.links(self.order, np.concatenate([b.mask.ravel() for b in self.blocks]))

    @cached_property
    def together(self) -> bool:
        """Whether one compiled program predicts all experiments."""
        return alike(self.forward, self.blocks)

    @property
    def measured(self) -> Measured:
        """The experiments' own data, to be replaced by others of the same shapes."""
        return tuple((b.y, b.mask) for b in self.blocks)

    def predict(self, theta: Array, *, discrepancy: bool = True) -> tuple[Array, ...]:
        """Noise-free predictions f - b of the extended θ, (*batch, n, q) per experiment.

        With ``discrepancy``, plus what the data say of the correlated errors: the discrepancy's expectation, less
        the surrogate error's, given θ and the data.
        """
        if not discrepancy or not self.patterns:
            return self._cut(self._mean(theta, self._curves(theta)))
        found = self._errors(theta, self.measured)
        law = with_patterns(found)
        if law is None:
            return self._cut(found.mean)
        return self._cut(found.mean + _times(found.factor, low_rank.coefficients(law)))

    def replicate(self, theta: Floats, seed: int) -> tuple[Floats, ...]:
        """New measurements drawn at each extended θ (*batch, P): (*batch, n, q) per experiment."""
        rng = np.random.default_rng(seed)
        parts = zip(self.predict(theta), self.scale(theta), self.disturbances(theta, rng), strict=True)
        new = tuple(mean + scale * error for mean, scale, error in parts)
        if not self.patterns or not self.noise.gaussian:
            return new
        found = self._errors(theta, self.measured)
        law = with_patterns(found)
        assert found.factor is not None
        assert law is not None
        normal = rng.standard_normal((*theta.shape[:-1], found.factor.shape[-1]))
        around = self._cut(_times(found.factor, low_rank.scatter(law, normal)))
        return tuple(n + a for n, a in zip(new, around, strict=True))

    def disturbances(self, theta: Floats, rng: np.random.Generator) -> tuple[Floats, ...]:
        """Errors of scale 1 drawn from the noise law at each extended θ (*batch, P): (*batch, n, q) per experiment."""
        drawn = tuple(self.noise.draw((*theta.shape[:-1], *b.y.shape), rng) for b in self.blocks)
        if not self.autoregressive:
            return drawn
        normal = np.concatenate([flat(part) for part in drawn], axis=-1)
        return self._cut(autoregression.coloured(self.order, theta, normal))

    def scale(self, theta: Array) -> tuple[Array, ...]:
        """The noise law's scale √(σ² + ς² + r²), (*batch, n, q) per experiment."""
        return self._cut(self._scale(theta))

    def forward_error(self, theta: Floats) -> tuple[Floats, ...]:
        """Root mean square of the forward map's error left uncorrected (*batch, n, q) per experiment."""
        own = theta[..., : len(self.forward.space)]
        found = []
        for block in self.blocks:
            square = np.zeros((*theta.shape[:-1], *block.y.shape))
            if block.error is not None:
                slide = block.curve(self.forward, own).slide if block.slides else None
                square = block.error.sd(own, slide) ** 2
                if self.surrogate_error is Treatment.NONE:
                    square = square + block.error.mean(own, slide) ** 2
            found.append(np.sqrt(square))
        return tuple(found)

    def pointwise(self, theta: Array) -> Array:
        """Log density of every measured value (*batch, points): experiments in order, each row by row.

        Where errors are correlated it is that of each value given all others, as cross-validation needs it.
        """
        found = self._errors(theta, self.measured)
        terms = errors.left_out(found, self.noise, with_patterns(found))
        starts = np.cumsum([0, *(b.y.size for b in self.blocks)])
        points = np.concatenate([b.points + start for b, start in zip(self.blocks, starts[:-1], strict=True)])
        return namespace(theta).take(terms, _index(points, theta), axis=-1)

    def log_prob(
        self, theta: Array, measured: Measured | None = None, predicted: tuple[Array, ...] | None = None
    ) -> Array:
        """Joint log density of the data (*batch,).

        ``measured`` takes the place of the likelihood's own data, ``predicted`` (*batch, n, q) per experiment that of
        the forward map's answers.
        """
        return self._joint(self._errors(theta, self.measured if measured is None else measured, predicted))

    def outputs(self, theta: Array, measured: Measured | None = None) -> Outputs:
        """What Gauss-Newton (Fisher scoring) needs; of the data only the masks count."""
        found = self._errors(theta, self.measured if measured is None else measured)
        return errors.outputs(found, self.noise, with_patterns(found))

    def scored(self, theta: Array, measured: Measured) -> tuple[Outputs, Array]:
        """``outputs`` and ``log_prob`` of one evaluation of the forward map."""
        found = self._errors(theta, measured)
        return errors.outputs(found, self.noise, with_patterns(found)), self._joint(found)

    def _joint(self, found: Errors) -> Array:
        """Joint log density (*batch,)."""
        law = with_patterns(found)
        if law is not None:
            return low_rank.log_density(law)
        return namespace(found.residual).sum(errors.one_by_one(found, self.noise), axis=-1)

    def _errors(self, theta: Array, data: Measured, predicted: tuple[Array, ...] | None = None) -> Errors:
        """Residuals of the data under the noise law; patterns are integrated out, or count as mean where sampled."""
        curves = self._curves(theta, predicted)
        slides = [curve.slide for curve in curves]
        mean, scale, factor = self._mean(theta, curves), self._scale(theta), None
        if self.patterns and self.noise.gaussian:
            factor = namespace(theta).concat([f.factor(theta, slides) for f in self.patterns], axis=-1)
        elif self.patterns:
            mean = mean + sum(f.sampled(theta, slides) for f in self.patterns)
        filter_ = self._filter(theta, data, scale) if self.autoregressive else None
        return errors.errors(mean, scale, *self._data(theta, data), filter_=filter_, factor=factor)

    def _filter(self, theta: Array, data: Measured, scale: Array) -> Filter:
        """The map to innovations of residuals whose scale is (*batch, N)."""
        if all(mask is block.mask for (_, mask), block in zip(data, self.blocks, strict=True)):
            return autoregression.filter_at(self.order, self.links, theta, scale)
        mask = namespace(*(m for _, m in data)).concat([flat(m) for _, m in data], axis=-1)
        return autoregression.filter_at(self.order, autoregression.links(self.order, mask), theta, scale)

    def _data(self, theta: Array, data: Measured) -> tuple[Array, Array]:
        """y and mask (*batch, N) of all experiments."""
        xp = namespace(theta)
        y = xp.concat([flat(like(y, theta)) for y, _ in data], axis=-1)
        mask = xp.concat([flat(_index(mask, theta)) for _, mask in data], axis=-1)
        batch = (*theta.shape[:-1], y.shape[-1])
        return xp.broadcast_to(y, batch), xp.broadcast_to(mask, batch)

    def _curves(self, theta: Array, predicted: tuple[Array, ...] | None = None) -> tuple[Curve, ...]:
        """What the forward map predicts, or is said to; a slide is always that of its own curve."""
        own, counted = theta[..., : len(self.forward.space)], self.surrogate_error is not Treatment.NONE
        if predicted is None and is_jax_array(theta) and self.together:
            return curves(self.forward, self.blocks, own)
        found = []
        for i, block in enumerate(self.blocks):
            asked = predicted is None or (counted and block.slides)
            curve = block.curve(self.forward, own) if asked else Curve(None, None)
            found.append(curve if predicted is None else curve._replace(y=predicted[i]))
        return tuple(found)

    def _mean(self, theta: Array, curves: Sequence[Curve]) -> Array:
        """f - b (*batch, N)."""
        own = theta[..., : len(self.forward.space)]
        parts = []
        for block, (y, slide) in zip(self.blocks, curves, strict=True):
            if block.error is not None and self.surrogate_error is not Treatment.NONE:
                y = y - block.error.mean(own, slide)
            parts.append(flat(y))
        return namespace(theta).concat(parts, axis=-1)

    def _scale(self, theta: Array) -> Array:
        """√(σ² + ς² + r²) (*batch, N)."""
        xp = namespace(theta)
        own = theta[..., : len(self.forward.space)]
        parts = []
        for block in self.blocks:
            sigma = noise_scales(block, theta)[..., None, :]
            shape = (*theta.shape[:-1], *block.y.shape)
            widened = block.error is not None and self.surrogate_error is Treatment.MARGINALISED
            if not widened and concrete(block.own) and not np.any(block.own):
                parts.append(flat(xp.broadcast_to(sigma, shape)))
                continue
            variance = sigma**2 + like(block.own, theta)
            if block.error is not None and widened:
                variance = variance + block.error.variance(own)
            parts.append(flat(xp.sqrt(variance)))
        return xp.concat(parts, axis=-1)

    def _cut(self, values: Array) -> tuple[Array, ...]:
        """Values (*batch, N) as (*batch, n, q) per experiment."""
        xp = namespace(values)
        parts, start = [], 0
        for block in self.blocks:
            part = values[..., start : start + block.y.size]
            parts.append(xp.reshape(part, (*values.shape[:-1], *block.y.shape)))
            start += block.y.size
        return tuple(parts)


def flat(values: Array) -> Array:
    """(*batch, n, q) as (*batch, n q)."""
    return namespace(values).reshape(values, (*values.shape[:-2], values.shape[-2] * values.shape[-1]))


def _times(factor: Array, weights: Array) -> Array:
    """Patterns (*batch, N, R) times weights (*batch, R): (*batch, N)."""
    return namespace(factor).matmul(factor, weights[..., None])[..., 0]


def _index(values: Any, theta: Array) -> Array:
    """Positions or a mask as an array of theta's kind."""
    return like(values, namespace(theta).asarray(values))
