"""How the network of a step is trained: by the step's equations alone, one training for every record."""

import torch

from twin.models.engine.guess import INPUTS, OUTPUTS
from twin.networks import MLP
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

SCALE = (6.0, 6.0, 600.0, 0.003, 10.0, 5.0, 0.008)
"""In the order of ``channels.OBSERVABLES``: 3 % of pressures and flows, 1 % of speed and temperatures."""

RECIPE = Recipe(
    network=MLP(inputs=INPUTS, hidden=(64, 64), outputs=OUTPUTS, output_scale=0.1),
    stages=(SOAP(steps=20000, rate=3e-3, batch=1024, dtype=torch.float64, precondition_frequency=10),),
    solves=0,
    scale=SCALE,
    points=151,
    stationary=True,
)
