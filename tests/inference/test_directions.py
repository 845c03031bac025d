"""Combinations keep the spectrum, are made of few parameters, and are put into true words."""

import numpy as np
import pytest
from scipy import stats

from twin.inference.identifiability.directions import Direction, directions, movement, significant
from twin.inference.identifiability.information import spectrum
from twin.inference.identifiability.words import headline, warnings


def test_equally_well_known_directions_are_named_by_few_parameters_each() -> None:
    turn = stats.ortho_group.rvs(5, random_state=1)
    alike = turn @ np.diag([3.0, 3.0, 3.0, 3.0, 3.0]) @ turn.T
    found = directions(tuple("abcde"), alike)
    assert sorted(movement(d) for d in found) == list("abcde")
    np.testing.assert_allclose([d.eigenvalue for d in found], 3.0)


def test_directions_are_orthonormal_and_keep_the_spectrum() -> None:
    root = np.random.default_rng(0).standard_normal((3, 6)) * np.array([1, 3, 10, 30, 1, 1])
    found = directions(tuple("abcdef"), root.T @ root)
    weights = np.array([d.weights for d in found])
    np.testing.assert_allclose(weights @ weights.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose([d.eigenvalue for d in found], spectrum(root.T @ root), rtol=1e-6, atol=1e-9)


def test_a_well_known_pair_is_not_warned_of_and_a_tied_one_is() -> None:
    tied = np.array([[1.0, -0.96], [-0.96, 1.0]])
    known = warnings((), ("a", "b"), np.array([0.99, 0.99]), tied, ())
    loose = warnings((), ("a", "b"), np.array([0.99, 0.5]), tied, ())
    assert known == []
    assert loose == [
        "a and b can hardly be told apart: their expected correlation is \N{MINUS SIGN}0.96. "
        "Fix one of them, or quote both together."
    ]


def test_what_acts_on_nothing_is_said_once_and_many_sloppy_combinations_share_a_sentence() -> None:
    names = ("a", "b", "c", "d", "e", "f", "g")
    strengths = np.array([9.0, 0.5, 0.3, 0.2, 0.1, 0.0, 0.0])
    said = warnings(directions(names, np.diag(strengths)), names, strengths / (1 + strengths), np.eye(7), ())
    assert said[0] == "Nothing that was measured depends on f and g: the data leave them at their priors."
    assert said[1].endswith("b (0.71); c (0.55); d (0.45); e (0.32).")
    assert said[2] == "Expected to stay close to their priors: c, d and e."
    assert len(said) == 3


def test_the_headline_counts() -> None:
    found = directions(("a", "b"), np.diag([4.0, 0.1]))
    assert headline(found) == "The data inform 1 of 2 combinations of the parameters better than their priors do."
    assert headline(found[:1]).startswith("The data inform all 1 ")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ((1.0, 0.1, 0.0), "a"),
        ((0.7, 0.7, 0.0), "a and b rising together"),
        ((0.6, 0.5, 0.6), "a, c and b rising together"),
        ((-0.7, 0.7, 0.0), "b rising while a falls"),
        ((0.6, -0.6, -0.5), "a rising while b and c fall"),
    ],
)
def test_a_combination_is_said_as_a_movement(weights: tuple[float, ...], words: str) -> None:
    assert movement(Direction(("a", "b", "c"), np.array(weights), 1.0)) == words


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.00"), (0.04, "0.040"), (2.0, "2.0"), (371.4, "371")])
def test_strengths_have_two_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert significant(value) == text
