"""The verdict: right surrogates are confirmed, wrong ones corrected to the truth or refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from twin.arrays import Array
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference.checks import run_checks
from twin.inference.comparison import Comparison, compare, smoothed, true_log_likelihood
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.noise import StudentT
from twin.inference.posterior import assemble
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.sample import Sample
from twin.inference.treatment import Treatment
from twin.inference.verdict import Case, Diligence, Solve, verify
from twin.inference.verdict_record import Verdict
from twin.space import Floats

Make = Callable[..., Experiment]
Solver = Callable[[Likelihood], Solve]


@dataclass(frozen=True, eq=False)
class Wrong:
    """A forward map that is off by ``away(θ, x)`` and does not know it."""

    inner: Any
    away: Callable[[Array, Array], Array]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        return self.inner(theta, c, x) + self.away(theta, x)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        return None


def truth(inner: Any, spoil: Callable[[Floats, Floats], Floats] | None = None) -> Solver:
    """The right forward map as the reference solver, its answers changed by ``spoil``."""

    def of(likelihood: Likelihood) -> Solve:
        def solve(theta: Floats) -> tuple[Floats, ...]:
            found = []
            for block in likelihood.blocks:
                y = np.array(inner(theta, block.c, block.x))
                found.append(y if spoil is None else spoil(theta, y))
            return tuple(found)

        return solve

    return of


def judge(likelihood: Likelihood, solver: Solver, **diligence: Any) -> tuple[Verdict, Sample]:
    sample = sample_laplace(density_of(likelihood), seed=1)
    case = Case(solver(likelihood), sample_laplace, Diligence(**diligence), seed=2, say=lambda text: None)
    return verify(likelihood, sample, case), sample


def moments(sample: Sample) -> tuple[Floats, Floats]:
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    return flat.mean(axis=0), flat.std(axis=0)


def assert_true(found: Sample, likelihood: Likelihood, inner: Any, mean: float = 0.05, sd: float = 0.05) -> None:
    """The sample has the moments of the posterior under the right forward map."""
    right = sample_laplace(density_of(replace(likelihood, forward=inner)), seed=5, draws=20000)
    (m, s), (m0, s0) = moments(found), moments(right)
    scatter = 2 / np.sqrt(found.weight_ess) if found.weight_ess else 0.0  # Monte Carlo error of the sample itself
    np.testing.assert_array_less(np.abs(m - m0) / s0, mean + scatter)
    np.testing.assert_allclose(s, s0, rtol=sd)


def test_a_surrogate_that_is_right_is_confirmed_and_its_draws_are_kept(
    voltage_only: Any, make_experiment: Make
) -> None:
    verdict, sample = judge(Likelihood(voltage_only, [make_experiment()]), truth(voltage_only))
    assert verdict.name == "confirmed"
    assert verdict.sample is sample
    (step,) = verdict.record["steps"]
    assert step["khat"] == 0.0
    assert step["largest_shift"] == pytest.approx(0.0, abs=1e-9)
    assert verdict.record["error"][0]["rms"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("size", "autoregressive"), [(0.0005, ()), (-0.0005, ()), (-0.0008, ("voltage",))])
def test_a_small_error_is_corrected_by_weights_alone(
    voltage_only: Any, make_experiment: Make, size: float, autoregressive: tuple[str, ...]
) -> None:
    wrong = Wrong(voltage_only, lambda theta, x: size)
    likelihood = Likelihood(wrong, [make_experiment(n=60)], autoregressive=autoregressive)
    verdict, sample = judge(likelihood, truth(voltage_only))
    assert verdict.name == "corrected"
    assert len(verdict.record["steps"]) == 1
    before = np.abs(moments(sample)[0] - moments(verdict.sample)[0]) / moments(sample)[1]
    assert before.max() > 0.1
    assert_true(verdict.sample, likelihood, voltage_only, mean=0.08)
    assert "re-weighted" in verdict.sample.reason
    assert verdict.sample.weight_ess is not None
    assert verdict.sample.weight_ess < 4000


@pytest.mark.parametrize("options", [{}, {"noise": StudentT(4.0)}, {"autoregressive": ("voltage",)}])
def test_an_error_of_many_sds_that_depends_on_theta_is_refined_away(
    voltage_only: Any, make_experiment: Make, options: dict[str, Any]
) -> None:
    def away(theta: Array, x: Array) -> Array:
        return 0.08 * theta[..., :1, None] * (0.5 + x)

    likelihood = Likelihood(Wrong(voltage_only, away), [make_experiment(n=60)], **options)
    verdict, sample = judge(likelihood, truth(voltage_only))
    assert verdict.name == "corrected"
    assert verdict.record["steps"][0]["khat"] > 0.7
    compared = [step for step in verdict.record["steps"] if "largest_shift" in step]  # chains compare nothing
    assert compared[-1]["largest_shift"] < 0.1
    names = [verdict.likelihood.space.index(n) for n in likelihood.scales.names]
    found = replace(verdict.sample, theta=verdict.sample.theta[..., names])
    assert np.max(np.abs(moments(sample)[0] - moments(found)[0]) / moments(sample)[1]) > 2.0
    assert_true(found, likelihood, voltage_only, mean=0.08, sd=0.06)


def test_two_experiments_and_a_claimed_error_are_verified_together(voltage_only: Any, make_experiment: Make) -> None:
    experiments = [make_experiment("first", n=40), make_experiment("second", rate=2.0, n=20)]
    claimed = replace(voltage_only, bias=0.004, sd=0.002)
    verdict, _ = judge(Likelihood(claimed, experiments), truth(voltage_only))
    assert verdict.name == "corrected", "it claims a bias that is not there"
    assert_true(verdict.sample, Likelihood(voltage_only, experiments), voltage_only, mean=0.08)


def rough(theta: Floats, y: Floats) -> Floats:
    """An answer that jumps from draw to draw: nothing smooth can follow it."""
    jump = np.sin(1e7 * theta[:, 0]) + np.sin(1e7 * theta[:, 1])
    return y + 0.05 * jump[:, None, None]


def test_what_cannot_be_corrected_in_the_time_allowed_is_not_trustworthy(
    voltage_only: Any, make_experiment: Make
) -> None:
    likelihood = Likelihood(voltage_only, [make_experiment(n=60)])
    verdict, _ = judge(likelihood, truth(voltage_only, rough), rounds=1, seconds=1.0)
    assert verdict.name == "not trustworthy"
    assert verdict.record["steps"][-1]["what"] == "delayed acceptance"
    posterior = assemble(verdict.likelihood, verdict.sample, metadata={"verification": verdict.record})
    failed = {c.name for c in run_checks(posterior) if not c.passed}
    assert "verification" in failed


def test_failed_solves_are_counted_and_more_than_five_percent_fail_the_check(
    voltage_only: Any, make_experiment: Make
) -> None:
    likelihood = Likelihood(voltage_only, [make_experiment(n=60)])
    for share, passes in ((0.02, True), (0.15, False)):

        def spoil(theta: Floats, y: Floats, share: float = share) -> Floats:
            low = theta[:, 0] < np.quantile(theta[:, 0], share)
            return np.where(low[:, None, None], np.nan, y)

        verdict, _ = judge(likelihood, truth(voltage_only, spoil))
        assert verdict.record["failed"] == pytest.approx(200 * share, abs=2)
        posterior = assemble(verdict.likelihood, verdict.sample, metadata={"verification": verdict.record})
        (check,) = (c for c in run_checks(posterior) if c.name == "reference_failures")
        assert check.passed is passes
        assert f"{verdict.record['failed']} of" in check.meaning


def test_a_true_solution_that_ends_well_before_the_data_makes_its_draw_impossible(
    voltage_only: Any, make_experiment: Make
) -> None:
    likelihood = Likelihood(voltage_only, [make_experiment(n=120)])
    theta = sample_laplace(density_of(likelihood), seed=0).theta.reshape(-1, 3)[:50]
    (y,) = truth(voltage_only)(likelihood)(theta)
    y[0, -2:] = np.nan
    y[1] = np.nan
    y[2, -1] = np.nan
    value = true_log_likelihood(likelihood, theta, (y,))
    assert value[0] == -np.inf
    assert np.isnan(value[1])
    np.testing.assert_allclose(value[2:], likelihood.log_prob(theta[2:]), rtol=1e-12)
    found = compare(likelihood, theta, (y,))
    assert found.weights[0] == found.weights[1] == 0.0
    assert found.failed.sum() == 1
    masked = Likelihood(voltage_only, [replace(make_experiment(n=120), mask=np.arange(120)[:, None] < 118)])
    assert np.isfinite(true_log_likelihood(masked, theta, (y,))[0]), "nothing was measured there"


def test_weights_are_the_ratio_of_likelihoods_and_their_shift_has_its_error() -> None:
    """N(0, 1) draws weighted to N(0.3, 1): the mean moves by 0.3 with the stated Monte Carlo error."""
    rng = np.random.default_rng(0)
    theta = rng.standard_normal((400, 40, 1))
    shifts, errors = [], []
    for row in theta.swapaxes(0, 1):
        log_ratio = 0.3 * row[:, 0] - 0.045
        log_weights, khat = smoothed(log_ratio)
        found = Comparison(row, log_ratio, log_weights, khat)
        shifts.append(found.shift[0] * found.scale[0])
        errors.append(found.shift_error[0] * found.scale[0])
        assert found.khat < 0.7
    assert np.mean(shifts) == pytest.approx(0.3, abs=0.02)
    assert np.mean(errors) == pytest.approx(np.std(shifts), rel=0.3)


def test_equal_weights_need_no_tail_and_no_possible_draw_is_no_verdict() -> None:
    log_weights, khat = smoothed(np.full(50, -3.0) + 1e-4 * np.arange(50))
    assert khat == 0.0
    assert np.exp(log_weights).sum() == pytest.approx(1.0)
    assert smoothed(np.full(50, -np.inf))[1] == np.inf


def test_treatment_none_is_what_the_bias_slips_through(voltage_only: Any, make_experiment: Make) -> None:
    """A constant bias without its error term is not confirmed; with it, it is."""
    biased = Wrong(voltage_only, lambda theta, x: 0.01)
    knows = replace(voltage_only, bias=0.01, sd=1e-5)

    @dataclass(frozen=True, eq=False)
    class Honest(Wrong):
        def error(self, c: Array, x: Array) -> ForwardError | None:
            found: ForwardError | None = knows.error(c, x)
            return found

    honest = Honest(voltage_only, lambda theta, x: 0.01)
    e = make_experiment(n=60)
    assert judge(Likelihood(biased, [e]), truth(voltage_only))[0].name != "confirmed"
    assert judge(Likelihood(honest, [e], surrogate_error=Treatment.NONE), truth(voltage_only))[0].name != "confirmed"
    for treatment in (Treatment.PLUG_IN, Treatment.MARGINALISED):
        assert judge(Likelihood(honest, [e], surrogate_error=treatment), truth(voltage_only))[0].name == "confirmed"
