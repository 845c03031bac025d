"""Engines as a fleet: what a store keeps of a window, and that a run which was stopped goes on."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from twin.case_studies import engine_fleet, engine_records
from twin.case_studies.engine_health import RULES, SETTLE
from twin.case_studies.engine_health_study import KNOWN
from twin.case_studies.engine_scenario import Service
from twin.inference.fleet.record import ACCEPTED, DOUBTFUL, REFUSED, records_of
from twin.inference.fleet.store import read_store
from twin.inference.fleet.watch import evidence_of
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.windows import Channels, Information, WindowFit
from twin.models.engine.air_path import Drive
from twin.models.engine.path import Grid
from twin.models.engine_air_path import health
from twin.space import Floats

P, CHANNELS, ROWS, WINDOWS = len(health.space), len(health.observables), SETTLE + 6, 20


def readings(theta: Any, record: Any) -> Any:
    """A made-up engine: readings are mixtures of relative parameters, plus the drive."""
    mixed = np.random.default_rng(0).standard_normal((CHANNELS, P))
    ours = mixed @ ((theta - health.space.nominal) / (np.abs(health.space.nominal) + 0.01))
    return ours + 0.0 * record[1][0][:, None] + jax.numpy.ones((ROWS, 1))


@cache
def monitor() -> Monitor[WindowFit]:
    noise = np.full(CHANNELS, 0.2)
    fit = WindowFit(health.space, readings, 0.2 * np.arange(ROWS, dtype=float), Channels(noise, 0.1 * noise, 10.0))
    return Monitor(fit, replace(RULES, baseline=8))


def engine() -> engine_records.Watched:
    rng = np.random.default_rng(1)
    y = 1.0 + 0.2 * rng.standard_normal((WINDOWS, ROWS, CHANNELS))
    flat = Drive(*(rng.standard_normal((WINDOWS, ROWS)) for _ in range(4)))
    stages = Drive(*(rng.standard_normal((WINDOWS, ROWS - 1, 3)) for _ in range(4)))
    grid = Grid(stages, flat, np.zeros(ROWS), np.zeros((ROWS, 4)))
    hours = np.arange(WINDOWS, dtype=float)
    service = Service(hours, grid, y, np.zeros((WINDOWS, P)), np.zeros(WINDOWS, dtype=bool))
    return engine_records.Watched("engine", service)


def information(seed: int = 0) -> Information:
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal((P + 3, P))
    return Information(slopes.T @ slopes, rng.standard_normal(P), np.ones(1), np.zeros(()), np.ones(1))


def counted(steps: Iterator[tuple[int, int]]) -> tuple[int, int]:
    return list(steps)[-1]


def test_the_charts_read_of_a_record_what_the_window_said() -> None:
    said = information()
    record = engine_records.record_of(monitor(), "engine", 3.0, "", 100, said)
    read = evidence_of(record, range(P), np.ones(P))
    np.testing.assert_allclose(read.precision, said.precision, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(read.shift, said.shift, rtol=1e-6, atol=1e-8)
    assert record.verdict == ACCEPTED


def test_a_records_figures_are_those_of_its_gaussian() -> None:
    record = engine_records.record_of(monitor(), "engine", 3.0, "", 100, information(1))
    z = np.random.default_rng(2).standard_normal((40000, P))
    theta = np.asarray(monitor().fit.theta(record.u_mean + z @ np.linalg.cholesky(record.u_covariance).T))
    np.testing.assert_allclose((theta.mean(axis=0) - record.mean) / record.sd, 0.0, atol=0.02)
    np.testing.assert_allclose(theta.std(axis=0) / record.sd, 1.0, atol=0.03)
    below = np.mean(theta[:, None] < record.quantiles, axis=0)
    np.testing.assert_allclose(below, np.tile([[0.05], [0.5], [0.95]], P), atol=0.012)


def test_a_window_that_no_parameters_fit_is_kept_with_the_reason() -> None:
    bad = information()._replace(misfit=np.full(1, 9.0))
    record = engine_records.record_of(monitor(), "engine", 3.0, "", 100, bad)
    assert record.verdict == DOUBTFUL
    assert "no parameters fit it" in record.reason
    broken = information()._replace(shift=np.full(P, np.nan))
    assert engine_records.record_of(monitor(), "engine", 3.0, "", 100, broken).verdict == REFUSED


def test_a_run_that_was_stopped_goes_on_and_keeps_the_very_same(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    assert counted(engine_records.solve(monitor(), engine(), whole)) == (WINDOWS, WINDOWS)
    first = list(records_of(read_store(whole)))
    assert counted(engine_records.solve(monitor(), engine(), whole)) == (0, 0)
    sorted(whole.glob("chunk-*"))[-1].unlink()
    assert counted(engine_records.solve(monitor(), engine(), whole)) == (WINDOWS - 16, WINDOWS - 16)
    again = list(records_of(read_store(whole)))
    assert [(r.time, r.digest) for r in again] == [(r.time, r.digest) for r in first]
    np.testing.assert_array_equal([r.u_mean for r in again], [r.u_mean for r in first])


def test_a_window_whose_readings_changed_is_solved_again_alone(tmp_path: Path) -> None:
    one = engine()
    counted(engine_records.solve(monitor(), one, tmp_path / "store"))
    changed: Floats = one.service.y.copy()
    changed[5, -1, 0] += 0.1
    other = engine_records.Watched("engine", replace(one.service, y=changed))
    assert counted(engine_records.solve(monitor(), other, tmp_path / "store")) == (1, 1)


def test_a_store_of_another_engine_is_refused(tmp_path: Path) -> None:
    counted(engine_records.solve(monitor(), engine(), tmp_path / "store"))
    with pytest.raises(ValueError, match="this store holds answers with engine 'engine'"):
        counted(engine_records.solve(monitor(), replace(engine(), name="other"), tmp_path / "store"))


def test_engines_come_in_turn_and_no_two_are_of_one_build() -> None:
    found = engine_fleet.engines_of(2 * len(KNOWN))
    assert [engine.scenario.name for engine in found] == [*KNOWN, *KNOWN]
    assert len({engine.seed for engine in found}) == len(found)
