"""Flames between opposed jets, guessed by a network and improved by Newton's method: fields over x."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from twin.arrays import Array, detached, like, namespace, to_numpy
from twin.model import Fields
from twin.models.flame.fronts import GAS, STEP
from twin.models.flame.gas import R, mean_weight
from twin.models.flame.kinetics import Kinetics
from twin.models.flame.opposed import Fields as Known
from twin.models.flame.opposed import Opposed, fields_of, improved
from twin.models.flame.streams import Streams, sheets
from twin.models.flame.stretched import interpolated, points
from twin.scan import scan
from twin.space import Floats

COUNT = 80
"""Intervals: Λ is that of half as many more to 2e-3 (a test)."""
INPUTS, OUTPUTS = 8, 1 + 6 * (COUNT - 1)
SIZE = 0.1
"""Change of an unknown that one output stands for."""
LENGTH = 0.02
"""[m], the distance of the jets to which others are scaled."""
WEAKEST, STRONGEST = 0.19, 0.8
"""m_L/m_u below which flames of the box may be extinct, and beyond which they may sit on the burner."""
AT_ONCE = 64
"""Flames whose matrices NumPy holds at a time."""


class Seen(NamedTuple):
    """What is measured of flames at n places: u [m/s], V [1/s], T [K] (*batch, n) and Y (*batch, n, s)."""

    u: Array
    V: Array
    T: Array
    Y: Array


@dataclass(frozen=True, eq=False)
class Flames:
    """Flames under laws of kinetics (*batch,): a field over places x (n,) or (*batch, n) [m]."""

    law: Kinetics
    of: Streams
    network: Callable[[Array], Array]
    corrections: int
    coordinates: tuple[str, ...] = ("x",)

    def __call__(self, *at: Array) -> Array:
        """u, V, T and Y_k (*batch, n, 3 + s)."""
        (x,) = at
        seen = self.seen(x)
        return namespace(seen.T).concat([namespace(seen.T).stack([seen.u, seen.V, seen.T], axis=-1), seen.Y], axis=-1)

    def seen(self, x: Array) -> Seen:
        """The fields at places."""
        if not (isinstance(self.law.Ea, np.ndarray) and self.corrections and self.law.Ea.size > AT_ONCE):
            problem = self.problem
            return seen_of(problem, fields_of(problem, self.unknowns(problem)), x)
        found = [part.seen(x) for part in self._parts()]
        shape = self.law.Ea.shape
        return Seen(*(np.concatenate(one).reshape(*shape, *one[0].shape[1:]) for one in zip(*found, strict=True)))

    @property
    def problem(self) -> Opposed:
        """The equations."""
        return problem_of(self.law, self.of, COUNT)

    def unknowns(self, problem: Opposed) -> Array:
        """The network's guess, and what Newton's method makes of it."""
        q = self.guess(problem)
        if self.corrections > 1:
            still = problem.frozen()
            some = namespace(q).zeros((self.corrections - 1, 1), dtype=q.dtype)
            (q,), _ = scan(lambda carry, row: ((improved(still, carry[0]),), ()), (detached(q),), (like(some, q),))
        return improved(problem, q) if self.corrections else q

    def guess(self, problem: Opposed) -> Array:
        """What the network says."""
        return SIZE * self.network(features(problem))

    def d(self, *names: str) -> "Flames":
        """None is known in closed form: ValueError."""
        raise ValueError(f"a flame has no derivative by {', '.join(names)}")

    def _parts(self) -> Iterator["Flames"]:
        flat = [np.broadcast_to(part, self.law.Ea.shape).reshape(-1) for part in (*self.law[:3], *self.law.orders,
                                                                                  self.law.spread)]  # fmt: skip
        for i in range(0, self.law.Ea.size, AT_ONCE):
            ln_A, b, Ea, *orders, spread = (part[i : i + AT_ONCE] for part in flat)
            yield replace(self, law=Kinetics(ln_A, b, Ea, tuple(orders), spread))


def problem_of(law: Kinetics, of: Streams, count: int) -> Opposed:
    """The equations with so many intervals."""
    return Opposed(GAS, STEP, points(count), of, sheets(of, law), law)


def flames_of(u: Fields) -> Flames:
    """The flames among the fields; TypeError if they are none."""
    found = u["flame"]
    if not isinstance(found, Flames):
        raise TypeError(f"expected flames, got {type(found).__name__}")
    return found


def seen_of(problem: Opposed, known: Known, x: Array) -> Seen:
    """Fields at places x (n,) or (*batch, n) [m]; NaN for flames that the closed form takes for extinct or attached."""
    s = problem.by.stretch.place(x)
    xp = namespace(known.values)
    both = xp.concat([known.values, known.flux[..., None, :]], axis=-2)
    drawn = interpolated(both, problem.at, s)
    V, T, shares, flux = drawn[..., 0, :], drawn[..., 1, :], xp.matrix_transpose(drawn[..., 2:-1, :]), drawn[..., -1, :]
    Y = xp.concat([shares, 1 - xp.sum(shares, axis=-1)[..., None]], axis=-1)
    rho = like(problem.of.p[..., None], T) * mean_weight(problem.gas, Y) / (R * T)
    no = xp.where(burns(problem)[..., None], xp.zeros_like(T), xp.full_like(T, xp.nan))
    return Seen(flux / rho + no, V + no, T + no, Y + no[..., None])


def strength(problem: Opposed) -> Array:
    """m_L/m_u (*batch,) by the closed form."""
    return problem.by.flux / like(problem.of.flux_fresh, problem.by.flux)


def burns(problem: Opposed) -> Array:
    """Whether that is neither extinct nor on the burner (*batch,)."""
    share = strength(problem)
    return (share >= WEAKEST) & (share <= STRONGEST)


def features(problem: Opposed) -> Array:
    """What the network sees (*batch, 8), of the order of 1: nothing that scales all lengths alone."""
    of, law = problem.of, problem.law
    front = of.front.of
    some = law.Ea
    lean, leftover = (np.reshape(part, of.T_u.shape) for part in (front.lean, front.leftover))
    ratio = namespace(some).log(strength(problem))
    columns = [
        (law.Ea * like((of.T_b - of.T_u) / (R * of.T_b**2), some) - 4.0),
        like((of.T_b - 2000.0) / 300.0, some),
        like((of.T_u - 305.0) / 15.0, some),
        like(lean, some),
        like(4 * (leftover - 0.2), some),
        (ratio + 1.0) / 0.4,
        like(np.log(of.flux_fresh * of.length / LENGTH) / 0.2, some) - namespace(some).log(law.spread) / 0.2,
        like(np.log(of.flux_other / of.flux_fresh) / 0.2, some),
    ]
    return namespace(some).stack([column + 0 * some for column in columns], axis=-1)


def as_numpy(c: Array) -> Floats:
    """Conditions, which are data whatever θ is."""
    return np.asarray(to_numpy(c), dtype=float)
