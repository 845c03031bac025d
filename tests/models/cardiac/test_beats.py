"""Beats cut out of pressure recordings, and what is kept out of them."""

import numpy as np
import pytest

from twin.models.cardiac.beats import find_beats, resampled, smoothed
from twin.models.cardiac.waveform import Waveform, artefacts, regular
from twin.space import Floats

RATE = 125.0


def recording(periods: Floats, noise: float = 0.3, seed: int = 0) -> tuple[Floats, list[float]]:
    """Pressure [mmHg] at 125 Hz of beats of the given periods [s] between 70 and 120 mmHg, and their onsets [s]."""
    onsets = np.concatenate([[0.0], np.cumsum(periods)])
    time = np.arange(round(onsets[-1] * RATE)) / RATE
    since = time - onsets[np.searchsorted(onsets, time, side="right") - 1]
    upstroke = np.sin(0.5 * np.pi * np.clip(since / 0.12, 0.0, 1.0)) ** 2
    decay = np.exp(-np.maximum(since - 0.12, 0.0) / 0.35)
    rest = np.exp(-(periods[0] - 0.12) / 0.35)
    pressure = 70.0 + 50.0 * (upstroke * decay - rest * upstroke)
    return pressure + noise * np.random.default_rng(seed).standard_normal(len(time)), onsets.tolist()


def wave(pressure: Floats) -> Waveform:
    return Waveform(0.0, 1.0 / RATE, pressure)


def test_beats_are_cut_at_the_feet() -> None:
    pressure, onsets = recording(np.full(20, 0.8))
    beats = find_beats([wave(pressure)])
    assert beats.counts == {}
    begins = np.array([b.start / RATE for b in beats.all])
    assert 17 <= len(beats.all) <= 19
    nearest = np.abs(begins[:, None] - np.array(onsets)).min(axis=1)
    assert np.all(nearest < 0.04)
    np.testing.assert_allclose([b.period for b in beats.all], 0.8, atol=0.05)


def test_a_premature_beat_and_its_pause_are_measurements_but_in_no_average() -> None:
    periods = np.full(20, 0.8)
    periods[10:12] = (0.55, 1.05)
    beats = find_beats([wave(recording(periods)[0])])
    assert beats.counts["irregular period"] == 2
    assert beats.measured == beats.all
    assert all(abs(b.period - 0.8) < 0.1 for b in beats.typical)


@pytest.mark.parametrize("kind", ["gap", "flush", "no pulse"])
def test_only_beats_that_touch_an_artefact_are_dropped_and_they_are_counted(kind: str) -> None:
    pressure, _ = recording(np.full(20, 0.8))
    whole = find_beats([wave(pressure)])
    spoiled = pressure.copy()
    here = slice(round(8.3 * RATE), round(9.1 * RATE))  # reaches over one foot: into two beats
    spoiled[here] = {"gap": np.nan, "flush": 310.0, "no pulse": 71.0}[kind]
    beats = find_beats([wave(spoiled)])
    bad = [b for b in beats.all if b.artefact]
    assert {b.artefact for b in bad} == {kind}
    assert 1 <= len(bad) <= 3
    marked = artefacts(wave(spoiled))[kind]
    assert all(marked[b.start : b.stop].any() for b in bad)
    assert not any(marked[b.start : b.stop].any() for b in beats.measured)
    assert len(beats.typical) >= len(whole.typical) - 4
    assert f"{len(bad)} {kind}" in beats.note


def test_samples_that_a_file_leaves_out_are_a_gap() -> None:
    pressure, _ = recording(np.full(10, 0.8))
    time = np.arange(len(pressure)) / RATE
    kept = np.ones(len(time), dtype=bool)
    kept[500:510] = False
    found = regular(time[kept], pressure[kept])
    assert len(found.pressure) == len(pressure)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found.pressure)), np.arange(500, 510))
    np.testing.assert_array_equal(artefacts(found)["gap"], ~kept)


def test_rounded_time_stamps_are_a_regular_clock() -> None:
    time = np.round(np.arange(1000) / 124.945, 3)
    found = regular(time, np.zeros(1000))
    assert len(found.pressure) == 1000
    assert found.step == pytest.approx(1 / 124.945, rel=1e-4)


def test_a_clock_that_stands_still_is_refused() -> None:
    with pytest.raises(ValueError, match="times must rise"):
        regular(np.array([0.0, 1.0, 1.0]), np.zeros(3))


@pytest.mark.parametrize(
    "pressure",
    [
        np.full(2000, np.nan),
        np.full(2000, 300.1),
        np.full(2000, 80.0),
        80.0 + 0.1 * np.random.default_rng(0).standard_normal(2000),
        recording(np.full(1, 0.8))[0],
    ],
    ids=["nothing", "flush", "flat", "noise", "one beat"],
)
def test_a_recording_without_a_usable_beat_is_refused_in_one_message(pressure: Floats) -> None:
    with pytest.raises(ValueError, match=r"no usable beat: .*two upstrokes"):
        find_beats([wave(pressure)])


def test_a_beat_of_another_shape_is_set_aside() -> None:
    pressure, onsets = recording(np.full(20, 0.8))
    since = np.arange(len(pressure)) / RATE - onsets[10] - 0.2
    pressure -= np.where((since > 0) & (since < 0.5), 10.0 * np.sin(np.pi * since / 0.5) ** 2, 0.0)
    assert find_beats([wave(pressure)]).counts == {"unusual shape": 1}


def test_the_filter_does_not_delay_and_keeps_the_mean() -> None:
    time = np.arange(2000) / RATE
    slow = 90.0 + 20.0 * np.sin(2 * np.pi * 1.2 * time)
    middle = slice(200, -200)
    np.testing.assert_allclose(smoothed(wave(slow))[middle], slow[middle], atol=0.01)
    fast = smoothed(wave(slow + 5.0 * np.sin(2 * np.pi * 50.0 * time)))
    np.testing.assert_allclose(fast[middle], slow[middle], atol=0.1)


def test_resampling_takes_equal_phases_of_a_beat() -> None:
    pressure, _ = recording(np.full(5, 0.8))
    beat = find_beats([wave(pressure)]).all[1]
    found = resampled(pressure, beat, beat.stop - beat.start)
    np.testing.assert_allclose(found, pressure[beat.start : beat.stop])
