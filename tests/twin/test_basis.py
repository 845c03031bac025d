import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from twin.basis import BallPolynomials, Basis, Chebyshev, Fourier
from twin.space import Floats

NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)
RHO, VOLUME = (NODES + 1) / 2, WEIGHTS / 2 * ((NODES + 1) / 2) ** 2


def by_differences(basis: Basis, r: Floats) -> Floats:
    """Six-point central differences, exact to h⁶."""
    h = 1e-3
    weights = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
    return np.asarray(sum(w * (basis.matrix(r + k * h) - basis.matrix(r - k * h)) for k, w in weights.items()) / h)


def test_ball_polynomials_are_orthonormal_with_the_weight_of_a_sphere() -> None:
    phi = BallPolynomials(20).matrix(RHO)
    np.testing.assert_allclose((phi * VOLUME[:, None]).T @ phi, np.eye(20), atol=1e-12)


def test_ball_polynomials_have_no_volume_mean() -> None:
    np.testing.assert_allclose(VOLUME @ BallPolynomials(20).matrix(RHO), 0, atol=1e-13)


def test_ball_polynomials_are_even_and_flat_at_the_centre() -> None:
    r = np.linspace(0, 1, 7)
    basis = BallPolynomials(9)
    np.testing.assert_allclose(basis.matrix(-r), basis.matrix(r), rtol=1e-13)
    np.testing.assert_array_equal(basis.derivative().matrix(np.zeros(1)), 0)


def test_the_first_ball_polynomial_is_the_steady_profile_of_a_sphere() -> None:
    r = np.linspace(0, 1, 5)
    np.testing.assert_allclose(BallPolynomials(1).matrix(r)[:, 0], 5 * math.sqrt(7) * (r**2 / 2 - 0.3), rtol=1e-13)


def test_ball_polynomials_equal_fifty_digit_arithmetic() -> None:
    getcontext().prec = 50
    r = Decimal("0.83")
    z = 2 * r * r - 1
    a, b = Decimal(0), Decimal("0.5")
    values = [Decimal(1), (a + 1) + (a + b + 2) * (z - 1) / 2]
    for n in range(2, 15):  # three-term recurrence, Abramowitz and Stegun 22.7.1
        m = Decimal(n)
        s = 2 * m + a + b
        first = 2 * m * (m + a + b) * (s - 2)
        second = (s - 1) * (s * (s - 2) * z + a * a - b * b)
        third = 2 * (m + a - 1) * (m + b - 1) * s
        values.append((second * values[-1] - third * values[-2]) / first)
    exact = [float(Decimal(4 * k + 3).sqrt() * values[k]) for k in range(1, 15)]
    np.testing.assert_allclose(BallPolynomials(14).matrix(np.array([0.83]))[0], exact, rtol=1e-12)


BASES: tuple[Basis, ...] = (
    BallPolynomials(8),
    BallPolynomials(8).derivative(),
    Chebyshev(9, -1.0, 1.0),
    Chebyshev(9, 2.0, 5.0),
    Chebyshev(9, 2.0, 5.0).derivative(),
    Fourier(4),
    Fourier(4).derivative(),
    Fourier(4).derivative().derivative(),
)


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_derivatives_equal_differences_of_the_basis(basis: Basis) -> None:
    low, high = (basis.low, basis.high) if isinstance(basis, Chebyshev) else (0.0, 1.0)
    r = low + (high - low) * np.array([0.05, 0.2, 0.5, 0.73, 0.95])
    exact = basis.derivative().matrix(r)
    np.testing.assert_allclose(exact, by_differences(basis, r), atol=1e-8 * np.max(np.abs(exact)))


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_the_matrix_has_one_column_per_function(basis: Basis) -> None:
    assert isinstance(basis, Basis)
    assert basis.matrix(np.linspace(0.1, 0.9, 5)).shape == (5, basis.size)


def test_ball_polynomials_refuse_a_third_derivative() -> None:
    with pytest.raises(ValueError, match="up to the second"):
        BallPolynomials(3).derivative().derivative().derivative()


def test_chebyshev_polynomials_are_cosines_of_multiples() -> None:
    angle = np.linspace(0, np.pi, 11)
    x = 3.5 + 1.5 * np.cos(angle)
    np.testing.assert_allclose(Chebyshev(7, 2.0, 5.0).matrix(x), np.cos(np.outer(angle, np.arange(7))), atol=1e-14)


def test_chebyshev_interpolation_converges_geometrically() -> None:
    x, fine = 1.0 + np.cos(np.pi * np.arange(21) / 20), np.linspace(0, 2, 50)
    errors = []
    for size in (6, 11, 16):
        basis = Chebyshev(size, 0.0, 2.0)
        a, *_ = np.linalg.lstsq(basis.matrix(x), np.exp(np.sin(2 * x)), rcond=None)
        errors.append(np.max(np.abs(basis.matrix(fine) @ a - np.exp(np.sin(2 * fine)))))
    assert errors[1] < 0.05 * errors[0]
    assert errors[2] < 0.05 * errors[1]


def test_fourier_functions_have_period_one_and_are_orthogonal() -> None:
    phase = np.arange(32) / 32
    basis = Fourier(5)
    np.testing.assert_allclose(basis.matrix(phase + 1), basis.matrix(phase), atol=1e-12)
    gram = basis.matrix(phase).T @ basis.matrix(phase) / 32
    np.testing.assert_allclose(gram, np.diag([1.0] + [0.5] * 10), atol=1e-13)


def test_fourier_starts_with_the_constant_then_cosine_and_sine() -> None:
    expected = [1.0, math.cos(0.6 * math.pi), math.sin(0.6 * math.pi)]
    np.testing.assert_allclose(Fourier(1).matrix(np.array([0.3]))[0], expected, rtol=1e-14)
