"""Profiles of methane-air flames between opposed jets, with one-step kinetics."""

import torch

from twin.models.flame.counterflow import Counterflow
from twin.models.flame.flames import INPUTS, OUTPUTS
from twin.networks import MLP
from twin.priors import Normal
from twin.space import Parameter, Space
from twin.training.first_order import SOAP
from twin.training.recipe import Recipe

GLOBAL = "weakly informative, about 1S_CH4_MP1 (CERFACS); fits of one step: Westbrook and Dryer 1981, DOI "
GLOBAL += "10.1080/00102208108946970"
LN_K = Parameter("ln_k", "1", Normal(0.0, 0.5), 0.0, "logarithm of the rate at 1650 K over that of 1S_CH4_MP1", GLOBAL,
                 -0.8, 0.8)  # fmt: skip
EA = Parameter("Ea", "kcal/mol", Normal(20.0, 3.0), 20.0, "activation energy", GLOBAL, 17.0, 25.0)
EA_ALONE = Parameter("Ea", "kcal/mol", Normal(20.0, 2.0), 20.0, "activation energy, A as published", GLOBAL, 17.6, 22.5)
RECIPE = Recipe(
    network=MLP(inputs=INPUTS, hidden=(128, 128), outputs=OUTPUTS, output_scale=0.1),
    stages=(SOAP(steps=3000, rate=3e-3, batch=256, dtype=torch.float64, precondition_frequency=10),),
    solves=1024,
    scale=1.0,
    stationary=True,
)

arrhenius = Counterflow("arrhenius", Space((LN_K, EA)), RECIPE)
"""Rate and activation energy."""
activation = Counterflow("activation", Space((EA_ALONE,)), RECIPE, sibling=arrhenius)
"""Activation energy alone: the published A is held, as FlamePINN-1D holds it."""

MODEL = arrhenius
PRESETS = {model.preset: model for model in (arrhenius, activation)}
