"""Building and judging surrogates: train in one of three modes, hold against the reference solver, record both."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from twin.acceptance import (
    differences,
    error_calibration,
    error_model,
    error_table,
    gradient_error,
    reference_solves,
    solves_at,
)
from twin.case_studies.benchmarks.timing import cost_of
from twin.case_studies.shifts import posterior_shifts
from twin.model import Exact, Forward, Model
from twin.space import nearest
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import Collocated, Solved, Solves, Targeted, Trainable, data, physics, sobol_points, targets_at
from twin.training.build import hybrid as both
from twin.training.loop import Progress, train
from twin.training.problem import Problem
from twin.training.recipe import Recipe

CURVE = 100
"""Points of an experiment in held-out solves and timings."""
GRADIENT_POINTS = 8
GRADIENT_STEP = 0.02
"""of each range: small steps would measure the reference solver's tolerance."""
HOLDOUT = 256
"""Reference solves at Sobol points that the recorded errors come from; half as many independent draws confirm."""
HOLDOUT_SEED = 7919
"""Added to the training seed, so that held-out points are never training points."""

Build = Callable[[Trainable, Recipe, int], Problem]


def _physics(model: Trainable, recipe: Recipe, seed: int) -> Problem:
    if isinstance(model, Solved):
        return data(model, recipe.network, model.solved(recipe.own_solves, seed), recipe.scale, term="equations",
                    robust=recipe.robust)  # fmt: skip
    if not isinstance(model, Collocated):
        raise ValueError(f"{model.name} has no equations to train by; give --mode data")
    return physics(model, recipe.network)


def _hybrid(model: Trainable, recipe: Recipe, seed: int) -> Problem:
    return both(_physics(model, recipe, seed), _data(model, recipe, seed))


def _data(model: Trainable, recipe: Recipe, seed: int) -> Problem:
    return data(model, recipe.network, _solves(model, recipe, seed), recipe.scale, robust=recipe.robust)


MODES: Mapping[str, Build] = {"physics": _physics, "hybrid": _hybrid, "data": _data}


def recipe_of(model: Trainable, mode: str, solves: int | None = None) -> Recipe:
    """The model's recipe, with so many reference solves if a number is given.

    ValueError for an unknown mode, one that needs solves where the recipe has none, and solves that would not be used.
    """
    _require_mode(mode)
    recipe = model.trained_as.recipe
    if mode == "physics":
        if solves is not None:
            raise ValueError(f"--solves {solves}: --mode physics uses none; give --mode hybrid or data")
        return recipe
    if solves is None and recipe.solves == 0:
        raise ValueError(f"{model.name} is trained by its equations alone, with --mode physics; for --mode {mode} say "
                         "how many reference solves it may use, with --solves")  # fmt: skip
    return recipe if solves is None else replace(recipe, solves=solves)


def build(
    model: Trainable,
    mode: str,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    device: str = "cpu",
    time_budget: float | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
    holdout: int = HOLDOUT,
) -> Surrogate:
    """A surrogate with its record: how it was trained, from how many solves, and its held-out errors.

    Presets that share a network share its training and its errors, those of ``model.trained_as``.
    When training was stopped early the errors are left out, and inference refuses the surrogate until it is done.
    ValueError for an unknown mode, and for one that the model does not offer.
    """
    _require_mode(mode)
    model = model.trained_as
    chosen = recipe or recipe_of(model, mode)
    begin = time.perf_counter()
    problem = problem_of(model, mode, chosen, seed)
    solving = time.perf_counter() - begin
    trained = train(
        problem, chosen.stages, seed=seed, device=device, time_budget=time_budget,
        checkpoint=checkpoint, resume=resume, progress=progress,
    )  # fmt: skip
    record = {
        "reference_solves": 0 if mode == "physics" else chosen.solves,
        "own_solves": chosen.own_solves if isinstance(model, Solved) and mode != "data" else 0,
        "training": {
            "seconds": round(trained.seconds, 1),
            "solving_seconds": round(solving, 1),
            "steps": trained.steps,
            "ended": trained.ended,
            "device": trained.device,
            "loss": trained.history[-1][2] if trained.history else None,
            **trained.record,
        },
        "versions": versions(("torch", "numpy", "scipy")),
    }
    surrogate = Surrogate(model, chosen.network, weights_to_numpy(trained.weights), mode, None, record)
    return judged(surrogate, seed + HOLDOUT_SEED, holdout) if trained.finished else surrogate


