"""Scores of windows have a known law whatever the unit's mean and scatter, and changes stand out of them."""

import numpy as np
import pytest
from scipy import stats

from twin.inference.monitor.baseline import Evidence
from twin.inference.monitor.changes import SHARE
from twin.inference.monitor.novelty import Outset, Timed
from twin.inference.monitor.run_length import run_length
from twin.inference.monitor.self_starting import FARTHEST, SelfStarting, marginal
from twin.inference.monitor.tracking import Motion
from twin.inference.monitor.windows import Information
from twin.space import Floats

P = 2
OUTSET = Outset(np.ones(P), np.zeros(P), Motion(np.zeros(P), np.zeros(P)))
NEWS = Evidence(np.zeros((P, P)), np.zeros(P))
ALL = np.ones(P)


def window(time: float, estimate: Floats, variance: Floats) -> Timed:
    precision = np.diag(1.0 / variance)
    return Timed(time, Information(precision, precision @ estimate, np.zeros(1), np.zeros(()), np.zeros(1)))


def windows(values: Floats, variance: float = 1e-4) -> list[Timed]:
    return [window(float(k), value, np.full(P, variance)) for k, value in enumerate(values)]


def scores_of(chart: SelfStarting, seen: list[Timed], baseline: int) -> Floats:
    usual, found = chart.learnt(OUTSET, seen[:baseline]).usual, []
    for one in seen[baseline:]:
        news, usual = chart.judged(usual, one, ALL, NEWS)
        found.append(news.shift)
    return np.array(found)


def test_a_score_is_that_of_students_law_about_the_windows_before() -> None:
    values = np.random.default_rng(0).standard_normal((12, P)) * [0.5, 0.02] + [3.0, -1.0]
    scores = scores_of(SelfStarting((False, False)), windows(values), 5)
    for k in range(5, 12):
        past = values[:k]
        t = (values[k] - past.mean(axis=0)) / (past.std(axis=0, ddof=1) * np.sqrt(1 + 1 / k))
        np.testing.assert_allclose(scores[k - 5], stats.norm.ppf(stats.t.cdf(t, k - 1)), atol=2e-3)


def test_scores_about_a_line_are_recursive_residuals_of_regression() -> None:
    chart = SelfStarting((True, True), memory=1e12)
    values = np.random.default_rng(1).standard_normal((14, P)) * 0.1 + np.arange(14.0)[:, None] * [0.3, -0.2]
    scores = scores_of(chart, windows(values), 6)
    for k in range(6, 14):
        design, new = np.stack([np.ones(k), np.arange(k)], axis=1), np.array([1.0, k])
        inverse = np.linalg.inv(design.T @ design)
        line = inverse @ design.T @ values[:k]
        scale = np.sqrt(np.sum((values[:k] - design @ line) ** 2, axis=0) / (k - 2) * (1 + new @ inverse @ new))
        expected = stats.norm.ppf(stats.t.cdf((values[k] - new @ line) / scale, k - 2))
        np.testing.assert_allclose(scores[k - 6], expected, atol=2e-3)


def test_of_a_line_windows_are_forgotten_by_one_in_the_memory_each() -> None:
    values = np.random.default_rng(9).standard_normal((14, P)) * 0.1 + np.arange(14.0)[:, None] * [0.3, -0.2]
    scores = scores_of(SelfStarting((True, False), memory=5.0), windows(values), 6)
    squares: list[float] = []
    for k in range(2, 14):
        design, new, weights = (
            np.stack([np.ones(k), np.arange(k)], axis=1),
            np.array([1.0, k]),
            0.8 ** np.arange(k, 0, -1),
        )
        inverse = np.linalg.inv(design.T * weights @ design)
        width = 1 + new @ inverse @ new
        error = values[k, 0] - new @ inverse @ (design.T * weights @ values[:k, 0])
        if k >= 6:
            t = error / np.sqrt(np.mean(squares) * width)
            np.testing.assert_allclose(scores[k - 6, 0], stats.norm.ppf(stats.t.cdf(t, k - 2)), atol=2e-3)
        squares.append(error**2 / width)


@pytest.mark.parametrize("baseline", [4, 20])
def test_scores_of_a_well_unit_are_standard_normal_and_independent_however_short_its_baseline(baseline: int) -> None:
    rng, found = np.random.default_rng(2), []
    for _ in range(60):
        values = rng.standard_normal((baseline + 12, P)) * rng.uniform(0.001, 1.0, P) + rng.normal(0, 3, P)
        found.append(scores_of(SelfStarting((False, False)), windows(values), baseline))
    scores = np.array(found)
    assert stats.kstest(scores.ravel(), "norm").pvalue > 0.01
    next_to = np.mean(scores[:, 1:] * scores[:, :-1])
    assert abs(next_to) < 4 / np.sqrt(scores[:, 1:].size)


def test_scores_do_not_depend_on_units_or_on_how_wide_all_posteriors_say_they_are() -> None:
    values = np.random.default_rng(3).standard_normal((15, P))
    plain = scores_of(SelfStarting((False, False)), windows(values, 0.01), 6)
    for scale, variance in ((1e-3, 1e-8), (1.0, 1.0)):
        other = scores_of(SelfStarting((False, False)), windows(scale * values + 2.0, variance), 6)
        np.testing.assert_allclose(other, plain, atol=0.02)


