"""Laws of the measurement noise, as plain frozen data.

A law scores a residual r against a scale s of the same unit and shape, under any array namespace.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twin.arrays import Array, namespace
from twin.space import Floats


@runtime_checkable
class Noise(Protocol):
    """A symmetric distribution around zero with a scale."""

    @property
    def information(self) -> tuple[float, float]:
        """Fisher information on the location times s², and on log s."""
        ...

    @property
    def gaussian(self) -> bool:
        """Whether correlated Gaussian errors added to it can be integrated out in closed form."""
        ...

    def log_prob(self, residual: Array, scale: Array) -> Array:
        """Log density of the residual."""
        ...

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Draws of scale 1."""
        ...


@dataclass(frozen=True)
class Gaussian:
    """r ~ N(0, s²)."""

    gaussian = True

    @property
    def information(self) -> tuple[float, float]:
        """1 and 2."""
        return (1.0, 2.0)

    def log_prob(self, residual: Array, scale: Array) -> Array:
        """-r²/(2 s²) - log s - ½ log 2π."""
        xp = namespace(residual, scale)
        return -0.5 * (residual / scale) ** 2 - xp.log(scale) - 0.5 * math.log(2.0 * math.pi)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Standard normal draws."""
        return rng.standard_normal(shape)


@dataclass(frozen=True)
class StudentT:
    """r/s ~ Student's t with ν degrees of freedom; s is the scale, the sd is s √(ν/(ν - 2))."""

    nu: float = 4.0
    gaussian = False

    @property
    def information(self) -> tuple[float, float]:
        """(ν+1)/(ν+3) and 2ν/(ν+3) (Lange, Little & Taylor 1989, appendix B)."""
        return ((self.nu + 1.0) / (self.nu + 3.0), 2.0 * self.nu / (self.nu + 3.0))

    def log_prob(self, residual: Array, scale: Array) -> Array:
        """log Γ((ν+1)/2) - log Γ(ν/2) - ½ log νπ - log s - (ν+1)/2 log(1 + r²/(ν s²))."""
        xp = namespace(residual, scale)
        half = 0.5 * (self.nu + 1.0)
        constant = math.lgamma(half) - math.lgamma(0.5 * self.nu) - 0.5 * math.log(self.nu * math.pi)
        return constant - xp.log(scale) - half * xp.log1p((residual / scale) ** 2 / self.nu)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Standard t draws."""
        return rng.standard_t(self.nu, shape)
