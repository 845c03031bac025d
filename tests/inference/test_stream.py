"""Streams over a straight line with known noise, whose posteriors have closed forms."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from twin.arrays import Array, like
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.stream import swarm as stream_swarm
from twin.inference.stream.advance import Info, Stream, Streaming, advance, answer, begin
from twin.inference.stream.moves import Moved, Work
from twin.inference.stream.windows import Window, windows
from twin.model import Coordinate, Observable
from twin.priors import Normal
from twin.space import Floats, Parameter, Space

NOISE, COUNT, READINGS = 0.5, 30, 8
X = np.linspace(-1.0, 1.0, READINGS)[:, None]
DESIGN = np.column_stack([np.ones(READINGS), X[:, 0]])
PRIOR_MEAN, PRIOR_SD = np.array([0.0, 1.0]), np.array([2.0, 1.0])
TIMES = np.cumsum(np.random.default_rng(7).uniform(0.5, 1.5, COUNT))


@dataclass(frozen=True, eq=False)
class Line:
    """y = a + b x, with a known error of one reading."""

    @property
    def space(self) -> Space:
        priors = {"a": Normal(0.0, 2.0), "b": Normal(1.0, 1.0)}
        return Space(tuple(Parameter(name, "1", prior, 0.0, "", "test") for name, prior in priors.items()))

    @property
    def conditions(self) -> Space:
        return Space((Parameter("rate", "1", Normal(0.0, 1.0), 1.0, "", "test"),))

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        return (Coordinate("x", "1", "place"),)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("y", "1", "height", noise=None, sd=NOISE),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return (theta[..., 0, None] + theta[..., 1, None] * like(x, theta)[:, 0])[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


@cache
def likelihood() -> Likelihood:
    sd = np.full((READINGS, 1), NOISE)
    return Likelihood(Line(), [Experiment("w", {"rate": 1.0}, ("x",), X, ("y",), 0 * sd, {"y": "1"}, sd=sd)])


def readings(walk: Sequence[float] = (0.0, 0.0), seed: int = 0) -> Floats:
    """Of COUNT windows (COUNT, READINGS, 1), at (1, 0.3) at first."""
    rng = np.random.default_rng(seed)
    steps = np.sqrt(np.diff(TIMES, prepend=TIMES[0]))[:, None] * rng.standard_normal((COUNT, 2))
    theta = np.array([1.0, 0.3]) + np.cumsum(steps * np.asarray(walk), axis=0)
    return np.asarray((theta @ DESIGN.T + NOISE * rng.standard_normal((COUNT, READINGS)))[..., None])


def opened(y: Floats, times: Floats = TIMES) -> list[Window]:
    return windows(likelihood(), times.tolist(), [(y, np.ones(y.shape, dtype=bool))])


def streamed(streaming: Streaming, given: Sequence[Window]) -> list[tuple[Stream, Info]]:
    stream, found = begin(streaming), []
    for window in given:
        stream, info = advance(streaming, stream, window)
        found.append((stream, info))
    return found


@dataclass(frozen=True, eq=False)
class Exact:
    """Filtered and smoothed means (W, 2) and covariances (W, 2, 2), and the log evidence so far (W,)."""

    mean: Floats
    covariance: Floats
    smooth_mean: Floats
    smooth_covariance: Floats
    log_evidence: Floats

    @property
    def sd(self) -> Floats:
        return np.asarray(np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2)))


def kalman(y: Floats, times: Floats = TIMES, walk: Sequence[float] = (0.0, 0.0), forgetting: float = 1.0) -> Exact:
    """Filter and Rauch-Tung-Striebel smoother; forgetting takes information beyond the prior by λ^Δt."""
    prior = np.diag(PRIOR_SD**-2)
    mean, covariance, evidence = PRIOR_MEAN, np.diag(PRIOR_SD**2), 0.0
    before, after, totals = [], [], []
    for t, dt in enumerate(np.diff(times, prepend=times[0])):
        left = forgetting**dt
        information = left * np.linalg.inv(covariance) + (1 - left) * prior
        shift = left * np.linalg.inv(covariance) @ mean + (1 - left) * prior @ PRIOR_MEAN
        mean, covariance = np.linalg.solve(information, shift), np.linalg.inv(information)
        covariance = covariance + np.diag(np.square(walk)) * dt
        before.append((mean, covariance))
        spread = DESIGN @ covariance @ DESIGN.T + NOISE**2 * np.eye(READINGS)
        off = y[t, :, 0] - DESIGN @ mean
        evidence -= 0.5 * (off @ np.linalg.solve(spread, off) + np.linalg.slogdet(2 * np.pi * spread)[1])
        gain = covariance @ DESIGN.T @ np.linalg.inv(spread)
        mean, covariance = mean + gain @ off, covariance - gain @ DESIGN @ covariance
        after.append((mean, covariance))
        totals.append(evidence)
    smooth = [after[-1]]
    for (m, c), (m1, c1) in zip(after[-2::-1], before[:0:-1], strict=True):
        back = c @ np.linalg.inv(c1)
        smooth.append((m + back @ (smooth[-1][0] - m1), c + back @ (smooth[-1][1] - c1) @ back.T))
    means, covariances = (np.stack(part) for part in zip(*after, strict=True))
    smooth_means, smooth_covariances = (np.stack(part) for part in zip(*smooth[::-1], strict=True))
    return Exact(means, covariances, smooth_means, smooth_covariances, np.array(totals))


def off(streaming: Streaming, found: list[tuple[Stream, Info]], exact: Exact) -> tuple[Floats, Floats]:
    """Errors of the means in sds (W, 2), and ratios of sds (W, 2)."""
    answers = [answer(streaming, stream) for stream, _ in found]
    shift = (np.stack([a.mean for a in answers]) - exact.mean) / exact.sd
    return shift, np.stack([a.sd for a in answers]) / exact.sd


def agrees(streaming: Streaming, found: list[tuple[Stream, Info]], exact: Exact) -> None:
    """Means within 0.15 sd at every window, 0.05 on average; sds within 12 %, 4 % on average."""
    shift, ratio = off(streaming, found, exact)
    assert np.abs(shift).max() < 0.15
    assert np.sqrt(np.mean(shift**2)) < 0.05
    np.testing.assert_allclose(ratio, 1.0, atol=0.12)
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.04


def test_without_drift_every_window_leaves_the_posterior_of_all_so_far_and_their_evidence() -> None:
    y, streaming = readings(), Streaming(likelihood())
    found, exact = streamed(streaming, opened(y)), kalman(y)
    agrees(streaming, found, exact)
    assert abs(found[-1][0].log_evidence - exact.log_evidence[-1]) < 0.4
    assert sum(info.log_evidence for _, info in found) == pytest.approx(found[-1][0].log_evidence)
    assert all(info.ess >= 0.49 * streaming.particles for _, info in found)
    late = [info.work.levels for _, info in found[COUNT // 2 :]]
    assert sum(late) <= 3
    assert all(info.work.remembered <= 0.1 for _, info in found)


def test_without_moves_particles_become_few_and_the_posterior_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    y, streaming = readings(), Streaming(likelihood())
    unmoved = lambda law, at, paths, fits, value, rng: Moved(paths, fits, Work(levels=1))  # noqa: E731
    monkeypatch.setattr(stream_swarm, "moved", unmoved)
    found = streamed(streaming, opened(y))
    assert len(np.unique(found[-1][0].swarm.paths.u, axis=0)) < 30
    with pytest.raises(AssertionError):
        agrees(streaming, found, kalman(y))


def test_without_drift_the_order_of_windows_does_not_matter() -> None:
    y, streaming = readings(), Streaming(likelihood())
    last = [streamed(streaming, opened(part))[-1][0] for part in (y, y[::-1])]
    one, other = (answer(streaming, stream) for stream in last)
    np.testing.assert_allclose((one.mean - other.mean) / one.sd, 0.0, atol=0.15)
    np.testing.assert_allclose(one.sd, other.sd, rtol=0.12)
    assert abs(last[0].log_evidence - last[1].log_evidence) < 0.6


@pytest.mark.parametrize("walk", [(0.3, 0.0), (0.3, 0.1), (3.0, 0.0)])
def test_what_walks_is_filtered_and_its_path_smoothed_as_by_kalman(walk: tuple[float, float]) -> None:
    y = readings(walk)
    named = {name: q for name, q in zip("ab", np.asarray(walk) / PRIOR_SD, strict=True) if q}
    streaming = Streaming(likelihood(), walk=named)
    found, exact = streamed(streaming, opened(y)), kalman(y, walk=walk)
    agrees(streaming, found, exact)
    assert abs(found[-1][0].log_evidence - exact.log_evidence[-1]) < 1.0
    swarm = found[-1][0].swarm
    path = PRIOR_MEAN + PRIOR_SD * swarm.paths.at(np.arange(COUNT))
    mean = np.einsum("n,snp->sp", swarm.weights, path)
    sd = np.sqrt(np.einsum("n,snp->sp", swarm.weights, (path - mean[:, None]) ** 2))
    exact_sd = np.sqrt(np.diagonal(exact.smooth_covariance, axis1=1, axis2=2))
    np.testing.assert_allclose((mean - exact.smooth_mean) / exact_sd, 0.0, atol=0.2)
    np.testing.assert_allclose(sd / exact_sd, 1.0, atol=0.15)


def test_a_walk_that_is_not_counted_with_is_seen_in_means_and_evidence() -> None:
    y = readings((0.3, 0.0))
    still, exact = Streaming(likelihood()), kalman(y, walk=(0.3, 0.0))
    found = streamed(still, opened(y))
    assert np.abs(off(still, found, exact)[0]).max() > 1.0
    assert found[-1][0].log_evidence < exact.log_evidence[-1] - 10


def test_a_horizon_bounds_what_is_kept_and_hardly_changes_what_walks() -> None:
    y = readings((0.3, 0.0))
    streaming = Streaming(likelihood(), walk={"a": 0.15}, horizon=8)
    found, exact = streamed(streaming, opened(y)), kalman(y, walk=(0.3, 0.0))
    shift, ratio = off(streaming, found, exact)
    assert np.abs(shift[:, 0]).max() < 0.15
    assert np.abs(shift[:, 1]).max() < 0.3
    np.testing.assert_allclose(ratio, 1.0, atol=0.15)
    for stream, _ in found[8:]:
        assert stream.kept is not None
        assert len(stream.kept) == 8
        assert stream.swarm.fits.shape[1] == stream.swarm.paths.walked.shape[1] == 8


def test_forgetting_is_least_squares_with_discounted_past() -> None:
    y, streaming = readings(), Streaming(likelihood(), forgetting=0.8)
    found = streamed(streaming, opened(y))
    agrees(streaming, found, kalman(y, forgetting=0.8))
    kept = found[-1][0].kept
    assert kept is not None
    np.testing.assert_allclose(kept.powers, 0.8 ** (TIMES[-1] - TIMES[-len(kept) :]))
    assert kept.powers.min() >= 1e-3


def test_after_a_long_time_everything_is_forgotten() -> None:
    y, times = readings()[:5], np.array([0.0, 1.0, 2.0, 3.0, 1000.0])
    streaming = Streaming(likelihood(), forgetting=0.8)
    stream = streamed(streaming, opened(y, times))[-1][0]
    alone = kalman(y[4:], times[4:])
    found = answer(streaming, stream)
    np.testing.assert_allclose((found.mean - alone.mean[0]) / alone.sd[0], 0.0, atol=0.15)
    np.testing.assert_allclose(found.sd, alone.sd[0], rtol=0.12)
    assert stream.kept is not None
    assert len(stream.kept) == 1


def test_a_jump_of_twenty_standard_deviations_is_followed() -> None:
    y = readings()[:6]
    y[5] += 4.0
    streaming = Streaming(likelihood(), walk={"a": 1.0})
    found, exact = streamed(streaming, opened(y, TIMES[:6])), kalman(y, TIMES[:6], walk=(2.0, 0.0))
    assert found[-1][1].work.levels > 1
    shift, ratio = off(streaming, found, exact)
    np.testing.assert_allclose(shift, 0.0, atol=0.15)
    np.testing.assert_allclose(ratio, 1.0, atol=0.12)


def test_a_window_that_cannot_be_used_leaves_the_stream_as_it_was_and_says_why() -> None:
    streaming, y = Streaming(likelihood(), walk={"a": 0.1}), readings()
    stream = streamed(streaming, opened(y[:3], TIMES[:3]))[-1][0]
    spoiled = np.repeat(y[3:4], 3, axis=0)
    spoiled[0, 2] = np.nan
    spoiled[2] = 1e200
    mask = np.ones(spoiled.shape, dtype=bool)
    mask[1] = False
    later = TIMES[3:6].tolist()
    given = [*windows(likelihood(), later, [(spoiled, mask)]), *opened(y[:2], np.array([TIMES[2], np.nan]))]
    reasons = ("1 measured values are no finite numbers", "no measured value", "finite likelihood at 0 of 1024")
    for window, reason in zip(given, (*reasons, "does not follow", "does not follow"), strict=True):
        after, info = advance(streaming, stream, window)
        assert after is stream
        assert reason in info.reason
    good, info = advance(streaming, stream, opened(y[3:4], TIMES[3:4])[0])
    assert info.reason == ""
    assert good.count == 4


def test_misfit_is_about_one_where_the_model_fits_and_not_where_it_does_not() -> None:
    y, streaming = readings(), Streaming(likelihood())
    y[20] += 3.0 * NOISE * np.where(np.arange(READINGS) % 2, 1.0, -1.0)[:, None]
    found = [info.misfit for _, info in streamed(streaming, opened(y))]
    assert found[20] > 5.0
    assert 0.7 < np.mean(found[:20]) < 1.3


def test_settings_that_cannot_be_are_refused() -> None:
    bad: list[tuple[dict[str, object], str]] = [
        ({"walk": {"c": 1.0}}, "no parameter 'c'"),
        ({"walk": {"a": 0.0}}, "finite q > 0 for a"),
        ({"forgetting": 0.0}, "0 < λ <= 1"),
        ({"forgetting": 0.9, "horizon": 5}, "neither walk nor horizon"),
        ({"horizon": 1}, "at least 2 windows"),
        ({"particles": 100}, "a multiple of 64"),
    ]
    for settings, message in bad:
        with pytest.raises(ValueError, match=message):
            Streaming(likelihood(), **settings)  # type: ignore[arg-type]


def test_windows_need_a_time_each_and_one_length() -> None:
    y = readings()
    with pytest.raises(ValueError, match="a time for each of 3 windows, got 2"):
        windows(likelihood(), [0.0, 1.0], [(y[:3], np.ones((3, READINGS, 1), dtype=bool))])
