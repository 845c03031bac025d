"""The stretch of each beat in which the arteries only empty: from the end of ejection to the next foot.

The end of ejection is not read off the pressure (an incisura is often missing in peripheral arteries). It is the mean
ejection time of adults, 0.413 s - 0.0017 s min · heart rate (Weissler, Harris, Schoenfeld 1968, Circulation 37, 149,
DOI 10.1161/01.CIR.37.2.149), or the top of the dicrotic wave where one follows within ``DICROTIC``.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from twin.models.cardiac.beats import Beat, Beats, Recipe, smoothed
from twin.space import Floats

AFTER = 0.05
"""[s] from the end of ejection, for the valve to close."""
DICROTIC = 0.20
"""[s] after the end of ejection within which a dicrotic wave has its top."""
PROMINENCE = 0.5
"""[mmHg] by which a dicrotic wave stands out."""
FOOT = 0.03
"""[s] before the next foot that already belong to it."""
SHORTEST = 0.12
"""[s] below which a decay has no curvature to see."""
QUIET = Recipe(cutoff=8.0)
"""A stronger filter, only to find the dicrotic wave."""


@dataclass(frozen=True)
class Decay:
    """Samples ``start`` to ``stop`` (not included) of the beat's recording."""

    beat: Beat
    start: int
    stop: int


def decays(beats: Beats) -> tuple[Decay, ...]:
    """One decay per measured beat whose diastole lasts ``SHORTEST`` at least."""
    quiet = [smoothed(wave, QUIET) for wave in beats.recordings]
    rate = 60.0 / float(np.median([b.period for b in beats.measured]))
    found = []
    for beat in beats.measured:
        step = beats.recordings[beat.recording].step
        start = beat.start + _begin(quiet[beat.recording][beat.start : beat.stop], step, rate)
        stop = beat.stop - round(FOOT / step)
        if (stop - start) * step >= SHORTEST:
            found.append(Decay(beat, start, stop))
    return tuple(found)


def pressures(beats: Beats, stretches: tuple[Decay, ...]) -> Floats:
    """Pressures (decays, n) [mmHg] from the start of each decay on; NaN behind its end."""
    table = np.full((len(stretches), max(d.stop - d.start for d in stretches)), np.nan)
    for row, d in zip(table, stretches, strict=True):
        row[: d.stop - d.start] = beats.recordings[d.beat.recording].pressure[d.start : d.stop]
    return table


def ejection_time(rate: float) -> float:
    """Mean duration [s] of left-ventricular ejection at a heart rate [1/min]."""
    return 0.413 - 0.0017 * rate


def _begin(pressure: Floats, step: float, rate: float) -> int:
    """Samples from the beat's foot to the start of the decay."""
    end = ejection_time(rate) / step
    tops, _ = signal.find_peaks(pressure, prominence=PROMINENCE)
    peak = int(np.argmax(pressure))
    waves = [top for top in tops.tolist() if top > peak and abs(top - end) * step <= DICROTIC]
    return max([round(end + AFTER / step), peak, *waves])
