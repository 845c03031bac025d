"""Heart rate and beginning of systole of a volume curve that nobody timed.

    y(t) ≈ a_0 + Σ_{h≤H} a_h cos 2πh t/T + b_h sin 2πh t/T

by least squares for every period T of a grid; the one that leaves least is taken. Of two beats taken for one, half are
wrong: a rate nearly as good at twice the value is preferred. Systole begins where the series is largest.
"""

from dataclasses import dataclass

import numpy as np

from twin.space import Floats

HARMONICS = 4
RATES = np.arange(42.0, 140.5, 0.5)
"""Heart rates [1/min]."""
RATES.flags.writeable = False
RIDGE = 1e-3
"""Against series that leave out the gaps between few samples."""
NEAR_TWICE, NEARLY = 0.1, 1.5
"""How near to twice the rate, and how many times as much it may leave."""
PHASES = np.linspace(0.0, 1.0, 200, endpoint=False)


@dataclass(frozen=True, eq=False)
class Rhythm:
    """Heart rate [1/min], first beginning of systole [s] in the clip, and the series' coefficients (2H + 1,)."""

    rate: float
    onset: float
    coefficients: Floats

    def __call__(self, times: Floats) -> Floats:
        """The series at times (n,) [s]."""
        return np.asarray(_waves(times, self.rate) @ self.coefficients)


def find_rhythm(times: Floats, values: Floats) -> Rhythm:
    """The rhythm of a curve (n,) at times (n,) [s]."""
    left = np.array([_left(times, values, rate) for rate in RATES])
    best = int(np.argmin(left))
    twice = np.abs(RATES / RATES[best] - 2.0) < NEAR_TWICE
    if twice.any() and left[twice].min() < NEARLY * left[best]:
        best = int(np.flatnonzero(twice)[np.argmin(left[twice])])
    rate = float(RATES[best])
    coefficients = _solution(times, rate) @ values
    period = 60.0 / rate
    peak = PHASES[np.argmax(_waves(PHASES * period, rate) @ coefficients)] * period
    first = float(times[0])
    return Rhythm(rate, first + (peak - first) % period, coefficients)


def smoother(times: Floats, at: Floats, rate: float) -> Floats:
    """A (m, n) with the series of values (n,) at ``times`` equal to A values at the times ``at`` (m,)."""
    return np.asarray(_waves(at, rate) @ _solution(times, rate))


def _left(times: Floats, values: Floats, rate: float) -> float:
    """Sum of squares that the series at one rate leaves."""
    rest = values - _waves(times, rate) @ (_solution(times, rate) @ values)
    return float(rest @ rest)


def _solution(times: Floats, rate: float) -> Floats:
    """Coefficients (2H + 1, n) of values at the times."""
    waves = _waves(times, rate)
    penalty = RIDGE * len(times) * np.diag(np.r_[0.0, np.ones(2 * HARMONICS)])
    return np.asarray(np.linalg.solve(waves.T @ waves + penalty, waves.T), dtype=np.float64)


def _waves(times: Floats, rate: float) -> Floats:
    angle = 2 * np.pi * rate / 60.0 * times[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.ones((len(times), 1)), np.cos(angle), np.sin(angle)], axis=1)
