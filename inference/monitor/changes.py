"""Has something changed, when, and what: cumulative sums and the odds of one change against another.

For each parameter j and sign the cumulative sum S ← max(0, S + ℓ) of log likelihood ratios of a change by δ,

    ℓ = ±δ s_j - ½ δ² M_jj,

with s and M the score and information of a window about a change (``tracking.surprise``), rises after such a change
and else returns to 0 (Page 1954, Biometrika 41). Its mean time between false alarms is at least exp(h) for a threshold
h (Lorden 1971, Ann. Math. Stat. 42): of 2 p of them at least exp(h)/(2 p). No window counts for more than a share of h,
so a single outlier raises no alarm.

Where a sum began to rise is when the change was. With all windows since, and a change δ ~ N(0, τ²) of one parameter,

    log odds of j against no change = ½ (Σ s_j)²/(Σ M_jj + τ⁻²) - ½ log(1 + τ² Σ M_jj),

the parameters' probabilities are in proportion to these odds: one thing broke, and the question is which.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference.monitor.baseline import Evidence
from twin.space import Floats

SIZE = 0.6
"""δ: the change to be found, in standard deviations of the prior."""
SPREAD = 1.5
"""τ."""
SHARE = 0.4
"""Of the threshold, that one window may add."""


@dataclass(frozen=True, eq=False)
class Charts:
    """Sums (2p,), first all rises, then all falls; score and information (2p, p) and windows since each began."""

    sums: Floats
    score: Floats
    information: Floats
    windows: npt.NDArray[np.int64]


def threshold_of(windows: float, p: int) -> float:
    """h at which false alarms are at least so many windows apart, on average."""
    return float(np.log(2 * p * windows))


def blank(p: int) -> Charts:
    """Nothing has been seen."""
    return Charts(np.zeros(2 * p), np.zeros((2 * p, p)), np.zeros((2 * p, p)), np.zeros(2 * p, dtype=np.int64))


def risen(charts: Charts, seen: Evidence, threshold: float, size: float = SIZE) -> Charts:
    """The charts after a window whose surprise was ``seen``."""
    score, information = seen.shift, np.diagonal(seen.precision)
    ratio = np.concatenate([size * score, -size * score]) - 0.5 * size**2 * np.tile(information, 2)
    sums = np.maximum(charts.sums + np.minimum(ratio, SHARE * threshold), 0.0)
    up = (sums > 0)[:, None]
    return Charts(
        sums,
        np.where(up, charts.score + score, 0.0),
        np.where(up, charts.information + information, 0.0),
        np.where(sums > 0, charts.windows + 1, 0),
    )


def alarmed(charts: Charts, threshold: float) -> int | None:
    """The chart over the threshold that is highest, if any."""
    highest = int(np.argmax(charts.sums))
    return highest if charts.sums[highest] > threshold else None


def isolated(charts: Charts, chart: int, names: tuple[str, ...]) -> Mapping[str, float]:
    """The probability of each parameter to be what changed, given that one did."""
    score, information = charts.score[chart], charts.information[chart]
    log_odds = 0.5 * score**2 / (information + SPREAD**-2) - 0.5 * np.log1p(SPREAD**2 * information)
    odds = np.exp(log_odds - log_odds.max())
    return dict(zip(names, (odds / odds.sum()).tolist(), strict=True))
