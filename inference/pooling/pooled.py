"""The posterior of a population and of its units."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from twin.inference.pooling.evidence import Alone
from twin.inference.pooling.law import Columns, Law
from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import UnitDensity
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Reweighting:
    """How well units' own draws could be used again: k-hat and effective draws of each unit (U,).

    ``by_gaussian`` names the units that count by their Gaussian evidence instead, with the reason; ``khat`` and ``ess``
    are those of the weights that take the population from the closed form to the draws.
    """

    unit_khat: Floats
    unit_ess: Floats
    by_gaussian: dict[int, str]
    khat: float
    ess: float


@dataclass(frozen=True, eq=False)
class Pooled:
    """Draws of the population's numbers ``hyper`` (chains, draws, H) and of the units ``u`` (chains, draws, U, p).

    ``hyper`` follows ``law.hyper``; ``u`` is in prior-whitened coordinates and holds the units ``rows`` (U,) of the
    data, in the groups ``groups`` (U,). ``stats`` are NUTS's, ``reweighting`` is the two-stage way's.
    """

    law: Law
    density: UnitDensity
    groups: Columns
    alone: Alone
    hyper: Floats
    u: Floats
    stats: Mapping[str, Floats] = field(default_factory=dict)
    reweighting: Reweighting | None = None
    reason: str = ""

    @property
    def rows(self) -> Rows:
        """The units' positions in the data."""
        return self.alone.rows

    @property
    def refused(self) -> dict[int, str]:
        """Units that could not be used, with the reason."""
        return self.alone.refused

    @cached_property
    def theta(self) -> Floats:
        """Draws of the units in their own units (chains, draws, U, p)."""
        return np.asarray(self.density.theta(self.u.reshape(-1, self.u.shape[-1])).reshape(self.u.shape))

    @property
    def _flat(self) -> Floats:
        return self.hyper.reshape(-1, self.hyper.shape[-1])

    @property
    def median(self) -> Floats:
        """Draws of the population's median, in the parameters' own units (draws, groups, k)."""
        return np.asarray(self.law.values(self.law.mean(self._flat)))

    @property
    def spread(self) -> Floats:
        """Draws of half the width between the population's 16 % and 84 % quantiles (draws, groups, k)."""
        mean, sd = self.law.mean(self._flat), self.law.deviation(self._flat)[:, None]
        return np.asarray(0.5 * (self.law.values(mean + sd) - self.law.values(mean - sd)))

    def new_unit(self, seed: int) -> Floats:
        """Pooled parameters of a unit not yet seen, one for each draw (draws, groups, k)."""
        mean, factor = self.law.mean(self._flat), self.law.factor(self._flat)
        z = np.random.default_rng(seed).standard_normal(mean.shape)
        return np.asarray(self.law.values(mean + z @ factor.swapaxes(-1, -2)))

    @property
    def shift(self) -> Floats:
        """How far pooling moves each unit: pooled less unpooled mean in unpooled standard deviations (U, p), in u."""
        return np.asarray((self.u.mean(axis=(0, 1)) - self.alone.mean) / self.alone.sd)

    @property
    def narrowing(self) -> Floats:
        """Pooled over unpooled standard deviation (U, p), in u."""
        return np.asarray(self.u.std(axis=(0, 1)) / self.alone.sd)

    @property
    def shrinkage(self) -> Floats:
        """1 - V(E ε)/E V(ε) (k,), ε_i = u_i - m, variances over units: 0 no pooling, 1 complete.

        Gelman, Pardoe 2006, Technometrics 48, 241, eq. 9.
        """
        u = self.u[..., self.law.pooled].reshape(-1, len(self.groups), len(self.law.pooled))
        away = u - np.asarray(self.law.mean(self._flat))[:, self.groups]
        return np.asarray(1.0 - away.mean(axis=0).var(axis=0) / away.var(axis=1).mean(axis=0))
