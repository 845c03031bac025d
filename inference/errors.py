"""Residuals under the law of their errors: densities, joint and one by one, and the information on θ.

Where errors follow one another (``autoregression.py``) residuals and scales are those of the innovations; patterns of
errors (``low_rank.py``) come on top. Runs under NumPy, PyTorch and JAX.
"""

import math
from typing import NamedTuple

from twin.arrays import Array, namespace
from twin.inference import autoregression, low_rank
from twin.inference.autoregression import Filter, innovations
from twin.inference.noise import Noise

UNMEASURED = math.sqrt(low_rank.UNMEASURED)
"""Scale at which a residual of 0 has log density 0."""


class Errors(NamedTuple):
    """At some θ, all (*batch, N): means, residuals and their scales, and which values were measured.

    Residuals of values that were not measured are 0. ``filter`` is None where errors do not follow one another,
    ``factor`` (*batch, N, R) where no patterns of errors are integrated out.
    """

    mean: Array
    residual: Array
    scale: Array
    mask: Array
    filter: Filter | None
    factor: Array | None


class Outputs(NamedTuple):
    """What the noise law sees of θ, and its information there.

    ``values`` (*batch, m) are the N means, the N log scales and, where errors follow one another, the N coefficients a
    of each residual on the one before. ``weight`` (*batch, m) is the information on each, 0 where nothing was measured;
    ``coupled`` C (*batch, m, R) takes off what patterns of errors hide. ``filter`` maps means to innovations, to which
    weight and C then belong.
    """

    values: Array
    weight: Array
    coupled: Array | None
    filter: Filter | None

    def fisher(self, jacobian: Array) -> Array:
        """Jᵀ diag(w) J - (CᵀJ)ᵀ CᵀJ (*batch, p, p), given the values' Jᵀ (*batch, p, m)."""
        xp = namespace(jacobian)
        if self.filter is not None:
            n = self.filter.scale.shape[-1]
            jacobian = xp.concat([innovations(self.filter, jacobian[..., :n]), jacobian[..., n:]], axis=-1)
        found = xp.matmul(jacobian * self.weight[..., None, :], xp.matrix_transpose(jacobian))
        if self.coupled is None:
            return found
        through = xp.matmul(jacobian, self.coupled)
        return found - xp.matmul(through, xp.matrix_transpose(through))


def errors(mean: Array, scale: Array, y: Array, mask: Array, *, filter_: Filter | None, factor: Array | None) -> Errors:
    """The errors of data y and mask under means and scales, all (*batch, N), with patterns; y is finite."""
    xp = namespace(mean)
    residual = xp.where(mask, y - mean, xp.zeros_like(mean))
    if filter_ is not None:
        residual, scale = innovations(filter_, residual), autoregression.innovation_scale(filter_)
    return Errors(mean, residual, xp.where(mask, scale, xp.full_like(scale, UNMEASURED)), mask, filter_, factor)


def with_patterns(of: Errors) -> low_rank.Correlated | None:
    """Their joint law with patterns, under Gaussian noise; None where there are none."""
    if of.factor is None:
        return None
    xp = namespace(of.factor)
    counted = xp.where(of.mask[..., None], of.factor, xp.zeros_like(of.factor))
    if of.filter is not None:
        counted = xp.matrix_transpose(innovations(of.filter, xp.matrix_transpose(counted)))
    return low_rank.correlated(of.residual, of.scale**2, counted)


def one_by_one(of: Errors, noise: Noise) -> Array:
    """Log densities (*batch, N) that add up to the joint one; 0 where nothing was measured."""
    xp = namespace(of.residual)
    terms = noise.log_prob(of.residual, of.scale)
    return xp.where(of.mask, terms, xp.zeros_like(terms))


def left_out(of: Errors, noise: Noise, law: low_rank.Correlated | None) -> Array:
    """Log density (*batch, N) of each value given all others."""
    if of.filter is None:
        return one_by_one(of, noise) if law is None else low_rank.left_out(law)
    if law is None:
        return autoregression.left_out(of.filter, of.scale, of.residual / of.scale, None)
    return autoregression.left_out(of.filter, of.scale, *low_rank.unexplained(law))


def outputs(of: Errors, noise: Noise, law: low_rank.Correlated | None) -> Outputs:
    """What Gauss-Newton (Fisher scoring) needs; of the data only the masks count."""
    xp = namespace(of.mean)
    location, log_scale = noise.information
    zero = xp.zeros_like(of.mean)
    values = [xp.where(of.mask, of.mean, zero), xp.where(of.mask, xp.log(of.scale), zero)]
    weight = [xp.where(of.mask, location / of.scale**2, zero), xp.where(of.mask, zero + log_scale, zero)]
    if of.filter is not None:
        values.append(of.filter.carry)
        weight.append(autoregression.carry_information(of.filter))
    coupled = None
    if law is not None:
        own = low_rank.coupling(law)
        coupled = xp.concat([own, *[xp.zeros_like(own)] * (len(values) - 1)], axis=-2)
    return Outputs(xp.concat(values, axis=-1), xp.concat(weight, axis=-1), coupled, of.filter)
