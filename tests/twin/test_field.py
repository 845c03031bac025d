from collections.abc import Callable

import numpy as np
import pytest
import torch

from twin.arrays import Array
from twin.basis import Chebyshev, Fourier
from twin.field import ExactField, Field, NeuralField, SpectralField

RATE = 0.7
"""u(t, r) = exp(-RATE t) sin(2π r) + t² + 3"""
TWO_PI = 2 * torch.pi


def decay(t: Array) -> Array:
    return torch.exp(-RATE * t)


def exact() -> ExactField:
    """u(t, r) with u_t, u_r, u_rr and u_tr in closed form, broadcast over times and radii."""

    def of(function: Callable[[Array, Array], Array], **derivatives: ExactField) -> ExactField:
        return ExactField(("t", "r"), function, derivatives)

    def wave(r: Array) -> Array:
        return torch.sin(TWO_PI * r)

    def slope(r: Array) -> Array:
        return TWO_PI * torch.cos(TWO_PI * r)

    mixed = of(lambda t, r: -RATE * decay(t)[..., None] * slope(r))
    twice = of(lambda t, r: -(TWO_PI**2) * decay(t)[..., None] * wave(r))
    by_r = of(lambda t, r: decay(t)[..., None] * slope(r), t=mixed, r=twice)
    by_t = of(lambda t, r: -RATE * decay(t)[..., None] * wave(r) + 2 * t[..., None], r=mixed)
    return of(lambda t, r: decay(t)[..., None] * wave(r) + t[..., None] ** 2 + 3, t=by_t, r=by_r)


def spectral() -> SpectralField:
    """The same u: the sine is the third Fourier function."""
    return SpectralField(
        ("t", "r"),
        Fourier(1),
        coefficients=lambda t: torch.stack([torch.zeros_like(t), torch.zeros_like(t), decay(t)], dim=-1),
        lift=lambda t: t**2 + 3,
    )


def chebyshev() -> SpectralField:
    """The same u by a Chebyshev fit of the sine, exact to about 1e-13."""
    r = np.linspace(0, 1, 80)
    a, *_ = np.linalg.lstsq(Chebyshev(24, 0, 1).matrix(r), np.sin(2 * np.pi * r), rcond=None)
    modes = torch.tensor(a)
    return SpectralField(("t", "r"), Chebyshev(24, 0, 1), lambda t: decay(t)[..., None] * modes, lambda t: t**2 + 3)


def neural() -> NeuralField:
    """The same u as a function that acts sample by sample."""
    return NeuralField(("t", "r"), lambda t, r: torch.exp(-RATE * t) * torch.sin(TWO_PI * r) + t**2 + 3)


T = torch.tensor([0.0, 0.4, 1.3], dtype=torch.float64)
R = np.array([0.0, 0.21, 0.5, 0.9])
DERIVATIVES = [(), ("t",), ("r",), ("r", "r"), ("t", "r"), ("r", "t")]


@pytest.mark.parametrize("names", DERIVATIVES, ids=".".join)
def test_spectral_neural_and_exact_derivatives_agree(names: tuple[str, ...]) -> None:
    expected = exact().d(*names)(T, torch.tensor(R)).numpy()
    t, r = torch.meshgrid(T, torch.tensor(R), indexing="ij")
    np.testing.assert_allclose(spectral().d(*names)(T, R).numpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(neural().d(*names)(t, r).numpy(), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(chebyshev().d(*names)(T, R).numpy(), expected, atol=1e-8)


def test_differentiating_the_lift_in_the_last_coordinate_leaves_nothing() -> None:
    constant = SpectralField(("t", "r"), Fourier(1), lambda t: torch.zeros((*t.shape, 3), dtype=t.dtype), lambda t: t)
    np.testing.assert_array_equal(constant.d("r")(T, R).numpy(), 0)
    np.testing.assert_allclose(constant.d("t")(T, R).numpy(), 1)


def test_batched_times_give_batched_values() -> None:
    batch = T.reshape(3, 1) * torch.tensor([1.0, 2.0], dtype=torch.float64)
    values = spectral()(batch, R)
    assert values.shape == (3, 2, len(R))
    np.testing.assert_allclose(values[1, 1].numpy(), spectral()(batch[1, 1:], R)[0].numpy())


def test_forward_derivatives_can_be_differentiated_by_weights() -> None:
    weight = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    u = NeuralField(("t",), lambda t: torch.sin(weight * t))
    (slope,) = torch.autograd.grad(u.d("t")(T).sum(), weight)
    expected = (torch.cos(1.5 * T) - 1.5 * T * torch.sin(1.5 * T)).sum()
    assert slope.item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_derivative_that_was_not_given_is_refused() -> None:
    with pytest.raises(ValueError, match="no closed form of the derivative by 'x'; known"):
        exact().d("x")


@pytest.mark.parametrize("u", [exact(), spectral(), neural()], ids=lambda u: type(u).__name__)
def test_every_kind_is_a_field(u: Field) -> None:
    assert isinstance(u, Field)
    assert isinstance(u.d("r"), Field)