def test_windows_that_are_less_precise_count_less() -> None:
    rng = np.random.default_rng(4)
    variance = np.where(np.arange(60) % 2 == 0, 1.0, 25.0)
    values = np.sqrt(variance)[:, None] * rng.standard_normal((60, P))
    seen = [window(float(k), value, np.full(P, v)) for k, (value, v) in enumerate(zip(values, variance, strict=True))]
    usual = SelfStarting((False, False)).learnt(OUTSET, seen).usual
    chart = SelfStarting((False, False))
    precise, _ = chart.judged(usual, window(60.0, np.full(P, 4.0), np.full(P, 1.0)), ALL, NEWS)
    vague, _ = chart.judged(usual, window(60.0, np.full(P, 4.0), np.full(P, 25.0)), ALL, NEWS)
    assert np.all(precise.shift > 3.0)
    assert np.all(vague.shift < 1.5)


def test_what_is_left_to_the_units_own_scatter_is_what_usual_posteriors_do_not_explain() -> None:
    values = np.random.default_rng(7).standard_normal((600, P)) * [1.0, 0.1]
    found = SelfStarting((False, False)).learnt(OUTSET, windows(values, 0.4)).baseline
    first, second = values.var(axis=0)
    np.testing.assert_allclose(np.diagonal(found.scatter), [first - 0.4, 0.05 * second], rtol=0.01)


def test_what_falls_scores_as_what_rises() -> None:
    values = np.random.default_rng(10).standard_normal((60, P))
    values[-1] = 7.5, 9.0
    up, down = (scores_of(SelfStarting((False, False)), windows(side * values), 50) for side in (1.0, -1.0))
    assert np.all((up[-1] > 6.0) & (up[-1] < FARTHEST))
    np.testing.assert_allclose(up, -down, rtol=1e-6)


def test_a_score_is_never_infinite() -> None:
    chart = SelfStarting((False, False))
    usual = chart.learnt(OUTSET, windows(np.random.default_rng(8).standard_normal((60, P)))).usual
    news, _ = chart.judged(usual, window(60.0, np.array([1e12, -1e12]), np.full(P, 1e-4)), ALL, NEWS)
    np.testing.assert_array_equal(news.shift, [FARTHEST, -FARTHEST])


def test_after_a_change_the_new_mean_is_usual() -> None:
    rng, chart = np.random.default_rng(5), SelfStarting((False, False))
    before, since = windows(rng.standard_normal((20, P))), windows(rng.standard_normal((4, P)) + 8.0)
    usual = chart.learnt(OUTSET, before).usual
    moved = chart.changed(usual, since, [ALL] * 4)
    scores = []
    for one in windows(rng.standard_normal((10, P)) + 8.0):
        news, moved = chart.judged(moved, one, ALL, NEWS)
        scores.append(news.shift)
    assert np.abs(scores).max() < 4
    news, _ = chart.judged(moved, window(30.0, np.zeros(P), np.full(P, 1e-4)), ALL, NEWS)
    assert np.all(news.shift < -3)


def test_a_parameter_of_which_a_window_does_not_tell_is_left_as_it_was() -> None:
    chart, told = SelfStarting((False, False)), np.array([1.0, 0.0])
    usual = chart.learnt(OUTSET, windows(np.random.default_rng(6).standard_normal((10, P)))).usual
    news, after = chart.judged(usual, window(10.0, np.array([0.3, 1e6]), np.full(P, 1e-4)), told, NEWS)
    assert news.shift[1] == news.precision[1, 1] == 0.0
    np.testing.assert_array_equal(after.square[:, 1], usual.square[:, 1])
    np.testing.assert_array_equal(after.shift[:, 1], usual.shift[:, 1])


def test_marginals_of_a_window_are_those_of_its_gaussian() -> None:
    covariance = np.array([[0.04, -0.03], [-0.03, 0.09]])
    precision = np.linalg.inv(covariance)
    mean = np.array([1.0, -2.0])
    found, variance = marginal(Information(precision, precision @ mean, np.zeros(1), np.zeros(()), np.zeros(1)))
    np.testing.assert_allclose(found, mean, rtol=1e-3)
    np.testing.assert_allclose(variance, [0.04, 0.09], rtol=1e-3)
    found, variance = marginal(window(0.0, mean, np.array([900.0, 2000.0])).window)
    np.testing.assert_allclose(found, mean, rtol=1e-9)
    np.testing.assert_allclose(variance, [900.0, 2000.0], rtol=1e-9)


def test_all_charts_together_are_false_as_often_as_stated() -> None:
    chart = SelfStarting((False,) * 3, size=0.8)
    assert run_length(chart.threshold(100.0, 3), 0.8, SHARE) == pytest.approx(600.0, rel=1e-3)


def test_a_baseline_of_two_windows_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 windows"):
        SelfStarting((False, False)).learnt(OUTSET, windows(np.zeros((2, P))))
