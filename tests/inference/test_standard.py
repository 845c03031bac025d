"""Every prior is standard normal on its own scale."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from twin.inference.standard import from_standard, slope, standard
from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space


@pytest.mark.parametrize(
    ("prior", "box"),
    [
        (Normal(1.0, 0.3), {}),
        (Normal(1.0, 0.3), {"lower": 0.8, "upper": 2.0}),
        (LogNormal(1e-14, 1.0), {}),
        (Uniform(-0.1, 0.4), {}),
        (Beta(2.0, 5.0), {}),
        (HalfNormal(0.02), {}),
    ],
)
def test_every_prior_is_standard_normal_on_its_own_scale(prior: Any, box: Any) -> None:
    space = Space((Parameter("a", "1", prior, 1.0, "", "", **box),))
    u = standard(space, space.from_unit((np.arange(4000)[:, None] + 0.5) / 4000))
    np.testing.assert_allclose(np.sort(u[:, 0]), stats.norm.ppf((np.arange(4000) + 0.5) / 4000), atol=1e-6)
    points = np.linspace(-5.0, 5.0, 41)[:, None]
    np.testing.assert_allclose(standard(space, from_standard(space, points)), points, atol=1e-6)
    finite = (from_standard(space, points[5:-5] + 1e-5) - from_standard(space, points[5:-5] - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope(space, from_standard(space, points[5:-5])), finite, rtol=1e-5)


def test_the_scale_reaches_far_into_both_tails() -> None:
    space = Space((Parameter("a", "1", Normal(0.0, 2.0), 0.0, "", ""),))
    theta = np.array([[-40.0], [-16.0], [16.0], [40.0]])
    np.testing.assert_allclose(standard(space, theta), theta / 2.0, rtol=1e-12)
    np.testing.assert_allclose(slope(space, theta), 2.0, rtol=1e-9)
