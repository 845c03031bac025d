"""Paired scenarios: what is left out is counted, and an intervention is answered by the reference solver."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies.prediction_tables import summarise
from twin.case_studies.scenarios import Change, Comparison, Scenario, scale, solved
from twin.forward import Fixed
from twin.models.cardiac_loop import hf
from twin.priors import Uniform
from twin.space import Floats, Parameter, Space

CHANGE = Change({}, {})


def compared(change: Floats, lost: int = 0) -> Comparison:
    q = len(hf.observables)
    before = np.full((len(change), 4, q), 100.0)
    after = before + change[:, None, None]
    after[:lost] = np.nan
    x = np.linspace(0, 1, 4)[:, None]
    return Comparison(Scenario({}, x, before), Scenario({}, x, after), by="reference solver", edge={"Rs": 2})


def test_draws_without_an_answer_are_counted_and_do_not_count() -> None:
    summary = summarise(hf, compared(np.linspace(1.0, 3.0, 101), lost=10), CHANGE, Path("p.nc"))
    assert summary["draws_without_answer"] == 10
    low, middle, high = summary["observables"]["EDV"]["mean_difference"]
    assert 1.2 < low < middle < high <= 3.0
    assert summary["observables"]["EDV"]["baseline"] == [100.0] * 3
    assert summary["draws_at_edge"] == {"Rs": 2}
    assert "Not a medical device" in summary["caution"]


def test_a_change_that_no_draw_survives_is_refused() -> None:
    with pytest.raises(ValueError, match="no draw has an answer"):
        summarise(hf, compared(np.ones(5), lost=5), CHANGE, Path("p.nc"))


def test_draws_that_stop_at_the_edge_are_counted() -> None:
    space = Space((Parameter("a", "1", Uniform(0.0, 1.0), 0.5, "a", "test"),))
    theta = np.append(np.full(99, 0.4), 0.9)[:, None]
    assert scale(theta, space, "a", 2.0) == 1
    assert theta[-1, 0] == 1.0
    with pytest.raises(ValueError, match="would leave"):
        scale(theta, space, "a", 2.0)


@dataclass(frozen=True)
class Line:
    """y = θ₀ + θ₁, plus the intervention; its forward map is wrong on purpose."""

    name: str = "line"
    space: Space = field(default=Space(tuple(Parameter(n, "1", Uniform(0.0, 9.0), 1.0, n, "test") for n in ("a", "b"))))
    interventions: Space = field(default=Space((Parameter("push", "1", Uniform(0.0, 9.0), 1.0, "push", "test"),)))

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        return np.asarray(np.sum(theta, axis=1)[:, None, None] + np.zeros((len(theta), len(x), 1)))

    def intervene(self, theta: Floats, c: Floats, x: Floats, what: dict[str, float]) -> Floats:
        return self.simulate(theta, c, x) + what["push"]


def test_an_intervention_is_solved_for_the_same_draws_with_what_is_held_put_back() -> None:
    model: Any = Line()
    draws = np.array([[1.0], [2.0]])
    before, after = solved(model, Fixed(model, {"b": 5.0}), [(draws, np.zeros(1))] * 2, np.zeros((3, 1)), {"push": 2.0})
    assert before[:, 0, 0].tolist() == [6.0, 7.0]
    assert (after - before == 2.0).all()
