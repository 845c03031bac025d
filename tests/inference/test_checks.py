"""Checks pass on a good posterior and fire, each alone, on what they are there for."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from twin.inference.checks import bfmi, check_predictive, edge_mass, run_checks
from twin.inference.likelihood import Likelihood
from twin.inference.report.summary import contraction, summarise
from twin.inference.treatment import Treatment
from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter

KEYS = {
    "rhat_max", "ess_min", "divergences", "bfmi", "khat", "surrogate_error", "domain_edge", "posterior_predictive",
    "verification", "reference_failures",
}  # fmt: skip


def failed(posterior: Any) -> set[str]:
    return {check.name for check in run_checks(posterior) if not check.passed}


def test_a_good_posterior_passes_every_check(made_posterior: Any) -> None:
    checks = run_checks(made_posterior())
    assert {c.name for c in checks} == KEYS
    assert failed(made_posterior()) == set()
    assert all(c.meaning for c in checks)


def test_a_chain_that_stays_elsewhere_fires_rhat(made_posterior: Any) -> None:
    def elsewhere(theta: np.ndarray) -> None:
        theta[0, :, 0] += 0.02

    assert {"rhat_max", "ess_min"} <= failed(made_posterior(spoil=elsewhere))


def test_a_chain_that_never_moves_fires_rhat_and_ess(made_posterior: Any) -> None:
    def stuck(theta: np.ndarray) -> None:
        theta[:, :, 1] = 0.9

    assert {"rhat_max", "ess_min"} <= failed(made_posterior(spoil=stuck))


def test_a_random_walk_fires_ess(made_posterior: Any) -> None:
    def walk(theta: np.ndarray) -> None:
        steps = np.random.default_rng(0).standard_normal(theta.shape[:2])
        theta[:, :, 0] = 1.3 + 1e-3 * np.cumsum(steps, axis=1) / 20

    assert "ess_min" in failed(made_posterior(spoil=walk))


def test_divergences_bad_weights_and_stiff_energies_fire_alone(made_posterior: Any) -> None:
    good = made_posterior()
    one = good.stats["diverging"].copy()
    one[2, 7] = True
    assert failed(replace(good, stats={**good.stats, "diverging": one})) == {"divergences"}
    drift = np.cumsum(np.random.default_rng(0).standard_normal((4, 500)), axis=1)
    assert failed(replace(good, stats={**good.stats, "energy": drift})) == {"bfmi"}
    assert failed(replace(good, khat=0.71, weight_ess=900.0)) == {"khat"}
    assert failed(replace(good, khat=0.2, weight_ess=399.0)) == {"ess_min"}


def test_bfmi_of_independent_energies_is_two() -> None:
    np.testing.assert_allclose(bfmi(np.random.default_rng(0).standard_normal((3, 40000))), 2.0, rtol=0.03)


def test_mass_at_the_edge_of_the_domain_fires(made_posterior: Any) -> None:
    def pressed(theta: np.ndarray) -> None:
        theta[:, :, 1] = 5.0 - 0.02 * np.random.default_rng(0).uniform(size=theta.shape[:2])

    assert "domain_edge" in failed(made_posterior(spoil=pressed))


@pytest.mark.parametrize(
    ("prior", "box", "draws", "expected"),
    [
        (Uniform(0.0, 1.0), {}, np.linspace(0.0, 0.02, 101), 0.5),
        (HalfNormal(1.0), {}, np.linspace(1e-9, 1e-3, 100), 0.0),  # 0 of a scale is no edge
        (Beta(2.0, 2.0), {}, np.full(100, 0.999), 0.0),
        (Normal(0.0, 1.0), {}, np.full(100, 9.0), 0.0),
        (Normal(0.0, 1.0), {"lower": -2.0, "upper": 2.0}, np.full(100, 1.97), 1.0),
        (Normal(0.0, 1.0), {"lower": -2.0, "upper": 2.0}, np.full(100, 1.95), 0.0),
        (LogNormal(1e-14, 1.0), {"lower": 1e-15, "upper": 1e-12}, np.full(100, 2e-15), 0.0),  # far off in logarithms
        (LogNormal(1e-14, 1.0), {"lower": 1e-15, "upper": 1e-12}, np.full(100, 1.02e-15), 1.0),
        (LogNormal(1.0, 1.0), {"upper": 3.0}, np.full(100, 2.99), 1.0),
    ],
)
def test_edges_are_bounds_that_cut_the_prior(prior: Any, box: Any, draws: Any, expected: Any) -> None:
    assert edge_mass(Parameter("a", "1", prior, 1.0, "", "", **box), draws) == pytest.approx(expected, abs=0.01)


def test_a_flat_posterior_over_its_whole_range_is_not_at_the_edge() -> None:
    flat = Parameter("a", "1", Uniform(0.0, 1.0), 0.5, "", "")
    assert edge_mass(flat, np.random.default_rng(0).uniform(size=4000)) < 0.02


def test_surrogate_error_fires_above_a_third_of_the_noise_and_says_if_it_was_left_out(
    made_posterior: Any, voltage_only: Any, make_experiment: Any
) -> None:
    for sd, fires in ((0.006, False), (0.008, True)):
        forward = replace(voltage_only, bias=0.0, sd=sd)
        posterior = made_posterior(
            likelihood=Likelihood(forward, [make_experiment(n=60)], surrogate_error=Treatment.NONE)
        )
        assert ("surrogate_error" in failed(posterior)) is fires
        assert posterior.metadata["surrogate_error"] == "none"
    biased = replace(voltage_only, bias=0.01, sd=0.0)
    assert "surrogate_error" in failed(
        made_posterior(likelihood=Likelihood(biased, [make_experiment(n=60)], surrogate_error=Treatment.NONE))
    )


def test_noise_that_is_too_small_or_too_large_fires_the_predictive_check(made_posterior: Any) -> None:
    for factor in (0.4, 3.0):

        def scaled(theta: np.ndarray, factor: float = factor) -> None:
            theta[:, :, 2] *= factor

        assert failed(made_posterior(spoil=scaled)) == {"posterior_predictive"}


def test_few_points_widen_the_predictive_limits(made_posterior: Any, voltage_only: Any, make_experiment: Any) -> None:
    check = check_predictive(made_posterior(likelihood=Likelihood(voltage_only, [make_experiment(n=8)])))
    assert isinstance(check.limit, tuple)
    assert check.limit[1] == 1.0


def test_what_the_data_say_nothing_about_is_not_informed(
    made_posterior: Any, voltage_only: Any, make_experiment: Any
) -> None:
    prior = Likelihood(voltage_only, [make_experiment(n=60)]).space.draw(2000, seed=1).reshape(4, 500, 3)

    def ignorant(theta: np.ndarray) -> None:
        theta[..., 0] = prior[..., 0]

    posterior = made_posterior(spoil=ignorant)
    assert abs(contraction(posterior.space["amplitude"], posterior)) < 0.1
    summary = summarise(posterior)["parameters"]
    assert not summary["amplitude"]["informed"]
    assert summary["tau"]["informed"]


def test_summary_has_the_keys_that_scripts_rely_on(made_posterior: Any) -> None:
    summary = summarise(made_posterior())
    assert set(summary) == {"parameters", "outcomes", "fit", "checks"}
    assert set(summary["parameters"]["tau"]) == {
        "unit", "mean", "sd", "q05", "q50", "q95", "rhat", "ess_bulk", "ess_tail", "contraction", "informed"
    }  # fmt: skip
    assert set(summary["fit"][0]) == {"experiment", "observable", "unit", "rmse", "n", "coverage90"}
    assert set(summary["checks"]) == KEYS
    assert all(set(check) == {"value", "limit", "pass"} for check in summary["checks"].values())
    assert summary["fit"][0]["rmse"] == pytest.approx(0.02, rel=0.25)
    assert summary["checks"]["khat"] == {"value": None, "limit": 0.7, "pass": True}
