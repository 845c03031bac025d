"""Periodic fields: Fourier series in the straightened phase s (``phase.py``)."""

from dataclasses import dataclass, replace

import numpy as np

from twin.arrays import Array, like, namespace
from twin.basis import Fourier


@dataclass(frozen=True, eq=False)
class PeriodicField:
    """u(s) = Σ_k a_k ψ_k(s) with coefficients a (*batch, 2 harmonics + 1)."""

    a: Array
    basis: Fourier
    coordinates: tuple[str, ...] = ("s",)

    def __call__(self, *at: Array) -> Array:
        """Values (*batch, n) at s (n,), the same for all of the batch and NumPy, or at each draw's own (*batch, n)."""
        (s,) = at
        if isinstance(s, np.ndarray) and s.ndim == 1:
            return self.a @ like(self.basis.matrix(s).T, self.a)
        return self._constant() + self._waves(s)

    def d(self, *names: str) -> "PeriodicField":
        """The derivative by s."""
        basis = self.basis
        for _ in names:
            basis = basis.derivative()
        return replace(self, basis=basis)

    def _constant(self) -> Array:
        return self.a[..., :1] * (1.0 if self.basis.order == 0 else 0.0)

    def _waves(self, s: Array) -> Array:
        """Σ ω^m (a_k cos(ωs + mπ/2) + b_k sin(ωs + mπ/2)), ω = 2πk."""
        xp = namespace(self.a)
        omega = 2 * np.pi * np.arange(1, self.basis.harmonics + 1)
        angle = s[..., None] * like(omega, self.a) + self.basis.order * np.pi / 2
        growth = like(omega**self.basis.order, self.a)
        cosine, sine = self.a[..., 1::2] * growth, self.a[..., 2::2] * growth
        both = xp.matmul(xp.cos(angle), cosine[..., None]) + xp.matmul(xp.sin(angle), sine[..., None])
        return both[..., 0]
