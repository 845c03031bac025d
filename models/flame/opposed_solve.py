"""Flames between opposed jets solved to the end: Newton's method from the closed form, with shorter steps if need be.

Extinct flames it finds as such.
"""

import numpy as np

from twin.models.flame.opposed import LONGEST, Opposed, fields_of, improved, unknowns
from twin.space import Floats

AT_REST = 1e-8
EFFORTS = ((LONGEST, 30), (0.2, 60))
"""Longest steps, and how many of them."""
BURNING = 0.5
"""Share of T_b - T_u that a flame warms its gas by, at least: of extinct ones it is 0."""


def solve(problem: Opposed) -> Floats:
    """Unknowns (M,) of one flame; NaN where there is none."""
    blank = np.zeros(unknowns(problem))
    for longest, most in EFFORTS:
        q = _rested(problem, blank, longest, most)
        if q is not None:
            return q if _burns(problem, q) else np.full_like(q, np.nan)
    return np.full_like(blank, np.nan)


def _rested(problem: Opposed, q: Floats, longest: float, most: int) -> Floats | None:
    with np.errstate(all="ignore"):
        for _ in range(most):
            try:
                after = np.asarray(improved(problem, q, longest))
            except np.linalg.LinAlgError:
                return None
            change, q = float(np.abs(after - q).max()), after
            if change < AT_REST:
                return q
            if not np.isfinite(change):
                return None
    return None


def _burns(problem: Opposed, q: Floats) -> bool:
    warm = np.asarray(fields_of(problem, q).values)[1].max() - problem.of.T_u
    return bool(warm > BURNING * (problem.of.T_b - problem.of.T_u))
