"""Radau IIA of any number of stages, by what the theory says of it."""

import numpy as np
import pytest

from twin.collocation import RadauIIA


def step(scheme: RadauIIA, rate: complex) -> complex:
    """y(1) of y' = rate y, y(0) = 1: the stability function at ``rate``."""
    slopes = scheme.slopes[1:]
    y = np.linalg.solve(slopes[:, 1:] - rate * np.eye(scheme.stages), -slopes[:, 0])
    return complex(y[-1])


def test_two_stages_are_the_textbook_method() -> None:
    # Hairer and Wanner 1996, table IV.5.5: c = 1/3, 1; A = [[5/12, -1/12], [3/4, 1/4]]
    scheme = RadauIIA(2)
    np.testing.assert_allclose(scheme.nodes, [0, 1 / 3, 1], atol=1e-14)
    A = np.linalg.inv(scheme.slopes[1:, 1:])
    np.testing.assert_allclose(A, [[5 / 12, -1 / 12], [3 / 4, 1 / 4]], atol=1e-13)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_the_order_is_twice_the_stages_less_one(stages: int) -> None:
    scheme = RadauIIA(stages)
    errors = [abs(step(scheme, -h) - np.exp(-h)) for h in (0.2, 0.1)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * stages, abs=0.3)  # one step: order + 1


@pytest.mark.parametrize("stages", [1, 3, 6])
def test_stiff_components_are_damped(stages: int) -> None:
    scheme = RadauIIA(stages)
    assert abs(step(scheme, -1e8)) < 1e-6
    assert all(abs(step(scheme, 1j * w)) <= 1 + 1e-12 for w in np.logspace(-1, 3, 30))


def test_polynomials_are_interpolated_and_differentiated_exactly() -> None:
    scheme = RadauIIA(5)
    z = np.linspace(0, 1, 9)
    values = scheme.nodes**5 - scheme.nodes
    np.testing.assert_allclose(scheme.interpolation(z) @ values, z**5 - z, atol=1e-13)
    np.testing.assert_allclose(scheme.slopes @ values, 5 * scheme.nodes**4 - 1, atol=1e-12)
