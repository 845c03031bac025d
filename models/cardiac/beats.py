"""Heart beats in pressure recordings: found by the upstroke, cut at the foot, judged one by one.

A Butterworth filter run forwards and backwards (no delay) smooths the pressure; peaks of dP/dt are upstrokes; the foot
is the lowest pressure shortly before. A beat reaches from foot to foot. Beats that touch artefacts
are no measurement; irregular ones (ectopic beats and the pauses behind them) are, but belong in no average.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import signal

from twin.models.cardiac.waveform import Mask, Waveform, artefacts
from twin.space import Floats


@dataclass(frozen=True)
class Recipe:
    """How beats are found and judged.

    ``cutoff`` [Hz] and ``order`` of the filter; upstrokes are at least ``apart`` [s] apart and at least ``steep`` times
    as steep as the recording's steepest; the foot lies within ``before`` [s] and within ``share`` of the period; a
    period is regular within ``regular`` of the median; a shape is an outlier beyond the median distance plus
    ``outlier`` times 1.4826 MAD, and more than ``close`` [mmHg] away; a pulse is at least ``pulse`` [mmHg] high; shapes
    are compared at ``phases`` points.
    """

    cutoff: float = 20.0
    order: int = 3
    apart: float = 0.4
    steep: float = 0.3
    before: float = 0.25
    share: float = 0.3
    regular: float = 0.15
    outlier: float = 4.0
    close: float = 1.0
    pulse: float = 5.0
    phases: int = 100


RECIPE = Recipe()


@dataclass(frozen=True)
class Beat:
    """Samples ``start`` to ``stop`` (not included) of a recording, ``period`` [s] long.

    ``artefact`` says why it is no measurement, ``irregular`` why it is in no average; "" where it is fine.
    """

    recording: int
    start: int
    stop: int
    period: float
    artefact: str = ""
    irregular: str = ""


@dataclass(frozen=True, eq=False)
class Beats:
    """All beats of some recordings, in order."""

    recordings: tuple[Waveform, ...]
    all: tuple[Beat, ...]

    @property
    def measured(self) -> tuple[Beat, ...]:
        """Beats without artefacts."""
        return tuple(b for b in self.all if not b.artefact)

    @property
    def typical(self) -> tuple[Beat, ...]:
        """Beats without artefacts, of regular period and shape."""
        return tuple(b for b in self.measured if not b.irregular)

    @property
    def counts(self) -> dict[str, int]:
        """Beats by what is the matter with them."""
        return dict(Counter(b.artefact or b.irregular for b in self.all if b.artefact or b.irregular))

    @property
    def note(self) -> str:
        """What a report says of them."""
        aside = ", ".join(f"{n} {why}" for why, n in sorted(self.counts.items()))
        return f"{len(self.all)} beats found, {len(self.typical)} typical; set aside: {aside or 'none'}"

    def pressure(self, beat: Beat) -> Floats:
        """The samples [mmHg] of a beat."""
        return self.recordings[beat.recording].pressure[beat.start : beat.stop]


def find_beats(recordings: Sequence[Waveform], recipe: Recipe = RECIPE) -> Beats:
    """The beats of all recordings, judged together. ValueError where none is a measurement."""
    found, marked = [], [artefacts(wave) for wave in recordings]
    for number, (wave, kinds) in enumerate(zip(recordings, marked, strict=True)):
        feet = _feet(wave, np.logical_or.reduce(list(kinds.values())), recipe)
        for start, stop in pairwise(feet):
            why = _artefact(wave.pressure[start:stop], kinds, start, stop, recipe)
            found.append(Beat(number, start, stop, wave.step * (stop - start), artefact=why))
    beats = Beats(tuple(recordings), tuple(found))
    if not beats.measured:
        bad = ", ".join(f"{sum(int(m[k].sum()) for m in marked)} of {k}" for k in marked[0])
        samples = sum(len(wave.pressure) for wave in recordings)
        raise ValueError(
            f"no usable beat: {beats.note}; of {samples} samples {bad}. Needed are two upstrokes of the pulse with "
            f"arterial pressure between them: choose another stretch of the recording"
        )
    return _judged(beats, recipe)


def resampled(values: Floats, beat: Beat, phases: int) -> Floats:
    """``values`` of the beat's recording at ``phases`` equally spaced phases in [0, 1), linearly interpolated."""
    at = beat.start + (beat.stop - beat.start) * np.arange(phases) / phases
    return np.interp(at, np.arange(len(values)), values)


def smoothed(wave: Waveform, recipe: Recipe = RECIPE) -> Floats:
    """The pressure after the filter; gaps are bridged linearly for it and stay NaN."""
    p, n = wave.pressure, np.arange(len(wave.pressure))
    known = np.isfinite(p)
    if not known.any():
        return p
    cutoff = min(recipe.cutoff, 0.45 / wave.step)  # just below the highest frequency the clock resolves
    sections = signal.butter(recipe.order, cutoff, fs=1.0 / wave.step, output="sos")
    return np.where(known, signal.sosfiltfilt(sections, np.interp(n, n[known], p[known])), np.nan)


def _feet(wave: Waveform, bad: Mask, recipe: Recipe) -> list[int]:
    """Samples at which beats begin."""
    if np.count_nonzero(~bad) < 2 * recipe.apart / wave.step:
        return []
    smooth = smoothed(Waveform(wave.start, wave.step, np.where(bad, np.nan, wave.pressure)), recipe)
    rise = np.gradient(smooth, wave.step)
    rise = np.where(np.isfinite(rise), rise, 0.0)
    tallest = recipe.steep * float(np.percentile(rise, 99.0))
    tops, _ = signal.find_peaks(rise, height=tallest, distance=max(1, round(recipe.apart / wave.step)))
    period = float(np.median(np.diff(tops))) if len(tops) > 1 else np.inf
    window = round(min(recipe.before / wave.step, recipe.share * period))
    feet = set()
    for top in tops.tolist():
        before = smooth[max(0, top - window) : top + 1]
        if np.isfinite(before).any():
            feet.add(max(0, top - window) + int(np.nanargmin(before)))
    return sorted(feet)


def _artefact(pressure: Floats, kinds: Mapping[str, Mask], start: int, stop: int, recipe: Recipe) -> str:
    for kind, mask in kinds.items():
        if mask[start:stop].any():
            return kind
    return "weak pulse" if np.ptp(pressure) < recipe.pulse else ""


def _judged(beats: Beats, recipe: Recipe) -> Beats:
    """The same beats with ``irregular`` filled in."""
    median = float(np.median([b.period for b in beats.measured]))
    judged = [
        replace(b, irregular="irregular period" if abs(b.period - median) > recipe.regular * median else "")
        for b in beats.all
    ]
    regular = Beats(beats.recordings, tuple(judged)).typical
    if not regular:
        return Beats(beats.recordings, tuple(judged))
    shapes = np.stack([resampled(beats.recordings[b.recording].pressure, b, recipe.phases) for b in regular])
    distance = np.sqrt(np.mean((shapes - shapes.mean(axis=0)) ** 2, axis=1))
    middle = float(np.median(distance))
    limit = max(recipe.close, middle + recipe.outlier * 1.4826 * float(np.median(np.abs(distance - middle))))
    odd = {b for b, far in zip(regular, distance, strict=True) if far > limit}
    return Beats(beats.recordings, tuple(replace(b, irregular="unusual shape") if b in odd else b for b in judged))
