"""The same draws with and without a change: a condition, a parameter, an intervention."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from twin.case_studies.progress import counting_progress
from twin.case_studies.workers import workers
from twin.forward import Fixed, in_chunks
from twin.inference.posterior import Posterior
from twin.model import Forward, Intervened, Model, until_end
from twin.space import Floats, Space, nearest

POINTS = 200
DRAWS = 1000
SOLVED = 200
"""Draws, where each takes two solves of the reference solver."""
BEYOND = 0.02
"""Most draws that a factor may move out of a parameter's range."""


@dataclass(frozen=True)
class Change:
    """Conditions, parameters and interventions set to ``values``, parameters multiplied by ``factors``."""

    values: Mapping[str, float]
    factors: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Scenario:
    """Predictions (draws, n, q) at the abscissa (n, d), NaN where the experiment had ended."""

    conditions: Mapping[str, float]
    x: Floats
    y: Floats


@dataclass(frozen=True, eq=False)
class Comparison:
    """Baseline and changed scenario of the same draws on a common abscissa.

    ``by`` says what answered, ``edge`` how many draws a factor left at the end of a parameter's range.
    """

    baseline: Scenario
    changed: Scenario
    by: str
    edge: Mapping[str, int]


def compare(
    posterior: Posterior, model: Model, forward: Forward, change: Change, baseline: Mapping[str, float]
) -> Comparison:
    """Both scenarios at thinned draws; the abscissa is the shorter of the two. ValueError for an unknown name.

    With an intervention both are the reference solver's, which alone knows it.
    """
    names = forward.space.names
    known = model.interventions if isinstance(model, Intervened) else Space(())
    conditions = {k: v for k, v in change.values.items() if k in forward.conditions.names}
    interventions = {k: v for k, v in change.values.items() if k in known.names}
    parameters = {k: v for k, v in change.values.items() if k not in conditions and k not in interventions}
    for name in parameters:
        if name not in names:
            possible = (*forward.conditions.names, *known.names, *names)
            raise ValueError(f"--set {name}: neither condition nor parameter{nearest(name, possible)}")
    changed = {**baseline, **conditions}
    forward.conditions.require_inside(changed, "--set")
    known.require_inside(interventions, "--set")
    forward.space.require_inside(parameters, "--set")
    theta = thinned(posterior, len(names), SOLVED if interventions else DRAWS)
    moved = theta.copy()
    for name, value in parameters.items():
        moved[:, names.index(name)] = value
    edge = {name: scale(moved, forward.space, name, factor) for name, factor in change.factors.items()}
    packed = [forward.conditions.pack(c) for c in (baseline, changed)]
    x = min((model.abscissa(c, POINTS) for c in packed), key=lambda grid: float(grid[-1, 0]))
    pair = list(zip((baseline, changed), (theta, moved), packed, strict=True))
    if interventions:
        found = solved(model, forward, [(draws, c) for _, draws, c in pair], x, interventions)
    else:
        found = [in_chunks(forward, draws, c, x) for _, draws, c in pair]
    scenarios = [Scenario(c, x, until_end(model, y)) for (c, _, _), y in zip(pair, found, strict=True)]
    return Comparison(scenarios[0], scenarios[1], by="reference solver" if interventions else "forward map", edge=edge)


def solved(
    model: Model, forward: Forward, pair: Sequence[tuple[Floats, Floats]], x: Floats, what: Mapping[str, float]
) -> list[Floats]:
    """Both scenarios (n, m, q) by the reference solver in several processes, the second with the intervention."""
    if not isinstance(model, Intervened):
        raise TypeError(f"{model.name} has no interventions")
    whole = forward.complete if isinstance(forward, Fixed) else np.asarray
    solvers: tuple[Callable[[Floats, Floats, Floats], Floats], ...] = (
        model.simulate, partial(model.intervene, what=what),
    )  # fmt: skip
    with workers() as executor, counting_progress("reference solves") as progress:
        jobs = [
            [executor.submit(solver, whole(row[None]), c, x) for row in draws]
            for solver, (draws, c) in zip(solvers, pair, strict=True)
        ]
        total, done, found = sum(len(part) for part in jobs), 0, []
        for part in jobs:
            answers = []
            for job in part:
                answers.append(job.result()[0])
                done += 1
                progress(done, total)
            found.append(np.stack(answers))
    return found


def scale(theta: Floats, space: Space, name: str, factor: float) -> int:
    """Multiplies a parameter in all draws (n, p) in place; the few that would leave its range stop at its edge.

    How many did. ValueError for an unknown name, or if more than ``BEYOND`` of the draws would leave.
    """
    if name not in space.names:
        raise ValueError(f"--scale {name}: no parameter of this posterior{nearest(name, space.names)}")
    column = space.index(name)
    low, high = space.parameters[column].bounds
    moved = theta[:, column] * factor
    outside = (moved < low) | (moved > high)
    if np.mean(outside) > BEYOND:
        raise ValueError(
            f"--scale {name}={factor:g}: {100 * np.mean(outside):.0f} % of the draws would leave [{low:g}, {high:g}], "
            "where the model is valid; choose a factor nearer to 1"
        )
    theta[:, column] = np.clip(moved, low, high)
    return int(outside.sum())


def thinned(posterior: Posterior, p: int, most: int = DRAWS) -> Floats:
    """At most ``most`` draws (n, p) of the model's own parameters, evenly over all chains."""
    flat = posterior.theta.reshape(-1, posterior.theta.shape[-1])[:, :p]
    return np.asarray(flat[:: max(1, len(flat) // most)][:most])
