"""Maximum likelihood over some parameters while one is held, for many problems at once.

In prior-whitened coordinates w (``density.py``) and inside a box, each problem takes damped Gauss-Newton steps
(Levenberg 1944) (F + λI)⁻¹ g for a few λ, cut to the box, of which the best counts. g is the slope of the log
likelihood by central differences, F = JᵀJ of the scaled sensitivities. Under correlated errors F is too large and the
steps too short, so longer ones are tried as well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference.density import Whitening
from twin.inference.identifiability.information import in_noise_scales
from twin.inference.likelihood import Likelihood
from twin.space import Floats

STEP = 1e-4
"""Of the differences, in prior widths."""
TRIALS = ((1e-6, 1.0), (1e-6, 4.0), (1e-2, 1.0), (1.0, 1.0), (1e2, 1.0), (1e4, 1.0))
"""Damping λ and length of the steps tried."""
TOLERANCE = 1e-4
"""Gain [nats] below which a problem counts as solved."""
NOBODY = -1
"""In place of the position of the parameter that is held."""


@dataclass(frozen=True, eq=False)
class Hill:
    """A log likelihood over the model's w (n, p), inside the box ``low``, ``high`` (p,).

    ``rest`` are the nuisance parameters, which keep their values.
    """

    likelihood: Likelihood
    whitening: Whitening
    rest: Floats
    low: Floats
    high: Floats

    def theta(self, w: Floats) -> Floats:
        """Extended θ (*batch, P)."""
        own = np.asarray(self.likelihood.forward.space.constrain(self.whitening(w)), dtype=np.float64)
        return np.concatenate([own, np.broadcast_to(self.rest, (*w.shape[:-1], len(self.rest)))], axis=-1)

    def height(self, w: Floats) -> Floats:
        """Log likelihood (*batch,), -∞ where it is not a number."""
        with np.errstate(all="ignore"):
            value = np.asarray(self.likelihood.log_prob(self.theta(w)))
        return np.where(np.isnan(value), -np.inf, value)

    def slope(self, w: Floats) -> Floats:
        """∂ log likelihood/∂w (n, p)."""
        shifts = STEP * np.eye(w.shape[1])
        values = self.height(np.stack([w[:, None] + shifts, w[:, None] - shifts], axis=1))
        with np.errstate(all="ignore"):
            return np.asarray((values[:, 0] - values[:, 1]) / (2.0 * STEP))

    def curvature(self, w: Floats) -> Floats:
        """Fisher information (n, p, p) without what patterns of errors hide."""
        shifts = STEP * np.eye(w.shape[1])
        with np.errstate(all="ignore"):
            ahead, behind = (
                self.likelihood.predict(self.theta(w[:, None] + side * shifts), discrepancy=False) for side in (1, -1)
            )
            changes = tuple((up - down) / (2.0 * STEP) for up, down in zip(ahead, behind, strict=True))
            masks = tuple(block.mask for block in self.likelihood.blocks)
            rows = in_noise_scales(self.likelihood, self.theta(w), changes, masks)
            jacobian = np.concatenate([part.reshape(*w.shape, -1) for part in rows], axis=-1)
            matrix = self.likelihood.noise.information[0] * np.einsum("nim,njm->nij", jacobian, jacobian)
        return np.where(np.isfinite(matrix), matrix, 0.0)


def climb(hill: Hill, w: Floats, held: npt.NDArray[np.intp], iterations: int = 12) -> tuple[Floats, Floats]:
    """Points (n, p) of locally highest likelihood with parameter ``held`` (n,) fixed, and their heights (n,)."""
    height = hill.height(w)
    moving = np.flatnonzero(np.isfinite(height))
    for _ in range(iterations):
        if not len(moving):
            break
        at, value = step(hill, w[moving], height[moving], held[moving])
        gained = value - height[moving] > TOLERANCE
        w, height = w.copy(), height.copy()
        w[moving], height[moving] = at, value
        moving = moving[gained]
    return w, height


def step(hill: Hill, w: Floats, height: Floats, held: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The best of the trial steps from w (n, p), or w itself, with its height (n,)."""
    n, p = w.shape
    slope = np.nan_to_num(hill.slope(w), nan=0.0, posinf=0.0, neginf=0.0)
    outward = ((w <= hill.low) & (slope < 0.0)) | ((w >= hill.high) & (slope > 0.0))
    free = ~outward & (held[:, None] != np.arange(p))
    matrix = np.where(free[:, :, None] & free[:, None, :], hill.curvature(w), 0.0)
    slope = np.where(free, slope, 0.0)
    steps = [
        length * np.linalg.solve(matrix + damping * np.eye(p), slope[:, :, None])[:, :, 0] for damping, length in TRIALS
    ]
    moved = np.clip(w[:, None] + np.stack(steps, axis=1), hill.low, hill.high)
    trials = np.where(free[:, None], moved, w[:, None])
    values = hill.height(trials)
    best = np.argmax(values, axis=1)
    rows = np.arange(n)
    better = values[rows, best] > height
    return np.where(better[:, None], trials[rows, best], w), np.where(better, values[rows, best], height)
