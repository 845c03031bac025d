"""The one problem definition that every sampler works on.

    log p(z) = log likelihood(θ(z)) + log prior(θ(z)) + log |det dθ/dz|        (up to a constant)

over the unconstrained z (*batch, p), under NumPy, PyTorch and JAX. Samplers move in whitened coordinates w,
z = centre + factor w, so that no target is far from unit scale.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.arrays import Array, like, namespace
from twin.inference.coordinates import Coordinates
from twin.inference.errors import Outputs
from twin.inference.likelihood import Likelihood
from twin.space import Floats, Space

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class LogDensity:
    """A prior over a space times a likelihood θ (*batch, p) -> (*batch,).

    ``outputs`` θ -> ``Outputs`` gives the likelihood's Fisher information
    where it has that structure; the search for modes is then Gauss-Newton's.
    """

    space: Space
    log_likelihood: Callable[[Array], Array]
    outputs: Callable[[Array], Outputs] | None = None

    @cached_property
    def coordinates(self) -> Coordinates:
        """The space's transforms, grouped."""
        return Coordinates(self.space)

    def __call__(self, z: Array) -> Array:
        """Log density of z (*batch,), -∞ where it is not a number."""
        xp = namespace(z)
        to = self.coordinates
        theta = to.constrain(z)
        value = self.log_likelihood(theta) + to.log_prior(theta) + to.log_jacobian(z)
        return xp.where(xp.isnan(value), xp.full_like(value, -xp.inf), value)


@dataclass(frozen=True, eq=False)
class Whitening:
    """z = centre + factor w, with centre (p,) and factor (p, p) lower triangular or diagonal."""

    centre: Floats
    factor: Floats

    def __call__(self, w: Array) -> Array:
        """The z of w, both (*batch, p)."""
        xp = namespace(w)
        turned = xp.matmul(w[..., None, :], like(self.factor.T, w))[..., 0, :]
        return turned + like(self.centre, w)

    def inverse(self, z: Floats) -> Floats:
        """The w of z, both (n, p)."""
        return np.asarray(np.linalg.solve(self.factor, (z - self.centre).T).T, dtype=np.float64)


def density_of(likelihood: Likelihood) -> LogDensity:
    """The posterior of the likelihood's extended space."""
    return LogDensity(likelihood.space, likelihood.log_prob, likelihood.outputs)


def potential(density: LogDensity, whitening: Whitening) -> Callable[[Array], Array]:
    """w -> -log p(z(w)), the function that gradient-based samplers follow, for PyTorch and JAX alike."""

    def energy(w: Array) -> Array:
        return -density(whitening(w))

    return energy


def prior_whitening(space: Space) -> Whitening:
    """Medians and central 90 % widths of the prior in z: unit scale before anything else is known."""
    p = len(space)
    z = space.unconstrain(space.from_unit(np.repeat(np.array(QUANTILES)[:, None], p, axis=1)))
    width = (z[2] - z[0]) / (2.0 * 1.6448536269514722)  # 95 % quantile of N(0, 1)
    return Whitening(z[1], np.diag(width))


def values(density: LogDensity, z: Floats, size: int = 500) -> Floats:
    """Log density of many z (n, p) under NumPy, ``size`` at a time: cheaper than compiling for a few thousand."""
    with np.errstate(all="ignore"):
        parts = [np.asarray(density(z[i : i + size])) for i in range(0, len(z), size)]
    return np.concatenate(parts)
