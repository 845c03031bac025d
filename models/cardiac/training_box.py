"""For which patients networks are trained: those of the wide prior and failing hearts, at any heart rate.

Their mitral valves are anything from healthy to stenotic.
"""

from collections.abc import Mapping

import numpy as np
import torch

from twin.models.cardiac.parameters import CIRCULATION, LIMITS, MEDIAN, SPREAD

MIDDLE = MEDIAN | {"Emax": 1.7}
WIDE = SPREAD | {"Emax": 0.55}
"""Reaches to failing hearts."""
RATES = (35.0, 180.0)
"""Heart rates [1/min]."""
EVEN = "Rm"
"""Drawn evenly in its logarithm within its limits, where the others are log-normal."""
TAIL = 1e-3
"""Probability beyond which patients are not drawn."""

CENTRE = np.array([0.04, -3.31, -3.96, -6.21, -3.22, 0.78, -1.63, 1.98, -6.64, -0.72])
WIDTH = np.array([0.76, 0.64, 1.11, 0.75, 0.49, 0.64, 0.87, 0.64, 0.87, 0.29])
"""Mean and standard deviation of the logarithms of the groups over such patients."""


def patients(points: torch.Tensor) -> Mapping[str, torch.Tensor]:
    """Parameters and heart rate by name (N,) of points (N, 12) in the unit cube; V0, which only adds, is left out."""
    free = [name for name in CIRCULATION if name != "V0"]
    low, high = RATES
    found = {"HR": low + (high - low) * points[:, 0]}
    for i, name in enumerate(free, start=1):
        low, high = LIMITS[name]
        if name == EVEN:
            found[name] = low * (high / low) ** points[:, i]
            continue
        z = torch.special.ndtri(TAIL + (1 - 2 * TAIL) * points[:, i])
        found[name] = (np.log(MIDDLE[name]) + WIDE[name] * z).exp().clamp(low, high)
    return found
