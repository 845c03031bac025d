"""Inverse problems of flames: spreads are what data can give, and intervals hold as often as they say."""

import numpy as np

from twin.case_studies.flame_inverse import answers, counterflow, cramer_rao, experiment_of, simple

SEEDS = 12


def test_posteriors_of_case_1_are_as_wide_as_they_must_be_and_hold_the_truth() -> None:
    problem = simple()
    found = answers(problem, SEEDS)
    spread = np.mean([one.sd for one in found], axis=0)
    np.testing.assert_allclose(spread / cramer_rao(problem), 1.0, atol=0.25)
    held = np.mean([one.held for one in found], axis=0)
    assert np.all(held >= 0.6), held
    apart = np.array([(one.best - one.mean) / one.sd for one in found])
    assert np.abs(np.median(apart, axis=0)).max() < 0.5


def test_temperatures_and_velocities_alone_tell_less_than_all_fields() -> None:
    all_fields, two = cramer_rao(counterflow()), cramer_rao(counterflow(("T", "u")))
    np.testing.assert_allclose(all_fields, [3.1e-4, 4.4e-4], rtol=0.25)
    np.testing.assert_allclose(two, [5.3e-4, 7.4e-4], rtol=0.25)


def test_what_is_not_observed_is_not_in_the_experiment() -> None:
    assert experiment_of(counterflow(("T", "u")), 0).observables == ("u", "T")


def test_posteriors_of_case_3_hold_the_truth_and_are_hardly_wider_than_they_must_be() -> None:
    problem = counterflow()
    found = answers(problem, SEEDS)
    spread = np.mean([one.sd for one in found], axis=0) / cramer_rao(problem)
    assert np.all((spread > 1.0) & (spread < 1.5)), spread
    assert np.all(np.mean([one.held for one in found], axis=0) >= 0.75)
