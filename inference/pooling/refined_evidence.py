"""The Gaussian evidence of units where their population sees them, in the place of where each stands alone.

A unit that knows little alone may have a long, bent posterior; its population looks at one end of it. At fixed numbers
h of the population every unit climbs to the mode of likelihood times population by Gauss-Newton: with the likelihood's
slope and Fisher information at u as evidence, the closed form's mean is the next u.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from twin.inference.pooling.conditional import Conditional
from twin.inference.pooling.evidence import Evidence, prior_shape
from twin.inference.pooling.law import column_prior
from twin.inference.rungs.split_t import Rows
from twin.inference.units.climb import Climb, local_values
from twin.inference.units.density import evaluate
from twin.inference.units.likelihood import Row
from twin.space import Floats

ROUNDS = 8
SHARES = np.array([1.0, 0.5, 0.25, 0.1, 0.02, 0.0])
"""Of a step, of which each unit takes the best."""


def refined(climb: Climb, conditional: Conditional, h: Floats, data: Sequence[Row], rows: Rows) -> Evidence:
    """The evidence at the modes of the units ``rows`` (U,) under a population h (H,).

    A unit whose likelihood has no finite slope there keeps the evidence that it had.
    """
    still = np.zeros(conditional.shape)
    u = np.asarray(conditional.place(h, still).u)
    prior = column_prior(conditional.law.space, conditional.law.pooled)
    for _ in range(ROUNDS):
        found = _evidence(climb, conditional, u, data, rows)
        goal = np.asarray(replace(conditional, evidence=found).place(h, still).u)
        tried = u[:, None] + SHARES[:, None] * (goal - u)[:, None]
        alone = evaluate(climb.density, data, tried, rows)
        with np.errstate(all="ignore"):
            height = alone - prior(tried[..., conditional.law.pooled]) + _population(conditional, h, tried)
        best = np.argmax(np.where(np.isnan(height), -np.inf, height), axis=1)
        u = tried[np.arange(len(u)), best]
    return _evidence(climb, conditional, u, data, rows)


def _evidence(climb: Climb, conditional: Conditional, u: Floats, data: Sequence[Row], rows: Rows) -> Evidence:
    """Slope and Fisher information of the likelihood at u (U, p): the posterior's less the prior's."""
    information, gradient, _ = local_values(climb, data, u, rows)
    slope, bend = prior_shape(climb.density, u)
    slope, precision = gradient - slope, information + bend
    usable = np.asarray(np.isfinite(slope).all(axis=-1) & np.isfinite(precision).all(axis=(-2, -1)))
    e, axes = np.linalg.eigh(np.where(usable[:, None, None], precision, np.eye(u.shape[1])))
    kept = axes * np.maximum(e, 0.0)[:, None, :] @ axes.swapaxes(-1, -2)
    old = conditional.evidence
    return Evidence(
        np.where(usable[:, None], u, old.centre),
        np.where(usable[:, None], slope, old.slope),
        np.where(usable[:, None, None], kept, old.precision),
    )


def _population(conditional: Conditional, h: Floats, u: Floats) -> Floats:
    """log p(u_i | h) (U, n) of u (U, n, p), up to a constant."""
    law = conditional.law
    away = u[..., law.pooled] - law.mean(h)[conditional.groups][:, None]
    z = np.linalg.solve(law.factor(h), away[..., None])[..., 0]
    return np.asarray(-0.5 * np.sum(z**2, axis=-1))
