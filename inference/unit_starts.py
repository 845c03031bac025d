"""Where many units start their search for modes: a table of the forward map that all of them share.

The forward map is evaluated once at Sobol points of the prior. Every unit ranks them with its own noise scales
profiled, σ̂_j² = Σ r²/n_j: by Σ_j n_j log σ̂_j, which is minus its log likelihood there; where errors ς are known,
by ½ Σ r²/ς².
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.likelihood import Likelihood, Measured
from twin.inference.split_t import Rows
from twin.inference.unit_density import UnitDensity, of_rows
from twin.space import Floats

TABLE = 256
"""Sobol points of the table."""
KNOWN = -1
"""In place of the index of a noise scale where the error is known."""
TINY = 1e-30
"""Least variance."""


@dataclass(frozen=True, eq=False)
class Table:
    """Shared starts: θ (T, P) and noise-free predictions (T, N), less their mean."""

    theta: Floats
    predicted: Floats
    centre: Floats


def table_of(likelihood: Likelihood, seed: int) -> Table:
    """The forward map at Sobol points of the prior where it is finite."""
    theta = likelihood.space.sobol(TABLE, seed)
    with np.errstate(all="ignore"):
        predicted = np.concatenate([_flat(part) for part in likelihood.predict(theta, discrepancy=False)], axis=1)
    usable = np.isfinite(predicted).all(axis=1)
    if not usable.any():
        raise ValueError(f"the forward map is finite at none of {TABLE} prior draws: check the prior and conditions")
    centre = predicted[usable].mean(axis=0)
    return Table(theta[usable], predicted[usable] - centre, centre)


def starts(density: UnitDensity, table: Table, measured: Measured, rows: Rows, count: int) -> Floats:
    """The best ``count`` rows of the table for each unit, with profiled noise scales: u (k, count, p)."""
    likelihood = density.likelihood
    data = of_rows(measured, rows)
    mask = np.concatenate([_flat(m) for _, m in data], axis=1)
    y = np.where(mask, np.concatenate([_flat(v) for v, _ in data], axis=1) - table.centre, 0.0)
    owner = np.concatenate([np.tile([KNOWN if j is None else j for j in b.noise], len(b.x)) for b in likelihood.blocks])
    known = np.concatenate([b.own.ravel() for b in likelihood.blocks])
    median = likelihood.space.from_unit(np.full((1, len(likelihood.space)), 0.5))[0]
    score, scales = 0.5 * _squares((mask & (owner == KNOWN)) / np.maximum(known, TINY), y, table.predicted), {}
    for index in np.unique(owner[owner != KNOWN]):
        counted = (mask & (owner == index)).astype(float)
        total = np.maximum(counted.sum(axis=1), 1.0)[:, None]
        square = _squares(counted, y, table.predicted) / total
        low, high = likelihood.space.bounds[index]
        sigma = np.sqrt(np.maximum(square - (counted @ known)[:, None] / total, 1e-3 * square + TINY))
        inside = max(low, 1e-6 * median[index]), min(high * (1 - 1e-6), 1e6 * median[index])
        scales[index] = np.clip(sigma, *inside)
        score += counted.sum(axis=1)[:, None] * (np.log(scales[index]) + 0.5 * square / scales[index] ** 2)
    best = np.argsort(score, axis=1)[:, :count]
    theta = table.theta[best]
    for index, scale in scales.items():
        theta[..., index] = np.take_along_axis(scale, best, axis=1)
    z = likelihood.space.unconstrain(theta)
    return np.asarray(density.scale.inverse(z.reshape(-1, z.shape[-1])).reshape(z.shape))


def _squares(weights: Floats, y: Floats, predicted: Floats) -> Floats:
    """Weighted sums of squares (k, T) of values (k, N) less predictions (T, N), with weights (k, N)."""
    square = (weights * y**2).sum(axis=1)[:, None] - 2 * (weights * y) @ predicted.T + weights @ (predicted**2).T
    return np.asarray(np.maximum(square, 0.0))


def _flat(values: Floats) -> Floats:
    return values.reshape(len(values), -1)
