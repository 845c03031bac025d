"""Scores of windows that are standard normal while a unit is as it was, however few windows it was learnt from.

The mean of window estimates x_k and their scatter are both unknown, and counting either as known makes false alarms
many times more frequent than stated. The recursive residual of a window about all before it has a Student t law with
nothing unknown in it (Brown, Durbin and Evans 1975, J. R. Stat. Soc. B 37, 149), and

    z_k = Φ⁻¹(T_ν((x_k - φ_k·m)/(s √F_k))),    F_k = g_k + φ_kᵀ Λ⁻¹ φ_k,    Λ, ν, s² from the windows before

are independent standard normal numbers: the self-starting chart (Hawkins 1987, The Statistician 36, 299). φ = (1, t)
for parameters that wear, whose straight line is forgotten beyond some ``memory`` windows, else φ = (1, 0).

Windows may differ in precision: they scatter by s² g_k with g_k = 1 - ρ + ρ V_k/V̄, where V_k is the variance of a
window's own posterior; the shares ρ of ``SHARES`` are weighed by their likelihood. Only ratios of the V_k matter: a
posterior that is too narrow or too wide, as those of wrong models are, does not touch the law.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from twin.inference.monitor.baseline import Baseline, Evidence
from twin.inference.monitor.changes import SHARE
from twin.inference.monitor.novelty import Learnt, Outset, Timed
from twin.inference.monitor.run_length import threshold_for
from twin.inference.monitor.tracking import Belief, later, updated
from twin.inference.monitor.windows import Information
from twin.space import Floats

SHARES = np.array([0.0, 0.5, 1.0])[:, None]
"""ρ."""
VAGUE, NEVER = 1e-9, 1e15
"""Precisions, in 1/s², of what is unknown and of what is zero."""
FREE = 1e6
"""F above which a window meets an unknown mean, and only settles it."""
FARTHEST = 8.0
LEAST = 3
"""Windows of which a scatter can be told, where parameters may wear."""
FLOOR = 0.05
"""Least share of windows' scatter that is the unit's own and not its posteriors'."""
WIDE = 1e-4
"""Precision of a prior, as it were, that keeps directions of which a window says nothing finite."""


@dataclass(frozen=True, eq=False)
class Series:
    """For shares ρ (r) and parameters (p): Λ (r, p, 2, 2), Λ m (r, p, 2), Σ e²/F and its count (r, p), log weights.

    ``origin`` is the time that t counts from; ``typical`` (p,) is V̄.
    """

    precision: Floats
    shift: Floats
    square: Floats
    count: Floats
    log_weight: Floats
    typical: Floats
    origin: float


