"""A pressure recording on a regular clock, and which of its samples are no pressure at all.

What is marked: gaps (no sample, or not a number), flushes and other values beyond any artery's, and stretches in
which nothing moves (a saturated amplifier, a closed tap, a lead that fell off).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.space import Floats

Mask = npt.NDArray[np.bool_]

HIGHEST, LOWEST = 300.0, -20.0
"""Pressures [mmHg] that no artery reaches: the flush bag hangs at 300 mmHg, a transducer is zeroed to some mmHg."""
STILL = 0.30
"""Seconds without any change that no pulse has; an 8-bit recording repeats a value for 0.1 s at most."""
AROUND = 0.10
"""Seconds on both sides of a flush that still ring."""
LONGEST_GAP = 3600.0
"""Seconds: a longer jump of the clock is a wrong time stamp, not a gap."""


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples (n,) [mmHg] from ``start`` [s] on, ``step`` [s] apart; NaN where there is none."""

    start: float
    step: float
    pressure: Floats

    @property
    def time(self) -> Floats:
        """Times [s] (n,)."""
        return np.asarray(self.start + self.step * np.arange(len(self.pressure)))


def regular(time: Floats, pressure: Floats) -> Waveform:
    """The samples on a regular clock of their median spacing; NaN where the file leaves samples out.

    ValueError for fewer than two samples, times that do not rise, or a jump of more than an hour.
    """
    if len(time) < 2:
        raise ValueError(f"a waveform needs at least 2 samples, got {len(time)}")
    steps = np.diff(time)
    if steps.min() <= 0 or steps.max() > LONGEST_GAP:
        raise ValueError(
            f"times must rise, by at most {LONGEST_GAP:g} s a sample; got steps of {steps.min():g} to {steps.max():g} s"
        )
    step = float(np.median(steps))
    if steps.max() < 1.5 * step:  # rounded time stamps of a regular clock
        return Waveform(float(time[0]), float(time[-1] - time[0]) / (len(time) - 1), np.asarray(pressure))
    place = np.rint((time - time[0]) / step).astype(int)
    values = np.full(place[-1] + 1, np.nan)
    values[place] = pressure
    return Waveform(float(time[0]), step, values)


def artefacts(wave: Waveform) -> Mapping[str, Mask]:
    """Samples (n,) that are no arterial pressure, by kind."""
    p = wave.pressure
    gap = ~np.isfinite(p)
    filled = np.where(gap, 0.0, p)
    flush = (filled > HIGHEST) | (filled < LOWEST)
    return {
        "gap": gap,
        "flush": _widened(flush, round(AROUND / wave.step)),
        "no pulse": _still(p, max(2, round(STILL / wave.step))),
    }


def _still(p: Floats, least: int) -> Mask:
    """Runs of at least ``least`` samples of one value."""
    same = np.diff(p) == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(int), [0]])))
    marked = np.zeros(len(p), dtype=bool)
    for first, last in edges.reshape(-1, 2):
        if last - first + 1 >= least:
            marked[first : last + 1] = True
    return marked


def _widened(mask: Mask, by: int) -> Mask:
    """True also at ``by`` samples on both sides."""
    kernel = np.ones(2 * by + 1)
    return np.asarray(np.convolve(mask, kernel, mode="same") > 0.5)
