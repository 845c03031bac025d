"""What the model cannot follow: a smooth, small, low-rank Gaussian process over the abscissa.

Hilbert-space approximation (Solin & Särkkä 2020, arXiv 1401.5508, eqs. 56-60), with s in [-1, 1] the scaled
first coordinate and L the half-width of the box on which the basis vanishes:

    δ(s) = α Σ_k √S(√λ_k) φ_k(s) β_k,   φ_k(s) = √(1/L) sin(√λ_k (s + L)),   √λ_k = kπ/(2L),   β_k ~ N(0, 1)

α is the discrepancy's standard deviation in the observable's unit. Under Gaussian noise the β_k are integrated out;
under another law they are parameters, and the likelihood factorises over points.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twin.space import Floats

CLEARANCE = 1.5
"""Lengthscales from the data's end to the box: the basis is 0 there, which takes 4 % of the end's variance at most
(the paper's own 1.2 in place of 1 + 1.5 ℓ took 38 % at ℓ = 0.4)."""


@runtime_checkable
class Kernel(Protocol):
    """A stationary covariance of variance 1, known by its spectral density."""

    @property
    def lengthscale(self) -> float:
        """Correlation length as a fraction of the experiment's span."""
        ...

    @property
    def box(self) -> float:
        """Half-width L of the basis' box in units of the half span."""
        ...

    @property
    def terms(self) -> int:
        """Number of basis functions."""
        ...

    def spectral_density(self, omega: Floats) -> Floats:
        """S(ω) over the scaled coordinate s, whose lengthscale is twice the fraction."""
        ...


@dataclass(frozen=True)
class SquaredExponential:
    """exp(-r²/(2 ℓ²)), infinitely smooth."""

    lengthscale: float = 0.2

    @property
    def box(self) -> float:
        """max(1 + 1.5 ℓ, 3.2 ℓ) (Riutort-Mayol et al. 2023, arXiv 2004.11408, eq. 14, and ``CLEARANCE``)."""
        return max(1.0 + CLEARANCE * 2.0 * self.lengthscale, 3.2 * 2.0 * self.lengthscale)

    @property
    def terms(self) -> int:
        """1.75 L/ℓ, rounded up (Riutort-Mayol et al. 2023, eq. 14)."""
        return math.ceil(1.75 * self.box / (2.0 * self.lengthscale))

    def spectral_density(self, omega: Floats) -> Floats:
        """√(2π) ℓ exp(-ℓ²ω²/2)."""
        ell = 2.0 * self.lengthscale
        density: Floats = math.sqrt(2.0 * math.pi) * ell * np.exp(-0.5 * (ell * omega) ** 2)
        return density


@dataclass(frozen=True)
class Matern32:
    """(1 + √3 r/ℓ) exp(-√3 r/ℓ), once differentiable."""

    lengthscale: float = 0.2

    @property
    def box(self) -> float:
        """max(1 + 1.5 ℓ, 4.5 ℓ) (Riutort-Mayol et al. 2023, arXiv 2004.11408, eq. 13, and ``CLEARANCE``)."""
        return max(1.0 + CLEARANCE * 2.0 * self.lengthscale, 4.5 * 2.0 * self.lengthscale)

    @property
    def terms(self) -> int:
        """3.42 L/ℓ, rounded up (Riutort-Mayol et al. 2023, eq. 13)."""
        return math.ceil(3.42 * self.box / (2.0 * self.lengthscale))

    def spectral_density(self, omega: Floats) -> Floats:
        """12√3/ℓ³ (3/ℓ² + ω²)⁻²."""
        ell = 2.0 * self.lengthscale
        density: Floats = 12.0 * math.sqrt(3.0) / ell**3 / (3.0 / ell**2 + omega**2) ** 2
        return density


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """Which observables get a discrepancy, how large a priori, and how smooth.

    ``scale`` maps an observable to the scale of the half-normal prior of its α, in the observable's unit
    (for instance 0.010 V), ``source`` says where that comes from; observables not named get none.
    ``orthogonal_at`` is the forward map's θ (p,) at whose sensitivities the discrepancy is kept orthogonal
    (``orthogonal.py``), None where it may compete with the parameters.
    """

    scale: Mapping[str, float]
    kernel: Kernel = SquaredExponential()
    orthogonal_at: Floats | None = None
    source: str = "user"

    def basis(self, x: Floats) -> Floats:
        """Columns √S(√λ_k) φ_k (n, terms) at the abscissa ``x`` (n, d), of which the first column counts."""
        first = x[:, 0]
        middle, half = 0.5 * (first.max() + first.min()), 0.5 * (first.max() - first.min())
        s = (first - middle) / (half if half > 0 else 1.0)
        box = self.kernel.box
        roots = np.arange(1, self.kernel.terms + 1, dtype=np.float64) * (math.pi / (2.0 * box))
        columns: Floats = np.sin(roots * (s[:, None] + box)) * np.sqrt(self.kernel.spectral_density(roots) / box)
        return columns
