"""Flow into the aorta over one heart period, as a trigonometric polynomial through its samples.

With n samples q_j at t_j = t_0 + j T/n and K = ⌊n/2⌋,

    q(t) = Re Σ_k Q_k exp(j ω_k (t - t_0)),   ω_k = 2π k/T,   k = 0 … K

so that a linear load of impedance Z answers with p(t) = Re Σ_k Z(jω_k) Q_k exp(j ω_k (t - t_0)).
"""

from dataclasses import dataclass

import numpy as np

from twin.arrays import to_numpy
from twin.space import Floats

UNEQUAL = 0.02
"""Largest departure of a time from the equally spaced grid, in spacings (times in files are rounded)."""
NOT_WHOLE = 0.1
"""Largest departure of n spacings from the period, in spacings."""
FEWEST = 3
"""Samples below which there is no harmonic."""


@dataclass(frozen=True, eq=False)
class PeriodicFlow:
    """Start [s], period [s] and Fourier coefficients ``real`` and ``imag`` (K+1,) [mL/s]."""

    start: float
    period: float
    real: Floats
    imag: Floats

    @property
    def omega(self) -> Floats:
        """ω_k [rad/s] (K+1,)."""
        return np.asarray(2.0 * np.pi / self.period * np.arange(len(self.real)))

    def waves(self, times: Floats) -> tuple[Floats, Floats]:
        """Re and Im of Q_k exp(j ω_k (t - t_0)) at the times (n,): two tables (K+1, n)."""
        angle = self.omega[:, None] * (times - self.start)
        cos, sin = np.cos(angle), np.sin(angle)
        real, imag = self.real[:, None], self.imag[:, None]
        return real * cos - imag * sin, real * sin + imag * cos

    def at(self, time: float) -> float:
        """q(t) [mL/s] at one time."""
        angle = self.omega * (time - self.start)
        return float(self.real @ np.cos(angle) - self.imag @ np.sin(angle))


def periodic_flow(x: Floats, period: float) -> PeriodicFlow:
    """The flow of an abscissa (n, 2) of times [s] and flows [mL/s] that covers one period [s].

    Raises ValueError where values are missing, times are not equally spaced or do not cover exactly one period.
    """
    times, flow = np.asarray(to_numpy(x), dtype=np.float64).T
    n = len(times)
    if n < FEWEST:
        raise ValueError(f"one heart period needs at least {FEWEST} samples of flow, got {n}")
    for name, values in (("time", times), ("flow", flow)):
        if not np.all(np.isfinite(values)):
            first = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(
                f"{name} must be a number at every sample, got {values[first]} at sample {first + 1} of {n}"
            )
    step = (times[-1] - times[0]) / (n - 1)
    off = np.abs(times - times[0] - step * np.arange(n))
    if step <= 0 or off.max() > UNEQUAL * step:
        at = int(np.argmax(off))
        raise ValueError(
            f"times must be equally spaced, {step:.6g} s apart; sample {at + 1} of {n} is {off[at]:.3g} s off: "
            f"resample the beat"
        )
    if abs(n * step - period) > NOT_WHOLE * step:
        raise ValueError(
            f"flow must cover exactly one heart period of {period:.6g} s, the first sample of the next beat left out; "
            f"got {n} samples {step:.6g} s apart, which cover {n * step:.6g} s"
        )
    found = np.fft.rfft(flow) / n
    found[1 : (n + 1) // 2] *= 2.0
    return PeriodicFlow(float(times[0]), n * step, found.real, found.imag)
