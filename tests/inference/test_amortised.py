"""One network answers for every unit as each unit's own posterior would."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

from twin.arrays import Array, like, namespace
from twin.error import ForwardError
from twin.inference.evidence import Evidence, blurred, measured, shifted
from twin.inference.units.amortised import Decoder, fit_guide, numbers, weigh_guide
from twin.inference.units.amortised_ladder import Units, find_peaks, refine
from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, LogNormal, Normal, Prior
from twin.space import Floats, Parameter, Space

P, M, UNITS = 3, 4, 400
PRIOR_SD = np.array([1.0, 2.0, 0.5])


@dataclass(frozen=True, eq=False)
class Map:
    """y = A g(θ) at four times, with g the identity or the logarithm."""

    matrix: Floats
    prior: Callable[[float], Prior]
    logarithm: bool = False

    @property
    def space(self) -> Space:
        nominal = 1.0 if self.logarithm else 0.0
        return Space(tuple(Parameter(f"b{i}", "1", self.prior(s), nominal, "", "test") for i, s in enumerate(PRIOR_SD)))

    @property
    def conditions(self) -> Space:
        return Space(())

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        return (Coordinate("time", "s", "time"),)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (Observable("y", "1", "y", HalfNormal(1.0)),)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        xp = namespace(theta)
        known = xp.log(theta) if self.logarithm else theta
        return xp.matmul(like(self.matrix, theta), known[..., None])

    def error(self, c: Array, x: Array) -> ForwardError | None:
        return None


class Problem(NamedTuple):
    decoder: Decoder
    truth: Floats
    covariance: Floats
    data: Floats
    evidence: Evidence
    mean: Floats
    posterior: Floats


def problem(seed: int = 0, units: int = UNITS) -> Problem:
    """y = A b + ε with b ~ N(0, B), ε ~ N(0, C): posterior N(S Aᵀ C⁻¹ y, S), S⁻¹ = Aᵀ C⁻¹ A + B⁻¹."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((M, P))
    root = 0.4 * rng.standard_normal((M, M))
    covariance = root @ root.T + 0.1 * np.eye(M)
    truth = PRIOR_SD * rng.standard_normal((units, P))
    data = truth @ matrix.T + rng.multivariate_normal(np.zeros(M), covariance, size=units)
    seen = np.ones((units, M), dtype=bool)
    evidence = measured(data, np.repeat(covariance[None], units, axis=0), seen)
    posterior = np.linalg.inv(matrix.T @ np.linalg.solve(covariance, matrix) + np.diag(PRIOR_SD**-2.0))
    mean = data @ np.linalg.solve(covariance, matrix) @ posterior
    decoder = Decoder(Map(matrix, lambda s: Normal(0.0, s)), np.empty(0), np.arange(float(M))[:, None])
    return Problem(decoder, truth, covariance, data, evidence, mean, posterior)


@pytest.fixture(scope="module")
def linear() -> Problem:
    return problem()


def affine(inputs: int) -> torch.nn.Module:
    network = torch.nn.Linear(inputs, numbers(P)).double()
    torch.nn.init.zeros_(network.weight)
    torch.nn.init.zeros_(network.bias)
    return network


def test_the_guide_of_a_linear_gaussian_model_is_the_exact_posterior_of_every_unit(linear: Problem) -> None:
    guide = fit_guide(linear.decoder, affine(M), linear.data, linear.evidence, seed=1, steps=1500, learning_rate=0.03)
    mean, factor = guide.normal(linear.data)
    sd = np.sqrt(np.diag(linear.posterior)) / PRIOR_SD
    np.testing.assert_allclose((mean - linear.mean / PRIOR_SD) / sd, 0.0, atol=0.15)
    exact = linear.posterior / np.outer(PRIOR_SD, PRIOR_SD)
    np.testing.assert_allclose(factor[0] @ factor[0].T / np.outer(sd, sd), exact / np.outer(sd, sd), atol=0.06)
    weighed = weigh_guide(guide, linear.data[:20], linear.evidence.of(np.arange(20)), draws=4000, seed=2)
    assert weighed.khat.max() < 0.7
    corrected = np.einsum("un,unp->up", np.exp(weighed.log_weights), weighed.theta)
    np.testing.assert_allclose((corrected - linear.mean[:20]) / (sd * PRIOR_SD), 0.0, atol=0.08)


def test_an_untrained_guide_is_the_prior(linear: Problem) -> None:
    guide = fit_guide(linear.decoder, affine(M), linear.data, linear.evidence, seed=1, steps=0)
    mean, factor = guide.normal(linear.data)
    np.testing.assert_allclose(mean, 0.0)
    np.testing.assert_allclose(factor, np.broadcast_to(np.eye(P), factor.shape), atol=1e-12)


