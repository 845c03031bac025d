"""From volume curves to patients: evidence, an amortised guide, and the ladder.

A curve is put on times since the beginning of systole. The reader judges frame by frame, and what is left open of a
frame's volume is a hundredth of the population's variance: its answers are shrunk so little that they are taken as
measurements.
What the reader cannot know is added: the view's foreshortening, when a frame was seen (it mixes neighbours), the frames
between systole and diastole, which nobody traced, and the surrogate's error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar

from twin.case_studies.echo_patients import PHASES, SPACE, Patients
from twin.case_studies.echo_reader import MEMORY, RATE, Curves, Shelf
from twin.inference.evidence import Evidence, blurred, measured, shifted
from twin.inference.units.amortised import Decoder, Guide, fit_guide, numbers
from twin.models.cardiac.echo_curve import EchoCurve
from twin.models.cardiac.phantom import FORESHORTENING
from twin.models.cardiac.rhythm import Rhythm, find_rhythm, smoother
from twin.space import Floats

POINTS = 32
GRID = np.arange(POINTS) / RATE
"""Times [s] since the beginning of systole."""
ALIKE = 0.5
"""Distance between EDV (1) and ESV (0) over which the reader makes the same mistake in every beat."""
BLURRED = 0.25 / RATE
"""Error [s] of the time at which a frame is seen: a quarter of the spacing of frames; an assumption like the next."""
UNTRACED = 0.03
"""Relative error, at most, of a frame between the ends of systole and diastole; an assumption, as no label says it."""
WIDTH = 128
PATTERNS = 4
STEP = 0.01
"""Of the slope's difference [s]."""


@dataclass(frozen=True, eq=False)
class Timed:
    """Curves on ``GRID``: mean (n, m), covariance (n, m, m) and mask (n, m), the rhythms, and features (n, f)."""

    mean: Floats
    covariance: Floats
    mask: npt.NDArray[np.bool_]
    rhythms: tuple[Rhythm, ...]
    level: Floats
    features: Floats


@dataclass(frozen=True, eq=False)
class SurrogateError:
    """Bias (m,) and patterns (r, m) of log V on the grid."""

    bias: Floats
    patterns: Floats

    @property
    def size(self) -> float:
        """Root mean square."""
        return float(np.sqrt(np.mean(self.bias**2 + (self.patterns**2).sum(axis=0))))


@dataclass(frozen=True)
class Errors:
    """What a held-out split says of the reader's errors: factors of σ_s and σ_k, and which share of σ_k² persists."""

    common: float
    own: float
    persistent: float

    def covariance(self, common: Floats, own: Floats, times: Floats, level: Floats) -> Floats:
        """(n, m, m) of σ_s (n,), σ_k, times and levels (n, m).

        Cov(e_k, e_l) = σ_k σ_l [(1 - ρ) exp(-|t_k - t_l|/ℓ) + ρ exp(-½ (level_k - level_l)²/a²)]: what persists is a
        mistake about an image, made whenever it comes back; frames of several beats do not average it away.
        """
        sd = self.own * own
        lag, apart = (np.abs(part[:, :, None] - part[:, None, :]) for part in (times, level))
        alike = (1 - self.persistent) * np.exp(-lag / MEMORY) + self.persistent * np.exp(-0.5 * (apart / ALIKE) ** 2)
        return np.asarray((self.common * common)[:, None, None] ** 2 + sd[:, :, None] * sd[:, None, :] * alike)


def on_grid(curves: Curves, errors: Errors) -> Timed:
    """Curves since their own beginning of systole."""
    rows = [_timed(curves, i) for i in range(len(curves.names))]
    rhythms = tuple(row.rhythm for row in rows)
    mean, own, level, slope = (
        np.stack([getattr(row, name) for row in rows]) for name in ("mean", "own", "level", "slope")
    )
    mask = np.stack([row.mask for row in rows])
    times = np.broadcast_to(GRID, mean.shape)
    covariance = errors.covariance(curves.common, own, times, level) + (BLURRED * slope)[:, None] ** 2 * np.eye(POINTS)
    rates = np.array([r.rate for r in rhythms])
    extra = [np.log(curves.common), np.log(own).mean(axis=1), mask.mean(axis=1), np.log(rates)]
    return Timed(mean, covariance, mask, rhythms, level, np.concatenate([mean, np.stack(extra, axis=1)], axis=1))


def find_persistence(curves: Curves, shelf: Shelf, factors: tuple[float, float], label_sd: float) -> Errors:
    """The share that makes held-out labels most likely about the smoothed curves.

    A series through all frames (``rhythm.py``) is linear in them, A y; at the traced frames it misses the labels by a
    covariance A C Aᵀ plus their own error. What does not persist is mostly averaged away in it.
    """
    cases = []
    for i, video in enumerate(shelf.videos):
        seen = curves.mask[i]
        times, mean = curves.times[i][seen], curves.mean[i][seen]
        rhythm = find_rhythm(times, mean)
        smooth = rhythm(times)
        level = (smooth - smooth.min()) / max(float(np.ptp(smooth)), 1e-9)
        a = smoother(times, np.array([video.diastole, video.systole]) / video.fps, rhythm.rate)
        cases.append((a, np.log([video.EDV, video.ESV]) - a @ mean, times, level, i, seen))

    def cost(persistent: float) -> float:
        errors, total = Errors(*factors, persistent), 0.0
        for a, miss, times, level, i, seen in cases:
            own = curves.own[i][seen]
            law = errors.covariance(curves.common[[i]], own[None], times[None], level[None])[0]
            spread = a @ law @ a.T + label_sd**2 * np.eye(2)
            total += 0.5 * float(miss @ np.linalg.solve(spread, miss) + np.linalg.slogdet(spread)[1])
        return total

    best = minimize_scalar(cost, bounds=(0.0, 1.0), method="bounded", options={"xatol": 0.02})
    return Errors(*factors, float(best.x))


