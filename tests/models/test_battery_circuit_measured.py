"""The circuit against measured cells: NASA's ageing 18650s and pulses of the LG M50."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import least_squares

from twin.experiment import Experiment
from twin.models.battery.circuit import HOUR, Circuit
from twin.models.battery.circuit_capacity import delivered
from twin.models.battery_circuit import PRESETS
from twin.space import Floats
from twin.table import read_table

HELD = {"U_plateau": 3.741, "bend": 2.266}
"""Shape of the plateau from the first discharge of B0005."""
AGES = (1, 41, 80, 121, 161)
CAPACITY = {1: 1.85649, 41: 1.76787, 80: 1.56490, 121: 1.43826, 161: 1.30341}
"""[A h] of the data set's own table, counted down to 2.7 V."""


@dataclass(frozen=True)
class Fit:
    theta: Floats
    values: Mapping[str, float]
    rmse: float
    c: Floats


def fitted(model: Circuit, experiment: Experiment, start: Mapping[str, float], held: Mapping[str, float]) -> Fit:
    """Least squares over the logarithms of the free parameters."""
    c, theta = model.conditions.pack(experiment.conditions), model.space.pack({**start, **held})
    free = [i for i, name in enumerate(model.space.names) if name not in held]
    bounds = np.log(np.clip(model.space.bounds[free], 1e-6, 1e6)).T

    def at(z: Floats) -> Floats:
        changed = theta.copy()
        changed[free] = np.exp(z)
        return changed

    def residual(z: Floats) -> Floats:
        return np.asarray((model(at(z), c, experiment.x) - experiment.y)[experiment.mask])

    found = least_squares(residual, np.log(theta[free]), bounds=(bounds[0], bounds[1]))
    return Fit(at(found.x), model.space.unpack(at(found.x)), float(np.sqrt(np.mean(found.fun**2))), c)


def discharges(path: Path, *cycles: int) -> dict[int, Experiment]:
    table = read_table(path)
    return {cycle: PRESETS["one_pair"].experiments(table.select("cycle", [str(cycle)]), {}) for cycle in cycles}


def begin(experiment: Experiment) -> dict[str, float]:
    passed = experiment.x[-1, 0] * experiment.conditions["current"] / HOUR
    return {"Q": 1.03 * passed, "R0": 0.09, "R1": 0.04}


@pytest.mark.parametrize("cell", ["b0005", "b0006", "b0007"])
def test_four_numbers_of_shape_meet_a_fresh_discharge_to_two_millivolts(
    data_file: Callable[[str], Path], cell: str
) -> None:
    (experiment,) = discharges(data_file(f"battery/nasa_{cell}_discharge.csv.gz"), 1).values()
    found = fitted(PRESETS["one_pair"], experiment, begin(experiment), {})
    assert found.rmse < 0.0022
    assert found.values["R0"] == pytest.approx(0.0945, abs=0.003)


@pytest.fixture(scope="module")
def life(data_file: Callable[[str], Path]) -> dict[int, Fit]:
    """B0005 at several ages, with the plateau's shape of its first discharge."""
    found = discharges(data_file("battery/nasa_b0005_discharge.csv.gz"), *AGES)
    return {age: fitted(PRESETS["one_pair"], e, begin(e), HELD) for age, e in found.items()}


def test_over_a_life_the_shape_may_be_held(life: dict[int, Fit]) -> None:
    assert all(fit.rmse < 0.0075 for fit in life.values())


def test_capacity_falls_and_resistance_rises_as_the_cell_ages(life: dict[int, Fit]) -> None:
    capacity, resistance = (np.array([fit.values[name] for fit in life.values()]) for name in ("Q", "R0"))
    assert np.all(np.diff(capacity) < 0)
    assert np.all(np.diff(resistance) > 0)
    assert 1.2 < resistance[-1] / resistance[0] < 1.4, (
        "impedance spectra of the data set: 1.32 (electrolyte), 1.20 (charge transfer)"
    )


def test_the_delivered_charge_is_the_capacity_of_the_data_sets_own_table(life: dict[int, Fit]) -> None:
    for age, fit in life.items():
        assert float(delivered(PRESETS["one_pair"], fit.theta, fit.c, 2.7)) == pytest.approx(CAPACITY[age], abs=0.004)


@pytest.mark.parametrize(("temperature", "cell"), [("0", "19"), ("25", "1"), ("45", "7")])
def test_two_pairs_meet_a_pulse_and_its_relaxation_better_than_one(
    data_file: Callable[[str], Path], temperature: str, cell: str
) -> None:
    table = read_table(data_file("battery/lgm50_pulses.csv.gz")).select("T_amb_C", [temperature])
    table = table.select("soc_nominal", ["0.5"]).select("cell", [cell])
    one, two = PRESETS["pulse_one_pair"], PRESETS["pulse_two_pairs"]
    single = fitted(one, one.experiments(table, {}), {"R0": 0.03}, {})
    double = fitted(two, two.experiments(table, {}), {"R0": 0.03, "R1": 0.002, "R2": 0.002}, {})
    assert double.rmse < 0.6 * single.rmse < 0.0005
    assert double.values["R0"] == pytest.approx(single.values["R0"], rel=0.05)
