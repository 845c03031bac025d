"""Watching a unit whose law is a straight line: what is carried, what is found, what is refused."""

from dataclasses import replace
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from twin.arrays import Array
from twin.inference.monitor.baseline import Baseline, Evidence, baseline_of
from twin.inference.monitor.changes import SHARE, SPREAD, alarmed, blank, isolated, risen, threshold_of
from twin.inference.monitor.monitor import Monitor, advance, watch
from twin.inference.monitor.record import Rules, State, Step
from twin.inference.monitor.remaining import remaining
from twin.inference.monitor.tracking import Motion, believed, later, surprise, updated
from twin.inference.monitor.windows import Channels, Information, WindowFit
from twin.priors import Normal
from twin.space import Floats, Parameter, Space

SPACE = Space(
    (
        Parameter("slope", "1", Normal(1.0, 0.1), 1.0, "", "", 0.0, 2.0),
        Parameter("offset", "1", Normal(0.0, 0.1), 0.0, "", "", -1.0, 1.0),
    )
)
TIMES = np.linspace(0.0, 30.0, 61)
NOISE, ERROR = 0.05, 0.02


@cache
def fit() -> WindowFit:
    def predict(theta: Array, record: Array) -> Array:
        return (theta[..., 0] * record + theta[..., 1])[:, None]

    return WindowFit(SPACE, predict, TIMES, Channels(np.array([NOISE]), np.array([ERROR]), 5.0))


