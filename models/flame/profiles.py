"""Flames solved to the end, and drawn over space: the reference of the burning velocity.

Newton's method from the closed-form start (``cold_start.py``) comes to rest in five or six iterations; twice the nodes
of the surrogate make its own error negligible. Cantera, an independent code, converges to the same (tests).
"""

from typing import NamedTuple

import numpy as np

from twin.models.flame.cold_start import cold_start
from twin.models.flame.kinetics import Kinetics
from twin.models.flame.mixtures import mixtures
from twin.models.flame.nodes import even
from twin.models.flame.spectral import Problem, gradient_of, improved, local_of
from twin.models.flame.unburnt import Fresh
from twin.space import Floats

ITERATIONS = 30
AT_REST = 1e-9


class Profile(NamedTuple):
    """Of n flames at N points: burning velocity [m/s] (n,), T [K], dT/dx [K/m] and x [m] (n, N),
    Y (n, N, s).
    """

    S_L: Floats
    T: Floats
    gradient: Floats
    x: Floats
    Y: Floats


def solve(problem: Problem, law: Kinetics) -> Floats:
    """Unknowns (*batch, n, 5 K), NaN where Newton's method does not come to rest."""
    with np.errstate(all="ignore"):
        q = np.asarray(cold_start(problem, law))
        for _ in range(ITERATIONS):
            after = np.asarray(improved(problem, q, law))
            step, q = np.abs(after - q).max(axis=-1), after
            if np.all(step < AT_REST):
                break
    return np.where((step < AT_REST)[..., None], q, np.nan)


def burning_velocity(problem: Problem, q: Floats) -> Floats:
    """S_L = m/ρ_u [m/s] (*batch, n)."""
    return np.asarray(np.exp(q[..., 0]) / problem.of.density)


def profile(problem: Problem, fresh: Fresh, q: Floats, law: Kinetics, points: int = 401) -> Profile:
    """Fields of the unknowns (n, 5 K) over space, x = 0 at the first point."""
    u, along = even(points, problem.at.values.shape[-1])
    drawn = problem._replace(at=along, of=mixtures(problem.gas, problem.step, fresh, along))
    slope = np.asarray(gradient_of(drawn, q, law))
    step = (drawn.of.T_b - drawn.of.T_u)[:, None] * along.c * (1 - along.c) / slope
    x = np.concatenate(
        [np.zeros((len(step), 1)), np.cumsum(0.5 * (step[:, 1:] + step[:, :-1]) * np.diff(u), axis=1)], 1
    )
    return Profile(burning_velocity(problem, q), drawn.of.T, slope, x, np.asarray(local_of(drawn, q).Y))
