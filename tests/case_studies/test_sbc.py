"""Simulation-based calibration: a right surrogate passes, a biased one fails, a stopped run goes on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies import sbc
from twin.case_studies.benchmarks.verdict import Biased
from twin.case_studies.console import Exit
from twin.case_studies.forwards import forward_of
from twin.case_studies.sbc import Plan, all_trials, imagined, require_plan, simulated, trial_of
from twin.inference.sbc import summarise_sbc
from twin.inference.units.solve import UnitAnswer, solve_units
from twin.models import catalogue

PLAN = Plan("battery_spm", 80, "pinnstripes2", points=40)
MODEL = catalogue.model("battery_spm", "pinnstripes2")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_a_biased_surrogate_fails_where_the_right_one_passes() -> None:
    forward = forward_of(MODEL)
    passed = {}
    for bias in (0.0, 0.010):
        likelihood = imagined(MODEL, Biased(forward, bias), PLAN)
        trials = all_trials(MODEL, likelihood, PLAN)
        summary = summarise_sbc(trials, likelihood.scales.names, {})
        assert [t.index for t in trials] == list(range(80))
        passed[bias] = summary["passed"]
    assert passed == {0.0: True, 0.010: False}


def test_a_second_run_does_nothing_twice_and_another_forward_map_does(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, asked = forward_of(MODEL), []
    inner = solve_units

    def counted(units: Any, measured: Any) -> Any:
        asked.append(len(measured[0][0]))
        return inner(units, measured)

    monkeypatch.setattr(sbc, "solve_units", counted)
    plan = replace(PLAN, n=20, seed=5)
    first = all_trials(MODEL, imagined(MODEL, forward, plan), plan)
    again = all_trials(MODEL, imagined(MODEL, forward, plan), plan)
    assert asked == [20]
    assert [t.u for t in first] == [t.u for t in again]
    maps = (forward, Biased(forward, 1e-6), forward)
    keys = [sbc._key(MODEL, imagined(MODEL, f, plan), plan) for f in maps]
    assert keys[0] == keys[2] != keys[1], "another forward map is another data set"


def test_solutions_that_fail_or_end_early_are_told_apart() -> None:
    model = catalogue.model("battery_spm", "soh6")
    plan = Plan("battery_spm", 24, "soh6", points=12)
    likelihood = imagined(model, forward_of(model), plan)
    truths, ((y, mask),), failed = simulated(model, likelihood, plan, None, None)
    assert len(truths) == len(y) == 24
    assert np.isfinite(y).all()
    reasons = set(failed.values())
    assert any("gave no answer" in r for r in reasons)
    assert any("--span" in r for r in reasons)
    assert all(not mask[i].all() for i in failed)
    assert all(mask[i].all() for i in range(24) if i not in failed)


def test_a_unit_that_did_not_converge_is_a_failed_trial() -> None:
    answer = UnitAnswer(
        0, np.zeros((5, 1)), np.zeros((5, 1)), np.full(5, -np.log(5)), np.nan, 3.0, "nuts", "R-hat 1.4", False
    )
    trial = trial_of(7, answer, np.array([1.0]), ("a",), np.random.default_rng(0))
    assert (trial.index, trial.failed, trial.u) == (7, "the sampler did not converge", {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 5}, "at least 20 data sets"),
        ({"span": 0.0}, "share of the experiment"),
        ({"points": 0}, "at least 1 measured point"),
        ({"surrogate_error": "plugin"}, "did you mean 'plug-in'"),
    ],
)
def test_plans_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_plan(replace(PLAN, **change))


def test_the_command_writes_numbers_trials_and_a_page(tmp_path: Path) -> None:
    code = sbc.run(replace(PLAN, n=20, seed=5), tmp_path / "out", time_budget=None, as_json=True)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert code == (Exit.DONE if summary["passed"] else Exit.CHECK_FAILED)
    assert (summary["n"], summary["model"], summary["preset"]) == (20, "battery_spm", "pinnstripes2")
    assert len(json.loads((tmp_path / "out" / "trials.json").read_text())) == 20
    assert "<svg" in (tmp_path / "out" / "sbc.html").read_text()
