"""Numbers that were not measured: what the data leave of their spread, on a linear model whose answer is known."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pytest

from twin.arrays import Array, namespace
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.outcomes import Outcome, not_informed, outcomes
from twin.inference.posterior import Posterior, assemble
from twin.inference.report.outcomes import outcomes as section
from twin.inference.report.summary import summarise
from twin.model import Coordinate, Observable
from twin.priors import Normal, Uniform
from twin.space import Parameter, Space

SD = 0.1


def number(name: str) -> Observable:
    return Observable(name, "V", name, noise=None, sd=SD)


@dataclass(frozen=True)
class Two:
    """Numbers a, a + 0.05 b and b; where ``hole`` is true the last has no value for half of the draws."""

    hole: bool = False
    space = Space(tuple(Parameter(n, "V", Normal(0.0, 1.0), 0.0, n, "test") for n in ("a", "b")))
    conditions = Space((Parameter("rate", "1", Uniform(0.0, 2.0), 1.0, "rate", "test"),))
    coordinates = (Coordinate("time", "s", "time"),)
    observables = (number("seen"), number("near"), number("far"))

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        a, b = (theta[..., i, None] + 0.0 * x[:, 0] for i in (0, 1))
        far = namespace(theta).where(b > 0, b, float("nan")) if self.hole else b
        return namespace(theta).stack([a, a + 0.05 * b, far], axis=-1)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        return None


def measured(model: Two, *names: str) -> tuple[Likelihood, Posterior]:
    y = np.zeros((1, len(names)))
    units = dict.fromkeys(("seen", "near", "far"), "V") | {"time": "s"}
    e = Experiment("e", {"rate": 1.0}, ("time",), np.zeros((1, 1)), names, y, units, sd=np.full_like(y, SD))
    likelihood = Likelihood(model, [e])
    return likelihood, assemble(likelihood, sample_ladder(density_of(likelihood), seed=0))


def by_name(found: tuple[Outcome, ...]) -> dict[str, Outcome]:
    return {o.observable: o for o in found}


def test_what_follows_from_the_data_is_informed_and_what_does_not_keeps_its_prior_spread() -> None:
    found = by_name(outcomes(*measured(Two(), "seen")))
    assert list(found) == ["near", "far"]
    after = SD / np.sqrt(1 + SD**2)
    assert found["near"].sd == pytest.approx(np.hypot(after, 0.05), rel=0.1)
    assert found["near"].prior_sd == pytest.approx(np.hypot(1.0, 0.05), rel=0.1)
    lam = 1 / SD**2
    assert found["near"].pull == pytest.approx(np.hypot(1 / (1 + lam), 0.05) / np.hypot(1.0, 0.05), rel=1e-3)
    assert found["far"].pull == pytest.approx(1.0)
    assert found["near"].informed
    assert found["far"].left == pytest.approx(1.0, abs=0.1)
    assert not_informed(tuple(found.values())) == ("far",)


def test_what_was_measured_is_no_outcome() -> None:
    assert outcomes(*measured(Two(), "seen", "near", "far")) == ()


def test_draws_without_a_prediction_are_left_out_of_both_sides() -> None:
    far = by_name(outcomes(*measured(Two(hole=True), "seen")))["far"]
    half_normal = np.sqrt(1 - 2 / np.pi)
    assert far.sd == pytest.approx(half_normal, rel=0.1)
    assert far.prior_sd == pytest.approx(half_normal, rel=0.1)


@dataclass(frozen=True)
class Sum(Two):
    """seen = a, near = a, far = a + b with a narrow prior of b: the spread falls, and what is left is the prior's."""

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        a, b = (theta[..., i, None] + 0.0 * x[:, 0] for i in (0, 1))
        return namespace(theta).stack([a, a, a + b], axis=-1)


def test_a_narrower_spread_that_is_all_the_priors_does_not_count_as_informed() -> None:
    far = by_name(outcomes(*measured(Sum(), "seen")))["far"]
    assert far.left == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert far.pull == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert not far.informed


def test_report_and_summary_name_what_the_data_do_not_inform(with_outcomes: Posterior) -> None:
    summary = summarise(with_outcomes)
    assert {o["observable"]: o["informed"] for o in summary["outcomes"]} == {"near": True, "far": False}
    told = section(with_outcomes, summary)
    assert told is not None
    assert [row["flags"] for row in told.content["rows"]] == [(), ("not informed by your data",)]


@pytest.fixture
def with_outcomes() -> Posterior:
    likelihood, posterior = measured(Two(), "seen")
    told: dict[str, Any] = {"outcomes": [asdict(o) for o in outcomes(likelihood, posterior)]}
    return replace(posterior, metadata={**posterior.metadata, **told})
