"""Power scaling gives the derivative that exact posteriors have, and flags conflicts and ignorance, nothing else."""

import html
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from twin.inference.posterior import Posterior
from twin.inference.power_scaling import CONFLICT, DELTA, NOTHING, PRIOR_DECIDES, distance, power_scaling, sensitivities
from twin.inference.report import page as report
from twin.inference.report.sensitivity import WORDS, sensitivity
from twin.inference.report.summary import summarise
from twin.priors import LogNormal, Normal, Prior, Uniform
from twin.space import Floats, Parameter, Space

ALPHAS = (1.0 / (1.0 + DELTA), 1.0 + DELTA)
Made = tuple[Posterior, Floats]
Make = Callable[..., Made]


def normal_posterior(y: float, sd: float, to_prior: float = 1.0, to_data: float = 1.0) -> Any:
    """N(0, 1)^to_prior times N(y; θ, sd²)^to_data, normalised."""
    precision = to_prior + to_data / sd**2
    return norm(to_data * y / sd**2 / precision, precision**-0.5)


def by_quadrature(before: Any, after: tuple[Any, ...], ends: tuple[float, float]) -> float:
    """The sensitivity of two exact distributions around a third, by the formula as printed."""
    x = np.linspace(*ends, 100_001)
    total = 0.0
    for law in after:
        squares = []
        for p, q in ((before.cdf(x), law.cdf(x)), (before.sf(x), law.sf(x))):
            middle = (p + q) / 2
            terms = p * np.log2(p / middle) + q * np.log2(q / middle)
            squares.append(np.trapezoid(terms, x) / np.trapezoid(p + q, x))
        total += math.sqrt(max(squares))
    return total / (2 * math.log2(1 + DELTA))


@pytest.fixture
def made(made_posterior: Any) -> Make:
    """Independent draws (4, draws) of the exact posterior of one normal datum per parameter."""
    plain = made_posterior()

    def make(data: dict[str, tuple[Prior, float, float]], *, draws: int = 2000, seed: int = 0) -> Made:
        rng = np.random.default_rng(seed)
        space = Space(tuple(Parameter(n, "1", prior, 0.0, "", "test") for n, (prior, _, _) in data.items()))
        columns, log_likelihood = [], np.zeros((4, draws))
        for prior, y, sd in data.values():
            if isinstance(prior, Normal):
                precision = prior.sd**-2 + sd**-2
                law = norm((prior.mean / prior.sd**2 + y / sd**2) / precision, precision**-0.5)
            else:
                law = norm(y, sd)
            columns.append(law.rvs((4, draws), random_state=rng))
            log_likelihood += norm(columns[-1], sd).logpdf(y)
        theta = np.stack(columns, axis=-1)
        metadata = {**plain.metadata, "latent": []}
        return replace(plain, space=space, theta=theta, prior=space.draw(64, 0), metadata=metadata), log_likelihood

    return make


@pytest.mark.parametrize(("y", "sd"), [(0.1, 0.14), (3.0, 0.5), (10.0, 0.5), (1.0, 5.0), (0.0, 1.0)])
def test_sensitivities_of_a_conjugate_posterior_are_those_of_its_exact_power_scalings(y: float, sd: float) -> None:
    exact = normal_posterior(y, sd)
    draws = exact.rvs(40_000, random_state=np.random.default_rng(1))
    ends = (draws.min(), draws.max())
    parts = {
        "prior": (norm.logpdf(draws), tuple(normal_posterior(y, sd, to_prior=a) for a in ALPHAS)),
        "likelihood": (norm(draws, sd).logpdf(y), tuple(normal_posterior(y, sd, to_data=a) for a in ALPHAS)),
    }
    for log_part, scaled in parts.values():
        (found,), khat = sensitivities(draws[:, None], log_part)
        assert found == pytest.approx(by_quadrature(exact, scaled, ends), rel=0.04, abs=0.001)
        assert khat < 0.3


def test_constants_of_the_densities_play_no_part(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Normal(0.0, 1.0), 3.0, 0.5)})
    plain = power_scaling(posterior, log_likelihood)["parameters"]["a"]
    moved = power_scaling(posterior, log_likelihood + 1e4)["parameters"]["a"]
    assert moved["likelihood"] == pytest.approx(plain["likelihood"], rel=1e-6)


