"""Measured beats under windkessels of two to five elements: the figures of docs/windkessel.md."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from twin.case_studies import cardiac_afterload as study
from twin.case_studies.afterload_tables import EXPECTED, intervals_table, misses
from twin.case_studies.point_fit import fit
from twin.experiment import Experiment
from twin.forward import Fixed
from twin.inference.loo import difference
from twin.models.cardiac_windkessel import PRESETS

HUMAN, PIG = study.SUBJECTS
BARS = {"human": 2.3, "pig": 2.0}
"""Largest rmse [mmHg] of five elements with the flow as measured."""
SPECIFIED = {
    "human": {"two_element": 6.57, "three_element": 2.89, "four_element": 2.37, "five_element": 2.23},
    "pig": {"two_element": 7.59, "three_element": 3.47, "four_element": 3.42, "five_element": 1.90},
}
"""rmse [mmHg] of an independent fit to 100 phases (human) and to 15 of the 16 beats (pig)."""


@pytest.fixture
def measured(data_file: Callable[[str], Path]) -> Callable[[study.Subject], Experiment]:
    def read(subject: study.Subject) -> Experiment:
        data_file(subject.file)
        return study.experiment_of(subject)

    return read


@pytest.mark.parametrize("subject", study.SUBJECTS, ids=lambda s: s.name)
@pytest.mark.parametrize("circuit", study.CIRCUITS)
def test_least_squares_give_the_errors_of_an_independent_fit(
    subject: study.Subject, circuit: str, measured: Callable[[study.Subject], Experiment]
) -> None:
    found = fit(Fixed(PRESETS[f"{circuit}_vague"], study.PLAIN), measured(subject), starts=10)
    assert found.rmse == pytest.approx(SPECIFIED[subject.name][circuit], abs=0.06)
    if circuit == "five_element":
        assert found.rmse <= BARS[subject.name]


def test_the_human_parameters_are_those_of_simaans_patient(
    measured: Callable[[study.Subject], Experiment],
) -> None:
    found = fit(Fixed(PRESETS["five_element_vague"], study.PLAIN), measured(HUMAN), starts=10)
    np.testing.assert_allclose(found.theta, [0.764, 1.303, 0.0393, 0.00165, 0.320], rtol=0.01)
    assert found.at_bound == ()


def test_the_pigs_root_compliance_goes_to_its_bound(measured: Callable[[study.Subject], Experiment]) -> None:
    assert fit(Fixed(PRESETS["five_element_vague"], study.PLAIN), measured(PIG), starts=10).at_bound == ("Ca",)


@pytest.mark.parametrize("reading", ["independent, no delay", "discrepancy"])
def test_intervals_of_the_human_beat_hold_the_least_squares_values(
    reading: str, measured: Callable[[study.Subject], Experiment]
) -> None:
    chosen = next(r for r in study.READINGS if r.name == reading)
    result = study.posterior_of(HUMAN, measured(HUMAN), "five_element", chosen, seed=1)
    row = study.rows_of([result])[0]
    assert misses(row) == []
    assert row["behind"] == 0.0
    assert "none" in intervals_table([row])


def test_without_a_delay_correlated_errors_move_the_compliance_and_predict_worse(
    measured: Callable[[study.Subject], Experiment],
) -> None:
    experiment = measured(HUMAN)
    results = [study.posterior_of(HUMAN, experiment, "five_element", r, seed=1) for r in study.READINGS[-2:]]
    compliance = [r.summary["parameters"]["Cs"] for r in results]
    assert compliance[0]["q05"] > EXPECTED["human"]["Cs"] > compliance[1]["q50"]
    assert results[1].summary["parameters"]["flow_delay"]["q05"] > 0.010
    gain, error = difference(results[1].loo, results[0].loo)
    assert gain > 0.0
    assert error > 0.0


def test_a_point_fit_finds_the_parameters_that_made_the_data() -> None:
    model = PRESETS["three_element"]
    c = model.conditions.nominal
    x, truth = model.abscissa(c, 80), np.array([1.2, 1.5, 0.05, 2.0, 0.004])
    known = model.conditions.unpack(c)
    y = model(truth, c, x)
    made = Experiment("made", known, ("time", "flow"), x, ("pressure",), y, {"pressure": "mmHg"})
    found = fit(model, made, starts=6)
    assert found.rmse < 1e-5
    np.testing.assert_allclose(found.theta, truth, rtol=1e-3)
