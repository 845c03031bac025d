"""How the surrogate of the limit cycle is trained."""

import torch

from twin.models.cardiac.limit_cycle import LimitCycle
from twin.networks import MLP
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

VOLUME, PRESSURE = 283.0, 353.0
"""SBV [mL] and R_s SBV/T_c [mmHg] of a nominal patient: what makes errors of data and of fields alike."""
SCALE = (
    VOLUME, VOLUME, VOLUME, 200.0, PRESSURE, PRESSURE, PRESSURE, PRESSURE, PRESSURE, 20.0, 5.0, VOLUME, PRESSURE,
)  # fmt: skip
"""In the order of ``clinic.OBSERVABLES``."""

RECIPE = Recipe(
    network=MLP(inputs=LimitCycle.inputs, hidden=(64, 64), outputs=LimitCycle.outputs, output_scale=0.1),
    stages=(SOAP(steps=4000, rate=3e-3, batch=64, dtype=torch.float64, precondition_frequency=10),),
    solves=2000,
    scale=SCALE,
    points=32,
)
