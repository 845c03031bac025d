"""What a network of one-step flames learns from equations, from solved flames, and from both.

``python -m twin.case_studies.benchmarks.flame_training [--solves 50,200,800] [--seeds 1] [--flames 200] [--steps N]``

The same network and stages for all; a solved flame gives all unknowns of its front, at a collocation point. Errors of
ln S_L on flames drawn as in ``flame_free.py``, of the network alone and after one iteration of Newton's method.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import jax
import numpy as np
from rich.table import Table

from twin.case_studies import surrogates
from twin.case_studies.benchmarks.flame_free import draws
from twin.case_studies.console import console
from twin.models.flame_free import one_step
from twin.space import Floats
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.first_order import SOAP
from twin.training.loop import Trained, train
from twin.training.recipe import Recipe


def variants(solves: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Mode and number of solved flames."""
    yield "physics", 0
    for mode in ("data", "hybrid"):
        for count in solves:
            yield mode, count


def recipe(count: int, steps: int | None) -> Recipe:
    """The model's own, shorter if so many steps are said."""
    (stage,) = one_step.recipe.stages
    assert isinstance(stage, SOAP)
    shorter = stage if steps is None else replace(stage, steps=steps)
    return replace(one_step.recipe, solves=count, stages=(shorter,))


def trained(mode: str, chosen: Recipe, seed: int) -> tuple[Surrogate, Trained]:
    """The surrogate, not yet judged."""
    found = train(surrogates.problem_of(one_step, mode, chosen, seed), chosen.stages, seed=seed)
    return Surrogate(one_step, chosen.network, weights_to_numpy(found.weights), mode, None, {}), found


def errors(surrogate: Surrogate, corrections: int, flames: tuple[Floats, Floats], true: Floats) -> Floats:
    """|error| of ln S_L in % (n,)."""
    own, c = replace(surrogate, model=replace(one_step, corrections=corrections)), one_step.conditions.nominal
    found = [float(np.asarray(own(t, c, x[None]))[0, 0]) for t, x in zip(*flames, strict=True)]
    return np.asarray(100 * np.abs(np.log(np.array(found) / true)))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--solves", default="50,200,800")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--flames", type=int, default=200)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    flames, c = draws(options.flames, 0), one_step.conditions.nominal
    true = np.array([one_step.simulate(t[None], c, x[None])[0, 0, 0] for t, x in zip(*flames, strict=True)])
    table = Table("mode", "solved flames", "network alone: median, largest %", "Newton x 1: median, largest %",
                  "training s, physics = 1")  # fmt: skip
    unit = 0.0
    for mode, count in variants(tuple(int(n) for n in options.solves.split(","))):
        runs = [trained(mode, recipe(count, options.steps), seed) for seed in range(options.seeds)]
        seconds = float(np.mean([run.seconds for _, run in runs]))
        unit = unit or seconds
        cells = []
        for corrections in (0, 1):
            off = np.concatenate([errors(surrogate, corrections, flames, true) for surrogate, _ in runs])
            cells.append(f"{np.median(off):.3g}, {off.max():.3g}")
        table.add_row(mode, str(count), *cells, f"{seconds / unit:.2g}")
    console().print(table)


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
