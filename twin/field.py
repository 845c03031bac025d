"""Functions of the coordinates that can give their own derivatives.

A ``Field`` u over coordinates such as ("t", "r") is called with one array per coordinate, and ``u.d("r")`` is
again a field. Three kinds: spectral (derivatives in the bounded coordinate by the basis), neural (forward-mode
automatic differentiation, PyTorch), exact (closed form).
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol, runtime_checkable

import torch

from twin.arrays import Array, like
from twin.basis import Basis


@runtime_checkable
class Field(Protocol):
    """A function of named coordinates."""

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the arguments."""
        ...

    def __call__(self, *at: Array) -> Array:
        """Values at the coordinates."""
        ...

    def d(self, *names: str) -> "Field":
        """The partial derivative with respect to the named coordinates, one after the other."""
        ...


@dataclass(frozen=True, eq=False)
class ExactField:
    """A closed form with the derivatives that are known in closed form too."""

    coordinates: tuple[str, ...]
    function: Callable[..., Array]
    derivatives: Mapping[str, "ExactField"] = field(default_factory=dict)

    def __call__(self, *at: Array) -> Array:
        """Values at the coordinates."""
        return self.function(*at)

    def d(self, *names: str) -> "ExactField":
        """The derivative in closed form; ValueError if it was not given."""
        u = self
        for name in names:
            if name not in u.derivatives:
                raise ValueError(f"no closed form of the derivative by {name!r}; known: {list(u.derivatives)}")
            u = u.derivatives[name]
        return u


@dataclass(frozen=True, eq=False)
class NeuralField:
    """Any PyTorch function of the coordinates that acts sample by sample; derivatives by forward mode."""

    coordinates: tuple[str, ...]
    function: Callable[..., Array]

    def __call__(self, *at: Array) -> Array:
        """Values at the coordinates."""
        return self.function(*at)

    def d(self, *names: str) -> "NeuralField":
        """∂u/∂name by a Jacobian-vector product with ones, exact since samples do not mix."""
        u = self
        for name in names:
            u = NeuralField(u.coordinates, _forward_derivative(u.function, u.coordinates.index(name)))
        return u


@dataclass(frozen=True, eq=False)
class SpectralField:
    """u(t, …, r) = lift(t, …) + Σ_k a_k(t, …) φ_k(r), with a fixed basis φ in the last coordinate.

    ``coefficients`` maps the other coordinates (*batch, n) to (*batch, n, K), ``lift`` to (*batch, n). The
    field at r (R,) is (*batch, n, R).
    """

    coordinates: tuple[str, ...]
    basis: Basis
    coefficients: Callable[..., Array]
    lift: Callable[..., Array]

    def __call__(self, *at: Array) -> Array:
        """Values (*batch, n, R)."""
        *others, r = at
        a = self.coefficients(*others)
        phi = like(self.basis.matrix(r), a)
        return self.lift(*others)[..., None] + a @ phi.T

    def d(self, *names: str) -> "SpectralField":
        """Derivative: of the basis in the last coordinate, by forward mode in the others."""
        u = self
        for name in names:
            i = u.coordinates.index(name)
            if i == len(u.coordinates) - 1:
                u = replace(u, basis=u.basis.derivative(), lift=_zero_of(u.lift))
            else:
                u = replace(
                    u,
                    coefficients=_forward_derivative(u.coefficients, i),
                    lift=_forward_derivative(u.lift, i),
                )
        return u


@cache
def load_forward_mode() -> None:
    """Makes PyTorch load its forward-mode rules, which warns once per process about its own code.

    The first Jacobian-vector product imports ``torch._decomp.decompositions_for_jvp``, which calls
    ``torch.jit.script``, deprecated since torch 2.9. Nothing in our code can avoid that.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated", category=DeprecationWarning)
        one = torch.ones(1)
        torch.func.jvp(torch.sin, (one,), (one,))


def _zero_of(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *at: function(*at) * 0


def _forward_derivative(function: Callable[..., Array], i: int) -> Callable[..., Array]:
    def derivative(*at: Array) -> Array:
        load_forward_mode()

        def along(s: Array) -> Array:
            return function(*at[:i], s, *at[i + 1 :])

        here = at[i].contiguous()
        return torch.func.jvp(along, (here,), (torch.ones_like(here),))[1]

    return derivative
