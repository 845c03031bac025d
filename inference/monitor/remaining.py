"""How long until a parameter reaches its limit, if it goes on as it does.

A belief (``tracking.py``) knows a level and a rate; each draw of the two is a straight line that crosses the limit at
its own time, or never.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.monitor.tracking import Belief

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


def remaining(belief: Belief, j: int, limit: float, *, falls: bool, seed: int = 0) -> Remaining:
    """The time until parameter j is at ``limit``, from above if it ``falls``; 0 for lines that are beyond already."""
    p = len(belief.mean)
    pick = [j, p + j]
    draws = np.random.default_rng(seed).multivariate_normal(belief.state[pick], belief.joint[np.ix_(pick, pick)], DRAWS)
    sign = 1.0 if falls else -1.0
    room, speed = sign * (draws[:, 0] - limit), -sign * draws[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        time = np.where(room <= 0, 0.0, np.where(speed > 0, room / speed, np.inf))
    low, middle, high = np.quantile(time, LEVELS, method="inverted_cdf")
    return Remaining(float(low), float(middle), float(high), float(np.mean(np.isfinite(time))))