def problem_of(model: Trainable, mode: str, recipe: Recipe, seed: int) -> Problem:
    """What is trained: the equations, reference solves, or both."""
    return MODES[mode](model, recipe, seed)


def _require_mode(mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"no mode {mode!r}{nearest(mode, tuple(MODES))}")


def _solves(model: Trainable, recipe: Recipe, seed: int) -> Solves:
    if isinstance(model, Targeted):
        return targets_at(model, recipe.solves, seed)
    if isinstance(model, Solved):
        return solves_at(
            model, np.concatenate(sobol_points(model, recipe.solves, seed)[:2], axis=1), points=recipe.points
        )
    return reference_solves(model, n=recipe.solves, points=recipe.points, seed=seed)


def judged(surrogate: Surrogate, seed: int, holdout: int) -> Surrogate:
    """The surrogate with its error model, and the held-out errors and the cost in its record.

    The error model is fitted to solves at Sobol points and tried on independent draws.
    """
    model = surrogate.model
    slide = surrogate.slide if model.recipe.sliding else None
    found = differences(surrogate, reference_solves(model, n=holdout, points=CURVE, seed=seed), slide=slide)
    draws = (model.space + model.conditions).draw(holdout // 2, seed + 2)
    independent = differences(surrogate, solves_at(model, draws, points=CURVE), slide=slide)
    nominal = model.conditions.nominal
    fitted = error_model(model, found)
    errors = {
        "errors": error_table(model, found),
        "errors_independent_draws": error_table(model, independent),
        "error_model": error_calibration(model, fitted, independent),
        "gradient": gradient_error(surrogate, model, n=GRADIENT_POINTS, seed=seed + 1, step=GRADIENT_STEP),
        "cost": cost_of(surrogate, nominal, model.abscissa(nominal, CURVE)),
    }
    return replace(surrogate, errors=fitted, record={**surrogate.record, **errors})


def check(forward: Forward, *, n: int, seed: int, noise: float | None = None) -> dict[str, Any]:
    """The table of ``twin check``: errors on fresh solves, as posterior shifts at ``noise``, of gradients, and cost.

    ``noise`` defaults to a typical error of the first observable.
    """
    model = forward.model if isinstance(forward, Surrogate) else forward
    assert isinstance(model, Model)
    found = differences(forward, reference_solves(model, n=n, points=CURVE, seed=seed))
    scale = model.observables[0].typical if noise is None else noise
    mode = forward.mode if isinstance(forward, Surrogate) else "closed form"
    return {
        "model": model.name,
        "preset": model.preset,
        "mode": mode if not isinstance(model, Exact) else "closed form",
        "n": n,
        "observables": error_table(model, found),
        "posterior_shift": {"noise": scale, "parameters": posterior_shifts(forward, found, scale)},
        "gradient": gradient_error(forward, model, n=GRADIENT_POINTS, seed=seed + 1, step=GRADIENT_STEP),
        "cost": cost_of(forward, model.conditions.nominal, model.abscissa(model.conditions.nominal, CURVE)),
        "reference": f"{type(model).__module__}.{type(model).__name__}.simulate",
        "versions": versions(("pybamm", "scipy", "numpy", "torch")),
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those packages that are installed: closed forms are checked without PyBaMM, too."""
    return {name: version(name) for name in packages if find_spec(name) is not None}


def seconds_per_solve(model: Model, *, n: int = 8, seed: int = 0) -> float:
    """What one reference solve of ``CURVE`` points costs [s], after the first."""
    reference_solves(model, n=1, points=CURVE, seed=seed)
    begin = time.perf_counter()
    reference_solves(model, n=n, points=CURVE, seed=seed)
    return (time.perf_counter() - begin) / n
