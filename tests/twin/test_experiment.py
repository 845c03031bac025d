from typing import Any

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.space import Floats


def experiment(y: Floats, *, x: Floats | None = None, sd: Floats | None = None, mask: Any = None) -> Experiment:
    at = np.arange(3.0)[:, None] if x is None else x
    units = {"time": "s", "voltage": "V"}
    given = {} if mask is None else {"mask": mask}
    return Experiment("run 7", {}, ("time",), at, ("voltage",), y, units, sd=sd, **given)


def test_what_is_not_a_number_counts_as_not_measured() -> None:
    mask = experiment(np.array([[1.0], [np.nan], [2.0]])).mask
    np.testing.assert_array_equal(mask, [[True], [False], [True]])


def test_a_given_mask_is_kept() -> None:
    given = np.array([[True], [False], [False]])
    np.testing.assert_array_equal(experiment(np.ones((3, 1)), mask=given).mask, given)


@pytest.mark.parametrize("label", ["y", "sd", "mask"])
def test_shapes_that_do_not_fit_are_refused_by_name(label: str) -> None:
    shapes = {"y": np.ones((3, 1)), label: np.ones((3, 2))}
    with pytest.raises(ValueError, match=rf"run 7: {label} must have shape \(3, 1\), got \(3, 2\)"):
        experiment(**shapes)


def test_every_coordinate_needs_its_column() -> None:
    with pytest.raises(ValueError, match=r"run 7: x must have one column per coordinate .*got \(3, 2\)"):
        experiment(np.ones((3, 1)), x=np.ones((3, 2)))


@pytest.mark.parametrize("y", [np.full((3, 1), np.nan), np.empty((0, 1))])
def test_an_experiment_without_a_value_is_refused(y: Floats) -> None:
    with pytest.raises(ValueError, match="run 7: no measured value"):
        experiment(y, x=np.arange(float(len(y)))[:, None])