def test_the_distance_is_that_of_the_formula_for_two_draws() -> None:
    """P = ½ and Q = ¼ between the draws; ½ and ¾ seen from the other side, which is less."""
    middle = 3 / 8
    square = (math.log2(1 / 2 / middle) / 2 + math.log2(1 / 4 / middle) / 4) / (1 / 2 + 1 / 4)
    assert distance(np.array([0.0, 1.0]), np.array([0.25, 0.75])) == pytest.approx(math.sqrt(square), rel=1e-12)
    assert distance(np.array([0.0, 1.0]), np.array([0.75, 0.25])) == pytest.approx(math.sqrt(square), rel=1e-12)
    draws, weights = np.random.default_rng(0).gamma(2.0, size=(2, 500))
    assert distance(draws, weights) == pytest.approx(distance(-3.0 * draws + 1.0, weights), rel=1e-9)
    assert distance(draws, np.ones(500)) < 1e-12
    assert distance(np.ones(500), weights) == 0.0


def test_a_prior_in_conflict_with_the_data_is_flagged_and_a_good_one_beside_it_is_not(made: Make) -> None:
    posterior, log_likelihood = made(
        {"wrong": (Normal(0.0, 1.0), 4.0, 0.5), "good": (Normal(0.0, 1.0), 0.2, 0.1)}, draws=4000
    )
    found = power_scaling(posterior, log_likelihood)
    assert found["parameters"]["wrong"]["diagnosis"] == CONFLICT
    assert found["parameters"]["good"]["diagnosis"] == NOTHING
    assert found["parameters"]["good"]["likelihood"] > found["threshold"]
    assert found["khat"]["prior"] < 0.7
    assert found["khat"]["likelihood"] < 0.7


def test_a_uniform_prior_has_no_sensitivity_even_where_the_data_say_nothing(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Uniform(-50.0, 50.0), 1.0, 0.5)})
    found = power_scaling(posterior, log_likelihood)
    assert found["parameters"]["a"]["prior"] == 0.0
    assert found["noise"]["prior"] == 0.0
    assert found["parameters"]["a"]["likelihood"] > found["threshold"]
    assert found["parameters"]["a"]["diagnosis"] == NOTHING


def test_what_the_data_say_nothing_about_is_decided_by_the_prior(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Normal(0.0, 1.0), 1.0, 8.0), "b": (Normal(0.0, 1.0), 0.0, 0.1)})
    found = power_scaling(posterior, log_likelihood)["parameters"]
    assert found["a"]["diagnosis"] == PRIOR_DECIDES
    assert found["b"]["diagnosis"] == NOTHING


def test_informed_parameters_with_sensible_priors_are_never_flagged(made: Make) -> None:
    data = {f"p{i}": (Normal(0.0, 1.0), y, 0.1) for i, y in enumerate(np.linspace(-1.0, 1.0, 6))}
    for seed in range(10):
        found = power_scaling(*made(data, seed=seed))["parameters"]
        assert {entry["diagnosis"] for entry in found.values()} == {NOTHING}


def test_few_draws_raise_the_limit_instead_of_false_alarms(made: Make) -> None:
    ignorant = {f"p{i}": (Normal(0.0, 1.0), 0.0, 20.0) for i in range(8)}
    unrelated = {f"u{i}": (Uniform(-9.0, 9.0), 0.0, 1.0) for i in range(8)}
    flagged, above = 0, 0
    for seed in range(20):
        found = power_scaling(*made(ignorant | unrelated, draws=40, seed=seed))
        entries = [found["parameters"][name] for name in unrelated]
        above += sum(entry["prior"] > found["threshold"] for entry in entries)
        flagged += sum(entry["diagnosis"] != NOTHING for entry in entries)
    assert above > 0.3 * 160
    assert flagged < 0.12 * 160


