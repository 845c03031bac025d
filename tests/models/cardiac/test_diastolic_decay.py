"""Diastolic decays: where they begin and end, what they follow, what they tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.units.solve import Units, solve_units
from twin.models.cardiac.beats import find_beats
from twin.models.cardiac.diastole import decays, ejection_time, pressures
from twin.models.cardiac.waveform import Waveform
from twin.models.cardiac_decay import MODEL
from twin.space import Floats
from twin.table import read_table

RATE, PERIOD, TAU, ASYMPTOTE, BEGIN = 125.0, 0.9, 0.6, 35.0, 110.0


def pulse(n: int, noise: float = 0.3, dicrotic: float = 0.0) -> Floats:
    """n beats [mmHg]: a half-cosine rise in 0.12 s, then an exponential decay, with a dicrotic wave at 0.42 s."""
    time = np.arange(round(n * PERIOD * RATE)) / RATE
    since = time % PERIOD
    foot = ASYMPTOTE + (BEGIN - ASYMPTOTE) * np.exp(-(PERIOD - 0.12) / TAU)
    rise = foot + (BEGIN - foot) * 0.5 * (1 - np.cos(np.pi * np.clip(since / 0.12, 0, 1)))
    fall = ASYMPTOTE + (BEGIN - ASYMPTOTE) * np.exp(-(since - 0.12) / TAU)
    wave = dicrotic * np.exp(-0.5 * ((since - 0.42) / 0.03) ** 2)
    return np.where(since < 0.12, rise, fall) + wave + noise * np.random.default_rng(0).standard_normal(len(time))


def test_the_closed_form_satisfies_its_equation() -> None:
    theta = MODEL.space.draw(6, 0)
    times = np.linspace(0.0, 0.7, 30)
    u = MODEL.exact(theta, MODEL.conditions.nominal)["pressure"]
    tau, asymptote, begin = theta.T
    np.testing.assert_allclose(tau[:, None] * u.d("t")(times), asymptote[:, None] - u(times), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(u(np.zeros(1))[:, 0], begin)
    np.testing.assert_allclose(u(np.array([1e4]))[:, 0], asymptote)


def test_a_decay_lies_between_ejection_and_the_next_foot() -> None:
    beats = find_beats([Waveform(0.0, 1 / RATE, pulse(20))])
    found = decays(beats)
    assert len(found) == len(beats.measured)
    for d in found:
        assert (d.start - d.beat.start) / RATE == pytest.approx(ejection_time(60 / PERIOD) + 0.05, abs=0.03)
        assert (d.beat.stop - d.stop) / RATE == pytest.approx(0.03, abs=0.01)


def test_a_dicrotic_wave_is_waited_for() -> None:
    beats = find_beats([Waveform(0.0, 1 / RATE, pulse(20, dicrotic=8.0))])
    begin = np.array([(d.start - d.beat.start) / RATE for d in decays(beats)])
    np.testing.assert_allclose(begin, 0.42, atol=0.05)


def test_decays_stand_row_by_row_with_nothing_behind_their_end() -> None:
    beats = find_beats([Waveform(0.0, 1 / RATE, pulse(8))])
    found = decays(beats)
    rows = pressures(beats, found)
    for row, d in zip(rows, found, strict=True):
        n = d.stop - d.start
        np.testing.assert_array_equal(row[:n], beats.recordings[0].pressure[d.start : d.stop])
        assert np.isnan(row[n:]).all()


def test_a_table_becomes_the_mean_decay_of_its_typical_beats(tmp_path: Path) -> None:
    p = pulse(40)
    path = tmp_path / "icu.csv"
    pd.DataFrame({"time_s": np.arange(len(p)) / RATE, "ABP_mmHg": p}).to_csv(path, index=False)
    e = MODEL.experiments(read_table(path), {})
    assert e.x[0, 0] == 0.0
    assert e.conditions["duration"] == pytest.approx(e.x[-1, 0])
    assert "diastolic decays; 39 beats found, 39 typical" in e.notes[0]
    begin = ASYMPTOTE + (e.y[0, 0] - ASYMPTOTE) * np.exp(-e.x[:, 0] / TAU)
    assert np.sqrt(np.mean((e.y[:, 0] - begin) ** 2)) < 0.5


def test_a_table_without_a_pulse_or_of_other_quantities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    pd.DataFrame({"time_s": np.arange(1000) / RATE, "ABP_mmHg": 80.0}).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"flat.csv: no usable beat"):
        MODEL.experiments(read_table(path), {})
    with pytest.raises(ValueError, match="a recording has no such quantity"):
        MODEL.experiments(read_table(path, {"pressure": "ABP_mmHg"}), {})


def test_intervals_of_single_beats_hold_the_truth_as_often_as_they_say() -> None:
    """80 beats of known τ with independent noise: the 90 % intervals' coverage within three binomial errors."""
    beats = find_beats([Waveform(0.0, 1 / RATE, pulse(82, noise=0.8))])
    rows = pressures(beats, decays(beats))[:80]
    rows = rows[:, : int(np.isfinite(rows).sum(axis=1).min())]
    x = np.arange(rows.shape[1])[:, None] / RATE
    experiment = Experiment(
        "decay", {"duration": float(x[-1, 0])}, ("time",), x, ("pressure",), rows[0][:, None], {"pressure": "mmHg"}
    )
    measured = ((rows[..., None], np.ones((*rows.shape, 1), dtype=bool)),)
    answers = list(solve_units(Units(Likelihood(MODEL, [experiment])), measured))
    inside = [bool(q[0] <= TAU <= q[1]) for q in (a.quantile(np.array([0.05, 0.95]))[:, 0] for a in answers)]
    assert all(a.converged for a in answers)
    assert abs(np.mean(inside) - 0.9) < 3 * np.sqrt(0.9 * 0.1 / len(inside))


def test_the_measured_recordings_are_cut_into_the_beats_of_the_page(data_file: Callable[[str], Path]) -> None:
    path = data_file("cardiac/icu_abp_3975656.csv")
    note = MODEL.experiments(read_table(path), {}).notes[0]
    assert note == "mean of 48 diastolic decays; 94 beats found, 94 typical; set aside: none"
