"""What the tests of the models share."""

import pytest

from twin.models.battery.nrel import pinnstripes2
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import physics
from twin.training.gauss_newton import GaussNewton
from twin.training.loop import train


@pytest.fixture(scope="session")
def trained_nrel() -> Surrogate:
    """``pinnstripes2`` after seconds of physics-only training, good to a few microvolts at its nominal conditions."""
    network = pinnstripes2.recipe.network
    trained = train(physics(pinnstripes2, network), (GaussNewton(steps=30, batch=192),), seed=0)
    return Surrogate(pinnstripes2, network, weights_to_numpy(trained.weights), "physics", None, {})