def test_latent_coefficients_are_neither_reported_nor_part_of_the_prior(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Uniform(-50.0, 50.0), 1.0, 0.5), "gap[0]": (Normal(0.0, 1.0), 5.0, 0.5)})
    hidden = replace(posterior, metadata={**posterior.metadata, "latent": ["gap[0]"]})
    found = power_scaling(hidden, log_likelihood)
    assert set(found["parameters"]) == {"a"}
    assert found["parameters"]["a"]["prior"] == 0.0
    assert power_scaling(posterior, log_likelihood)["parameters"]["gap[0]"]["diagnosis"] == CONFLICT


def test_truncation_of_the_prior_changes_nothing(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Normal(0.0, 1.0), 3.0, 0.5)})
    cut = replace(posterior, space=posterior.space.within({"a": (-10.0, 10.0)}))
    assert power_scaling(cut, log_likelihood) == power_scaling(posterior, log_likelihood)


def test_a_log_normal_prior_is_scaled_in_theta_and_judged_in_its_logarithm(made: Make) -> None:
    """LogNormal(1, s)^α is LogNormal(exp(s² (1 - α)/α), s/√α): the prior's own draws follow it."""
    posterior, _ = made({"a": (Normal(0.0, 1.0), 0.0, 1.0)}, draws=10_000)
    z = np.random.default_rng(2).standard_normal((4, 10_000, 1))
    space = Space((Parameter("a", "1", LogNormal(1.0, 1.0), 1.0, "", "test"),))
    found = power_scaling(replace(posterior, space=space, theta=np.exp(z)), np.zeros((4, 10_000)))["parameters"]["a"]
    scaled = tuple(norm((1 - a) / a, a**-0.5) for a in ALPHAS)
    assert found["prior"] == pytest.approx(by_quadrature(norm, scaled, (z.min(), z.max())), rel=0.04)
    assert found["likelihood"] == 0.0


def test_wrong_shapes_and_densities_that_are_not_finite_are_refused(made: Make) -> None:
    posterior, log_likelihood = made({"a": (Normal(0.0, 1.0), 3.0, 0.5)})
    with pytest.raises(ValueError, match="one value per draw"):
        power_scaling(posterior, log_likelihood.ravel())
    log_likelihood[1, 2] = -np.inf
    with pytest.raises(ValueError, match="1 of 8000"):
        power_scaling(posterior, log_likelihood)


def test_the_section_survives_json_and_shows_every_reported_parameter_and_what_flags_mean(
    made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior, log_likelihood = made(
        {"wrong": (Normal(0.0, 1.0), 4.0, 0.5), "good": (Normal(0.0, 1.0), 0.2, 0.1)}, draws=4000
    )
    assert sensitivity(posterior, {}) is None
    found = power_scaling(posterior, log_likelihood)
    again = json.loads(json.dumps(found, allow_nan=False))
    assert again == found
    judged = replace(posterior, metadata={**posterior.metadata, "sensitivity": again})
    section = sensitivity(judged, {})
    assert section is not None
    assert [(row["name"], row["diagnosis"]) for row in section.content["rows"]] == [("wrong", CONFLICT), ("good", "")]
    monkeypatch.setattr(report, "SECTIONS", (sensitivity,))
    page = html.unescape(report.render(judged, summarise(judged)))
    for wanted in ("wrong", "good", CONFLICT, WORDS[CONFLICT], f"{found['parameters']['wrong']['prior']:.3f}"):
        assert wanted in page
    for absent in (PRIOR_DECIDES, WORDS[PRIOR_DECIDES], "Not reliable", "few independent draws"):
        assert absent not in page


def test_the_section_says_when_weights_or_draws_are_not_enough(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, log_likelihood = made({"a": (Normal(0.0, 1.0), 1.0, 8.0)})
    found = power_scaling(posterior, log_likelihood)
    poor = {**found, "khat": {"prior": None, "likelihood": 0.71}, "noise": {"prior": 0.01, "likelihood": 0.08}}
    monkeypatch.setattr(report, "SECTIONS", (sensitivity,))
    judged = replace(posterior, metadata={**posterior.metadata, "sensitivity": poor})
    page = " ".join(html.unescape(report.render(judged, summarise(judged))).split())
    assert "the weights of the scaled prior and likelihood have a k-hat above 0.7" in page
    assert "values up to 0.080 are noise" in page
    assert WORDS[PRIOR_DECIDES] in page