def windows(theta: Floats, seed: int, still: tuple[int, ...] = ()) -> tuple[Floats, Floats]:
    """Inputs (W, n) and readings (W, n, 1) of units θ (W, 2), with noise and a slow error; ``still`` ones are idle."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.standard_normal((len(theta), len(TIMES))), axis=1)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    x[list(still)] = 0.0
    slow = np.linalg.cholesky(np.exp(-np.abs(TIMES[:, None] - TIMES) / 5.0) + 1e-9 * np.eye(len(TIMES)))
    error = ERROR * rng.standard_normal(x.shape) @ slow.T
    return x, (theta[:, :1] * x + theta[:, 1:] + error + NOISE * rng.standard_normal(x.shape))[..., None]


def theta_of(count: int, broken: float = 1.0, at: int = 10**9) -> Floats:
    slope = np.where(np.arange(count) < at, 1.02, 1.02 * broken)
    return np.stack([slope, np.full(count, 0.01)], axis=1)


def watched(theta: Floats, seed: int, rules: Rules, still: tuple[int, ...] = ()) -> tuple[list[Step], State]:
    x, y = windows(theta, seed, still)
    found = list(watch(Monitor(fit(), rules), np.arange(len(theta), dtype=float), x, y))
    return [step for _, step in found], found[-1][0]


STILL = Motion(np.zeros(2), np.zeros(2))
RULES = Rules({"slope": 0.95}, baseline=20)


def test_a_window_is_the_linear_regression_with_correlated_errors() -> None:
    x, y = windows(theta_of(3), 0)
    found = fit().informations(x, y, np.zeros(2))
    for k in range(3):
        R = ERROR**2 * np.exp(-np.abs(TIMES[:, None] - TIMES) / 5.0) + found.noise[k, 0] ** 2 * np.eye(len(TIMES))
        A = np.stack([x[k], np.ones_like(TIMES)], axis=1)
        estimate = np.linalg.solve(A.T @ np.linalg.solve(R, A), A.T @ np.linalg.solve(R, y[k, :, 0]))
        ours = fit().theta(np.linalg.solve(found.precision[k], found.shift[k]))
        np.testing.assert_allclose(ours, estimate, atol=2e-4)
        assert abs(found.noise[k, 0] / NOISE - 1) < 0.3
        assert found.converged[k]


def test_missing_readings_and_spikes_do_not_count() -> None:
    x, y = windows(theta_of(1), 1)
    clean = fit().informations(x, y, np.zeros(2))
    spoilt = y.copy()
    spoilt[0, 30] = 40.0
    gap = y.copy()
    gap[0, 30] = np.nan
    for other in (spoilt, gap):
        found = fit().informations(x, other, np.zeros(2))
        np.testing.assert_allclose(found.shift, clean.shift, rtol=0.2, atol=0.2 * np.abs(clean.shift).max())
    np.testing.assert_allclose(
        fit().informations(x, spoilt, np.zeros(2)).precision, fit().informations(x, gap, np.zeros(2)).precision,
        rtol=0.02,
    )  # fmt: skip


def test_baseline_finds_the_scatter_of_windows() -> None:
    rng = np.random.default_rng(2)
    scatter = np.array([[0.3, 0.1], [0.1, 0.2]])
    values = rng.multivariate_normal([0.5, -0.2], scatter, size=800)
    precision = np.stack([np.diag(rng.uniform(5, 50, 2)) for _ in values])
    errors = np.stack([rng.multivariate_normal(np.zeros(2), np.linalg.inv(p)) for p in precision])
    shift = np.einsum("kij,kj->ki", precision, values + errors)
    nothing = np.zeros(len(values))
    found = baseline_of(Information(precision, shift, nothing, nothing, nothing), np.ones(2))
    np.testing.assert_allclose(found.scatter, scatter, atol=0.05)
    assert np.all(np.abs(found.mean - [0.5, -0.2]) < 4 * np.sqrt(np.diagonal(found.covariance)))


def test_evidence_of_a_singular_window() -> None:
    base = replace(_some_baseline(), scatter=np.diag([0.04, 0.09]))
    seen = base.evidence(np.diag([25.0, 0.0]), np.array([5.0, 0.0]))
    np.testing.assert_allclose(seen.precision, np.diag([1 / (1 / 25 + 0.04), 0.0]), atol=1e-12)
    np.testing.assert_allclose(seen.shift, [0.2 * seen.precision[0, 0], 0.0], atol=1e-12)


def test_without_forgetting_the_carried_posterior_is_that_of_all_data() -> None:
    rng = np.random.default_rng(3)
    base, belief = _some_baseline(), believed(np.zeros(2), np.eye(2), np.zeros(2))
    precision, shift = np.eye(2), np.zeros(2)
    for _ in range(20):
        root = rng.standard_normal((2, 2))
        seen = base.evidence(root @ root.T, rng.standard_normal(2))
        belief = updated(later(belief, STILL, 1.0), seen)
        precision, shift = precision + seen.precision, shift + seen.shift
    np.testing.assert_allclose(belief.mean, np.linalg.solve(precision, shift), atol=1e-9)
    np.testing.assert_allclose(belief.covariance, np.linalg.inv(precision), atol=1e-9)


def test_false_alarms_of_charts_are_rarer_than_stated() -> None:
    rng = np.random.default_rng(4)
    base, every, alarms, count = _some_baseline(), 200.0, 0, 20_000
    threshold, charts = threshold_of(every, 2), blank(2)
    belief = believed(np.zeros(2), 1e-9 * np.eye(2), np.zeros(2))
    root = np.array([[3.0, 0.0], [2.0, 2.0]])
    precision = base.evidence(root @ root.T, np.zeros(2)).precision
    draws = rng.multivariate_normal(np.zeros(2), precision, size=count)
    for shift in draws:
        seen = replace(base.evidence(np.eye(2), np.zeros(2)), precision=precision, shift=shift)
        charts = risen(charts, surprise(belief, seen), threshold)
        if alarmed(charts, threshold) is not None:
            alarms, charts = alarms + 1, blank(2)
    assert alarms < count / every


def test_charts_add_likelihood_ratios_and_forget_what_was_before_they_rose() -> None:
    first, second = Evidence(np.diag([2.0, 3.0]), np.array([1.0, 2.5])), Evidence(np.eye(2), np.array([-5.0, 0.1]))
    once = risen(blank(2), first, 100.0, 0.6)
    twice = risen(once, second, 100.0, 0.6)
    change = stats.norm.logpdf(0.5, 0.6, np.sqrt(0.5)) - stats.norm.logpdf(0.5, 0.0, np.sqrt(0.5))
    np.testing.assert_allclose(once.sums, [change, 0.6 * 2.5 - 0.18 * 3.0, 0.0, 0.0])
    np.testing.assert_allclose(twice.sums, [0.0, once.sums[1] + 0.06 - 0.18, 0.6 * 5.0 - 0.18, 0.0])
    assert twice.windows.tolist() == [0, 2, 1, 0]
    np.testing.assert_array_equal(twice.score, [[0.0, 0.0], [-4.0, 2.6], [-5.0, 0.1], [0.0, 0.0]])
    np.testing.assert_array_equal(twice.information, [[0.0, 0.0], [3.0, 4.0], [1.0, 1.0], [0.0, 0.0]])
    assert risen(blank(2), second, 1.0, 0.6).sums[2] == SHARE
    assert np.exp(threshold_of(1000.0, 2)) == pytest.approx(4000.0)


def test_what_changed_is_the_parameter_of_the_largest_evidence() -> None:
    score, information = np.array([3.0, 2.9]), np.array([4.0, 1.5])
    charts = replace(blank(2), score=np.tile(score, (4, 1)), information=np.tile(information, (4, 1)))
    wide, narrow = (np.sqrt(information + w * (SPREAD * information) ** 2) for w in (1.0, 0.0))
    odds = np.exp(stats.norm.logpdf(score, 0.0, wide) - stats.norm.logpdf(score, 0.0, narrow))
    found = isolated(charts, 1, ("a", "b"))
    np.testing.assert_allclose([found["a"], found["b"]], odds / odds.sum())


def test_charts_tell_which_parameter_changed() -> None:
    base, belief = _some_baseline(), believed(np.zeros(2), 1e-6 * np.eye(2), np.zeros(2))
    precision = np.array([[20.0, 8.0], [8.0, 10.0]])
    threshold, charts = threshold_of(1000.0, 2), blank(2)
    while (chart := alarmed(charts, threshold)) is None:
        seen = replace(base.evidence(precision, np.zeros(2)), precision=precision, shift=precision @ [0.0, -0.8])
        charts = risen(charts, surprise(belief, seen), threshold)
    assert chart == 3
    assert charts.windows[chart] >= 2
    assert isolated(charts, chart, ("a", "b"))["b"] > 0.9


def test_rates_are_the_regression_of_all_windows_on_straight_lines() -> None:
    rng = np.random.default_rng(5)
    base, belief = _some_baseline(), believed(np.zeros(2), np.eye(2), np.array([0.02, 0.05]))
    times, joint, shift = np.cumsum(rng.uniform(0.5, 2.0, 15)), np.diag([1.0, 1.0, 0.02**-2, 0.05**-2]), np.zeros(4)
    for before, t in zip([0.0, *times[:-1]], times, strict=True):
        root = rng.standard_normal((2, 2))
        seen = base.evidence(root @ root.T, rng.standard_normal(2))
        belief = updated(later(belief, STILL, t - before), seen)
        line = np.array([1.0, t])
        joint, shift = joint + np.kron(np.outer(line, line), seen.precision), shift + np.kron(line, seen.shift)
    now = np.kron(np.array([[1.0, times[-1]], [0.0, 1.0]]), np.eye(2))
    np.testing.assert_allclose(belief.state, now @ np.linalg.solve(joint, shift), atol=1e-9)
    np.testing.assert_allclose(belief.joint, now @ np.linalg.inv(joint) @ now.T, atol=1e-9)


def test_a_belief_moved_in_two_steps_is_that_moved_in_one() -> None:
    belief, motion = believed(np.ones(2), np.eye(2), np.ones(2)), Motion(np.array([0.1, 0.2]), np.array([0.3, 0.0]))
    once, twice = later(belief, motion, 3.0), later(later(belief, motion, 1.0), motion, 2.0)
    np.testing.assert_allclose(once.joint, twice.joint, rtol=1e-12)
    np.testing.assert_allclose(once.state, twice.state)


def test_a_trend_gives_the_time_that_is_left() -> None:
    rng = np.random.default_rng(5)
    base, belief = _some_baseline(), believed(np.zeros(2), np.eye(2), np.full(2, 0.02))
    precision = 100.0 * np.eye(2)
    one = base.evidence(precision, np.zeros(2))
    for t in np.arange(60.0):
        value = np.array([1.0 - 0.01 * t, 0.0]) + 0.1 * rng.standard_normal(2)
        seen = replace(one, precision=precision, shift=precision @ value)
        belief = updated(belief if t == 0 else later(belief, STILL, 1.0), seen)
    left = remaining(belief, 0, 0.0, falls=True)
    assert left.q05 < 41.0 < left.q95
    assert left.reached > 0.99
    assert "90 % interval" in left.words("h")
    never = remaining(belief, 1, -5.0, falls=True)
    assert never.q95 == np.inf
    assert "never" in never.words("h")
    assert remaining(belief, 0, 2.0, falls=True).q95 == 0.0


def test_a_loss_is_found_where_it_was_and_a_healthy_unit_is_left_alone() -> None:
    steps, state = watched(theta_of(60, 0.9, at=40), 6, RULES)
    first = next(alarm for step in steps for alarm in step.alarms)
    assert (first.kind, first.parameter) == ("change", "slope")
    assert 38 <= first.since <= 41
    assert first.time <= 45
    assert any(alarm.kind == "limit" for step in steps for alarm in step.alarms)
    assert state.belief is not None
    assert steps[-1].beyond["slope"] > 0.95
    healthy, _ = watched(theta_of(60), 6, RULES)
    assert not [alarm for step in healthy for alarm in step.alarms]


def test_idle_windows_are_refused_and_change_nothing_but_the_time() -> None:
    steps, state = watched(theta_of(40), 7, RULES, still=(30, 31, 32))
    for k in (30, 31, 32):
        assert steps[k].tells == ()
        assert "uninformative" in steps[k].refusal
        assert steps[k].belief is steps[29].belief
        assert steps[k].beyond == {}
    assert state.time == 39.0


def test_the_posterior_forgets_over_refused_windows_too() -> None:
    rules = replace(RULES, walk=0.2)
    base, found = _some_baseline(), {}
    x, y = windows(theta_of(1), 10)
    one = Information(*(part[0] for part in fit().informations(x, y, np.zeros(2))))
    idle = one._replace(precision=0 * one.precision, shift=0 * one.shift)
    for name, between in (("watched", ()), ("refused", (1.0, 2.0, 3.0))):
        state = State(baseline=base, belief=believed(np.zeros(2), 1e-6 * np.eye(2), np.zeros(2)), charts=blank(2))
        for time in between:
            state, step = advance(Monitor(fit(), rules), state, time, idle)
            assert step.refusal
        state, _ = advance(Monitor(fit(), rules), state, 4.0, one)
        found[name] = state.belief
    assert found["watched"] is not None
    assert found["refused"] is not None
    np.testing.assert_allclose(found["watched"].covariance, found["refused"].covariance, rtol=1e-12)


def test_without_limits_changes_are_still_found() -> None:
    steps, _ = watched(theta_of(60, 0.9, at=40), 6, replace(RULES, limits={}))
    alarms = [alarm for step in steps for alarm in step.alarms]
    assert alarms
    assert {alarm.kind for alarm in alarms} == {"change"}


def test_a_window_that_nothing_fits_is_refused_with_the_reason() -> None:
    x, y = windows(theta_of(25), 8)
    y[24, :, 0] += np.where(TIMES < 15.0, 2.0, -2.0)
    steps = [step for _, step in watch(Monitor(fit(), RULES), np.arange(25.0), x, y)]
    assert "no parameters fit it" in steps[24].refusal
    y[24] = np.nan
    steps = [step for _, step in watch(Monitor(fit(), RULES), np.arange(25.0), x, y)]
    assert "uninformative" in steps[24].refusal


def test_windows_must_come_in_order_and_limits_must_exist() -> None:
    x, y = windows(theta_of(2), 9)
    found = fit().informations(x, y, np.zeros(2))
    one = Information(*(part[0] for part in found))
    state, _ = advance(Monitor(fit(), RULES), State(), 5.0, one)
    with pytest.raises(ValueError, match="must come in order"):
        advance(Monitor(fit(), RULES), state, 4.0, one)
    with pytest.raises(ValueError, match="no parameter slop"):
        Monitor(fit(), Rules({"slop": 0.9}))
    with pytest.raises(ValueError, match="share of the baseline"):
        Monitor(fit(), Rules({"slope": 1.0}))
    assert Monitor(fit(), RULES).outlook(State()) == {}
    with pytest.raises(ValueError, match="at least two windows"):
        baseline_of(Information(*(part[:1] for part in found)), np.ones(2))


def test_a_window_is_refused_for_its_worst_channel_and_for_what_it_does_not_tell() -> None:
    one = Information(np.diag([25.0, 0.0]), np.zeros(2), np.zeros(2), np.zeros(()), np.array([0.5, 3.0]))
    monitor = Monitor(fit(), Rules({}, floors={"offset": -0.5}))
    assert "off by 3.0 times" in advance(monitor, State(), 0.0, one)[1].refusal
    assert "offset 0 %" in advance(monitor, State(), 0.0, one._replace(misfit=np.ones(2)))[1].refusal
    assert advance(Monitor(fit(), RULES), State(), 0.0, one._replace(misfit=np.ones(2)))[1].tells == ("slope",)


def test_a_trusted_parameter_stays_nominal_in_the_baseline() -> None:
    theta = theta_of(20) + np.array([0.0, 0.1])
    for trusted, low, high in (((), 0.5, 1.5), (("offset",), -0.1, 0.1)):
        _, state = watched(theta, 11, replace(RULES, trusted=trusted))
        assert state.baseline is not None
        assert low < state.baseline.mean[1] < high


def test_a_limit_lies_where_the_parameter_can_be() -> None:
    assert Monitor(fit(), Rules({"slope": 3.0})).limit_value(_some_baseline(), "slope") == pytest.approx(2.0)
    assert np.isfinite(Monitor(fit(), Rules({"slope": 3.0})).limit(_some_baseline(), "slope"))
    for value in (2.0, 0.0, -0.1):
        with pytest.raises(ValueError, match="slope lies between 0 and 2, got a limit of"):
            Monitor(fit(), Rules({}, floors={"slope": value}))


def _some_baseline() -> Baseline:
    nothing = jnp.zeros(2)
    return baseline_of(Information(np.stack([np.eye(2)] * 2), np.zeros((2, 2)), nothing, nothing, nothing), np.ones(2))


def test_after_a_change_the_belief_is_what_windows_since_then_add_to_that_before() -> None:
    x, y = windows(theta_of(60, 0.93, at=40), 6)
    monitor = Monitor(fit(), replace(RULES, walk=0.0, rate=0.0, rate_walk=0.0))
    found = list(watch(monitor, np.arange(60.0), x, y))
    at = next(k for k, (_, step) in enumerate(found) if step.alarms)
    state, step = found[at]
    alarm = step.alarms[0]
    before = next(s.belief for _, s in reversed(found) if s.time < alarm.since and s.belief is not None)
    room = SPREAD**2 * np.array([alarm.candidates[name] for name in SPACE.names])
    opened = np.linalg.inv(before.covariance + np.diag(room))
    seen = [one.evidence for one in state.history]
    assert len(seen) == at - int(alarm.since) + 1
    precision = opened + np.sum([one.precision for one in seen], axis=0)
    mean = np.linalg.solve(precision, opened @ before.mean + np.sum([one.shift for one in seen], axis=0))
    assert state.belief is not None
    np.testing.assert_allclose(state.belief.mean, mean, atol=1e-9)
    np.testing.assert_allclose(state.belief.covariance, np.linalg.inv(precision), atol=1e-9)
