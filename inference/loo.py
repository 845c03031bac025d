"""How well a posterior predicts readings it has not seen: leave-one-out by Pareto-smoothed importance sampling.

With the log density l_is of reading i given all others at draw s, the posterior without reading i has the weights
w_is ∝ exp(-l_is), smoothed, and

    elpd = Σ_i log Σ_s w_is exp(l_is),   se = √(m Var_i)

(Vehtari, Gelman, Gabry 2017, Stat. Comput. 27, 1413, DOI 10.1007/s11222-016-9696-4; under correlated errors Bürkner,
Gabry, Vehtari 2021, DOI 10.1007/s00180-020-01045-4). Models are compared by the paired difference over the readings.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference._arviz import psis
from twin.inference.checks import KHAT_LIMIT
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Expected log density (m,) [nats] of each reading given the others, and k-hat (m,) of its weights."""

    pointwise: Floats
    khat: Floats

    @property
    def elpd(self) -> float:
        """Sum over the readings."""
        return float(self.pointwise.sum())

    @property
    def se(self) -> float:
        """Standard error of the sum, over readings."""
        return _standard_error(self.pointwise)

    @property
    def unreliable(self) -> int:
        """Readings whose k-hat is beyond the limit."""
        return int(np.sum(self.khat > KHAT_LIMIT))


def leave_one_out(log_likelihood: Floats) -> LeaveOneOut:
    """Of pointwise log densities (chains, draws, m), as a posterior keeps them."""
    draws = log_likelihood.reshape(-1, log_likelihood.shape[-1])
    values, khats = [], []
    for column in draws.T:
        log_weights, khat = psis(-column)
        values.append(np.logaddexp.reduce(log_weights + column))
        khats.append(khat)
    return LeaveOneOut(np.array(values), np.array(khats))


def difference(one: LeaveOneOut, other: LeaveOneOut) -> tuple[float, float]:
    """elpd of ``one`` minus that of ``other`` on the same readings, and its standard error."""
    paired = one.pointwise - other.pointwise
    return float(paired.sum()), _standard_error(paired)


def _standard_error(values: Floats) -> float:
    return float(np.sqrt(len(values) * np.var(values, ddof=1)))
