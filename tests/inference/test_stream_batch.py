"""Decays in fifty windows with an unknown noise, carried and saved, against all data at once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort
from twin.inference.stream.advance import Stream, Streaming, advance, answer, begin
from twin.inference.stream.file import load, save
from twin.inference.stream.windows import Window, windows
from twin.inference.units.door import UnitData
from twin.inference.units.solve import Units, solve_units
from twin.space import Floats

WINDOWS, READINGS = 50, 6
TRUTH, NOISE = np.array([1.3, 0.9]), 0.05
C = np.array([1.0])


def experiment(y: Floats, x: Floats) -> Experiment:
    return Experiment("window", {"rate": 1.0}, ("time",), x, ("voltage",), y, {"voltage": "V"})


@pytest.fixture(scope="module")
def readings(voltage_only: Any) -> tuple[Floats, Floats]:
    """y and times (WINDOWS, READINGS, 1), each window at times of its own."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0.0, 3.0, (WINDOWS, READINGS)), axis=1)[..., None]
    clean = np.stack([voltage_only(TRUTH, C, part) for part in x])
    return clean + NOISE * rng.standard_normal(clean.shape), x


@pytest.fixture(scope="module")
def likelihood(voltage_only: Any, readings: tuple[Floats, Floats]) -> Likelihood:
    return Likelihood(voltage_only, [experiment(readings[0][0], readings[1][0])])


@pytest.fixture(scope="module")
def given(likelihood: Likelihood, readings: tuple[Floats, Floats]) -> list[Window]:
    y, x = readings
    data = UnitData(y, np.ones(y.shape, dtype=bool), np.tile(C, (WINDOWS, 1)), x)
    return windows(likelihood, list(range(WINDOWS)), [data])


def carried(streaming: Streaming, stream: Stream, given: list[Window]) -> Stream:
    for window in given:
        stream, info = advance(streaming, stream, window)
        assert info.reason == ""
    return stream


def test_fifty_windows_one_by_one_leave_the_posterior_of_all_at_once(
    voltage_only: Any, likelihood: Likelihood, readings: tuple[Floats, Floats], given: list[Window]
) -> None:
    streaming = Streaming(likelihood, particles=2048)
    found = answer(streaming, carried(streaming, begin(streaming), given))
    order = np.argsort(readings[1].ravel())
    y, x = (part.reshape(-1, 1)[order] for part in readings)
    effort = Effort(draws=16384, round_draws=16384, rounds=4, components=3, ess_limit=4000.0, oriented=True)
    units = Units(Likelihood(voltage_only, [experiment(y, x)]), effort=effort)
    (batch,) = solve_units(units, [UnitData(y[None], np.ones((1, *y.shape), dtype=bool))])
    assert batch.ess > 4000
    np.testing.assert_allclose((found.mean - batch.mean) / batch.sd, 0.0, atol=0.1)
    np.testing.assert_allclose(found.sd, batch.sd, rtol=0.08)
    levels = np.array([0.05, 0.95])
    np.testing.assert_allclose((found.quantile(levels) - batch.quantile(levels)) / batch.sd, 0.0, atol=0.2)


@pytest.mark.parametrize("settings", [{}, {"walk": {"tau": 0.05}, "horizon": 4}, {"forgetting": 0.7}])
def test_a_stream_that_was_saved_goes_on_as_if_it_had_not_been(
    likelihood: Likelihood, given: list[Window], tmp_path: Path, settings: dict[str, Any]
) -> None:
    streaming = Streaming(likelihood, particles=128, **settings)
    middle = carried(streaming, begin(streaming), given[:6])
    save(streaming, middle, tmp_path / "stream.npz")
    unbroken = carried(streaming, middle, given[6:10])
    resumed = carried(streaming, load(streaming, tmp_path / "stream.npz"), given[6:10])
    np.testing.assert_array_equal(resumed.swarm.paths.u, unbroken.swarm.paths.u)
    np.testing.assert_array_equal(resumed.swarm.paths.walked, unbroken.swarm.paths.walked)
    np.testing.assert_array_equal(resumed.swarm.log_weights, unbroken.swarm.log_weights)
    assert resumed.log_evidence == unbroken.log_evidence
    assert (resumed.time, resumed.count) == (unbroken.time, unbroken.count) == (9.0, 10)


def test_a_stream_before_its_first_window_can_be_saved(likelihood: Likelihood, tmp_path: Path) -> None:
    streaming = Streaming(likelihood, particles=128)
    save(streaming, begin(streaming), tmp_path / "stream.npz")
    found = load(streaming, tmp_path / "stream.npz")
    assert (found.count, found.time, found.kept) == (0, -np.inf, None)


def test_a_file_of_other_settings_or_of_another_kind_is_refused(likelihood: Likelihood, tmp_path: Path) -> None:
    path = tmp_path / "stream.npz"
    streaming = Streaming(likelihood, particles=128)
    save(streaming, begin(streaming), path)
    with pytest.raises(ValueError, match=r"expected a stream with forgetting = 0.9, got 1.0"):
        load(Streaming(likelihood, particles=128, forgetting=0.9), path)
    half = path.read_bytes()[: path.stat().st_size // 2]
    for content in (b"nothing of the kind", half, b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read"):
            load(streaming, path)
    np.savez(path, u=np.zeros(3))
    with pytest.raises(ValueError, match="expected format 'twincal stream 1'"):
        load(streaming, path)
    with pytest.raises(ValueError, match="cannot be read"):
        load(streaming, tmp_path / "missing.npz")


def test_windows_of_another_length_are_refused(
    voltage_only: Any, likelihood: Likelihood, given: list[Window], readings: tuple[Floats, Floats]
) -> None:
    y, x = (part[:1, :4] for part in readings)
    (short,) = windows(likelihood, [1.0], [UnitData(y, np.ones(y.shape, dtype=bool), C[None], x)])
    streaming = Streaming(likelihood, particles=128)
    stream = carried(streaming, begin(streaming), given[:1])
    with pytest.raises(ValueError, match=r"expected values \(n, q\) = \(6, 1\)"):
        advance(streaming, stream, short)
