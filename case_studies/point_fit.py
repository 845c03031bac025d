"""Least squares of a forward map on one experiment, from many starts: what studies had before posteriors.

Positive parameters move in their logarithm, within the bounds of the forward map's space.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from twin.experiment import Experiment
from twin.model import Forward
from twin.space import Floats

AT_BOUND = 1e-3
"""Share of a parameter's range, in its own scale, that counts as at its bound."""


@dataclass(frozen=True, eq=False)
class PointFit:
    """The best θ (p,), its root-mean-square residual in the observable's unit, and which parameters sit at a bound."""

    theta: Floats
    rmse: float
    at_bound: tuple[str, ...]


def fit(forward: Forward, experiment: Experiment, *, starts: int = 30, spread: float = 0.7, seed: int = 0) -> PointFit:
    """The best of ``starts`` local fits from normal draws of log-sd ``spread`` around the nominal point.

    ValueError for an experiment of several observables: they would need weights.
    """
    if len(experiment.observables) != 1:
        raise ValueError(f"{experiment.name}: a point fit takes one observable, got {experiment.observables}")
    c, mask = forward.conditions.pack(experiment.conditions), experiment.mask[:, 0]
    bounds = forward.space.bounds
    positive = bounds[:, 0] >= 0

    def inner(theta: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(positive, np.log(np.where(positive, theta, 1.0)), theta))

    def outer(z: Floats) -> Floats:
        return np.asarray(np.where(positive, np.exp(np.where(positive, z, 0.0)), z))

    def residual(z: Floats) -> Floats:
        return np.asarray(forward(outer(z), c, experiment.x)[mask, 0] - experiment.y[mask, 0])

    low, high = inner(bounds[:, 0]), inner(bounds[:, 1])
    scale = np.where(positive, 1.0, 0.25 * np.where(np.isfinite(high - low), high - low, 1.0))
    rng = np.random.default_rng(seed)
    begins = inner(forward.space.nominal) + spread * scale * rng.standard_normal((starts, len(scale)))
    begins = np.clip(begins, low + 1e-6 * scale, high - 1e-6 * scale)
    found = [least_squares(residual, z, bounds=(low, high), x_scale=scale) for z in begins]
    best = min(found, key=lambda f: float(f.cost))
    near = np.minimum(best.x - low, high - best.x) < AT_BOUND * np.where(np.isfinite(high - low), high - low, np.inf)
    names = tuple(name for name, there in zip(forward.space.names, near, strict=True) if there)
    return PointFit(np.asarray(outer(best.x)), float(np.sqrt(np.mean(best.fun**2))), names)
