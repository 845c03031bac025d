"""What one discharge tells of a cell, and whether the posteriors of a fleet may be believed."""

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.forward import Fixed
from twin.inference.identifiability.information import cramer_rao
from twin.inference.likelihood import Likelihood
from twin.inference.units.solve import Units, solve_units
from twin.model import Forward
from twin.models.battery_circuit import PRESETS
from twin.space import Floats

ONE = PRESETS["one_pair"]
SHAPE = {"U_plateau": 3.74, "bend": 2.27}
CELL = {"Q": 1.90, "R0": 0.0945, "R1": 0.045, "tau1": 72.0, "knee": 0.0515}
"""A fresh 18650 cell of the NASA data, and its plateau above."""
UNITS = 32


def discharge(y: Floats, x: Floats, c: Floats) -> Experiment:
    return Experiment("unit", ONE.conditions.unpack(c), ("time",), x, ("voltage",), y, {"voltage": "V"})


def least_errors(forward: Forward, n: int) -> dict[str, float]:
    """Cramér-Rao standard deviations from n voltages of a discharge at 2 A with 1.5 mV of noise."""
    c, x = ONE.conditions.pack({"current": 2.0}), np.linspace(3300.0 / n, 3300.0, n)[:, None]
    likelihood = Likelihood(forward, [discharge(ONE(ONE.space.pack(CELL | SHAPE), c, x), x, c)])
    known = {k: v for k, v in (CELL | SHAPE | {"noise_voltage": 0.0015}).items() if k in likelihood.space.names}
    covariance = cramer_rao(likelihood, likelihood.space.pack(known)[None])[0]
    i, j = (forward.space.index(name) for name in ("R0", "R1"))
    found = dict(zip(forward.space.names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    return found | {"R0 + R1": float(np.sqrt(covariance[i, i] + covariance[j, j] + 2 * covariance[i, j]))}


@pytest.mark.parametrize(
    ("n", "capacity", "resistance", "both"),
    [(50, 5e-4, 6e-3, 9e-4), (180, 3.5e-4, 1.3e-3, 5e-4), (370, 3e-4, 8e-4, 3.5e-4)],
)
def test_one_discharge_tells_capacity_and_resistance_even_of_an_unknown_curve(
    n: int, capacity: float, resistance: float, both: float
) -> None:
    free, held = least_errors(ONE, n), least_errors(Fixed(ONE, SHAPE), n)
    assert free["Q"] < capacity
    assert free["R0"] < resistance
    assert free["R0 + R1"] < both
    assert all(held[name] <= free[name] for name in held)


def test_intervals_of_a_fleet_hold_the_truth_as_often_as_they_say() -> None:
    forward, rng = Fixed(ONE, SHAPE), np.random.default_rng(0)
    c, x = ONE.conditions.pack({"current": 2.0}), np.linspace(10.0, 3500.0, 120)[:, None]
    truth = forward.space.from_unit(rng.uniform(0.3, 0.7, (UNITS, len(forward.space))))
    truth[:, forward.space.index("Q")] = rng.uniform(1.3, 2.0, UNITS)
    clean = forward(truth, c, x)
    measured = clean + 0.003 * rng.standard_normal(clean.shape), ONE.valid(clean)[..., None]
    units = Units(Likelihood(forward, [discharge(measured[0][0], x, c)]))
    answers = list(solve_units(units, (measured,)))
    assert sorted(a.unit for a in answers) == list(range(UNITS))
    assert all(a.converged for a in answers)
    low, high = np.stack([a.quantile(np.array([0.05, 0.95]))[:, : len(forward.space)] for a in answers], axis=1)
    held = (low < truth[[a.unit for a in answers]]) & (truth[[a.unit for a in answers]] < high)
    assert 0.83 < held.mean() < 0.97
    assert (high - low)[:, forward.space.index("Q")].max() < 0.005
