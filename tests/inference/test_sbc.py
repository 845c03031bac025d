"""Simulation-based calibration passes what is right at the stated rate, and says what is wrong with what is not."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, kstest, norm

from twin.inference.report.sbc import remarks, render_sbc, write_sbc
from twin.inference.sbc import (
    Trial,
    adjusted_level,
    band,
    counts_up_to,
    coverage,
    escape_probability,
    evaluation_points,
    summarise_sbc,
    tail_probabilities,
    thinned,
    uniformity,
    weighted_position,
)
from twin.space import Floats

NAMES = ("slope", "offset")
Position = Callable[[np.random.Generator, int], Floats]


def trials_of(u: dict[str, Floats], failed: int = 0) -> list[Trial]:
    """Trials whose posteriors are N(0, 1) and whose truths stand at the given positions; the first ones failed."""
    n = len(next(iter(u.values())))
    names = tuple(u)
    return [
        Trial(
            index=i,
            truth={k: float(norm.ppf(u[k][i])) for k in names},
            u={k: float(u[k][i]) for k in names},
            mean=dict.fromkeys(names, 0.0),
            sd=dict.fromkeys(names, 1.0),
            q05=dict.fromkeys(names, float(norm.ppf(0.05))),
            q95=dict.fromkeys(names, float(norm.ppf(0.95))),
            rung="nuts" if i % 4 else "laplace",
            reason="made up",
            khat=None if i % 4 else 0.3,
            failed="no mode reached" if i < failed else "",
        )
        for i in range(n)
    ]


def conjugate_trials(n: int, *, bias: float = 0.0, spread: float = 1.0, seed: int = 0) -> list[Trial]:
    """β ~ N(0, 1)², y = β₀ x + β₁ + N(0, 0.3²) at ten x; the exact posterior, of a forward map off by ``bias``."""
    rng = np.random.default_rng(seed)
    design = np.stack([np.linspace(-1.0, 1.0, 10), np.ones(10)], axis=-1)
    covariance = np.linalg.inv(design.T @ design / 0.09 + np.eye(2))
    factor = np.linalg.cholesky(covariance) * spread
    found = []
    for i in range(n):
        truth = rng.standard_normal(2)
        y = design @ truth + 0.3 * rng.standard_normal(10)
        draws = covariance @ design.T @ (y - bias) / 0.09 + rng.standard_normal((400, 2)) @ factor.T
        u = [weighted_position(column, None, float(t), rng) for column, t in zip(draws.T, truth, strict=True)]
        low, high = np.quantile(draws, (0.05, 0.95), axis=0)
        truths, positions, means, sds, lows, highs = (
            {k: float(v) for k, v in zip(NAMES, values, strict=True)}
            for values in (truth, u, draws.mean(axis=0), draws.std(axis=0), low, high)
        )
        found.append(Trial(i, truths, positions, means, sds, lows, highs, rung="exact", reason="", khat=None))
    return found


def test_uniform_positions_are_rejected_at_the_stated_rate() -> None:
    rng = np.random.default_rng(0)
    p_values = np.array([uniformity(rng.uniform(size=100)) for _ in range(300)])
    low, high = binom.interval(0.99, 300, 0.05)
    assert low <= np.sum(p_values <= 0.05) <= high
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_several_parameters_share_one_rate() -> None:
    rng = np.random.default_rng(1)
    passed = 0
    for _ in range(150):
        positions = {f"p{i}": rng.uniform(size=60) for i in range(4)}
        passed += summarise_sbc(trials_of(positions), tuple(positions), {})["passed"]
    assert binom.interval(0.99, 150, 0.95)[0] <= passed


@pytest.mark.parametrize(
    ("positions", "said"),
    [
        (lambda rng, n: norm.cdf(rng.standard_normal(n) + 0.5), "posteriors too low"),
        (lambda rng, n: norm.cdf(rng.standard_normal(n) - 0.5), "posteriors too high"),
        (lambda rng, n: norm.cdf(1.5 * rng.standard_normal(n)), "posteriors too narrow"),
        (lambda rng, n: norm.cdf(0.6 * rng.standard_normal(n)), "posteriors too wide"),
    ],
)
def test_shifted_and_misshapen_positions_are_caught_and_named(positions: Position, said: str) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        summary = summarise_sbc(trials_of({"a": positions(rng, 200), "b": rng.uniform(size=200)}), ("a", "b"), {})
        assert not summary["passed"]
        assert not summary["parameters"]["a"]["uniform"]
        assert said in remarks(summary["parameters"]["a"])
        assert summary["parameters"]["b"]["uniform"]


@pytest.mark.parametrize("n", [20, 100, 250])
@pytest.mark.parametrize("significance", [0.05, 0.01])
def test_bands_hold_all_points_at_once_as_often_as_simulated_uniform_samples_stay_inside(
    n: int, significance: float
) -> None:
    found, points = band(n, significance), evaluation_points(n)
    rng = np.random.default_rng(2)
    counts = np.array([counts_up_to(rng.uniform(size=n), points) for _ in range(6000)])
    left = int(np.sum(np.any((counts < found.low) | (counts > found.high), axis=1)))
    exact = escape_probability(
        tail_probabilities(n, points), points, adjusted_level(tail_probabilities(n, points), points, significance)
    )
    assert 0.85 * significance < exact <= significance
    low, high = binom.interval(0.999, 6000, exact)
    assert low <= left <= high


@pytest.mark.parametrize("n", [100, 150, 250])
def test_the_pointwise_level_is_the_quantile_that_simulation_gives(n: int) -> None:
    """Säilynoja et al. 2022: the 5 % quantile of the smallest tail probability."""
    points = evaluation_points(n)
    table = tail_probabilities(n, points)
    rng = np.random.default_rng(3)
    row = np.arange(len(points))
    smallest = [table[row, counts_up_to(rng.uniform(size=n), points)].min() for _ in range(6000)]
    low, high = np.quantile(smallest, (0.04, 0.06))
    assert low <= adjusted_level(table, points, 0.05) <= high


def test_two_positions_give_the_probability_counted_by_hand() -> None:
    """n = 2, one point at ½: R is 0, 1, 2 with ¼, ½, ¼; t(0) = t(2) = ½ and t(1) = 1."""
    assert uniformity(np.array([0.1, 0.2])) == pytest.approx(0.5)
    assert uniformity(np.array([0.1, 0.7])) == pytest.approx(1.0)


def test_an_exact_posterior_passes_and_covers() -> None:
    summary = summarise_sbc(conjugate_trials(200), NAMES, {"slope": "V/s", "offset": "V"})
    assert summary["passed"]
    for entry in summary["parameters"].values():
        assert entry["p_value"] > 0.05
        for share in (0.5, 0.9):
            low, high = binom.interval(0.999, 200, share)
            assert low <= 200 * entry[f"coverage{100 * share:.0f}"]["share"] <= high
        assert abs(entry["z_mean"]) < 3 * entry["z_se"]
        assert entry["z_se"] == pytest.approx(200**-0.5, rel=0.15)
    variance = 1 / (1 + 10 / 0.09)
    assert summary["parameters"]["offset"]["shrinkage"] == pytest.approx(1 - variance, abs=0.01)


def test_a_biased_forward_map_fails_in_the_parameter_it_moves_and_shows_its_sign() -> None:
    summary = summarise_sbc(conjugate_trials(200, bias=0.1), NAMES, {})
    assert not summary["passed"]
    assert summary["parameters"]["slope"]["uniform"]
    offset = summary["parameters"]["offset"]
    assert offset["z_mean"] == pytest.approx(0.1 / 0.0945, rel=0.2)  # bias over the posterior's sd
    assert remarks(offset)[0] == "posteriors too low"
    assert offset["coverage90"]["high"] < 0.9


def test_overconfidence_fails() -> None:
    assert not summarise_sbc(conjugate_trials(200, spread=0.6), NAMES, {})["passed"]


def test_positions_among_few_tied_or_weighted_draws_are_uniform() -> None:
    rng = np.random.default_rng(4)
    few = [weighted_position(rng.standard_normal(3), None, float(rng.standard_normal()), rng) for _ in range(2000)]
    tied = [
        weighted_position(rng.integers(0, 3, 5).astype(float), None, float(rng.integers(0, 3)), rng)
        for _ in range(2000)
    ]
    weighted = []
    for _ in range(2000):
        draws = 1.5 * rng.standard_normal(2000)
        weights = np.exp(norm.logpdf(draws) - norm(0.0, 1.5).logpdf(draws))
        weighted.append(weighted_position(draws, weights, float(rng.standard_normal()), rng))
    for positions in (few, tied, weighted):
        assert kstest(positions, "uniform").pvalue > 0.01


def test_equal_weights_count_as_none_and_wrong_ones_are_refused() -> None:
    draws = np.random.default_rng(5).standard_normal(50)
    plain = weighted_position(draws, None, 0.3, np.random.default_rng(6))
    assert weighted_position(draws, np.full(50, 7.0), 0.3, np.random.default_rng(6)) == pytest.approx(plain)
    assert abs(plain - np.mean(draws < 0.3)) < 1 / 51
    for weights in (np.zeros(50), np.full(50, np.nan), -np.ones(50), np.ones(49)):
        with pytest.raises(ValueError, match="weights"):
            weighted_position(draws, weights, 0.3, np.random.default_rng(6))


def test_thinning_keeps_every_kth_draw_of_each_chain_and_makes_correlated_ranks_uniform() -> None:
    draws = np.arange(24.0).reshape(2, 12)
    np.testing.assert_array_equal(thinned(draws, 8.0), [2, 5, 8, 11, 14, 17, 20, 23])
    np.testing.assert_array_equal(thinned(draws, 1e9), np.arange(24.0))
    assert thinned(np.zeros((2, 12, 3)), 1.0).shape == (2, 3)
    with pytest.raises(ValueError, match="positive"):
        thinned(draws, 0.0)
    rng, rho = np.random.default_rng(7), 0.95
    raw, thin = [], []
    for _ in range(300):
        noise = rng.standard_normal((2, 200)) * np.sqrt(1 - rho**2)
        chain = np.empty((2, 200))
        chain[:, 0] = rng.standard_normal(2)
        for i in range(1, 200):
            chain[:, i] = rho * chain[:, i - 1] + noise[:, i]
        truth = float(rng.standard_normal())
        raw.append(weighted_position(chain.ravel(), None, truth, rng))
        thin.append(weighted_position(thinned(chain, 400 * (1 - rho) / (1 + rho)), None, truth, rng))
    assert uniformity(np.array(raw)) < 0.01
    assert uniformity(np.array(thin)) > 0.05


def test_the_interval_of_a_coverage_is_clopper_and_pearsons() -> None:
    found = coverage(9, 10, 0.9)
    assert binom.sf(8, 10, found["low"]) == pytest.approx(0.025)
    assert binom.cdf(9, 10, found["high"]) == pytest.approx(0.025)
    assert coverage(0, 10, 0.5)["low"] == 0.0
    assert coverage(10, 10, 0.9)["high"] == 1.0


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (10, True), (11, False), (199, False), (200, False)])
def test_more_than_five_percent_without_an_answer_is_a_failure(failed: int, passed: bool) -> None:
    positions = np.random.default_rng(0).permutation((np.arange(200) + 0.5) / 200)
    trials = trials_of({"a": positions}, failed)
    summary = summarise_sbc(trials, ("a",), {})
    assert summary["passed"] is passed
    assert (summary["failed"], summary["failed_share"]) == (failed, failed / 200)
    assert sum(summary["rungs"].values()) == summary["parameters"]["a"]["n"] == 200 - failed
    assert summary["failures"] == ({"no mode reached": failed} if failed else {})
    assert "<svg" in render_sbc(summary, trials, title="t", facts={}) or failed > 198


def test_a_posterior_that_never_moves_is_no_answer() -> None:
    trials = trials_of({"a": np.linspace(0.01, 0.99, 50)})
    trials[3] = replace(trials[3], sd={"a": 0.0})
    with pytest.raises(ValueError, match=r"\[3\]"):
        summarise_sbc(trials, ("a",), {})


def test_trials_and_summary_survive_json() -> None:
    trials = [*conjugate_trials(30), replace(trials_of({k: np.array([0.5]) for k in NAMES}, 1)[0], index=30)]
    again = [Trial(**entry) for entry in json.loads(json.dumps([asdict(t) for t in trials], allow_nan=False))]
    assert again == trials
    summary = summarise_sbc(trials, NAMES, {"slope": "V/s"})
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summarise_sbc(again, NAMES, {"slope": "V/s"}) == summary


def test_the_page_names_everything_reaches_nothing_outside_and_repeats(tmp_path: Path) -> None:
    nasty = '<script>alert("1")</script>'
    trials = conjugate_trials(60, bias=0.2)
    trials[0] = replace(trials[0], failed=nasty)
    summary = summarise_sbc(trials, NAMES, {"slope": "V/s", "offset": "V"})
    page = render_sbc(summary, trials, title=nasty, facts={"Simulator": "closed form"})
    assert not re.search(r"https?:|//[a-z]|@import|url\((?!#)|<script", re.sub(r"base64,[\w+/=]+", "", page))
    for wanted in ("slope", "V/s", "Not calibrated", "posteriors too low", "closed form", "exact (59)", "false alarm"):
        assert wanted in page
    assert page == render_sbc(summary, trials, title=nasty, facts={"Simulator": "closed form"})
    ids: list[Any] = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    write_sbc(summary, trials, tmp_path / "sbc.html", title=nasty, facts={"Simulator": "closed form"})
    assert (tmp_path / "sbc.html").read_text(encoding="utf-8") == page
    assert [path.name for path in tmp_path.iterdir()] == ["sbc.html"]


def test_a_summary_of_other_trials_is_refused() -> None:
    trials = conjugate_trials(20)
    with pytest.raises(ValueError, match="summarise these trials"):
        render_sbc(summarise_sbc(trials[:19], NAMES, {}), trials, title="t", facts={})
