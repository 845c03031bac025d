"""Many units at once answer as each alone would, and a bad one harms nobody."""

from typing import Any

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.units.nuts import ChainSettings
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.space import Floats

COUNT, POINTS = 12, 30
X = np.linspace(0.0, 3.0, POINTS)[:, None]


@pytest.fixture(scope="module")
def fleet(voltage_only: Any) -> tuple[Likelihood, Floats, Floats]:
    """Decays of different amplitudes and time constants, their data and truths."""
    rng = np.random.default_rng(0)
    truth = np.stack([rng.uniform(0.8, 1.6, COUNT), rng.uniform(0.6, 1.4, COUNT)], axis=-1)
    y = voltage_only(truth, np.array([1.0]), X) + 0.02 * rng.standard_normal((COUNT, POINTS, 1))
    own = Experiment("unit", {"rate": 1.0}, ("time",), X, ("voltage",), y[0], {"voltage": "V"})
    return Likelihood(voltage_only, [own]), y, truth


@pytest.fixture(scope="module")
def units(fleet: tuple[Likelihood, Floats, Floats]) -> Units:
    """Compiled once for all tests."""
    return Units(fleet[0])


def answered(units: Units, y: Floats, mask: Floats | None = None, chunk: int = 128) -> list[UnitAnswer]:
    seen = np.ones(y.shape, dtype=bool) if mask is None else mask
    found = solve_units(units, ((np.where(seen, y, 0.0), seen),), chunk=chunk)
    return sorted(found, key=lambda answer: answer.unit)


@pytest.fixture(scope="module")
def answers(units: Units, fleet: tuple[Likelihood, Floats, Floats]) -> list[UnitAnswer]:
    return answered(units, fleet[1])


def test_every_unit_has_the_posterior_that_it_has_alone(
    fleet: tuple[Likelihood, Floats, Floats], answers: list[UnitAnswer], voltage_only: Any
) -> None:
    _, y, _ = fleet
    for i in (0, 3, 7):
        e = Experiment("unit", {"rate": 1.0}, ("time",), X, ("voltage",), y[i], {"voltage": "V"})
        draws = sample_laplace(density_of(Likelihood(voltage_only, [e])), seed=3, draws=8000).theta.reshape(-1, 3)
        assert answers[i].converged
        np.testing.assert_allclose((answers[i].mean - draws.mean(0)) / draws.std(0), 0.0, atol=0.15)
        np.testing.assert_allclose(answers[i].sd, draws.std(0), rtol=0.15)
        low, high = answers[i].quantile(np.array([0.05, 0.95]))
        np.testing.assert_allclose(low, np.quantile(draws, 0.05, axis=0), atol=0.25 * draws.std(0).max())
        assert np.all(low < answers[i].mean)
        assert np.all(answers[i].mean < high)


def test_every_record_says_rung_reason_and_worth(answers: list[UnitAnswer]) -> None:
    assert [a.unit for a in answers] == list(range(COUNT))
    for a in answers:
        assert a.rung in ("laplace", "mixture", "nuts")
        assert a.reason
        assert np.exp(a.log_weights).sum() == pytest.approx(1.0)
        assert a.ess > 100


def test_neither_order_nor_chunks_change_an_answer(
    units: Units, fleet: tuple[Likelihood, Floats, Floats], answers: list[UnitAnswer]
) -> None:
    turned = answered(units, fleet[1][::-1], chunk=5)
    for i, a in enumerate(answers):
        np.testing.assert_allclose(turned[COUNT - 1 - i].mean, a.mean, rtol=1e-6)
        assert turned[COUNT - 1 - i].rung == a.rung


def test_masked_values_do_not_count_whatever_they_are(
    units: Units, fleet: tuple[Likelihood, Floats, Floats], answers: list[UnitAnswer]
) -> None:
    y = fleet[1]
    mask = np.ones(y.shape, dtype=bool)
    mask[:, 20:] = False
    spoiled = y.copy()
    spoiled[:, 20:] = 1e6
    one, other = (answered(units, data, mask)[0] for data in (y, spoiled))
    np.testing.assert_array_equal(one.mean, other.mean)
    assert np.all(one.sd > answers[0].sd)


def test_a_unit_without_a_finite_density_is_recorded_and_harms_nobody(
    units: Units, fleet: tuple[Likelihood, Floats, Floats], answers: list[UnitAnswer]
) -> None:
    bad = fleet[1].copy()
    bad[4] = np.nan
    found = answered(units, bad)
    assert (found[4].rung, found[4].converged, len(found[4].theta)) == ("none", False, 0)
    assert "finite at none of the starts" in found[4].reason
    for i in (3, 5):
        np.testing.assert_allclose(found[i].mean, answers[i].mean, rtol=1e-9)


def test_data_of_another_shape_are_refused(units: Units, fleet: tuple[Likelihood, Floats, Floats]) -> None:
    with pytest.raises(ValueError, match=r"expected \(units, \*\(30, 1\)\), got y \(12, 29, 1\)"):
        answered(units, fleet[1][:, :-1])


def test_a_masked_tail_is_a_shorter_experiment(
    units: Units, fleet: tuple[Likelihood, Floats, Floats], voltage_only: Any
) -> None:
    y = fleet[1]
    mask = np.ones(y.shape, dtype=bool)
    mask[:, 20:] = False
    own = Experiment("short", {"rate": 1.0}, ("time",), X[:20], ("voltage",), y[0, :20], {"voltage": "V"})
    masked = answered(units, y[:3], mask[:3])
    short = answered(Units(Likelihood(voltage_only, [own])), y[:3, :20])
    for a, b in zip(masked, short, strict=True):
        np.testing.assert_allclose((a.mean - b.mean) / b.sd, 0.0, atol=0.02)
        np.testing.assert_allclose(a.sd, b.sd, rtol=0.02)


def test_units_that_both_rungs_refuse_are_left_to_chains_that_agree(
    fleet: tuple[Likelihood, Floats, Floats], answers: list[UnitAnswer]
) -> None:
    likelihood, y, _ = fleet
    never = Effort(draws=128, round_draws=128, rounds=2, components=2, ess_limit=1e9)
    chains = ChainSettings(units=2, chains=4, draws=500, warmup=300)
    found = solve_units(Units(likelihood, effort=never, chains=chains), ((y[:3], np.ones((3, POINTS, 1), dtype=bool)),))
    for a in sorted(found, key=lambda answer: answer.unit):
        assert (a.rung, a.converged) == ("nuts", True)
        assert "mixture after 2 rounds: " in a.reason
        assert "nuts: R-hat" in a.reason
        np.testing.assert_allclose((a.mean - answers[a.unit].mean) / a.sd, 0.0, atol=0.15)
        np.testing.assert_allclose(a.sd, answers[a.unit].sd, rtol=0.15)
