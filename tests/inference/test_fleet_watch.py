"""Watching stored posteriors: what they say beside the prior, in which order, and that the past stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from twin.inference.fleet.record import ACCEPTED, DOUBTFUL, Record, refusal
from twin.inference.fleet.watch import UnitHistory, Watched, evidence_of, histories, history_of
from twin.inference.monitor.monitor import Monitor, refused
from twin.inference.monitor.record import Rules
from twin.inference.monitor.self_starting import SelfStarting
from twin.priors import LogNormal, Normal
from twin.space import Floats, Parameter, Space

SPACE = Space(
    (
        Parameter("Q", "A*h", LogNormal(3.0, 1.0), 3.0, "", ""),
        Parameter("R", "Ohm", LogNormal(0.05, 0.5), 0.05, "", ""),
        Parameter("U", "V", Normal(3.7, 0.1), 3.7, "", ""),
    )
)
FIT = Watched(SPACE)
RULES = Rules({"Q": 0.9}, between=500.0, baseline=10)
LATER = 60.0


def record(time: float, log_q: float = 0.0, unit: str = "a", sd: float = 0.01) -> Record:
    theta = SPACE.nominal * [np.exp(log_q), 1.0, 1.0]
    u = np.array([log_q, 0.0, 0.0])
    return Record(
        unit, time, "", ACCEPTED, "laplace", "", 0.1, 400.0, 80, theta, sd * theta, np.tile(theta, (3, 1)), u,
        np.diag([sd, 0.1, 0.1]) ** 2, np.empty((0, 3)),
    )  # fmt: skip


def watched(rules: Rules, log_q: Floats, times: Floats | None = None) -> UnitHistory:
    monitor = Monitor(FIT, rules, SelfStarting((False,) * 3))
    at = np.arange(float(len(log_q))) if times is None else times
    return history_of(monitor, "a", [record(float(t), q) for t, q in zip(at, log_q, strict=True)], [0, 1, 2])


def faded(n: int = 60, at: int = 40, by: float = 0.15) -> Floats:
    return 0.01 * np.random.default_rng(0).standard_normal(n) - by * (np.arange(n) >= at)


def test_evidence_and_prior_together_are_the_posterior_of_the_watched_parameters() -> None:
    root = np.random.default_rng(1).standard_normal((3, 3)) * 0.1
    covariance, mean = root @ root.T + 1e-3 * np.eye(3), np.array([0.3, -0.2, 0.1])
    one = replace(record(0.0), u_mean=mean, u_covariance=covariance)
    for which in ([0, 1, 2], [2, 0]):
        width = FIT.width[which]
        found = evidence_of(one, which, width)
        precision = found.precision / np.outer(width, width) + np.eye(len(which))
        np.testing.assert_allclose(np.linalg.inv(precision), covariance[np.ix_(which, which)], rtol=1e-8)
        np.testing.assert_allclose(np.linalg.solve(precision, found.shift / width), mean[which], rtol=1e-8)


def test_a_direction_wider_than_its_prior_tells_nothing() -> None:
    one = replace(record(0.0), u_mean=np.array([0.1, 0.5, 0.0]), u_covariance=np.diag([0.01, 1.2, 0.01]))
    found = evidence_of(one, [0, 1, 2], FIT.width)
    assert found.precision[1, 1] == found.shift[1] == 0.0
    assert np.linalg.eigvalsh(found.precision).min() >= 0.0


def test_a_step_is_a_tenth_of_a_parameter_or_its_prior_where_that_is_less() -> None:
    np.testing.assert_allclose(FIT.width, [0.1, 0.2, 1.0], rtol=1e-3)
    theta = SPACE.from_unit(np.random.default_rng(2).uniform(0.1, 0.9, (5, 3)))
    np.testing.assert_allclose(FIT.theta(FIT.u(theta)), theta, rtol=1e-10)


def test_windows_to_come_do_not_change_what_was_said_before() -> None:
    log_q, times = faded(), np.cumsum(np.where(np.arange(60) < 25, 1.0, 7.0))
    whole = watched(RULES, log_q, times)
    for n in (12, 30, 45):
        part = watched(RULES, log_q[:n], times[:n])
        assert [s.alarms for s in part.steps] == [s.alarms for s in whole.steps[:n]]
        assert [s.beyond for s in part.steps] == [s.beyond for s in whole.steps[:n]]
    assert {a.kind for s in whole.steps for a in s.alarms} == {"change", "limit"}


def test_neither_the_order_of_records_nor_the_unit_of_time_matters() -> None:
    log_q = faded()
    plain, other = watched(RULES, log_q), watched(RULES, log_q, 24.0 * np.arange(60.0) - 500.0)
    since = [24.0 * a.since - 500.0 for s in plain.steps for a in s.alarms]
    assert len(since) > 0
    assert [other.time_of(a.since) for s in other.steps for a in s.alarms] == pytest.approx(since)
    monitor = Monitor(FIT, RULES, SelfStarting((False,) * 3))
    mixed = [record(float(k), log_q[k], unit) for k in np.random.default_rng(3).permutation(60) for unit in ("b", "a")]
    found = list(histories(monitor, mixed, SPACE.names))
    assert [h.unit for h in found] == ["b", "a"]
    assert [s.alarms for s in found[1].steps] == [s.alarms for s in plain.steps]


def test_posteriors_that_are_refused_or_not_to_be_trusted_are_passed_over_with_the_reason() -> None:
    log_q = faded(20, 99)
    records = [record(float(k), q) for k, q in enumerate(log_q)]
    records[5] = refusal("a", 5.0, "", 0, "no current flows", (0, 3))
    records[6] = replace(records[6], verdict=DOUBTFUL, reason="R-hat 1.2")
    records.append(replace(refusal("a", 0.0, "", 0, "rows that belong nowhere", (0, 3)), time=None))
    found = history_of(Monitor(FIT, RULES, SelfStarting((False,) * 3)), "a", records, [0, 1, 2])
    assert found.steps[5].refusal == "no current flows"
    assert found.steps[6].refusal == "not trustworthy: R-hat 1.2"
    assert sum(bool(s.tells) for s in found.steps) == 18
    assert [s.belief is None for s in found.steps] == [True] * 11 + [False] * 9
    assert found.state.baseline is not None
    assert found.state.baseline.windows == RULES.baseline
    assert [r.reason for r in found.stray] == ["rows that belong nowhere"]


def test_a_floor_is_a_value_whatever_the_unit_began_with() -> None:
    log_q = faded()
    history = watched(replace(RULES, limits={}, floors={"Q": 2.7}), log_q)
    monitor = Monitor(FIT, replace(RULES, limits={}, floors={"Q": 2.7}, ceilings={"R": 0.06}))
    baseline = history.state.baseline
    assert baseline is not None
    assert monitor.limit_value(baseline, "Q") == 2.7
    assert float(np.asarray(FIT.theta(np.full(3, monitor.limit(baseline, "Q"))))[0]) == pytest.approx(2.7)
    assert monitor.rules.falls("Q")
    assert not monitor.rules.falls("R")
    limits = [a for s in history.steps for a in s.alarms if a.kind == "limit"]
    assert [a.parameter for a in limits] == ["Q"]
    low = watched(replace(RULES, limits={}, floors={"Q": 2.0}), log_q)
    assert not [a for s in low.steps for a in s.alarms if a.kind == "limit"]


def test_a_limit_is_told_after_windows_in_a_row_and_again_only_once_the_unit_was_back() -> None:
    well, worn, doubtful = 0.0, -0.2, np.log(0.9) - 0.005
    later = [worn, worn, well, worn, worn, worn, doubtful, worn, worn, worn, well, worn, worn, worn]
    log_q = np.array([0.01, -0.01] * 5 + later)
    rules = replace(RULES, between=1e9, walk=1.0)
    history, monitor = watched(rules, log_q), Monitor(FIT, rules, SelfStarting((False,) * 3))
    assert [k - 10 for k, step in enumerate(history.steps) if step.alarms] == [5, 13]
    assert all(a.kind == "limit" and a.since == a.time for s in history.steps for a in s.alarms)
    at, baseline = history.steps[16], history.state.baseline
    assert baseline is not None
    assert at.belief is not None
    z = (monitor.limit(baseline, "Q") - at.belief.mean[0]) / at.belief.sd[0]
    assert at.beyond["Q"] == pytest.approx(stats.norm.cdf(z))
    assert 0.55 < at.beyond["Q"] < 0.85


def test_a_step_is_one_change_and_the_next_one_another() -> None:
    log_q = faded(n=100) - 0.15 * (np.arange(100) >= 70)
    alarms = [(k, a) for k, s in enumerate(watched(RULES, log_q).steps) for a in s.alarms if a.kind == "change"]
    assert len(alarms) == 2
    for (k, alarm), at in zip(alarms, (40, 70), strict=True):
        assert at - 1 <= alarm.since <= at
        assert 1 <= k - at <= 3


def test_it_takes_three_windows_to_make_a_change_however_far_they_are_off() -> None:
    for off in (1, 2, 3):
        log_q = faded(40, 99) - 0.15 * ((np.arange(40) >= 30) & (np.arange(40) < 30 + off))
        alarms = [a.time for s in watched(replace(RULES, limits={}), log_q).steps for a in s.alarms]
        assert alarms == ([32.0] if off == 3 else [])


def test_a_steady_fade_is_news_of_a_parameter_that_does_not_wear_and_none_of_one_that_does() -> None:
    log_q = -0.004 * np.arange(80.0) + 0.01 * np.random.default_rng(4).standard_normal(80)
    records = [record(float(k), q) for k, q in enumerate(log_q)]
    alarms = {}
    for wears in (False, True):
        monitor = Monitor(FIT, replace(RULES, limits={}), SelfStarting((wears, False, False)))
        steps = history_of(monitor, "a", records, [0, 1, 2]).steps
        alarms[wears] = [a for s in steps for a in s.alarms]
    assert alarms[False]
    assert not alarms[True]


def test_the_time_left_of_a_fading_unit_is_about_right() -> None:
    n, rate = 40, 0.004
    log_q = -rate * np.arange(float(n)) + 0.005 * np.random.default_rng(5).standard_normal(n)
    rules = replace(RULES, limits={}, floors={"Q": 3.0 * np.exp(-rate * LATER)}, rate=0.05, rate_walk=0.0005)
    monitor = Monitor(FIT, rules, SelfStarting((True, False, False)))
    history = history_of(monitor, "a", [record(float(k), q) for k, q in enumerate(log_q)], [0, 1, 2])
    left = monitor.outlook(history.state)["Q"]
    assert left.q05 < LATER - n + 1 < left.q95
    assert left.q95 - left.q05 < 30
    waited, _ = refused(history.state, n + 9.0, "nothing measured")
    assert abs(monitor.outlook(waited)["Q"].q50 - (left.q50 - 10)) < 1
