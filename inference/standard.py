"""Parameters on the scale of their priors: u, of which every entry is a priori standard normal.

    u = Φ⁻¹(F(θ)),   dθ/du = φ(u)/p(θ),   with F and p the prior's distribution and density, cut to the bounds

The prior's precision in u is exactly the identity, and u does not depend on how a parameter is written: θ with a
log-normal prior and log θ with a normal one have the same u. It rises with θ.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from twin.space import Floats, Space

FARTHEST = 8.0
"""Largest |u| that is turned into θ."""


def standard(space: Space, theta: Floats) -> Floats:
    """u (*batch, p) of θ (*batch, p)."""
    columns = []
    for i, p in enumerate(space.parameters):
        law, (low, high) = p.prior.scipy(), p.bounds
        mass = law.cdf(high) - law.cdf(low)
        below = np.clip((law.cdf(theta[..., i]) - law.cdf(low)) / mass, 0.0, 1.0)
        above = np.clip((law.sf(theta[..., i]) - law.sf(high)) / mass, 0.0, 1.0)
        columns.append(np.where(below < 0.5, ndtri(below), -ndtri(above)))
    return np.stack(columns, axis=-1)


def from_standard(space: Space, u: Floats) -> Floats:
    """θ (*batch, p) of u (*batch, p)."""
    u = np.clip(u, -FARTHEST, FARTHEST)
    columns = []
    for i, p in enumerate(space.parameters):
        law, (low, high) = p.prior.scipy(), p.bounds
        mass = law.cdf(high) - law.cdf(low)
        from_below = law.ppf(law.cdf(low) + ndtr(u[..., i]) * mass)
        from_above = law.isf(law.sf(high) + ndtr(-u[..., i]) * mass)
        columns.append(np.clip(np.where(u[..., i] < 0.0, from_below, from_above), low, high))
    return np.stack(columns, axis=-1)


def slope(space: Space, theta: Floats) -> Floats:
    """dθ/du (*batch, p) in each parameter's unit: how far one prior standard deviation reaches at θ."""
    u = standard(space, theta)
    columns = []
    for i, p in enumerate(space.parameters):
        law, (low, high) = p.prior.scipy(), p.bounds
        log_mass = np.log(law.cdf(high) - law.cdf(low))
        log_normal = -0.5 * u[..., i] ** 2 - 0.5 * np.log(2.0 * np.pi)
        columns.append(np.exp(log_normal - law.logpdf(theta[..., i]) + log_mass))
    return np.stack(columns, axis=-1)
