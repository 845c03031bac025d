"""Expected information gain: exact for linear models, however a parameter is written, and near nested Monte Carlo."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.inference.identifiability.design import Candidate, carried_over, imagined, rank
from twin.inference.identifiability.directions import Direction
from twin.inference.likelihood import Likelihood
from twin.model import Coordinate, Forward, Observable
from twin.priors import HalfNormal, LogNormal, Normal
from twin.space import Floats, Parameter, Space

SD = 0.1
NONE = Space(())


@dataclass(frozen=True, eq=False)
class Line:
    """voltage = a + b x, where a and b are ``of`` the parameters."""

    space: Space
    of: Callable[[Array], Array]
    conditions: Space = NONE
    coordinates: tuple[Coordinate, ...] = (Coordinate("time", "s", "time"),)
    observables: tuple[Observable, ...] = (Observable("voltage", "V", "voltage", HalfNormal(SD)),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        a, b = self.of(theta)[..., 0, None], self.of(theta)[..., 1, None]
        return (a + b * like(x, theta)[:, 0])[..., None]

    def error(self, c: Array, x: Array) -> None:
        return None


def as_it_is(theta: Array) -> Array:
    return theta


def logarithm(theta: Array) -> Array:
    return namespace(theta).log(theta)


def line(priors: tuple[Any, Any], of: Callable[[Array], Array] = as_it_is) -> Likelihood:
    space = Space(tuple(Parameter(k, "1", q, 1.0, "", "") for k, q in zip("ab", priors, strict=True)))
    x = np.linspace(0.0, 1.0, 5)[:, None]
    experiment = Experiment("run", {}, ("time",), x, ("voltage",), np.zeros((5, 1)), {"voltage": "V"})
    return Likelihood(Line(space, of), [experiment])


NORMAL = (Normal(0.3, 1.0), Normal(-0.2, 0.5))
EARLY = Candidate("early", {}, np.linspace(0.0, 0.1, 8)[:, None], ("voltage",))
LATE = Candidate("late", {}, np.linspace(2.0, 5.0, 8)[:, None], ("voltage",))


def known_noise(likelihood: Likelihood, n: int, seed: int = 0) -> Floats:
    theta = likelihood.space.draw(n, seed)
    theta[:, len(likelihood.forward.space) :] = SD
    return theta


def mutual_information(candidate: Candidate) -> float:
    """½ log det(K⁺ + σ²) - ½ log det(σ²) with K⁺ the covariance of the candidate's values given the data."""
    prior = np.diag([1.0, 0.25])
    old, new = (np.concatenate([np.ones_like(x), x], axis=1) for x in (np.linspace(0, 1, 5)[:, None], candidate.x))
    posterior = np.linalg.inv(np.linalg.inv(prior) + old.T @ old / SD**2)
    kernel = new @ posterior @ new.T + SD**2 * np.eye(len(new))
    return float(0.5 * np.linalg.slogdet(kernel)[1] - len(new) * np.log(SD))


def test_the_gain_is_the_exact_mutual_information_of_a_linear_model() -> None:
    likelihood = line(NORMAL)
    found = {g.name: g for g in rank(likelihood, [EARLY, LATE], known_noise(likelihood, 4))}
    for candidate in (EARLY, LATE):
        np.testing.assert_allclose(found[candidate.name].gain, mutual_information(candidate), rtol=1e-6)
        assert found[candidate.name].error < 1e-6


def test_the_more_informative_candidate_comes_first_whatever_the_order() -> None:
    likelihood = line(NORMAL)
    theta = known_noise(likelihood, 4)
    for order in ([EARLY, LATE], [LATE, EARLY]):
        assert [g.name for g in rank(likelihood, order, theta)] == ["late", "early"]


def test_contraction_and_sharpening_are_those_of_the_exact_posteriors() -> None:
    likelihood = line(NORMAL)
    slope = Direction(("a", "b"), np.array([0.0, 1.0]), 0.0)
    (found,) = rank(likelihood, [LATE], known_noise(likelihood, 4), along=[slope])
    precision = np.diag([1.0, 4.0])
    variances = []
    for x in (np.linspace(0, 1, 5), np.concatenate([np.linspace(0, 1, 5), LATE.x[:, 0]])):
        design = np.stack([np.ones_like(x), x], axis=-1)
        variances.append(np.diag(np.linalg.inv(precision + design.T @ design / SD**2)))
    np.testing.assert_allclose(found.contraction, (variances[0] - variances[1]) / [1.0, 0.25], rtol=1e-5)
    np.testing.assert_allclose(found.sharpening, np.sqrt(variances[1][1] / variances[0][1]), rtol=1e-6)


def test_the_gain_does_not_depend_on_how_a_parameter_is_written() -> None:
    plain = line(NORMAL)
    written = line((LogNormal(np.exp(0.3), 1.0), LogNormal(np.exp(-0.2), 0.5)), logarithm)
    gains = [rank(problem, [LATE], known_noise(problem, 16))[0].gain for problem in (plain, written)]
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-5)
    wrong = rank(line((LogNormal(np.exp(0.3), 0.3), LogNormal(np.exp(-0.2), 0.5)), logarithm), [LATE], np.ones((1, 3)))
    assert abs(wrong[0].gain - gains[0]) > 0.1


