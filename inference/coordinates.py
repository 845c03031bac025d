"""A space's transforms and prior, evaluated in groups of like parameters.

``Space`` works parameter by parameter. The program that JAX differentiates and compiles then grows with their
number (Hessians of 30 parameters took a minute to compile); here it grows with the number of different kinds.
Every interval is an affine image of one of four: (-∞, ∞), (0, ∞), (-∞, 0), (0, 1).
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from twin.arrays import Array, like, namespace
from twin.priors import Normal, Prior
from twin.space import Floats, Parameter, Space

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Kind:
    """Parameters (m,) on like intervals: θ = offset + width · canonical(z)."""

    members: Indices
    canonical: Space
    offset: Floats
    width: Floats


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The same functions as the space's own, for the same arguments."""

    space: Space

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """The groups, with their members in ascending order."""
        members: dict[tuple[bool, bool], list[int]] = defaultdict(list)
        for i, (low, high) in enumerate(self.space.bounds):
            members[bool(np.isfinite(low)), bool(np.isfinite(high))].append(i)
        return tuple(_kind(self.space, key, np.array(group)) for key, group in members.items())

    @cached_property
    def priors(self) -> tuple[tuple[Prior, Indices], ...]:
        """Each different prior with the parameters that have it."""
        members: dict[Prior, list[int]] = defaultdict(list)
        for i, p in enumerate(self.space.parameters):
            members[p.prior].append(i)
        return tuple((prior, np.array(group)) for prior, group in members.items())

    def constrain(self, z: Array) -> Array:
        """Theta (*batch, p) of ``z``."""
        xp = namespace(z)
        parts = []
        for kind in self.kinds:
            unit = kind.canonical.constrain(_columns(z, kind.members)[..., None])[..., 0]
            parts.append(like(kind.offset, z) + like(kind.width, z) * unit)
        order = np.argsort(np.concatenate([kind.members for kind in self.kinds]))
        return _columns(xp.concat(parts, axis=-1), order)

    def log_jacobian(self, z: Array) -> Array:
        """log |det dθ/dz| (*batch,)."""
        xp = namespace(z)
        total = z[..., 0] * 0
        for kind in self.kinds:
            terms = kind.canonical.log_jacobian(_columns(z, kind.members)[..., None])
            total = total + xp.sum(terms, axis=-1) + float(np.sum(np.log(kind.width)))
        return total

    def log_prior(self, theta: Array) -> Array:
        """Sum of log densities (*batch,)."""
        xp = namespace(theta)
        total = theta[..., 0] * 0
        for prior, members in self.priors:
            total = total + xp.sum(prior.log_prob(_columns(theta, members)), axis=-1)
        return total


def _kind(space: Space, finite: tuple[bool, bool], members: Indices) -> Kind:
    low, high = space.bounds[members].T
    lower, upper = (0.0 if finite[0] else -math.inf), ((1.0 if finite[0] else 0.0) if finite[1] else math.inf)
    unit = Parameter("canonical", "1", Normal(0.0, 1.0), 0.5, "", "", lower, upper)
    zero, one = np.zeros(len(members)), np.ones(len(members))
    offset = low if finite[0] else (high if finite[1] else zero)
    return Kind(members, Space((unit,)), offset, high - low if all(finite) else one)


def _columns(values: Array, members: Indices) -> Array:
    """Columns of the last axis, without an indexing operation where they are all or in a row."""
    first, last = int(members[0]), int(members[-1])
    if np.array_equal(members, np.arange(first, last + 1)):
        return values if len(members) == values.shape[-1] else values[..., first : last + 1]
    xp = namespace(values)
    return xp.take(values, like(members, xp.asarray(members)), axis=-1)
