"""What the data can tell is exact where the model is linear, and is said in words that are true."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from twin.arrays import Array, like, namespace
from twin.case_studies.forwards import forward_of
from twin.experiment import Experiment
from twin.inference.discrepancy import Discrepancy
from twin.inference.identifiability.design import Candidate
from twin.inference.identifiability.directions import directions, in_words, movement
from twin.inference.identifiability.identify import identify
from twin.inference.identifiability.information import (
    contraction,
    correlation,
    covariance,
    cramer_rao,
    information,
)
from twin.inference.identifiability.words import remarks
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.treatment import Treatment
from twin.model import Coordinate, Observable
from twin.models import catalogue
from twin.priors import HalfNormal, Normal, Prior
from twin.space import Floats, Parameter, Space

SD = 0.1
NONE = Space(())


@dataclass(frozen=True, eq=False)
class Linear:
    """voltage = Σ_i θ_i columns_i(x): θ enters linearly through a design made of powers of x."""

    space: Space
    columns: Callable[[Floats], Floats]
    conditions: Space = NONE
    coordinates: tuple[Coordinate, ...] = (Coordinate("current", "A", "current"),)
    observables: tuple[Observable, ...] = (Observable("voltage", "V", "voltage", HalfNormal(SD)),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        xp = namespace(theta)
        design = like(self.columns(np.asarray(x)[:, 0]), theta)
        return xp.sum(theta[..., None, :] * design, axis=-1)[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


def linear(
    columns: Callable[[Floats], Floats], *priors: Prior, names: tuple[str, ...] = (), n: int = 30, **changes: Any
) -> Likelihood:
    labels = names or tuple(f"b{i}" for i in range(len(priors)))
    space = Space(
        tuple(Parameter(k, "Ohm", q, float(q.scipy().median()), "", "") for k, q in zip(labels, priors, strict=True))
    )
    forward = Linear(space, columns)
    x = np.linspace(0.1, 1.0, n)[:, None]
    y = forward(space.nominal, np.empty(0), x) + SD * np.random.default_rng(0).standard_normal((n, 1))
    experiment = Experiment("run", {}, ("current",), x, ("voltage",), y, {"voltage": "V"})
    return Likelihood(forward, [experiment], **changes)


def powers(x: Floats) -> Floats:
    return np.stack([np.ones_like(x), x, x**2], axis=-1)


def series(x: Floats) -> Floats:
    """Two resistances in series, and a third that is not in the circuit."""
    return np.stack([x, x, 0 * x], axis=-1)


def resistors(**changes: Any) -> Likelihood:
    prior = Normal(1.0, 0.5)
    return linear(series, prior, prior, prior, names=("first", "second", "unseen"), **changes)


def at(likelihood: Likelihood) -> Floats:
    theta = likelihood.space.nominal.copy()
    theta[len(likelihood.forward.space) :] = SD
    return theta


def test_the_fisher_information_of_a_linear_model_is_exact() -> None:
    likelihood = linear(powers, Normal(0.0, 2.0), Normal(1.0, 0.5), Normal(0.0, 1.0))
    found = information(likelihood, at(likelihood)[None])
    scaled = powers(likelihood.experiments[0].x[:, 0]) * np.array([2.0, 0.5, 1.0]) / SD
    np.testing.assert_allclose(found.matrix[0], scaled.T @ scaled, rtol=1e-8)
    in_units = np.linalg.inv(powers(likelihood.experiments[0].x[:, 0]).T @ powers(likelihood.experiments[0].x[:, 0]))
    np.testing.assert_allclose(cramer_rao(likelihood, at(likelihood)[None])[0], SD**2 * in_units, rtol=1e-6)


def test_expected_contraction_is_that_of_the_exact_posterior_and_values_not_measured_do_not_count() -> None:
    likelihood = linear(powers, Normal(0.0, 2.0), Normal(1.0, 0.5), Normal(0.0, 1.0))
    mask = np.ones((30, 1), dtype=bool)
    mask[::3] = False
    likelihood = replace(likelihood, experiments=[replace(likelihood.experiments[0], mask=mask)])
    design, prior = powers(likelihood.experiments[0].x[mask[:, 0], 0]), np.diag([4.0, 0.25, 1.0])
    gain = prior @ design.T @ np.linalg.inv(design @ prior @ design.T + SD**2 * np.eye(len(design)))
    exact = np.diag(gain @ design @ prior) / np.diag(prior)
    matrix = information(likelihood, at(likelihood)[None]).matrix[0]
    np.testing.assert_allclose(contraction(matrix), exact, rtol=1e-6)
    everything = replace(likelihood, experiments=[replace(likelihood.experiments[0], mask=np.ones((30, 1), bool))])
    other = contraction(information(everything, at(likelihood)[None]).matrix[0])
    assert not np.allclose(other, exact, rtol=1e-3)


def test_students_t_informs_less_by_the_known_factor() -> None:
    normal, heavy = resistors(), resistors(noise=StudentT(nu=4.0))
    ratio = information(heavy, at(heavy)[None]).matrix[0, 0, 0] / information(normal, at(normal)[None]).matrix[0, 0, 0]
    np.testing.assert_allclose(ratio, 5.0 / 7.0, rtol=1e-9)


def test_points_after_the_end_of_an_experiment_do_not_count() -> None:
    likelihood = resistors()
    theta = at(likelihood)[None]
    ended = information(likelihood, theta, lambda y: y[..., 0] < 1.0).matrix[0]
    short = replace(likelihood.experiments[0], mask=2.0 * likelihood.experiments[0].x < 1.0)
    expected = information(replace(likelihood, experiments=[short]), theta).matrix[0]
    np.testing.assert_allclose(ended, expected)
    assert ended[0, 0] < 0.5 * information(likelihood, theta).matrix[0, 0, 0]


def test_what_the_data_alone_cannot_tell_has_no_cramer_rao_bound() -> None:
    likelihood = resistors()
    with pytest.raises(ValueError, match="do not determine first, second, unseen together"):
        cramer_rao(likelihood, at(likelihood)[None])


def test_of_two_resistors_in_series_the_sum_is_stiff_and_the_difference_sloppy_and_the_words_say_so() -> None:
    likelihood = resistors()
    matrix = information(likelihood, at(likelihood)[None]).matrix[0]
    stiff, *sloppy = directions(likelihood.forward.space.names, matrix)
    assert movement(stiff) == "first and second rising together"
    assert {movement(d) for d in sloppy} == {"unseen", "first rising while second falls"}
    strength = np.sqrt(2.0) * 0.5 * np.linalg.norm(likelihood.experiments[0].x) / SD
    np.testing.assert_allclose(stiff.strength, strength, rtol=1e-8)
    moved = f"one prior sd of it moves the data by {strength:.0f} noise sds"
    assert in_words(stiff) == f"well informed: first and second rising together ({moved})"
    assert in_words(sloppy[0]).startswith("not informed: ")
    np.testing.assert_allclose(correlation(covariance(matrix))[0, 1], -1.0, atol=0.01)


def test_a_second_current_path_makes_the_difference_known_and_the_words_change() -> None:
    def apart(x: Floats) -> Floats:
        return np.stack([x, 1.0 - x, 0 * x], axis=-1)

    prior = Normal(1.0, 0.5)
    likelihood = linear(apart, prior, prior, prior, names=("first", "second", "unseen"))
    found = directions(likelihood.forward.space.names, information(likelihood, at(likelihood)[None]).matrix[0])
    assert [movement(d) for d in found if d.sloppy] == ["unseen"]


def test_the_fisher_information_knows_the_published_limits_of_the_nrel_cell() -> None:
    """Cramér-Rao standard deviations and correlation of exchange current and diffusivity at (2, 2), 2C, 3 mV."""
    forward = forward_of(catalogue.model("battery_spm", "pinnstripes2"))
    x = np.linspace(10.0, 1350.0, 100)[:, None]
    c = forward.conditions.nominal
    truth = forward.space.pack({"i0_a": 2.0, "ds_c": 2.0})
    y = np.asarray(forward(truth, c, x))
    conditions = forward.conditions.unpack(c)
    experiment = Experiment("2C", conditions, ("time",), x, ("voltage",), y, {"voltage": "V"})
    likelihood = Likelihood(forward, [experiment], surrogate_error=Treatment.NONE)
    bound = cramer_rao(likelihood, np.append(truth, 0.003)[None])[0]
    i, j = forward.space.index("i0_a"), forward.space.index("ds_c")
    np.testing.assert_allclose(np.sqrt([bound[i, i], bound[j, j]]), [1.1, 0.25], rtol=0.05)
    np.testing.assert_allclose(correlation(bound)[i, j], -0.96, atol=0.01)


def test_the_answer_is_plain_data_and_names_what_to_measure_next() -> None:
    likelihood = resistors()
    candidates = [candidate("the same again"), candidate("less", n=5)]
    found = identify(likelihood, at=at(likelihood), candidates=candidates)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["headline"] == "The data inform 1 of 3 combinations of the parameters better than their priors do."
    text = " ".join(found["warnings"])
    for wanted in ("Not informed: first rising while second falls", "measured depends on unseen", "told apart", "open"):
        assert wanted in text
    assert "the same again would say the most" in found["advice"][0]
    assert "None of the measurements listed would inform first rising while second falls." in found["advice"]
    assert [c["name"] for c in found["candidates"]] == ["the same again", "less"]
    assert found == identify(likelihood, at=at(likelihood), candidates=candidates)


def candidate(name: str, n: int = 30) -> Candidate:
    return Candidate(name, {}, np.linspace(0.1, 1.0, n)[:, None], ("voltage",))


def test_the_mode_is_searched_for_where_none_is_given() -> None:
    likelihood = linear(powers, Normal(0.0, 2.0), Normal(1.0, 0.5), Normal(0.0, 1.0))
    found = identify(likelihood, draws=8)
    best = np.linalg.lstsq(powers(likelihood.experiments[0].x[:, 0]), likelihood.experiments[0].y[:, 0])[0]
    assert np.all(np.abs(np.array(found["mode"]["theta"]) - best) < 0.5 * np.array(found["mode"]["sd"]))


def test_a_good_experiment_gives_no_warning() -> None:
    def apart(x: Floats) -> Floats:
        return np.stack([x, 1.0 - x], axis=-1)

    likelihood = linear(apart, Normal(1.0, 0.5), Normal(1.0, 0.5), n=200)
    found = identify(likelihood, at=at(likelihood))
    assert found["warnings"] == []
    assert found["headline"].startswith("The data inform all 2")


def test_prior_draws_without_a_prediction_are_counted_and_left_out() -> None:
    @dataclass(frozen=True, eq=False)
    class Broken(Linear):
        def __call__(self, theta: Array, c: Array, x: Array) -> Array:
            y = super().__call__(theta, c, x)
            return namespace(theta).where(theta[..., 0, None, None] < 1.0, y, y * np.nan)

    good = resistors()
    broken = Broken(good.forward.space, series)
    likelihood = replace(good, forward=broken)
    theta = at(likelihood)
    theta[0] = 0.9
    found = identify(likelihood, at=theta, draws=64)
    assert (found["prior"]["draws"], found["prior"]["used"]) == (64, 32)
    assert all(v is not None for v in found["prior"]["contraction"])
    with pytest.raises(ValueError, match="not finite at"):
        identify(likelihood, at=at(likelihood) + 0.1)


def test_what_is_left_out_is_said() -> None:
    assert remarks(resistors()) == []
    (sentence,) = remarks(resistors(discrepancy=Discrepancy(scale={"voltage": 0.01})))
    assert "leave out the discrepancy" in sentence