def nested_monte_carlo(likelihood: Likelihood, candidate: Candidate, n: int, seed: int) -> tuple[float, float]:
    """E log p(y|θ) - log (1/M) Σ p(y|θ_m) (Rainforth et al. 2018, arXiv 1709.06181, eq. 6), and its standard error."""
    other = imagined(likelihood, candidate)
    rng = np.random.default_rng(seed)
    outer, inner = (known_noise(other, n, s) for s in (seed, seed + 1))
    (f_outer,), (f_inner,) = other.predict(outer), other.predict(inner)
    y = f_outer + SD * rng.standard_normal(f_outer.shape)
    own = -0.5 * np.sum(((y - f_outer) / SD) ** 2, axis=(1, 2))
    cross = -0.5 * np.sum(((y[:, None] - f_inner) / SD) ** 2, axis=(2, 3))
    terms = own - (logsumexp(cross, axis=1) - np.log(n))
    return float(np.mean(terms)), float(np.std(terms) / np.sqrt(n))


def without_data(likelihood: Likelihood) -> Likelihood:
    """The same with one value measured so badly that it says nothing."""
    first = likelihood.experiments[0]
    mask = np.zeros(first.mask.shape, dtype=bool)
    mask[0] = True
    return replace(likelihood, experiments=[replace(first, mask=mask, sd=np.full(mask.shape, 1e6))])


def test_nested_monte_carlo_agrees_on_a_curve_that_is_not_linear(voltage_only: Forward, make_experiment: Any) -> None:
    likelihood = without_data(Likelihood(voltage_only, [make_experiment()]))
    candidate = Candidate("decay", {"rate": 1.0}, np.array([[0.2], [1.0], [2.0]]), ("voltage",))
    (found,) = rank(likelihood, [candidate], known_noise(likelihood, 256))
    mean, error = nested_monte_carlo(likelihood, candidate, 1500, seed=3)
    assert found.gain == pytest.approx(mean, abs=4 * error + 0.05 * mean)
    blind = replace(candidate, x=np.array([[0.2], [0.2], [0.2]]))
    (less,) = rank(likelihood, [blind], known_noise(likelihood, 256))
    assert less.gain < mean - 4 * error - 0.05 * mean


def test_the_noise_of_the_data_is_carried_over_by_observable(decay: Any, make_experiment: Any) -> None:
    experiments = [make_experiment("first"), make_experiment("second", rate=2.0)]
    likelihood = Likelihood(decay(), experiments, noise_per_experiment=True)
    theta = likelihood.space.nominal[None].copy()
    theta[0, -2:] = [0.01, 0.04]
    candidate = Candidate("both", {"rate": 1.5}, np.ones((2, 1)), ("voltage", "heat"))
    other = imagined(likelihood, candidate)
    extended = carried_over(likelihood, other, theta)[0]
    assert extended[other.space.index("noise_voltage")] == pytest.approx(0.02)
    assert extended[other.space.index("noise_heat")] == pytest.approx(10.0)  # nothing known but the prior
    np.testing.assert_array_equal(extended[:3], theta[0, :3])


def test_a_candidate_counts_only_until_it_would_have_ended(voltage_only: Forward, make_experiment: Any) -> None:
    likelihood = Likelihood(voltage_only, [make_experiment(n=4)])
    theta = np.array([[1.3, 0.9, 0.02]])
    x = np.linspace(0.0, 3.0, 16)[:, None]
    whole = Candidate("whole", {"rate": 1.0}, x, ("voltage",))
    short = replace(whole, x=x[1.3 * np.exp(-x[:, 0] / 0.9) > 0.5])
    (ended,) = rank(likelihood, [whole], theta, valid=lambda y: y[..., 0] > 0.5)
    assert ended.gain == pytest.approx(rank(likelihood, [short], theta)[0].gain)
    assert ended.gain < rank(likelihood, [whole], theta)[0].gain - 0.1


def test_a_candidate_the_model_cannot_predict_has_no_gain_and_comes_last() -> None:
    likelihood = line(NORMAL)
    nowhere = Candidate("nowhere", {}, np.array([[np.nan]]), ("voltage",))
    last = rank(likelihood, [nowhere, LATE], known_noise(likelihood, 4))[-1]
    assert (last.name, last.used) == ("nowhere", 0)
    assert np.isnan(last.gain)


def test_a_candidate_that_does_not_fit_is_refused(voltage_only: Forward, make_experiment: Any) -> None:
    likelihood = Likelihood(voltage_only, [make_experiment()])
    good = Candidate("good", {"rate": 1.0}, np.ones((2, 1)), ("voltage",))
    for change, words in (
        ({"conditions": {"rate": 9.0}}, "outside the valid range"),
        ({"conditions": {"rat": 1.0}}, "did you mean 'rate'"),
        ({"observables": ("volt",)}, "did you mean 'voltage'"),
    ):
        with pytest.raises(ValueError, match=words):
            rank(likelihood, [replace(good, **change)], likelihood.space.draw(2, 0))
