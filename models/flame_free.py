"""Burning velocities of methane-air flames with one-step kinetics."""

import torch

from twin.models.flame.free import FreeFlame
from twin.models.flame.fronts import INPUTS, OUTPUTS
from twin.networks import MLP
from twin.priors import LogNormal, Normal
from twin.space import Parameter, Space
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

GLOBAL = "fits of one step to lean methane flames: Westbrook and Dryer 1981, DOI 10.1080/00102208108946970"
ORDERS = "orders of published global steps: Westbrook and Dryer 1981, DOI 10.1080/00102208108946970"
LAW = (
    Parameter("ln_k", "1", Normal(0.0, 3.0), 0.0, "logarithm of the rate at 1650 K over that of 1S_CH4_MP1", GLOBAL,
              -8.0, 8.0),
    Parameter("Ea", "kcal/mol", Normal(30.0, 10.0), 20.0, "activation energy", GLOBAL, 18.0, 50.0),
)  # fmt: skip
MORE = (
    Parameter("order_fuel", "1", Normal(1.0, 0.3), 1.0, "order of the rate in the fuel", ORDERS, 0.2, 1.2),
    Parameter("order_O2", "1", Normal(0.5, 0.3), 0.5, "order of the rate in oxygen", ORDERS, 0.3, 1.2),
    Parameter("spread", "1", LogNormal(1.0, 0.05), 1.0, "factor of all transport coefficients", "kinetic theory is "
              "good to 5 %: Kee, Coltrin and Glarborg 2003, DOI 10.1002/0471461296", 0.7, 1.4),
)  # fmt: skip
RECIPE = Recipe(
    network=MLP(inputs=INPUTS, hidden=(64, 64), outputs=OUTPUTS, output_scale=0.1),
    stages=(SOAP(steps=4000, rate=3e-3, batch=256, dtype=torch.float64, precondition_frequency=10),),
    solves=0,
    scale=0.1,
    points=40,
    stationary=True,
)

one_step = FreeFlame("one_step", Space((*LAW, *MORE)), RECIPE)
"""Rate, activation energy, orders and transport."""
arrhenius = FreeFlame("arrhenius", Space(LAW), RECIPE, sibling=one_step)
"""Rate and activation energy."""

MODEL = arrhenius
PRESETS = {model.preset: model for model in (arrhenius, one_step)}
