"""Collocation of ordinary differential equations on one step: the method Radau IIA of any number of stages.

With nodes 0 < z_1 < … < z_n = 1 on the unit step, the polynomial through y(0) and the stages y_i satisfies the
equation at the stages,

    Σ_j D_ij y_j + D_i0 y(0) = h f(z_i h, y_i),

with order 2n - 1 at the end, L-stable and stiffly accurate. Hairer and Wanner 1996, Solving Ordinary Differential
Equations II, section IV.5.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import roots_jacobi

from twin.basis import Chebyshev
from twin.space import Floats


@dataclass(frozen=True)
class RadauIIA:
    """The method of ``stages`` stages on [0, 1]."""

    stages: int

    @cached_property
    def nodes(self) -> Floats:
        """0 and the stages (n + 1,), the last of which is 1."""
        inner: Floats = np.zeros(0)
        if self.stages > 1:
            inner = (np.asarray(roots_jacobi(self.stages - 1, 1, 0)[0]) + 1) / 2
        return np.concatenate([[0.0], inner, [1.0]])

    @cached_property
    def slopes(self) -> Floats:
        """From values at all nodes to derivatives there (n + 1, n + 1); D are all its rows but the first."""
        return self._basis.derivative().matrix(self.nodes) @ self.coefficients

    @cached_property
    def coefficients(self) -> Floats:
        """From values at all nodes to coefficients of Chebyshev polynomials on [0, 1] (n + 1, n + 1)."""
        return np.asarray(np.linalg.inv(self._basis.matrix(self.nodes)))

    def interpolation(self, z: Floats) -> Floats:
        """From values at all nodes to values at z (m,) of [0, 1]: (m, n + 1)."""
        return self._basis.matrix(z) @ self.coefficients

    @property
    def _basis(self) -> Chebyshev:
        return Chebyshev(self.stages + 1, 0.0, 1.0)
