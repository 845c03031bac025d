"""Units with conditions and abscissae of their own, of unequal lengths, answer as each alone would."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.units.door import UnitData, admit, unit_data
from twin.inference.units.likelihood import of_rows, one_unit
from twin.inference.units.nuts import ChainSettings
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.model import Forward

COUNT, SEEN = 40, 5
LEVELS = np.array([0.05, 0.95])
TRUTH = np.random.default_rng(1).uniform([0.8, 0.6], [1.6, 1.4], (COUNT, 2))


def decay_of(forward: Forward, unit: int, name: str = "voltage", noise: float = 0.02) -> Experiment:
    """A decay at a rate and at times of its own, 15 to 40 of them."""
    rng = np.random.default_rng(100 + unit)
    rate, n = rng.uniform(0.5, 2.0), int(rng.integers(15, 41))
    x = np.sort(rng.uniform(0.0, 3.0 / rate, n))[:, None]
    y = np.asarray(forward(TRUTH[unit], np.array([rate]), x)) + noise * rng.standard_normal((n, 1))
    return Experiment(f"decay {unit}", {"rate": rate}, ("time",), x, (name,), y, {name: "V"})


def answered(units: Units, data: UnitData, chunk: int = 128) -> list[UnitAnswer]:
    return sorted(solve_units(units, [data], chunk=chunk), key=lambda answer: answer.unit)


@pytest.fixture(scope="module")
def cells(voltage_only: Any) -> list[Experiment]:
    return [decay_of(voltage_only, unit) for unit in range(COUNT)]


@pytest.fixture(scope="module")
def units(voltage_only: Any, cells: list[Experiment]) -> Units:
    """Compiled once for all tests."""
    return Units(Likelihood(voltage_only, cells[:1]))


@pytest.fixture(scope="module")
def data(voltage_only: Any, cells: list[Experiment]) -> UnitData:
    return unit_data(voltage_only, cells, length=45)


@pytest.fixture(scope="module")
def answers(units: Units, data: UnitData) -> list[UnitAnswer]:
    return answered(units, data)


def alike(one: UnitAnswer, other: UnitAnswer, within: float) -> None:
    """Means and standard deviations agree, in standard deviations."""
    assert (one.rung, one.converged) == (other.rung, other.converged)
    np.testing.assert_allclose((one.mean - other.mean) / other.sd, 0.0, atol=within)
    np.testing.assert_allclose(one.sd, other.sd, rtol=within)


def test_every_unit_has_the_posterior_that_it_has_alone(
    voltage_only: Any, cells: list[Experiment], answers: list[UnitAnswer]
) -> None:
    for i in (0, 3, 7):
        draws = sample_laplace(density_of(Likelihood(voltage_only, [cells[i]])), seed=3, draws=8000)
        theta = draws.theta.reshape(-1, 3)
        assert answers[i].converged
        np.testing.assert_allclose((answers[i].mean - theta.mean(0)) / theta.std(0), 0.0, atol=0.15)
        np.testing.assert_allclose(answers[i].sd, theta.std(0), rtol=0.15)


def test_the_density_of_a_unit_is_that_of_its_experiment_to_rounding(
    voltage_only: Any, cells: list[Experiment], units: Units, data: UnitData
) -> None:
    rows = admit(units.likelihood, [data]).data
    theta = units.likelihood.space.draw(20, seed=0)
    for i in (0, 5):
        likelihood, measured = one_unit(units.likelihood, jax.tree.map(lambda a: a[0], of_rows(rows, np.array([i]))))
        expected = Likelihood(voltage_only, [cells[i]]).log_prob(theta)
        np.testing.assert_allclose(likelihood.log_prob(theta, measured), expected, rtol=1e-12)


def test_conditions_and_abscissae_of_their_own_that_are_equal_answer_as_shared_ones_do(voltage_only: Any) -> None:
    c, x = np.array([1.3]), np.linspace(0.0, 3.0, 30)[:, None]
    rng = np.random.default_rng(0)
    y = voltage_only(TRUTH[:8], c, x) + 0.02 * rng.standard_normal((8, 30, 1))
    mask = rng.uniform(size=y.shape) < 0.9
    own = Experiment("unit", {"rate": 1.3}, ("time",), x, ("voltage",), y[0], {"voltage": "V"})
    units = Units(Likelihood(voltage_only, [own]))
    shared = sorted(solve_units(units, [(y, mask)]), key=lambda answer: answer.unit)
    apart = answered(units, UnitData(y, mask, np.tile(c, (8, 1)), np.tile(x, (8, 1, 1))))
    only_c = answered(units, UnitData(y, mask, np.tile(c, (8, 1))))
    for one, two, three in zip(shared, apart, only_c, strict=True):
        alike(two, one, 1e-5)
        alike(three, two, 1e-9)


def test_neither_neighbours_nor_chunks_change_an_answer(
    units: Units, data: UnitData, answers: list[UnitAnswer]
) -> None:
    some = np.array([11, 2, 30, 7, 19])
    turned = answered(units, jax.tree.map(lambda a: a[some], data), chunk=3)
    for one, unit in zip(turned, some, strict=True):
        alike(one, answers[unit], 1e-9)


def test_neither_how_far_a_unit_is_padded_nor_with_what_changes_its_answer(
    voltage_only: Any, cells: list[Experiment], units: Units, answers: list[UnitAnswer]
) -> None:
    long = unit_data(voltage_only, cells[:4], length=70)
    for one, other in zip(answered(units, long), answers, strict=False):
        alike(one, other, 1e-5)
    assert long.x is not None
    for e, x, y in zip(cells, long.x, long.y, strict=False):
        x[len(e.x) :], y[len(e.x) :] = np.nan, 1e6
    for one, other in zip(answered(units, long), answers, strict=False):
        alike(one, other, 1e-5)


def test_bad_units_are_refused_one_by_one_with_the_reason_and_harm_no_other(
    units: Units, data: UnitData, answers: list[UnitAnswer]
) -> None:
    bad = jax.tree.map(np.copy, data)
    bad.c[1], bad.c[2], bad.mask[3] = np.nan, 17.0, False
    bad.x[4, 5:8] = bad.x[4, 5:8][::-1]
    bad.x[6, 4] = np.inf
    bad.y[8, 2] = np.nan
    reasons = {
        1: r"rate = nan 1 lies outside the valid range [0.1, 3] 1",
        2: r"rate = 17 1 lies outside the valid range [0.1, 3] 1",
        3: "no measured value",
        4: "time must increase, got ",
        6: "abscissae must be finite, got [inf] in row 5",
        8: "finite at none of the starts",
    }
    found = answered(units, bad)
    assert [a.unit for a in found] == list(range(COUNT))
    for unit, reason in reasons.items():
        assert (found[unit].rung, found[unit].converged, len(found[unit].theta)) == ("none", False, 0)
        assert reason in found[unit].reason
    for unit in set(range(COUNT)) - set(reasons):
        alike(found[unit], answers[unit], 1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say(answers: list[UnitAnswer]) -> None:
    low, high = np.stack([a.quantile(LEVELS)[:, :2] for a in answers], axis=1)
    held = (low < TRUTH) & (high > TRUTH)
    assert all(a.converged for a in answers)
    assert 0.8 < held.mean() < 0.98


def test_chains_of_units_that_the_rungs_refuse_agree(units: Units, data: UnitData, answers: list[UnitAnswer]) -> None:
    never = Effort(draws=128, round_draws=128, rounds=2, components=2, ess_limit=1e9)
    chains = ChainSettings(units=2, chains=4, draws=500, warmup=300)
    found = answered(replace(units, effort=never, chains=chains), jax.tree.map(lambda a: a[:2], data))
    for one, other in zip(found, answers, strict=False):
        assert (one.rung, one.converged) == ("nuts", True)
        np.testing.assert_allclose((one.mean - other.mean) / other.sd, 0.0, atol=0.15)
        np.testing.assert_allclose(one.sd, other.sd, rtol=0.15)