class _Row(NamedTuple):
    """Rhythm, mean, σ_k and mask on the grid, how far between ESV (0) and EDV (1) the curve is, and its slope [1/s]."""

    rhythm: Rhythm
    mean: Floats
    own: Floats
    mask: npt.NDArray[np.bool_]
    level: Floats
    slope: Floats


def _timed(curves: Curves, i: int) -> _Row:
    """One video's curve.

    The grid starts at the frame nearest to the beginning of systole, and the rest is left to the delay: nothing is
    interpolated, which would round the curve's corners. Beyond the video's end stand the series' values, masked.
    """
    seen = curves.mask[i]
    times, mean, own = curves.times[i][seen], curves.mean[i][seen], curves.own[i][seen]
    rhythm = find_rhythm(times, mean)
    first = int(np.argmin(np.abs(times - rhythm.onset)))
    there = min(POINTS, len(times) - first)
    mask = np.arange(POINTS) < there
    at = times[first] + GRID
    smooth = rhythm(at)
    found, sd = smooth.copy(), np.full(POINTS, own.mean())
    found[:there], sd[:there] = mean[first : first + there], own[first : first + there]
    low, high = smooth.min(), smooth.max()
    level = np.clip((smooth - low) / max(high - low, 1e-9), 0.0, 1.0)
    slope = (rhythm(at + STEP) - rhythm(at - STEP)) / (2 * STEP)
    return _Row(rhythm, found, sd, mask, level, slope)


def surrogate_error(forward: EchoCurve, patients: Patients) -> SurrogateError:
    """The surrogate's error at patients whose beats are solved."""
    theta = np.concatenate([patients.theta, np.zeros((len(patients.theta), 1))], axis=1)
    phases = GRID[None] * patients.theta[:, [SPACE.index("HR")]] / 60.0 % 1.0
    exact = np.stack([np.interp(p, PHASES, np.log(v)) for p, v in zip(phases, patients.volume, strict=True)])
    with torch.no_grad():
        error = np.asarray(forward(torch.as_tensor(theta), np.empty(0), GRID[:, None]))[..., 0] - exact
    left = np.linalg.svd(error - error.mean(axis=0), full_matrices=False)
    patterns = left.Vh[:PATTERNS] * left.S[:PATTERNS, None] / np.sqrt(len(error))
    return SurrogateError(error.mean(axis=0), patterns)


def evidence_of(timed: Timed, error: SurrogateError) -> Evidence:
    """What the videos say of log V of the true ventricle."""
    shift, spread = FORESHORTENING
    found = shifted(measured(timed.mean, timed.covariance, timed.mask), shift - error.bias)
    found = blurred(found, np.full(POINTS, spread))
    found = blurred(found, UNTRACED * 4 * timed.level * (1 - timed.level))
    for pattern in error.patterns:
        found = blurred(found, pattern)
    return found


class Amortiser(torch.nn.Module):
    """Features -> mean and Cholesky factor; the heart rate starts from the one found in the curve."""

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, decoder: Decoder, features: Floats) -> None:
        super().__init__()
        p = len(decoder.space)
        self.register_buffer("centre", torch.as_tensor(features.mean(axis=0)))
        self.register_buffer("spread", torch.as_tensor(features.std(axis=0) + 1e-6))
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(features.shape[1], WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, WIDTH), torch.nn.Tanh(),
            torch.nn.Linear(WIDTH, numbers(p)),
        ).double()  # fmt: skip
        for weights in self.layers[-1].parameters():
            torch.nn.init.zeros_(weights)
        self.rate, self.decoder = decoder.space.index("HR"), decoder

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(units, p + p (p + 1)/2)."""
        raw: torch.Tensor = self.layers((features - self.centre) / self.spread)
        nominal = torch.as_tensor(self.decoder.space.nominal).repeat(len(features), 1)
        nominal[:, self.rate] = features[:, -1].exp()
        z = self.decoder.space.unconstrain(nominal)[:, self.rate]
        start = torch.zeros_like(raw)
        start[:, self.rate] = (z - self.decoder.scale.centre[self.rate]) / self.decoder.scale.factor[
            self.rate, self.rate
        ]
        return raw + start


def train_guide(
    decoder: Decoder,
    timed: Timed,
    evidence: Evidence,
    *,
    steps: int,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> Guide:
    """The guide of all videos."""
    torch.manual_seed(seed)
    network = Amortiser(decoder, timed.features)
    return fit_guide(
        decoder, network, timed.features, evidence, seed=seed, steps=steps, batch=64, particles=4, progress=progress
    )
