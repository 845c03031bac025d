"""What the priors say of people before anything is measured, through the shipped surrogate."""

import numpy as np

from twin.case_studies.forwards import forward_of
from twin.models import cardiac_loop
from twin.models.cardiac.limit_cycle import LimitCycle
from twin.space import Floats

DRAWS = 3000
HEART_FAILURE = {0.05: 20.0, 0.25: 30.0, 0.5: 38.0, 0.75: 45.0, 0.95: 60.0}
"""Quantiles of the ejection fraction [%] of 299 patients (Chicco & Jurman 2020, DOI 10.1186/s12911-020-1023-5)."""


def drawn(model: LimitCycle) -> dict[str, Floats]:
    """Numbers (n,) of prior draws at 75 beats a minute, the cuff without bias."""
    theta = model.space.draw(DRAWS, 11)
    for name in ("cuff_SBP", "cuff_DBP", "HR_error"):
        theta[:, model.space.index(name)] = 0.0
    y = forward_of(model)(theta, np.array([75.0]), np.zeros((1, 1)))
    return {o.name: np.asarray(y)[:, 0, i] for i, o in enumerate(model.observables)}


def plausible(model: LimitCycle) -> float:
    found = drawn(model)
    return float(np.mean((found["SBP"] > 85) & (found["SBP"] < 190) & (found["CO"] > 2.5) & (found["CO"] < 9)))


def test_nine_in_ten_of_the_default_prior_could_be_people_and_far_fewer_of_the_wide_one() -> None:
    assert plausible(cardiac_loop.default) > 0.9
    assert plausible(cardiac_loop.wide) < 0.8


def test_failing_hearts_have_the_ejection_fractions_of_measured_patients() -> None:
    EF = drawn(cardiac_loop.hf)["EF"]
    for level, value in HEART_FAILURE.items():
        assert abs(np.quantile(EF, level) - value) < 3.0
