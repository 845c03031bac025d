"""An engine in service that loses efficiency, and what its monitor makes of it."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies.engine_health import RULES, SCENARIOS, monitor_of, run, write
from twin.case_studies.engine_health_study import outcome
from twin.case_studies.engine_scenario import SERVICE, Scenario, Service, broken, fouled, serve, solved, worn
from twin.inference.monitor import windows
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import State, Step
from twin.inference.monitor.windows import WindowFit
from twin.models.engine.parameters import AMBIENT, NOMINAL
from twin.models.engine.transient import random_transient
from twin.models.engine.windows import stacked
from twin.models.engine_air_path import health

BROKEN = Scenario("compressor", {"k_eta_c": broken(0.95, 16.0)})
BASELINE, WINDOWS = 12, 24


@cache
def service() -> Service:
    return serve(BROKEN, WINDOWS, 1)


@cache
def watched() -> tuple[Monitor[WindowFit], list[Step], State]:
    monitor = monitor_of(service().grid, replace(RULES, baseline=BASELINE))
    steps, state = run(service(), monitor)
    return monitor, steps, state


def test_scenario_engines_obey_the_reference_solver_where_they_are_the_model() -> None:
    commands = random_transient(3, 20.0, SERVICE)
    nominal = health.space.unpack(health.space.nominal)
    ours = solved([commands, commands], NOMINAL, {name: np.full(2, value) for name, value in nominal.items()})
    record = np.stack(list(commands), axis=1)
    theirs = health.simulate(health.space.nominal[None], AMBIENT.nominal, record)[0]
    for one in ours:
        assert np.abs(one - theirs).max(axis=0) == pytest.approx(np.zeros(7), abs=2e-3 * np.abs(theirs).max())
        np.testing.assert_allclose(one, theirs, atol=2e-3 * np.abs(theirs).mean(axis=0).min(), rtol=2e-3)


def test_the_same_seed_gives_the_same_engine_whatever_happens_to_it() -> None:
    well, ill = (serve(s, 6, 5) for s in (Scenario("well"), Scenario("ill", {"k_eta_c": broken(0.9, 3.0)})))
    np.testing.assert_array_equal(well.truth[:3], ill.truth[:3])
    np.testing.assert_allclose(well.y[:3], ill.y[:3], rtol=1e-12)
    assert np.abs(well.y[3:] / ill.y[3:] - 1).max() > 0.01
    np.testing.assert_array_equal(serve(Scenario("well"), 6, 5).y, well.y)
    assert not np.allclose(serve(Scenario("well"), 6, 6).y, well.y)


def test_wear_laws() -> None:
    hours = np.array([0.0, 150.0, 1e6])
    np.testing.assert_allclose(fouled(0.25, 150.0)(hours), [1.0, 1 - 0.25 * (1 - np.exp(-1)), 0.75])
    np.testing.assert_allclose(worn(0.05, 500.0)(np.array([0.0, 250.0])), [1.0, 0.975])
    np.testing.assert_array_equal(broken(0.97, 10.0)(np.array([9.0, 10.0])), [1.0, 0.97])


def test_a_loss_of_compressor_efficiency_is_found_and_told_from_the_sensors() -> None:
    _, steps, _ = watched()
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert alarms
    assert alarms[0].time >= 16.0
    assert alarms[0].since >= 14.0
    turbocharger = sum(alarms[0].candidates[name] for name in ("k_eta_c", "k_eta_t", "k_Wc"))
    assert turbocharger > 0.9


def test_idle_windows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor, _, _ = watched()
    monkeypatch.setattr(windows, "PASSES", 1)  # windows that tell nothing have no centre that more would reach
    steps, state = run(serve(Scenario("lazy", idle=1.0), 2, 0), monitor)
    assert all(step.refusal and not step.tells for step in steps)
    assert state.baseline is None


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    monitor, steps, state = watched()
    write(tmp_path, monitor, steps, state, service())
    lines = [json.loads(line) for line in (tmp_path / "alarms.jsonl").read_text().splitlines()]
    assert {"time", "kind", "parameter", "since", "candidates"} == set(lines[0])
    assert len((tmp_path / "windows.csv").read_text().splitlines()) == 1 + WINDOWS
    assert set(json.loads((tmp_path / "outlook.json").read_text())) == set(RULES.limits)
    assert (tmp_path / "health.png").stat().st_size > 10_000
    assert monitor.outlook(State()) == {}


def test_outcomes_count_false_alarms_before_a_fault_and_the_delay_after_it() -> None:
    monitor, steps, _ = watched()
    late = Scenario("late", {"k_eta_c": broken(0.95, 60.0)})
    alarms = sum(len(step.alarms) for step in steps)
    found = outcome(late, 1, monitor, steps)
    assert (found.false, found.delay) == (alarms, None)
    assert SCENARIOS["healthy"].laws == {}


def test_windows_on_other_time_bases_are_refused() -> None:
    with pytest.raises(ValueError, match=r"window 1: expected 101 rows over 20 s .* resample"):
        stacked([random_transient(0, 20.0), random_transient(1, 30.0)])
