from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from twin.acceptance import (
    Differences,
    differences,
    error_calibration,
    error_model,
    error_table,
    gradient_error,
    reference_solves,
)
from twin.arrays import Array
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Model, Observable
from twin.models.battery.nrel import pinnstripes2
from twin.priors import HalfNormal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import Table
from twin.training.build import Solves


def parameter(name: str, low: float, high: float) -> Parameter:
    return Parameter(name, "1", Uniform(low, high), (low + high) / 2, name, "invented")


@dataclass(frozen=True)
class Decay:
    """y = a exp(-k x) and its double, over x in [0, end]; the reference ends where y falls below 0.2."""

    name = "decay"
    preset = "test"
    source = "invented"
    space = Space((parameter("a", 1.0, 2.0), parameter("k", 0.5, 1.5)))
    conditions = Space((parameter("end", 1.0, 2.0),))
    coordinates = (Coordinate("x", "1", "place"),)
    observables = (
        Observable("y", "1", "value", HalfNormal(1.0)),
        Observable("twice", "V", "its double", HalfNormal(1.0)),
    )

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        raise NotImplementedError

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        y = theta[:, :1] * np.exp(-theta[:, 1:] * x[:, 0])
        return np.stack([np.where(y > 0.2, y, np.nan), 2 * np.where(y > 0.2, y, np.nan)], axis=-1)

    def valid(self, y: Floats) -> Mask:
        return np.isfinite(y[..., 0])

    def abscissa(self, c: Floats, n: int) -> Floats:
        return np.linspace(0.0, c[0], n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        raise NotImplementedError


MODEL: Model = Decay()
N, POINTS = 33, 11


def wrong_by(offset: float, slope: float = 0.0) -> Differences:
    """The reference plus offset + slope · x, as a forward map."""

    def forward(theta: Floats, c: Floats, x: Floats) -> Floats:
        y = theta[:, :1] * np.exp(-theta[:, 1:] * x[:, 0])
        return np.stack([y, 2 * y], axis=-1) + offset + slope * x[:, :1]

    return differences(forward, reference_solves(MODEL, n=N, points=POINTS, seed=1))


def test_reference_solves_repeat_by_seed_and_span_the_box_and_each_experiment() -> None:
    counted: list[int] = []
    solves = reference_solves(MODEL, n=N, points=POINTS, seed=1, progress=counted.append)
    again = reference_solves(MODEL, n=N, points=POINTS, seed=1)
    np.testing.assert_array_equal(solves.theta, again.theta)
    assert counted == list(range(1, N + 1))
    assert np.all((solves.theta >= [1.0, 0.5]) & (solves.theta <= [2.0, 1.5]))
    np.testing.assert_array_equal(solves.x[:, -1, 0], solves.c[:, 0])
    for i in range(N):
        np.testing.assert_array_equal(solves.y[i], MODEL.simulate(solves.theta[i : i + 1], solves.c[i], solves.x[i])[0])


def test_a_constant_error_is_all_bias_and_no_spread() -> None:
    found = wrong_by(0.03)
    table, model = error_table(MODEL, found), error_model(MODEL, found)
    for name, unit in (("y", "1"), ("twice", "V")):
        row = table[name]
        assert (row["unit"], row["n"]) == (unit, N)
        for figure in ("median", "p95", "p99", "max", "bias", "largest"):
            assert row[figure] == pytest.approx(0.03)
    np.testing.assert_allclose(model.bias, 0.03)
    np.testing.assert_allclose(model.rest, 0.0, atol=1e-12)
    assert model.modes.shape[-1] == 0


def test_errors_after_the_references_end_do_not_count() -> None:
    found = wrong_by(0.0)
    assert np.any(np.isnan(found.values))
    assert error_table(MODEL, found)["y"]["largest"] == pytest.approx(0.0, abs=1e-15)


def test_errors_without_a_pattern_have_the_mean_and_spread_they_were_made_with() -> None:
    joint = (MODEL.space + MODEL.conditions).draw(800, seed=1)
    values = np.random.default_rng(0).normal(0.5, 2.0, (800, 5, 2)) * np.linspace(1, 3, 5)[:, None]
    values[::2, 4] = np.nan
    solves = Solves(joint[:, :2], joint[:, 2:], np.empty((800, 0)), values)
    found = error_model(MODEL, Differences(solves, values))
    np.testing.assert_allclose(found.fraction, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(found.bias, np.nanmean(values, axis=0), rtol=1e-12)
    at = found.at(joint[0, 2:], found.fraction)
    np.testing.assert_allclose(at.sd(joint[0, :2]), 2.0 * np.linspace(1, 3, 5)[:, None] * [1, 1], rtol=0.1)
    table = error_calibration(MODEL, found, Differences(solves, values))
    assert all(abs(row["coverage90"] - 0.9) < 0.02 for row in table.values())


def test_the_table_gives_percentiles_of_the_rms_per_curve() -> None:
    values = np.arange(1.0, 101.0)[:, None, None] * np.array([3.0, 4.0, np.nan])[None, :, None]
    empty = np.empty((100, 0))
    row = error_table(MODEL, Differences(Solves(empty, empty, empty, values), np.repeat(values, 2, axis=2)))["y"]
    rms = np.arange(1.0, 101.0) * np.sqrt(12.5)
    assert row["median"] == pytest.approx(np.median(rms))
    assert row["p99"] == pytest.approx(np.percentile(rms, 99))
    assert row["bias"] == pytest.approx(3.5 * 50.5)
    assert row["largest"] == pytest.approx(400.0)


def test_the_slide_is_taken_as_far_as_each_reference_goes() -> None:
    solves = reference_solves(MODEL, n=N, points=POINTS, seed=1)
    asked: list[int] = []

    def slide(theta: Floats, c: Floats, x: Floats) -> Floats:
        asked.append(len(x))
        return x[None] * [[1.0, 2.0]]

    found = differences(MODEL.simulate, solves, slide=slide).slide
    counted = np.isfinite(solves.y[..., 0])
    assert found is not None
    assert asked == counted.sum(axis=1).tolist()
    assert 0 < counted.sum() < counted.size
    np.testing.assert_allclose(found[..., 1], np.where(counted, 2 * solves.x[..., 0], np.nan))


def test_a_model_whose_errors_slide_is_refused_differences_that_do_not() -> None:
    model = replace(pinnstripes2, recipe=replace(pinnstripes2.recipe, sliding=True))
    none = np.empty((0, POINTS, 1))
    found = Differences(Solves(np.empty((0, 2)), np.empty((0, 3)), none, none), none)
    with pytest.raises(ValueError, match=r"errors of battery_spm slide.*slide=surrogate\.slide"):
        error_model(model, found)


def test_a_map_with_the_right_slopes_has_no_gradient_error_and_one_with_none_has_all_of_it() -> None:
    offset = gradient_error(lambda t, c, x: MODEL.simulate(t, c, x) + 7.0, MODEL, n=8, seed=2)
    assert offset["a"] == pytest.approx(0, abs=1e-9)
    assert offset["k"] == pytest.approx(0, abs=1e-9)
    flat = gradient_error(lambda t, c, x: 0 * MODEL.simulate(t, c, x), MODEL, n=8, seed=2)
    assert flat["a"] == pytest.approx(1.0)
    steeper = gradient_error(lambda t, c, x: 1.1 * MODEL.simulate(t, c, x), MODEL, n=8, seed=2)
    assert steeper["k"] == pytest.approx(0.1, rel=1e-6)
