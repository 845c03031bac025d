"""The surrogate's posterior against PyBaMM's own likelihood, on a coarse version of the benchmark."""

import numpy as np
import pytest

from twin.case_studies.benchmarks import pinnstripes2
from twin.case_studies.forwards import forward_of
from twin.models import catalogue
from twin.priors import HalfNormal

NODES = 14
"""196 solves in place of the benchmark's 400: the bar of the interpolation's error is the same."""
DRAWS = 1500
"""Per chain, of the benchmark's 4000: their mean is known to a few hundredths of an sd, the bar is 0.15."""


@pytest.fixture(scope="module")
def reference() -> pinnstripes2.Reference:
    return pinnstripes2.reference_grid(catalogue.model("battery_spm", "pinnstripes2"), nodes=NODES)


def test_the_reference_interpolates_pybamm_to_microvolts(reference: pinnstripes2.Reference) -> None:
    assert reference.interpolation_error < 2e-5


def test_the_grid_posterior_of_a_conjugate_case_is_the_known_one() -> None:
    rng = np.random.default_rng(0)
    grid = np.linspace(-4, 4, 401)
    voltage = np.repeat(grid[:, None], 50, axis=1)
    y = 0.3 + 0.1 * rng.standard_normal(50)
    mean, sd, width = pinnstripes2.exact_posterior(
        pinnstripes2.Reference(np.stack([grid, grid], axis=-1), voltage, 0.0),
        y,
        HalfNormal(10.0),
    )
    np.testing.assert_allclose(mean[0], y.mean(), atol=2e-3)
    np.testing.assert_allclose(sd[0], y.std() / np.sqrt(48), rtol=0.05)
    np.testing.assert_allclose(width[0], 2 * 1.645 * sd[0], rtol=0.06)


def test_posterior_through_the_surrogate_is_that_of_pybamms_likelihood(reference: pinnstripes2.Reference) -> None:
    model = catalogue.model("battery_spm", "pinnstripes2")
    truth = np.array([0.8, 2.5])
    clean = model.simulate(truth[None], model.conditions.nominal, pinnstripes2.times())[0, :, 0]
    y = clean + 0.003 * np.random.default_rng(5).standard_normal(len(clean))
    found = pinnstripes2.one(forward_of(model), reference, truth, y, seed=5, draws=DRAWS)
    assert np.all(np.abs(found["mean_shift"]) < 0.15)
    assert np.all(np.abs(np.array(found["sd_ratio"]) - 1) < 0.1)
    assert found["correlation"] < -0.8
