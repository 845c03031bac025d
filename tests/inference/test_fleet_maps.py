"""Which forward maps serve units with conditions and abscissae of their own, and that they answer as for each alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.arrays import Array
from twin.error import ErrorModel, ForwardError
from twin.experiment import Experiment
from twin.forward import Fixed, Wrapped
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.inference.units.density import UnitDensity
from twin.inference.units.door import admit, unit_data
from twin.inference.units.likelihood import Row, of_rows
from twin.inference.units.solve import Units, solve_units
from twin.model import Forward, Model
from twin.models import catalogue
from twin.space import Floats
from twin.surrogate import load
from twin.tabulated import Tabulated

LEVELS = np.array([0.05, 0.95])


def model_of(name: str, preset: str) -> Any:
    return catalogue.model(name, preset)


def shipped(name: str, preset: str) -> Forward:
    model: Any = model_of(name, preset)
    return load(catalogue.shipped(model)[0], model)


def measured(
    model: Model, forward: Forward, truth: Floats, condition: str, values: tuple[float, float], sd: float
) -> list[Experiment]:
    """A unit per truth, its condition between two values, 30 to 60 readings over 80 % of its experiment."""
    found, rng, first = [], np.random.default_rng(3), model.observables[0]
    for i, theta in enumerate(truth):
        c = model.conditions.nominal.copy()
        c[model.conditions.index(condition)] = rng.uniform(*values)
        x = model.abscissa(c, int(rng.integers(31, 61)))[1:] * 0.8
        clean = np.asarray(forward(theta, c, x))[:, :1]
        y = clean + sd * rng.standard_normal(clean.shape)
        known, name = model.conditions.unpack(c), (model.coordinates[0].name,)
        mask = model.valid(np.asarray(forward(theta, c, x)))[:, None]
        found.append(Experiment(f"unit {i}", known, name, x, (first.name,), y, {first.name: first.unit}, mask=mask))
    return found


def apart(forward: Forward, experiments: Sequence[Experiment]) -> tuple[Floats, Floats]:
    """Log densities of every unit at a few θ (units, n): as one among many in one program, and alone."""
    likelihood = Likelihood(forward, experiments[:1])
    density = UnitDensity(likelihood)
    rows = admit(likelihood, [unit_data(forward, experiments, length=75)])
    assert not rows.refused
    u = np.random.default_rng(0).standard_normal((6, len(likelihood.space)))
    with jax.enable_x64(True):
        many = jnp.broadcast_to(jnp.asarray(u), (len(experiments), *u.shape))
        found = jax.jit(jax.vmap(density))(many, of_rows(rows.data, rows.rows))
        alone = [jax.jit(UnitDensity(Likelihood(forward, [e])))(jnp.asarray(u), own(e)) for e in experiments]
    assert np.isfinite(alone).any(axis=1).all()
    return np.asarray(found), np.stack([np.asarray(value) for value in alone])


def own(experiment: Experiment) -> tuple[Row, ...]:
    """The data of one unit under the conditions and at the abscissae of its own likelihood."""
    return (Row(np.where(experiment.mask, experiment.y, 0.0), experiment.mask),)


@dataclass(frozen=True, eq=False)
class WithError(Wrapped):
    """A map whose error depends on θ and conditions, slides or not."""

    slides: bool

    def error(self, c: Array, x: Array) -> ForwardError:
        r, f = 1 + self.slides, 1 + 3 + 6
        rng = np.random.default_rng(7)
        fraction, wave = np.linspace(0.0, 1.0, 9), rng.standard_normal((9, 1))
        mean, log_scale = 0.01 * rng.standard_normal((f, r)), 0.3 * rng.standard_normal((f, r + 1)) - 4.0
        tables = 0.01 * wave, 0.5 + 0 * wave, wave[..., None]
        model = ErrorModel(fraction, *tables, np.ones(3), np.ones(3), mean, log_scale)
        return model.at(c, x[:, 0] * c[0] / 4.0)


@pytest.mark.parametrize("slides", [False, True])
@pytest.mark.parametrize("fixed", [{}, {"tau": 1.1}])
def test_a_maps_error_is_that_of_each_units_own_conditions_and_abscissae(
    voltage_only: Any, *, slides: bool, fixed: dict[str, float]
) -> None:
    rng, inner, experiments = np.random.default_rng(0), WithError(voltage_only, slides), []
    forward = Fixed(inner, fixed) if fixed else inner
    for i, n in enumerate((20, 33, 47, 75)):
        c, x = rng.uniform(0.3, 2.5, 1), np.sort(rng.uniform(0.0, 3.0, n))[:, None]
        y = voltage_only(np.array([1.2, 1.1]), c, x) + 0.02 * rng.standard_normal((n, 1))
        name = ("voltage",)
        experiments.append(Experiment(f"{i}", {"rate": float(c[0])}, ("time",), x, name, y, {"voltage": "V"}))
    found, alone = apart(forward, experiments)
    np.testing.assert_allclose(found, alone, rtol=1e-9)
    assert np.ptp(alone) > 1.0


@pytest.mark.parametrize(
    ("name", "preset", "condition", "values"),
    [
        ("battery_spm", "kin4", "c_rate", (0.3, 1.5)),
        ("battery_spm", "soh6", "c_rate", (0.3, 1.5)),
        ("battery_circuit", "one_pair", "current", (1.0, 3.0)),
        ("cardiac_decay", "asymptote", "duration", (0.3, 1.0)),
    ],
)
def test_models_in_closed_form_serve_units_of_any_rate_and_length(
    name: str, preset: str, condition: str, values: tuple[float, float]
) -> None:
    model = model_of(name, preset)
    truth = model.space.from_unit(np.full((5, len(model.space)), 0.5))
    found, alone = apart(model, measured(model, model, truth, condition, values, 0.003))
    np.testing.assert_allclose(found, alone, rtol=1e-8)


def test_a_surrogate_serves_units_of_any_rate_and_refuses_those_beyond_its_stretch() -> None:
    forward, model = shipped("battery_spm", "pinnstripes2"), model_of("battery_spm", "pinnstripes2")
    truth = forward.space.from_unit(np.full((4, len(forward.space)), 0.5))
    low, high = forward.conditions["c_rate"].bounds
    experiments = measured(model, forward, truth, "c_rate", (low, high), 0.003)
    found, alone = apart(forward, experiments)
    np.testing.assert_allclose(found, alone, rtol=1e-8)
    data = unit_data(forward, experiments)
    assert data.x is not None
    data.x[2] *= 1.5
    refused = admit(Likelihood(forward, experiments[:1]), [data]).refused
    assert list(refused) == [2]
    assert "the surrogate at this C-rate only to" in refused[2]


def test_intervals_of_a_fleet_of_cells_at_many_rates_hold_the_truth_as_often_as_they_say() -> None:
    model = model_of("battery_spm", "kin4")
    truth = model.space.from_unit(np.random.default_rng(0).uniform(0.3, 0.7, (40, len(model.space))))
    experiments = measured(model, model, truth, "c_rate", (0.3, 1.5), 0.003)
    answers = list(solve_units(Units(Likelihood(model, experiments[:1])), [unit_data(model, experiments)]))
    assert all(a.converged for a in answers)
    low, high = np.stack([a.quantile(LEVELS)[:, : len(model.space)] for a in answers], axis=1)
    known = truth[[a.unit for a in answers]]
    assert 0.83 < ((low < known) & (known < high)).mean() < 0.98


def test_a_map_that_looks_at_values_is_refused_with_one_message(voltage_only: Any) -> None:
    c, x = np.array([1.0]), np.linspace(0.0, 3.0, 12)[:, None]
    table = Tabulated(Fixed(voltage_only, {"tau": 1.0}), c, x, np.ones((3, 12, 1)))
    one = Experiment("one", {"rate": 1.0}, ("time",), x, ("voltage",), np.ones((12, 1)), {"voltage": "V"})
    with pytest.raises(ValueError, match="this forward map looks at their values"):
        admit(Likelihood(table, [one]), [unit_data(table, [one, one])])


def test_what_holds_for_shared_abscissae_only_is_refused_with_one_message(voltage_only: Any) -> None:
    x = np.linspace(0.0, 3.0, 12)[:, None]
    one = Experiment("one", {"rate": 1.0}, ("time",), x, ("voltage",), np.ones((12, 1)), {"voltage": "V"})
    data = unit_data(voltage_only, [one, one])
    for options in ({"autoregressive": ("voltage",)}, {"discrepancy": Discrepancy({"voltage": 0.01})}):
        with pytest.raises(ValueError, match="without discrepancy and without errors that follow one another"):
            admit(Likelihood(voltage_only, [one], **options), [data])


def test_stated_errors_are_each_units_own(voltage_only: Any) -> None:
    x = np.linspace(0.0, 3.0, 12)[:, None]
    experiments = [
        Experiment(
            f"{i}", {"rate": 1.0}, ("time",), x[: 8 + i], ("voltage",), np.ones((8 + i, 1)), {"voltage": "V"},
            sd=np.full((8 + i, 1), 0.01 * (1 + i)),
        )
        for i in range(4)
    ]  # fmt: skip
    found, alone = apart(voltage_only, experiments)
    np.testing.assert_allclose(found, alone, rtol=1e-9)


def test_units_of_other_shapes_or_kinds_are_refused(voltage_only: Any) -> None:
    x = np.linspace(0.0, 3.0, 12)[:, None]
    one = Experiment("one", {"rate": 1.0}, ("time",), x, ("voltage",), np.ones((12, 1)), {"voltage": "V"})
    other = Experiment("other", {}, ("time",), x, ("heat",), np.ones((12, 1)), {"heat": "mW"})
    with pytest.raises(ValueError, match=r"unit 1 \(other\): expected .* of another kind apart"):
        unit_data(voltage_only, [one, other])
    with pytest.raises(ValueError, match="the longest unit has 12 rows, more than length = 9"):
        unit_data(voltage_only, [one], length=9)
    two = unit_data(voltage_only, [one, one])
    with pytest.raises(ValueError, match=r"expected c \(units, 1\), got \(2, 2\)"):
        admit(Likelihood(voltage_only, [one]), [two._replace(c=np.ones((2, 2)))])
