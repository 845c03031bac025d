"""Bases of functions of time for collocation: cubic B-splines, or any functions whose derivatives are known.

Collocation is at two Gauss points of each interval between readings, with weights that integrate over time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.interpolate import BSpline

from twin.space import Floats

DEGREE = 3
KNOTS = 0.2
"""[s] between knots."""
Matrix = Any
"""A dense or a sparse matrix."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Φ (m, K) and Φ' (m, K) at collocation points (m,) of ``weights`` (m,) [s], Φ at the readings (n, K).

    ``reach`` is how many functions apart two may be and yet overlap.
    """

    points: Floats
    weights: Floats
    value: Matrix
    slope: Matrix
    readings: Matrix
    reach: int


def gauss_points(time: Floats) -> tuple[Floats, Floats]:
    """Two points in each interval, and their weights."""
    h, middle = np.diff(time), (time[1:] + time[:-1]) / 2
    offset = h / (2 * np.sqrt(3.0))
    points = np.stack([middle - offset, middle + offset], axis=1).ravel()
    return points, np.repeat(h / 2, 2)


def splines(time: Floats, knots: float = KNOTS) -> Basis:
    """Cubic splines with continuous slopes and knots every ``knots`` [s] over the times of the readings (n,).

    As many functions as collocation points and one start: the equations can hold at all of them at once, with errors of
    order h⁴ at the knots (de Boor and Swartz 1973, DOI 10.1137/0710052).
    """
    inner = np.linspace(time[0], time[-1], max(1, round((time[-1] - time[0]) / knots)) + 1)
    points, weights = gauss_points(inner)
    t = np.concatenate([[inner[0]] * 2, np.repeat(inner, 2), [inner[-1]] * 2])
    one_less = BSpline(t, np.eye(len(t) - DEGREE - 1), DEGREE).derivative()
    return Basis(
        points,
        weights,
        sparse.csr_matrix(BSpline.design_matrix(points, t, DEGREE)),
        sparse.csr_matrix(one_less(points)),
        sparse.csr_matrix(BSpline.design_matrix(time, t, DEGREE)),
        DEGREE,
    )
