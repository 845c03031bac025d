"""The porous cell by a network of all its fields that equations alone teach: rows of ``benchmarks.dfn``.

``python -m twin.case_studies.benchmarks.dfn --fine --only fields,plain --steps 1200 [--checkpoint fields.checkpoint]``

``plain`` is the same without the preconditioner; ``sparse`` looks at fewer early times, in shorter stages. The box and
what the network sees are those of the shipped one. With a checkpoint, a run that was stopped goes on, and one that is
done is only scored.
"""

from dataclasses import replace
from pathlib import Path

import torch

from twin.case_studies.console import say
from twin.models.battery.dfn_fields import FieldCell
from twin.models.battery.layers import Layers
from twin.models.battery.lgm50_porous import wide
from twin.models.battery.porous_fields import Trunk
from twin.networks import MLP
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import physics
from twin.training.first_order import SOAP
from twin.training.loop import train
from twin.training.recipe import Recipe

TRUNK = Trunk(wide.porous, Layers())
RECIPE = Recipe(
    network=MLP(inputs=wide.inputs, hidden=(128, 128, 128, 128), outputs=TRUNK.outputs, output_scale=0.1),
    stages=(SOAP(steps=3000, rate=3e-3, batch=64, dtype=torch.float64, precondition_frequency=10),),
    solves=0,
    scale=1e-3,
)
PRECONDITIONED = FieldCell(wide, TRUNK, RECIPE)
NAMES = {
    "fields": PRECONDITIONED,
    "plain": replace(PRECONDITIONED, newton=False),
    "sparse": replace(PRECONDITIONED, lasts=0.3, crowding=1.5),
}
"""Of the variants, as ``--only`` knows them."""


def by_equations(name: str, steps: int, checkpoint: Path | None) -> Surrogate:
    """One variant, trained; what training cost is said."""
    model = NAMES[name]
    (stage,) = model.recipe.stages
    assert isinstance(stage, SOAP)
    network = model.recipe.network
    file = None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}.{name}")
    found = train(
        physics(model, network), (replace(stage, steps=steps),), seed=0, checkpoint=file, resume=file is not None,
    )  # fmt: skip
    say(f"{name}: {found.steps} steps in {found.seconds:.0f} s, ended by {found.ended}")
    return Surrogate(model, network, weights_to_numpy(found.weights), "physics", None, {})
