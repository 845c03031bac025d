"""Fronts of methane flames over rows of conditions, guessed by a network and improved by Newton's method."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from twin.arrays import Array, like, namespace, to_numpy
from twin.model import Fields
from twin.models.flame.cold_start import cold_start, zeldovich
from twin.models.flame.gas import read_gas
from twin.models.flame.kinetics import Kinetics, step_of
from twin.models.flame.mixtures import Mixtures, mixtures
from twin.models.flame.nodes import nodes
from twin.models.flame.published import LEFT, RIGHT
from twin.models.flame.spectral import Problem, improved
from twin.models.flame.unburnt import fresh
from twin.space import Floats

GAS = read_gas()
STEP = step_of(GAS, LEFT, RIGHT)
NODES = 12
INPUTS, OUTPUTS = 7, 5 * NODES
SIZE = 0.3
"""Change of an unknown that one output stands for."""
BAR = 1e5


@dataclass(frozen=True, eq=False)
class Fronts:
    """Fronts under laws of kinetics: a field over rows of φ, T_u and p (n, 3)."""

    law: Kinetics
    network: Callable[[Array], Array]
    corrections: int
    coordinates: tuple[str, ...] = ("record",)

    def __call__(self, *at: Array) -> Array:
        """Unknowns (*batch, n, 5 K)."""
        (record,) = at
        problem = problem_of(to_numpy(record), NODES)
        q = self.guess(problem)
        for _ in range(self.corrections):
            q = improved(problem, q, self.law)
        return q

    def guess(self, problem: Problem) -> Array:
        """What the network says."""
        return cold_start(problem, self.law) + SIZE * self.network(features(problem.of, self.law))

    def d(self, *names: str) -> "Fronts":
        """None is known in closed form: ValueError."""
        raise ValueError(f"a front has no derivative by {', '.join(names)}")


def fronts_of(u: Fields) -> Fronts:
    """The fronts among the fields; TypeError if they are none."""
    front = u["front"]
    if not isinstance(front, Fronts):
        raise TypeError(f"expected fronts, got {type(front).__name__}")
    return front


def features(of: Mixtures, law: Kinetics) -> Array:
    """What the network sees (*batch, n, 7), of the order of 1: nothing that scales the flame alone."""
    some = law.Ea
    xp = namespace(some)
    a, b = law.orders
    lean = like(of.lean, some)
    used = xp.where(lean > 0, a, xp.where(lean < 0, b, 0.5 * (a + b)))
    columns = [
        (zeldovich(of, law) - 10.0) / 4.0,
        like((of.T_b - 2000.0) / 400.0, some),
        like((of.T_u - 350.0) / 60.0, some),
        lean,
        like(4 * (of.leftover - 0.2), some),
        (used - 0.7) / 0.3,
        (a + b - used - 0.7) / 0.3,
    ]
    return xp.stack([column + 0 * (lean + a) for column in columns], axis=-1)


def problem_of(rows: Floats, count: int) -> Problem:
    """The equations of fronts for rows of φ, T_u [K] and p [bar] (n, 3). ValueError where one does not burn."""
    rows = np.ascontiguousarray(rows, dtype=float)
    return _problem(rows.tobytes(), len(rows), count)


@lru_cache(maxsize=32)
def _problem(rows: bytes, n: int, count: int) -> Problem:
    phi, T_u, p = np.frombuffer(rows).reshape(n, 3).T
    of = fresh(GAS, STEP, phi, T_u, BAR * p)
    return Problem(GAS, STEP, nodes(count), mixtures(GAS, STEP, of, nodes(count)))
