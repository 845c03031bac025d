"""Units given their population, under Gaussian evidence: a closed form, and coordinates for what is not Gaussian.

With u_i = m + L z_i as in ``law.py`` (L is 1 and m is 0 for a unit's own parameters, whose ordinary prior counts
as N(0, 1) here) and evidence g, Λ around μ (``evidence.py``),

    z_i | h ~ N(A⁻¹ b, A⁻¹),   A = 1 + Lᵀ Λ L = C Cᵀ,   b = Lᵀ (g - Λ (m - μ)),
    log p(data_i | h) = gᵀ(m - μ) - ½ (m - μ)ᵀ Λ (m - μ) + ½ bᵀ A⁻¹ b - log det C.

The coordinates are ξ in z = A⁻¹ b + C⁻ᵀ ξ. Where the data say nothing they are z itself (non-centred); where they say
much, ξ is u in units of the unit's own posterior (centred); in between each direction of each unit is as far from
either as its own evidence asks for (Papaspiliopoulos, Roberts, Sköld 2007, Stat. Sci. 22, 59, there with constants in
the place of A). Were the evidence exact, ξ would be standard normal whatever the population is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from twin.arrays import Array, like, namespace
from twin.inference.pooling.evidence import Alone, Evidence, evidence_of
from twin.inference.pooling.law import Columns, Law, Pooling, group_rows
from twin.inference.pooling.small_matrices import Factored, back, eliminate
from twin.inference.units.density import UnitDensity
from twin.space import Floats


class Placed(NamedTuple):
    """Units u (*batch, U, p), z (*batch, U, k) of what is pooled, and log |du/dξ| - log |L| (*batch,)."""

    u: Array
    z: Array
    log_jacobian: Array


@dataclass(frozen=True, eq=False)
class Conditional:
    """The law of U units with evidence, unit i in group ``groups[i]``."""

    law: Law
    evidence: Evidence
    groups: Columns

    @cached_property
    def order(self) -> Columns:
        """Columns: pooled, own, common."""
        return np.concatenate([self.law.pooled, self.law.own, self.law.common])

    @property
    def width(self) -> int:
        """Numbers q that a unit has for itself."""
        return len(self.law.pooled) + len(self.law.own)

    @property
    def shape(self) -> tuple[int, int]:
        """Of all ξ (U, q)."""
        return len(self.groups), self.width

    @cached_property
    def _ordered(self) -> Evidence:
        e, order = self.evidence, self.order
        return Evidence(e.centre[:, order], e.slope[:, order], e.precision[:, order][:, :, order])

    def log_evidence(self, h: Array) -> Array:
        """log p(data_i | h) (*batch, U), up to a constant."""
        away, _, found = self._parts(h)
        xp = namespace(h)
        pull = like(self._ordered.slope, h) - 0.5 * _times(like(self._ordered.precision, h), away)
        return xp.sum(pull * away, axis=-1) + 0.5 * xp.sum(found.y**2, axis=-1) - found.log_det

    def place(self, h: Array, xi: Array) -> Placed:
        """The units at ξ (*batch, U, q)."""
        xp, k = namespace(h), len(self.law.pooled)
        away, factor, found = self._parts(h)
        z = back(found.columns, found.y + xi)
        turned = xp.matmul(z[..., None, :], _transposed(factor)[..., None, :, :])[..., 0, :]
        known = away + like(self._ordered.centre, h)
        ordered = xp.concat([known[..., : self.width] + turned, known[..., self.width :]], axis=-1)
        u = xp.take(ordered, _index(np.argsort(self.order), h), axis=-1)
        return Placed(u, z[..., :k], -xp.sum(found.log_det, axis=-1))

    def _parts(self, h: Array) -> tuple[Array, Array, Factored]:
        """m - μ (*batch, U, p), L (*batch, q, q), A's factor with C⁻¹ b."""
        xp, q = namespace(h), self.width
        mean = xp.take(self.law.mean(h), _index(self.groups, h), axis=-2)
        shape = (*h.shape[:-1], len(self.groups))
        own = xp.zeros((*shape, len(self.law.own)), dtype=h.dtype)
        shared = self.law.shared(h)
        common = xp.broadcast_to(shared[..., None, :], (*shape, shared.shape[-1]))
        away = xp.concat([mean, own, common], axis=-1) - like(self._ordered.centre, h)
        precision = like(self._ordered.precision, h)
        pull = (like(self._ordered.slope, h) - _times(precision, away))[..., :q]
        factor = _widened(self.law.factor(h), q)
        turned = _transposed(factor)[..., None, :, :]
        a = xp.matmul(turned, xp.matmul(precision[:, :q, :q], factor[..., None, :, :])) + like(np.eye(q), h)
        b = xp.matmul(turned, pull[..., None])[..., 0]
        return away, factor, eliminate(a, b)

    def draw(self, h: Floats, rng: np.random.Generator) -> Floats:
        """Units u (n, U, p), one draw for each h (n, H)."""
        return np.asarray(self.place(h, rng.standard_normal((len(h), len(self.groups), self.width))).u)


def conditional_of(density: UnitDensity, alone: Alone, pooling: Pooling, labels: Sequence[str] | None) -> Conditional:
    """The law of the units that can be used; ValueError unless there is a label for every unit of the data."""
    count = len(alone.rows) + len(alone.refused)
    every = [""] * count if labels is None else list(labels)
    if len(every) != count:
        raise ValueError(f"groups: expected a label for each of {count} units, got {len(every)}")
    names, groups = group_rows([every[row] for row in alone.rows])
    law = Law(pooling, density.likelihood.space, names)
    return Conditional(law, evidence_of(density, alone), groups)


def _widened(factor: Array, q: int) -> Array:
    """L (*batch, k, k) with ones below: (*batch, q, q)."""
    k = factor.shape[-1]
    if k == q:
        return factor
    xp = namespace(factor)
    beside = xp.zeros((*factor.shape[:-1], q - k), dtype=factor.dtype)
    below = xp.broadcast_to(like(np.eye(q)[k:], factor), (*factor.shape[:-2], q - k, q))
    return xp.concat([xp.concat([factor, beside], axis=-1), below], axis=-2)


def _times(matrix: Array, vector: Array) -> Array:
    return namespace(vector).matmul(matrix, vector[..., None])[..., 0]


def _transposed(matrix: Array) -> Array:
    return namespace(matrix).matrix_transpose(matrix)


def _index(values: Columns, reference: Array) -> Array:
    return namespace(reference).asarray(values)
