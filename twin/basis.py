"""Fixed bases of spectral fields: values and derivatives as constant matrices (R, K), in float64 NumPy."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy import special

from twin.space import Floats


@runtime_checkable
class Basis(Protocol):
    """K functions of one bounded or periodic coordinate."""

    @property
    def size(self) -> int:
        """K."""
        ...

    def matrix(self, r: Floats) -> Floats:
        """φ_k(r_i) as (R, K)."""
        ...

    def derivative(self) -> "Basis":
        """The basis of the derivatives φ_k'."""
        ...


@dataclass(frozen=True)
class BallPolynomials:
    """Even polynomials on [0, 1], orthonormal with weight r² (a ball's volume), without the constant.

    φ_k(r) = √(4k + 3) P_k^(0, 1/2)(2r² - 1), k = 1 … size, so ∫ φ_j φ_k r² dr = δ_jk and ∫ φ_k r² dr = 0: what
    they carry has no volume mean. P is the Jacobi polynomial (Abramowitz and Stegun 1964, chapter 22).
    """

    size: int
    order: int = 0

    def matrix(self, r: Floats) -> Floats:
        """φ_k or its first or second derivative (R, size)."""
        r = np.asarray(r, dtype=np.float64)[:, None]
        k = np.arange(1, self.size + 1)[None, :]
        scale, z = np.sqrt(4 * k + 3.0), 2 * r**2 - 1
        first = _jacobi_derivative(k, z, 1)
        if self.order == 0:
            return np.asarray(scale * special.eval_jacobi(k, 0, 0.5, z))
        if self.order == 1:
            return np.asarray(scale * first * 4 * r)
        return np.asarray(scale * (_jacobi_derivative(k, z, 2) * (4 * r) ** 2 + 4 * first))

    def derivative(self) -> "BallPolynomials":
        """One derivative more; at most two."""
        if self.order == 2:
            raise ValueError("ball polynomials have derivatives up to the second")
        return replace(self, order=self.order + 1)


def _jacobi_derivative(k: npt.NDArray[np.int64], z: Floats, m: int) -> Floats:
    """dᵐ/dzᵐ P_k^(0, 1/2)(z) = Γ(k + m + 3/2)/(2ᵐ Γ(k + 3/2)) P_{k-m}^(m, m + 1/2)(z)."""
    rising = special.poch(k + 1.5, m) / 2.0**m
    lower = special.eval_jacobi(np.maximum(k - m, 0), m, m + 0.5, z)
    return np.asarray(np.where(k >= m, rising * lower, 0.0))


@dataclass(frozen=True)
class Chebyshev:
    """T_0 … T_{size-1} on [low, high]."""

    size: int
    low: float = -1.0
    high: float = 1.0
    order: int = 0

    def matrix(self, r: Floats) -> Floats:
        """Values or derivatives (R, size)."""
        z = (2 * np.asarray(r, dtype=np.float64) - self.low - self.high) / (self.high - self.low)
        coefficients: Floats = np.eye(self.size)
        for _ in range(self.order):
            slopes = np.polynomial.chebyshev.chebder(coefficients) * 2 / (self.high - self.low)
            coefficients = np.asarray(slopes, dtype=np.float64)
        return np.asarray(np.polynomial.chebyshev.chebval(z, coefficients), dtype=np.float64).T

    def derivative(self) -> "Chebyshev":
        """One derivative more."""
        return replace(self, order=self.order + 1)


@dataclass(frozen=True)
class Fourier:
    """1, cos 2πφ, sin 2πφ, … with ``harmonics`` harmonics, periodic in φ with period 1."""

    harmonics: int
    order: int = 0

    @property
    def size(self) -> int:
        """2 harmonics + 1."""
        return 2 * self.harmonics + 1

    def matrix(self, r: Floats) -> Floats:
        """Values or derivatives (R, size); the m-th derivative shifts the phase by mπ/2."""
        phase = np.asarray(r, dtype=np.float64)[:, None]
        omega = 2 * np.pi * np.arange(1, self.harmonics + 1)[None, :]
        shift = self.order * np.pi / 2
        growth = omega**self.order
        constant = np.full_like(phase, 1.0 if self.order == 0 else 0.0)
        pairs = np.stack([np.cos(omega * phase + shift), np.sin(omega * phase + shift)], axis=-1)
        waves = (growth[..., None] * pairs).reshape(len(phase), -1)
        return np.concatenate([constant, waves], axis=1)

    def derivative(self) -> "Fourier":
        """One derivative more."""
        return replace(self, order=self.order + 1)
