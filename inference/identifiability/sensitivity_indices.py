"""Which parameter a predicted curve depends on over the whole prior: Sobol indices.

For a curve of points t the indices are weighted by variance (Lamboni, Monod & Makowski 2011, Reliab. Eng. Syst. Saf.
96, 450; Gamboa et al. 2014, Electron. J. Stat. 8, 575),

    S_i = Σ_t Var E[f_t | θ_i] / Σ_t Var f_t,   S_Ti = Σ_t E Var[f_t | θ_~i] / Σ_t Var f_t

estimated on a scrambled Sobol design by Saltelli et al. 2010 (Comput. Phys. Commun. 181, 259, table 2): (b) for S_i
and (f), Jansen's, for S_Ti; the functions are centred first. S_i is what θ_i explains alone, S_Ti with all its
interactions.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from twin.inference.blocks import label
from twin.inference.identifiability.information import Valid, counted
from twin.inference.likelihood import Likelihood
from twin.space import Floats, Space

MOST_POINTS = 200
"""Points of a curve that count, evenly spaced among those measured."""
CHUNK = 512
LEAST = 0.5
"""Share of the design that must be usable at a point for it to count."""


@dataclass(frozen=True, eq=False)
class Indices:
    """First-order and total indices (p,) of one predicted curve; NaN where no point of it counts.

    ``points`` is the share of the curve that counts, ``used`` the share of the design that could be used there: with
    less than all of it, the indices hold for the part of the prior where the model has an answer. ``sd`` is the prior
    predictive standard deviation (root mean square over the points) in the observable's unit.
    """

    experiment: str
    observable: str
    unit: str
    first: Floats
    total: Floats
    points: float
    used: float
    sd: float


@dataclass(frozen=True, eq=False)
class Design:
    """Prior draws A and B (n, p), and A with column i from B (p, n, p)."""

    a: Floats
    b: Floats
    mixed: Floats

    @property
    def stacked(self) -> Floats:
        """All points ((p + 2) n, p): A, B, then the mixed ones."""
        return np.concatenate([self.a, self.b, self.mixed.reshape(-1, self.a.shape[1])])


def design_of(space: Space, n: int, seed: int) -> Design:
    """A scrambled Sobol design of the prior with n rows, best a power of two."""
    p = len(space)
    engine = qmc.Sobol(2 * p, seed=np.random.default_rng(seed), scramble=True)
    points = np.clip(engine.random_base2(math.ceil(math.log2(n)))[:n], 1e-12, 1.0 - 1e-12)
    a, b = space.from_unit(points[:, :p]), space.from_unit(points[:, p:])
    swapped = np.eye(p, dtype=bool)[:, None, :]
    return Design(a, b, np.where(swapped, b, a))


def sobol_indices(
    likelihood: Likelihood, *, n: int = 512, seed: int = 0, valid: Valid | None = None
) -> tuple[Indices, ...]:
    """Indices of the model's parameters for every measured curve: experiments in order, each by observable.

    Predictions that are not finite are left out point by point, and with ``valid`` those after an experiment's end.
    The forward map is evaluated n (p + 2) times.
    """
    p = len(likelihood.forward.space)
    design = design_of(likelihood.forward.space, n, seed)
    points = design.stacked
    extended = np.broadcast_to(likelihood.space.nominal, (len(points), len(likelihood.space))).copy()
    extended[:, :p] = points
    return tuple(
        _indices(likelihood, e, j, values.reshape(p + 2, n, -1))
        for (e, j), values in _curves(likelihood, extended, valid).items()
    )


def estimate(values: Floats) -> tuple[Floats, Floats, Floats]:
    """First-order and total indices (p,) of curves at A, B and the mixed points (p + 2, n, m), and variances (m,).

    A row of the design counts at a point where all p + 2 values are finite. NaN where nothing varies.
    """
    usable = np.isfinite(values).all(axis=0)
    count = np.maximum(usable.sum(axis=0), 1)
    centre = np.where(usable, values[:2], 0.0).sum(axis=(0, 1)) / (2 * count)
    f = np.where(usable, values - centre, 0.0)
    variance = np.sum(f[:2] ** 2, axis=(0, 1)) / (2 * count)
    whole = float(np.sum(variance)) or np.nan
    first = np.sum(np.sum(f[1] * (f[2:] - f[0]), axis=1) / count, axis=-1) / whole
    total = np.sum(0.5 * np.sum((f[0] - f[2:]) ** 2, axis=1) / count, axis=-1) / whole
    return first, total, variance


def _curves(likelihood: Likelihood, theta: Floats, valid: Valid | None) -> dict[tuple[int, int], Floats]:
    """Predictions (n, m) of each experiment's observable at its measured points, thinned; NaN where invalid."""
    rows = {}
    for e, block in enumerate(likelihood.blocks):
        for j in range(len(block.columns)):
            measured = np.flatnonzero(block.mask[:, j])
            if len(measured):
                rows[e, j] = measured[spread(len(measured))]
    parts: dict[tuple[int, int], list[Floats]] = {key: [] for key in rows}
    for i in range(0, len(theta), CHUNK):
        part = theta[i : i + CHUNK]
        with np.errstate(all="ignore"):
            predicted = likelihood.predict(part, discrepancy=False)
        masks = counted(likelihood, part, valid)
        for (e, j), chosen in rows.items():
            values = np.where(masks[e], np.asarray(predicted[e]), np.nan)
            parts[e, j].append(values[:, chosen, j])
    return {key: np.concatenate(found) for key, found in parts.items()}


def spread(n: int) -> npt.NDArray[np.intp]:
    """At most ``MOST_POINTS`` of n positions, evenly."""
    return np.unique(np.linspace(0, n - 1, min(MOST_POINTS, n)).astype(np.intp))


def _indices(likelihood: Likelihood, e: int, j: int, values: Floats) -> Indices:
    """From predictions (p + 2, n, m)."""
    block = likelihood.blocks[e]
    share = np.isfinite(values).all(axis=0).mean(axis=0)
    kept = share >= LEAST
    first, total, variance = estimate(values[:, :, kept])
    observable = likelihood.forward.observables[block.columns[j]]
    return Indices(
        experiment=label(block.experiment),
        observable=observable.name,
        unit=observable.unit,
        first=first,
        total=total,
        points=float(np.mean(kept)),
        used=float(np.mean(share[kept])) if kept.any() else 0.0,
        sd=float(np.sqrt(np.mean(variance))) if kept.any() else math.nan,
    )
