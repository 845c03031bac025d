"""What the data can say about the model's parameters, before anything is sampled: Fisher information.

On the scale u of the priors (``standard.py``), with f the predictions, s the noise scales and κ the noise law's
information on its location (1 for Gaussian noise):

    F = Σ_k κ/s_k² (∂f_k/∂u)(∂f_k/∂u)ᵀ,   expected posterior covariance (I + F)⁻¹,   contraction 1 - diag (I + F)⁻¹

The prior's precision in u is the identity. Nuisance parameters count as known at the given point. Errors that follow
one another count as their innovations (``autoregression.py``), all others as independent: a discrepancy or a
surrogate's correlated error would make F smaller.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference import autoregression
from twin.inference.likelihood import Likelihood, flat
from twin.inference.standard import slope
from twin.model import Mask
from twin.space import Floats

Valid = Callable[[Floats], Mask]
"""Forward predictions (…, n, q) -> where an experiment would not have ended yet (…, n), as a model's ``valid``."""

STEP = 1e-3
"""Of the central differences, in prior standard deviations: relative error about 1e-7 for a smooth map."""
CHUNK = 16
"""Points whose sensitivities are computed at a time."""


@dataclass(frozen=True, eq=False)
class Information:
    """At n points: Fisher information ``matrix`` (n, p, p) in u, ``reach`` dθ/du (n, p), whether it is ``finite`` (n,).

    The matrix is 0 where it is not.
    """

    matrix: Floats
    reach: Floats
    finite: npt.NDArray[np.bool_]


def information(likelihood: Likelihood, theta: Floats, valid: Valid | None = None) -> Information:
    """Fisher information of the model's parameters at extended points θ (n, P).

    With ``valid``, of an experiment that would have ended where the prediction at θ says so.
    """
    parts = []
    for i in range(0, len(theta), CHUNK):
        rows = np.concatenate(sensitivities(likelihood, theta[i : i + CHUNK], valid), axis=1)
        with np.errstate(all="ignore"):
            parts.append(np.einsum("nmi,nmj->nij", rows, rows))
    matrix = np.concatenate(parts)
    finite = np.isfinite(matrix).all(axis=(-2, -1))
    p = matrix.shape[-1]
    reach = slope(likelihood.forward.space, theta[:, :p])
    return Information(np.where(finite[:, None, None], matrix, 0.0), reach, finite)


def sensitivities(likelihood: Likelihood, theta: Floats, valid: Valid | None = None) -> tuple[Floats, ...]:
    """√κ/s ∂f/∂u (n, n_e q_e, p) of each experiment's values at θ (n, P): in noise scales per prior sd.

    0 where nothing was measured, or the prediction does not count.
    """
    p = len(likelihood.forward.space)
    reach = slope(likelihood.forward.space, theta[:, :p])
    shifts = STEP * reach[:, :, None] * np.eye(p, theta.shape[1])
    with np.errstate(all="ignore"):
        ahead, behind = (likelihood.predict(theta[:, None] + side * shifts, discrepancy=False) for side in (1.0, -1.0))
        factor = np.sqrt(likelihood.noise.information[0]) / (2.0 * STEP)
        changes = tuple(factor * (up - down) for up, down in zip(ahead, behind, strict=True))
        rows = in_noise_scales(likelihood, theta, changes, counted(likelihood, theta, valid))
    return tuple(part.reshape(len(theta), p, -1).swapaxes(1, 2) for part in rows)


def in_noise_scales(
    likelihood: Likelihood, theta: Floats, changes: Sequence[Floats], masks: Sequence[Mask]
) -> tuple[Floats, ...]:
    """Changes of the predictions (n, k, n_e, q_e) at θ (n, P), of independent errors in units of their scales.

    0 where ``masks`` (…, n_e, q_e) are False.
    """
    rows = np.concatenate(
        [np.where(m[..., None, :, :], c, 0.0).reshape(*c.shape[:2], -1) for c, m in zip(changes, masks, strict=True)],
        axis=-1,
    )
    scale = np.concatenate([flat(s) for s in likelihood.scale(theta)], axis=-1)
    if likelihood.autoregressive:
        mask = np.concatenate(
            [np.broadcast_to(m, (len(theta), *m.shape[-2:])).reshape(len(theta), -1) for m in masks], axis=-1
        )
        links = autoregression.links(likelihood.order, mask)
        at = autoregression.filter_at(likelihood.order, links, theta, scale)
        rows, scale = autoregression.innovations(at, rows), autoregression.innovation_scale(at)
    ends = np.cumsum([c.shape[-2] * c.shape[-1] for c in changes])[:-1]
    parts = np.split(rows / scale[:, None], ends, axis=-1)
    return tuple(part.reshape(change.shape) for part, change in zip(parts, changes, strict=True))


def counted(likelihood: Likelihood, theta: Floats, valid: Valid | None = None) -> tuple[Mask, ...]:
    """Which values of each experiment were measured and count at θ (n, P): (n, n_e, q_e)."""
    own = theta[:, : len(likelihood.forward.space)]
    found = []
    for block in likelihood.blocks:
        mask = np.broadcast_to(block.mask, (len(theta), *block.mask.shape))
        if valid is not None:
            with np.errstate(all="ignore"):
                whole = np.asarray(likelihood.forward(own, block.c, block.x))
            mask = mask & valid(whole)[..., None]
        found.append(mask)
    return tuple(found)


def covariance(matrix: Floats) -> Floats:
    """Expected posterior covariance (I + F)⁻¹ (*batch, p, p) in u."""
    return np.asarray(np.linalg.inv(np.eye(matrix.shape[-1]) + matrix), dtype=np.float64)


def contraction(matrix: Floats) -> Floats:
    """Expected 1 - Var(posterior)/Var(prior) (*batch, p) of each parameter."""
    return 1.0 - np.diagonal(covariance(matrix), axis1=-2, axis2=-1)


def correlation(cov: Floats) -> Floats:
    """Correlations (*batch, p, p) of a covariance; on every parameter's own scale they are the same."""
    sd = np.sqrt(np.diagonal(cov, axis1=-2, axis2=-1))
    found: Floats = cov / (sd[..., :, None] * sd[..., None, :])
    return found


def cramer_rao(likelihood: Likelihood, theta: Floats) -> Floats:
    """Smallest covariance (n, p, p) of any unbiased estimate from the data alone, in the parameters' units.

    The inverse Fisher information in θ, without the prior. ValueError where the information is singular or not
    finite: the data alone then do not determine all parameters.
    """
    found = information(likelihood, theta)
    values = np.linalg.eigvalsh(found.matrix)
    singular = values[:, 0] <= values[:, -1] * values.shape[-1] * np.finfo(np.float64).eps
    if not found.finite.all() or singular.any():
        raise ValueError(
            f"the data alone do not determine {', '.join(likelihood.forward.space.names)} together: "
            f"eigenvalues of the Fisher information {values[np.argmax(singular)]}; fix one of them"
        )
    scaled = found.reach[:, :, None] * np.linalg.inv(found.matrix) * found.reach[:, None, :]
    return np.asarray(scaled, dtype=np.float64)


def spectrum(matrix: Floats) -> Floats:
    """Eigenvalues (*batch, p), largest first."""
    values: Floats = np.maximum(np.linalg.eigvalsh(matrix)[..., ::-1], 0.0)
    return values


def quantiles(values: Floats, at: Sequence[float] = (0.05, 0.5, 0.95)) -> Floats:
    """Quantiles (len(at), …) over the first axis."""
    found: Floats = np.quantile(values, at, axis=0)
    return found
