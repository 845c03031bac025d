"""For which patients networks are trained: somewhat wider than the wide prior, at any heart rate."""

from collections.abc import Mapping

import numpy as np
import torch

from twin.models.cardiac.parameters import CIRCULATION, LIMITS, MEDIAN, SPREAD

MIDDLE = MEDIAN | {"Emax": 1.7}
WIDE = SPREAD | {"Emax": 0.55}
"""Reaches to failing hearts."""
RATES = (38.0, 165.0)
"""Heart rates [1/min]."""
TAIL = 1e-3
"""Probability beyond which patients are not drawn."""

CENTRE = np.array([0.44, -2.90, -5.12, -6.21, -3.22, 0.61, -1.80, 1.81, -6.80, -0.91])
WIDTH = np.array([0.74, 0.61, 0.70, 0.84, 0.50, 0.61, 0.86, 0.61, 0.86, 0.25])
"""Mean and standard deviation of the logarithms of the groups over such patients."""


def patients(points: torch.Tensor) -> Mapping[str, torch.Tensor]:
    """Parameters and heart rate by name (N,) of points (N, 12) in the unit cube; V0, which only adds, is left out."""
    free = [name for name in CIRCULATION if name != "V0"]
    low, high = RATES
    found = {"HR": low + (high - low) * points[:, 0]}
    for i, name in enumerate(free, start=1):
        z = torch.special.ndtri(TAIL + (1 - 2 * TAIL) * points[:, i])
        found[name] = (np.log(MIDDLE[name]) + WIDE[name] * z).exp().clamp(*LIMITS[name])
    return found
