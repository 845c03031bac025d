"""Modes of many units at once, from a few starts each.

All starts of all units climb in rounds of a few Gauss-Newton steps. Between rounds those that joined a better one of
the same unit are dropped; what remains is polished by Newton's method, whose Hessian makes Laplace's approximation.
"""

import numpy as np
import numpy.typing as npt

from twin.inference.rungs.cheap import Peaks
from twin.inference.rungs.modes import FLATTEST
from twin.inference.rungs.split_t import Rows
from twin.inference.units.climb import FIRST_DAMPING, Climb, Climbers, run
from twin.inference.units.likelihood import Data
from twin.space import Floats

ROUNDS = 8
RESTED, REACHED = 1e-4, 1e-2
"""Newton decrement ½ gᵀ|H|⁻¹g [nats] at which a climb ends, and at which a mode counts as reached."""
HOPELESS = 50.0
"""Nats behind the best of its unit at which a climber is dropped after the second round."""
NEAR = 3.0
"""Standard deviations within which two climbers are at the same mode."""


def find_peaks(climb: Climb, measured: Data, rows: Rows, u: Floats) -> tuple[Peaks, Rows]:
    """Modes of the units ``rows`` (k,) from starts ``u`` (k, S, p), and the positions in ``rows`` that have any."""
    k, s, p = u.shape
    unit = np.repeat(rows, s)
    at = _resting(u.reshape(-1, p))
    active = np.isfinite(at.u).all(axis=-1)
    for r in range(ROUNDS):
        moving = np.flatnonzero(active & ~(at.decrement < RESTED))
        if not len(moving):
            break
        at = run(climb.scout, at, measured, unit, moving)
        active &= np.isfinite(at.value) & ~_joined(at, k, s)
        if r:
            best = np.where(active, at.value, -np.inf).reshape(k, s).max(axis=1)
            active &= at.value > np.repeat(best, s) - HOPELESS
    at = run(climb.polish, at, measured, unit, np.flatnonzero(active))
    active &= np.isfinite(at.value) & np.isfinite(at.curvature).all(axis=(-2, -1)) & ~_joined(at, k, s)
    return _peaks(at._replace(value=np.where(active, at.value, -np.inf)), k, s)


def _peaks(at: Climbers, k: int, s: int) -> tuple[Peaks, Rows]:
    """Peaks of the units with a finite lane, best first."""
    found = np.flatnonzero(np.isfinite(at.value).reshape(k, s).any(axis=1))
    order = np.argsort(-at.value.reshape(k, s), axis=1)[found] + s * found[:, None]
    value, here = at.value[order], np.isfinite(at.value[order])
    p = at.u.shape[-1]
    e, axes = np.linalg.eigh(np.where(here[..., None, None], at.curvature[order], np.eye(p)))
    factor = axes / np.sqrt(np.maximum(e, FLATTEST))[..., None, :]
    mass = np.where(here, value - 0.5 * np.log(np.maximum(e, FLATTEST)).sum(axis=-1), -np.inf)
    u = np.where(here[..., None], at.u[order], at.u[order[:, :1]])
    return Peaks(u, factor, mass - mass[:, :1], at.decrement[order[:, 0]] < REACHED), found


def _resting(u: Floats) -> Climbers:
    n, p = u.shape
    return Climbers(u, np.full(n, -np.inf), np.full(n, FIRST_DAMPING), np.full((n, p, p), np.nan), np.full(n, np.inf))


def _joined(at: Climbers, k: int, s: int) -> npt.NDArray[np.bool_]:
    """Lanes (k s,) within ``NEAR`` standard deviations of a better one of their unit."""
    u, value = at.u.reshape(k, s, -1), at.value.reshape(k, s)
    curvature = at.curvature.reshape(k, s, *at.curvature.shape[-2:])
    joined = np.zeros((k, s), dtype=bool)
    for i in range(s):
        away = u - u[:, i : i + 1]
        square = np.einsum("ksi,kij,ksj->ks", away, curvature[:, i], away)
        better = (value[:, i : i + 1] > value) | ((value[:, i : i + 1] == value) & (i < np.arange(s)))
        joined |= better & (square < NEAR**2)
    return joined.ravel()
