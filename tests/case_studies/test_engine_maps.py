"""Steady maps of two car diesels: operating points that were not fitted."""

from dataclasses import replace

import numpy as np
import pytest

from twin.case_studies.engine_maps import CARS, Result, measured, parts, study
from twin.data import DataNotFoundError
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.noise import Gaussian, Noise, StudentT
from twin.inference.rungs.modes import find_modes
from twin.models.engine_steady_map import MODEL
from twin.space import Floats


@pytest.fixture(scope="module", params=CARS, ids=lambda car: car.title)
def record(request: pytest.FixtureRequest) -> Experiment:
    try:
        return measured(request.param)
    except DataNotFoundError as absent:
        pytest.skip(str(absent))


def test_held_out_points_share_nothing_with_fitted_ones(record: Experiment) -> None:
    fitted, rest = parts(record)
    assert not np.any(fitted.mask & rest.mask)
    speeds = [set(part.x[part.mask.any(axis=1), 0]) for part in (fitted, rest)]
    assert not speeds[0] & speeds[1]
    assert min(map(len, speeds)) >= 6


@pytest.fixture(scope="module")
def found(record: Experiment) -> Result:
    return study(record, StudentT())


def test_held_out_points_are_predicted(found: Result) -> None:
    told = found.predictions
    assert told["torque"].median < 4.0
    assert told["W_exh"].median < 4.0
    assert told["AFR"].median < 2.0
    assert told["T_exh"].median < 30.0
    assert all(one.coverage90 > 0.7 for one in told.values())
    assert 0.40 < found.quantiles["eta_i"][1] < 0.46


@pytest.mark.parametrize("record", CARS[1:], ids=lambda car: car.title, indirect=True)
def test_a_ridge_of_heat_moves_the_heavy_tailed_fit_less(record: Experiment) -> None:
    spoilt = record.y.copy()
    spoilt[record.x[:, 0] == 3600.0, record.observables.index("T_exh")] += 300.0
    moved = {noise: told(spoilt, record, noise) - told(record.y, record, noise) for noise in (StudentT(), Gaussian())}
    assert abs(moved[Gaussian()]) > 2 * abs(moved[StudentT()])


def told(y: Floats, record: Experiment, noise: Noise) -> float:
    """Exhaust temperature [°C] at full load and 3600 rpm by the likeliest parameters."""
    fitted, _ = parts(replace(record, y=y))
    density = density_of(Likelihood(MODEL, [fitted], noise))
    best = density.coordinates.constrain(find_modes(density, seed=0, starts=16).z[0])
    c = MODEL.conditions.pack(dict(record.conditions))
    return float(MODEL(best[: len(MODEL.space)], c, np.array([[3600.0, 4.0]]))[0, 2])