def test_a_guide_trained_on_labels_instead_of_evidence_is_too_narrow_by_the_labels_spread() -> None:
    """One parameter seen through one raw number: φ = b + ε, label = b + η. The ELBO on labels reports only η."""
    rng = np.random.default_rng(3)
    b = rng.standard_normal(4000)
    raw, label, fine = b + 0.8 * rng.standard_normal(4000), b + 0.1 * rng.standard_normal(4000), 0.1
    matrix = np.array([[1.0, 0.0, 0.0]])
    decoder = Decoder(Map(matrix, lambda s: Normal(0.0, s)), np.empty(0), np.zeros((1, 1)))
    wrong = measured(label[:, None], np.full((4000, 1, 1), fine**2), np.ones((4000, 1), dtype=bool))
    guide = fit_guide(decoder, affine(1), raw[:, None], wrong, seed=1, steps=1500, learning_rate=0.03)
    _, factor = guide.normal(raw[:1, None])
    honest = 0.8 / np.sqrt(1 + 0.8**2)
    assert np.sqrt(factor[0, 0] @ factor[0, 0]) == pytest.approx(fine, rel=0.1)
    assert honest > 5 * fine


def test_the_ladder_gives_every_unit_its_exact_posterior_with_its_own_covariance(linear: Problem) -> None:
    few = np.arange(12)
    scale = np.linspace(0.5, 2.0, 12)
    covariances = scale[:, None, None] * linear.covariance
    evidence = measured(linear.data[few], covariances, np.ones((12, M), dtype=bool))
    matrix = linear.decoder.forward.matrix  # type: ignore[attr-defined]
    for a in refine(linear.decoder, evidence, np.zeros((12, P)), seed=3):
        inverse = np.linalg.inv(covariances[a.unit])
        exact = np.linalg.inv(matrix.T @ inverse @ matrix + np.diag(PRIOR_SD**-2.0))
        mean = exact @ matrix.T @ inverse @ linear.data[a.unit]
        assert (a.rung, a.converged) == ("laplace", True)
        np.testing.assert_allclose((a.mean - mean) / np.sqrt(np.diag(exact)), 0.0, atol=0.1)
        np.testing.assert_allclose(a.sd, np.sqrt(np.diag(exact)), rtol=0.1)


def test_modes_are_points_of_rest_from_wherever_the_search_starts() -> None:
    decoder = Decoder(
        Map(np.eye(P)[[0, 1, 2, 0]], lambda s: LogNormal(1.0, s), logarithm=True), np.empty(0), np.zeros((M, 1))
    )
    data = np.random.default_rng(0).standard_normal((6, M))
    evidence = measured(data, np.repeat(0.04 * np.eye(M)[None], 6, axis=0), np.ones((6, M), dtype=bool))
    first, second = (find_peaks(Units(decoder, evidence), np.full((6, P), start)) for start in (0.0, 2.0))
    assert first.reached.all()
    assert second.reached.all()
    np.testing.assert_allclose(first.u, second.u, atol=1e-4)


def test_values_that_were_not_measured_say_nothing(linear: Problem) -> None:
    mask = np.ones((2, M), dtype=bool)
    mask[:, 2:] = False
    spoiled = linear.data[:2].copy()
    spoiled[:, 2:] = 1e9
    cut = linear.covariance[:2, :2]
    found = measured(spoiled, np.repeat(linear.covariance[None], 2, axis=0), mask)
    alone = measured(spoiled[:, :2], np.repeat(cut[None], 2, axis=0), mask[:, :2])
    np.testing.assert_allclose(found.whitening[:, :2, :2], alone.whitening)
    assert np.all(found.whitening[:, 2:] == 0)
    assert np.all(found.target[:, 2:] == 0)


def test_whoever_is_seen_in_fewer_values_has_the_wider_posterior(linear: Problem) -> None:
    mask = np.ones((2, M), dtype=bool)
    mask[1, 2:] = False
    same = np.repeat(linear.data[:1], 2, axis=0)
    evidence = measured(same, np.repeat(linear.covariance[None], 2, axis=0), mask)
    whole, part = refine(linear.decoder, evidence, np.zeros((2, P)), seed=3)
    assert np.all(part.sd > 0.97 * whole.sd)  # Monte Carlo error
    assert np.prod(part.sd) > 1.2 * np.prod(whole.sd)


def test_an_error_along_a_pattern_adds_its_outer_product_to_the_covariance(linear: Problem) -> None:
    pattern = np.array([1.0, 0.5, -0.2, 0.8])
    found = blurred(linear.evidence.of(np.arange(3)), pattern)
    exact = np.linalg.inv(linear.covariance + np.outer(pattern, pattern))
    precision = found.whitening.mT @ found.whitening
    np.testing.assert_allclose(precision, np.broadcast_to(exact, precision.shape), rtol=1e-9, atol=1e-12)
    information = (found.whitening.mT @ found.target[..., None])[..., 0]
    np.testing.assert_allclose(information, linear.data[:3] @ exact, rtol=1e-9)


def test_a_known_bias_moves_what_was_seen(linear: Problem) -> None:
    bias = np.array([0.3, 0.0, -0.1, 0.2])
    found = shifted(linear.evidence.of(np.arange(3)), bias)
    alone = measured(linear.data[:3] - bias, np.repeat(linear.covariance[None], 3, axis=0), np.ones((3, M), dtype=bool))
    np.testing.assert_allclose(found.target, alone.target)
