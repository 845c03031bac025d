"""Heart rate and beginning of systole of a volume curve that nobody timed.

    y(t) ≈ a_0 + Σ_{h≤H} a_h cos 2πh t/T + b_h sin 2πh t/T

by least squares for every period T of a grid; the one that leaves least is taken. Systole begins where the series is
largest.
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
    fits = [_fitted(times, values, rate) for rate in RATES]
    left, coefficients = min(fits, key=lambda fit: fit[0])
    rate = float(RATES[[fit[0] for fit in fits].index(left)])
    period = 60.0 / rate
    peak = PHASES[np.argmax(_waves(PHASES * period, rate) @ coefficients)] * period
    first = float(times[0])
    return Rhythm(rate, first + (peak - first) % period, coefficients)


def _fitted(times: Floats, values: Floats, rate: float) -> tuple[float, Floats]:
    """Sum of squares and penalty, and coefficients, at one rate."""
    waves = _waves(times, rate)
    penalty = RIDGE * np.diag(np.r_[0.0, np.ones(2 * HARMONICS)]) * len(times)
    gram = waves.T @ waves + penalty
    coefficients = np.linalg.solve(gram, waves.T @ values)
    rest = values - waves @ coefficients
    return float(rest @ rest + coefficients @ penalty @ coefficients), np.asarray(coefficients, dtype=np.float64)


def _waves(times: Floats, rate: float) -> Floats:
    angle = 2 * np.pi * rate / 60.0 * times[:, None] * np.arange(1, HARMONICS + 1)
    return np.concatenate([np.ones((len(times), 1)), np.cos(angle), np.sin(angle)], axis=1)