@dataclass(frozen=True)
class SelfStarting:
    """Parameters ``wear`` (p,) are held against a line, others against a mean; ``size`` in standard deviations."""

    wear: tuple[bool, ...]
    size: float = 1.0
    memory: float = 50.0

    def threshold(self, between: float, p: int) -> float:
        """h at which each of the 2 p charts is false once in 2 p ``between`` windows on average."""
        return threshold_for(2 * p * between, self.size, SHARE)

    def learnt(self, outset: Outset, windows: Sequence[Timed]) -> Learnt:
        """The belief starts from nothing, and has seen all windows once their scatter is known."""
        if len(windows) < LEAST:
            raise ValueError(f"a baseline needs at least {LEAST} windows, got {len(windows)}; let the unit run on")
        readings = [marginal(one.window) for one in windows]
        series = self._blank(windows[0].time, np.median([v for _, v in readings], axis=0))
        for one in windows:
            _, series = self._seen(series, one, np.ones(len(self.wear)))
        found = _baseline(series, np.stack([x for x, _ in readings]))
        belief, time = _nothing(outset), windows[0].time
        for one in windows:
            seen = found.evidence(one.window.precision, one.window.shift)
            belief, time = updated(later(belief, outset.motion, one.time - time), seen), one.time
        return Learnt(found, belief, series)

    def judged(self, usual: Series, seen: Timed, told: Floats, news: Evidence) -> tuple[Evidence, Series]:
        """z, with information 1, of the parameters that the window tells of."""
        scores, series = self._seen(usual, seen, told)
        return Evidence(np.diag(told), scores * told), series

    def changed(self, usual: Series, since: Sequence[Timed], told: Sequence[Floats]) -> Series:
        """The scatter of all windows, those since the change about a mean of their own; a mean yet to be learnt.

        Windows that raised an alarm stand out by selection: where it was false, the next ones would be held against a
        mean that never was, and alarm again.
        """
        series = self._anew(usual, since[0].time)
        for one, tells in zip(since, told, strict=True):
            _, series = self._seen(series, one, tells)
        return self._anew(series, since[-1].time)

    def _anew(self, series: Series, origin: float) -> Series:
        """The same scatter, and nothing of a mean."""
        blank = self._blank(origin, series.typical)
        return replace(series, precision=blank.precision, shift=blank.shift, origin=origin)

    def _blank(self, origin: float, typical: Floats) -> Series:
        r, p = len(SHARES), len(self.wear)
        precision = np.zeros((r, p, 2, 2))
        precision[..., 0, 0] = VAGUE
        precision[..., 1, 1] = np.where(self.wear, VAGUE, NEVER)
        zero = np.zeros((r, p))
        return Series(precision, np.zeros((r, p, 2)), zero, zero, zero, typical, origin)

    def _seen(self, series: Series, seen: Timed, told: Floats) -> tuple[Floats, Series]:
        """Scores (p,) of a window, and the series with it."""
        x, variance = marginal(seen.window)
        line = np.array([1.0, seen.time - series.origin])
        keep = np.where(self.wear, 1.0 - 1.0 / self.memory, 1.0)
        precision, shift = keep[:, None, None] * series.precision, keep[:, None] * series.shift
        spread = np.linalg.inv(precision)
        own = 1.0 - SHARES + SHARES * variance / series.typical
        error = x - np.einsum("rpij,rpj,i->rp", spread, shift, line)
        width = own + np.einsum("i,rpij,j->rp", line, spread, line)
        settled, dof = width < FREE * own, np.maximum(series.count, 1.0)
        scale = np.sqrt(np.maximum(series.square, 1e-300) / dof * width)
        judged = settled & (series.count > 0)
        ratio = np.where(judged, error / scale, 0.0)
        scores = _score(series.log_weight, ratio, dof, judged)
        heights = stats.t.logpdf(ratio, dof) - np.log(scale)
        use, on = told > 0, (told > 0) & settled
        return scores, Series(
            np.where(use[:, None, None], precision + np.outer(line, line) / own[..., None, None], series.precision),
            np.where(use[:, None], shift + line * (x / own)[..., None], series.shift),
            series.square + np.where(on, error**2 / width, 0.0),
            series.count + on,
            series.log_weight + np.where(use & judged, heights, 0.0),
            series.typical,
            series.origin,
        )


def _score(log_weight: Floats, ratio: Floats, dof: Floats, judged: Floats) -> Floats:
    """Φ⁻¹ of the mixture's distribution (p,); 0 where nothing can be judged."""
    weight = special.softmax(log_weight, axis=0)
    below, above = (np.sum(weight * special.stdtr(dof, side * ratio), axis=0) for side in (1.0, -1.0))
    with np.errstate(divide="ignore"):
        scores = np.where(below < 0.5, special.ndtri(below), -special.ndtri(above))
    return np.where(judged.all(axis=0), np.clip(scores, -FARTHEST, FARTHEST), 0.0)


def marginal(window: Information) -> tuple[Floats, Floats]:
    """Estimates (p,) of a window and their variances (p,), each parameter alone."""
    spread = np.linalg.inv(window.precision + WIDE * np.eye(len(window.shift)))
    variance = np.diagonal(spread)
    alone = np.maximum(1.0 / variance - WIDE, WIDE)
    return (spread @ window.shift) / variance / alone, 1.0 / alone


def _baseline(series: Series, estimates: Floats) -> Baseline:
    """Mean and scatter of windows about their mean or line; what posteriors explain of it is not the unit's own."""
    weight = special.softmax(series.log_weight, axis=0)
    scatter = np.sum(weight * series.square / np.maximum(series.count, 1.0), axis=0)
    own = np.maximum(scatter - series.typical, FLOOR * scatter) + 1e-12
    return Baseline(estimates.mean(axis=0), np.diag(scatter / len(estimates)), np.diag(own), len(estimates))


def _nothing(outset: Outset) -> Belief:
    p = len(outset.rates)
    joint = np.diag(np.concatenate([np.full(p, 1.0 / WIDE), outset.rates**2 + 1e-12]))
    return Belief(np.zeros(2 * p), joint)
