"""Rates and EGR flow with their derivatives by states and parameters, all at once by dual numbers."""

from dataclasses import dataclass

import numpy as np

from twin.case_studies.benchmarks.engine_seeds.task import AIR, engine_at
from twin.dual import variables
from twin.models.engine.air_path import Drive, flows, rates
from twin.models.engine.core import scaled, state_of
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Linearised:
    """f (3, N) [1/s] and W_egr (N,) [kg/s], and their derivatives by the three scaled states and the four z.

    ``rates_by`` is (7, 3, N), ``egr_by`` (7, N).
    """

    rates: Floats
    egr: Floats
    rates_by: Floats
    egr_by: Floats


def linearised(y: Floats, z: Floats, drive: Drive, softness: float = 0.0) -> Linearised:
    """At scaled states y (3, N) and parameters z (4,) under a drive (N,), with clips of that softness."""
    unknown = variables([*y, *np.repeat(z[:, None], y.shape[1], axis=1)])
    state, engine = state_of(unknown[:3]), engine_at(unknown[3:], softness)
    at = flows(state, drive, engine, AIR)
    f = scaled(rates(state, at, engine))
    return Linearised(f.value, at.W_egr.value, f.slope, at.W_egr.slope)
