"""Sobol indices are those known in closed form, and SciPy's for a single output."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from twin.arrays import Array, namespace
from twin.inference.identifiability.sensitivity_indices import design_of, estimate, sobol_indices
from twin.inference.likelihood import Likelihood
from twin.model import Forward, Observable
from twin.priors import LogNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space

A, B = 7.0, 0.1


def ishigami(theta: Floats) -> Floats:
    """sin θ₁ + a sin² θ₂ + b θ₃⁴ sin θ₁ (Ishigami & Homma 1990)."""
    return np.asarray(np.sin(theta[:, 0]) + A * np.sin(theta[:, 1]) ** 2 + B * theta[:, 2] ** 4 * np.sin(theta[:, 0]))


CUBE = Space(tuple(Parameter(k, "1", Uniform(-np.pi, np.pi), 0.0, "", "") for k in "abc"))


def values_of(function: Any, n: int, seed: int = 0) -> Floats:
    design = design_of(CUBE, n, seed)
    return np.asarray(function(design.stacked)).reshape(5, n, -1)


def known() -> tuple[Floats, Floats]:
    v1 = 0.5 * (1 + B * np.pi**4 / 5) ** 2
    v2, v13 = A**2 / 8, B**2 * np.pi**8 * (1 / 18 - 1 / 50)
    first, total = np.array([v1, v2, 0.0]), np.array([v1 + v13, v2, v13])
    return first / (v1 + v2 + v13), total / (v1 + v2 + v13)


def test_the_indices_of_ishigamis_function_are_the_known_ones() -> None:
    first, total, _ = estimate(values_of(ishigami, 4096))
    np.testing.assert_allclose(first, known()[0], atol=0.015)
    np.testing.assert_allclose(total, known()[1], atol=0.015)
    assert np.any(np.abs(first - known()[1]) > 0.2)  # the interaction is no first-order effect


def test_one_output_gives_what_scipy_gives() -> None:
    values = values_of(ishigami, 512)[:, :, 0]
    theirs = stats.sobol_indices(func={"f_A": values[:1], "f_B": values[1:2], "f_AB": values[2:, None]}, n=512)
    first, total, _ = estimate(values[:, :, None])
    np.testing.assert_allclose(first, theirs.first_order, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(total, theirs.total_order, rtol=1e-9, atol=1e-12)


def test_a_curve_weighs_its_points_by_their_variance() -> None:
    """Outputs θ₁ and 3 θ₂: shares 1/10 and 9/10, not 1/2 each."""
    first, total, variance = estimate(values_of(lambda t: t[:, :2] * [1.0, 3.0], 1024))
    np.testing.assert_allclose(first, [0.1, 0.9, 0.0], atol=0.01)
    np.testing.assert_allclose(total, [0.1, 0.9, 0.0], atol=0.01)
    np.testing.assert_allclose(variance[1] / variance[0], 9.0, rtol=0.01)


def test_a_sum_of_normal_parameters_splits_by_variance() -> None:
    space = Space(tuple(Parameter(k, "1", Normal(5.0, s), 0.0, "", "") for k, s in zip("abc", (1, 2, 4), strict=True)))
    points = design_of(space, 2048, 1).stacked
    first, total, _ = estimate(points.sum(axis=1).reshape(5, 2048, 1))
    np.testing.assert_allclose(first, np.array([1, 4, 16]) / 21, atol=0.015)
    np.testing.assert_allclose(total, np.array([1, 4, 16]) / 21, atol=0.015)


def test_an_observable_that_never_changes_has_no_indices() -> None:
    first, total, _ = estimate(values_of(lambda t: 0 * t[:, :1], 64))
    assert np.isnan(first).all()
    assert np.isnan(total).all()


def test_predictions_that_are_not_finite_are_left_out_point_by_point_and_counted(
    voltage_only: Forward, make_experiment: Any
) -> None:
    @dataclass(frozen=True, eq=False)
    class Ends:
        """The decay, without a value where the voltage has fallen to the end."""

        inner: Forward
        end: float

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        @property
        def observables(self) -> tuple[Observable, ...]:
            return self.inner.observables

        def __call__(self, theta: Array, c: Array, x: Array) -> Array:
            y = self.inner(theta, c, x)
            return namespace(theta).where(y > self.end, y, y * np.nan)

    whole = Likelihood(voltage_only, [make_experiment()])
    (everywhere,) = sobol_indices(whole)
    assert (everywhere.points, everywhere.used) == (1.0, 1.0)
    (ended,) = sobol_indices(replace(whole, forward=Ends(voltage_only, 0.3)))
    (masked,) = sobol_indices(whole, valid=lambda y: y[..., 0] > 0.3)
    assert 0.1 < ended.points < 0.9
    assert 0.5 < ended.used < 1.0
    np.testing.assert_array_equal(ended.total, masked.total)
    assert abs(ended.total[0] - everywhere.total[0]) > 0.03
    (none,) = sobol_indices(whole, valid=lambda y: y[..., 0] > 1e9)
    assert (none.points, none.used) == (0.0, 0.0)
    assert np.isnan(none.total).all()


def test_each_measured_curve_has_its_own_indices_at_its_measured_points(decay: Any, make_experiment: Any) -> None:
    both = make_experiment("both", observables=("voltage", "heat"))
    second = make_experiment("second", rate=2.0)
    found = sobol_indices(Likelihood(decay(), [both, second]))
    assert [(i.experiment, i.observable) for i in found] == [
        ("both", "voltage"), ("both", "heat"), ("second", "voltage")
    ]  # fmt: skip
    voltage, heat, _ = found
    assert abs(voltage.first[2]) < 1e-12  # the voltage has no offset
    assert heat.first[2] > 0.001
    mask = both.mask.copy()
    mask[1:, 0] = False
    start = sobol_indices(Likelihood(decay(), [replace(both, mask=mask)]))[0]
    np.testing.assert_allclose(start.total, [1.0, 0.0, 0.0], atol=0.02)  # at time 0 only the amplitude counts


@pytest.mark.parametrize("seed", [0, 1])
def test_the_design_is_a_sample_of_the_prior(seed: int) -> None:
    law = LogNormal(1e-14, 0.5)
    space = Space((Parameter("D", "m2/s", law, 1e-14, "", ""), CUBE.parameters[0]))
    design = design_of(space, 1024, seed)
    for part in (design.a, design.b):
        np.testing.assert_allclose(np.quantile(part[:, 0], [0.1, 0.9]), law.scipy().ppf([0.1, 0.9]), rtol=0.02)
    np.testing.assert_array_equal(design.mixed[0][:, 0], design.b[:, 0])
    np.testing.assert_array_equal(design.mixed[0][:, 1], design.a[:, 1])
