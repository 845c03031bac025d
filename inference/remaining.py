"""How long until a parameter reaches its limit, if it goes on as it did.

Over a horizon of windows at times t_k the parameters are taken for straight lines, a + b (t_k - t_now). With evidence
(P_k, e_k) and priors a ~ N(0, I), b ~ N(0, diag(r²)) the lines' posterior is Gaussian; each draw of it crosses its
limit at its own time, or never.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.inference.baseline import Evidence
from twin.space import Floats

DRAWS = 4000
LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Remaining:
    """Quantiles of the time to the limit, infinite where lines never reach it, and the share of lines that do."""

    q05: float
    q50: float
    q95: float
    reached: float

    def words(self, unit: str) -> str:
        """As a sentence's end, with ``unit`` of time behind the numbers."""
        chance = f"{self.reached:.0%}"
        if self.q05 == 0 and not np.isfinite(self.q95):
            return f"anything between now and never: too few windows ({chance} of the lines reach it)"
        if not np.isfinite(self.q50):
            return f"more likely never than ever ({chance} of the lines reach it), not before {self.q05:.0f} {unit}"
        last = f"{self.q95:.0f} {unit}" if np.isfinite(self.q95) else "never"
        return f"{self.q50:.0f} {unit}, 90 % interval {self.q05:.0f} {unit} to {last}"


@dataclass(frozen=True, eq=False)
class Lines:
    """Mean (2p,) and covariance (2p, 2p) of levels now and rates."""

    mean: Floats
    covariance: Floats

    def level(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation (p,) of the levels."""
        p = len(self.mean) // 2
        return self.mean[:p], np.asarray(np.sqrt(np.diagonal(self.covariance)[:p]))

    def rate(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation (p,) of the rates."""
        p = len(self.mean) // 2
        return self.mean[p:], np.asarray(np.sqrt(np.diagonal(self.covariance)[p:]))


def lines_of(times: Floats, seen: Sequence[Evidence], now: float, rates: Floats) -> Lines:
    """The lines through windows at ``times`` (K,), with ``rates`` (p,) the prior's standard deviations of b."""
    p = len(rates)
    precision = np.diag(np.concatenate([np.ones(p), rates**-2.0]))
    shift = np.zeros(2 * p)
    for t, one in zip(times, seen, strict=True):
        design = np.array([1.0, t - now])
        precision = precision + np.kron(np.outer(design, design), one.precision)
        shift = shift + np.kron(design, one.shift)
    covariance = np.linalg.inv(precision)
    return Lines(covariance @ shift, 0.5 * (covariance + covariance.T))


def remaining(lines: Lines, j: int, limit: float, *, falls: bool, seed: int = 0) -> Remaining:
    """The time until parameter j is at ``limit``, from above if it ``falls``; 0 for lines that are beyond already."""
    p = len(lines.mean) // 2
    pick = [j, p + j]
    draws = np.random.default_rng(seed).multivariate_normal(
        lines.mean[pick], lines.covariance[np.ix_(pick, pick)], DRAWS
    )
    sign = 1.0 if falls else -1.0
    room, speed = sign * (draws[:, 0] - limit), -sign * draws[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        time = np.where(room <= 0, 0.0, np.where(speed > 0, room / speed, np.inf))
    low, middle, high = np.quantile(time, LEVELS, method="inverted_cdf")
    return Remaining(float(low), float(middle), float(high), float(np.mean(np.isfinite(time))))
