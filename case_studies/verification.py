"""``--verify N``: the reference solver at posterior draws, in parallel, kept as solves finish."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch

from twin.case_studies.workers import workers
from twin.forward import Fixed
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample, Sampler
from twin.inference.verdict import Case, Diligence, Solve, verify
from twin.inference.verdict_record import Verdict
from twin.model import Model
from twin.refined import Refined
from twin.solves import Job, solve_all, solve_one
from twin.space import Floats
from twin.store import Store

CACHE = "TWIN_CACHE"
"""Environment variable: folder of finished reference solves and data sets."""


@dataclass(frozen=True, eq=False)
class Solver:
    """A model's reference solver with its workers, its store, and who is told how far it is."""

    model: Model
    executor: Executor | None
    store: Store | None
    progress: Callable[[int, int], None] | None = None


def finished_store(kind: str) -> Store:
    """Where finished work of a kind is kept: below ``TWIN_CACHE``, else in the user's cache directory."""
    folder = os.environ.get(CACHE) or pooch.os_cache("twincal")
    return Store(Path(folder) / f"{kind}.sqlite")


def require_reference(model: Model) -> None:
    """ValueError where the reference solver is not installed, before anything long has begun."""
    c = model.conditions.nominal
    solve_one(model, Job(model.space.nominal, c, model.abscissa(c, 3)))


def solve_for(likelihood: Likelihood, solver: Solver) -> Solve:
    """θ (m, p) of the likelihood's forward map -> true solutions (m, n, q) of each experiment's observables."""
    blocks = likelihood.blocks
    complete = completed(likelihood)

    def solve(theta: Floats) -> tuple[Floats, ...]:
        whole = complete(theta)
        jobs = [Job(row, block.c, block.x) for row in whole for block in blocks]
        y = solve_all(solver.model, jobs, executor=solver.executor, store=solver.store, progress=solver.progress)
        return tuple(block.observed(np.stack(y[i :: len(blocks)])) for i, block in enumerate(blocks))

    return solve


def completed(likelihood: Likelihood) -> Callable[[Floats], Floats]:
    """From the forward map's parameters to the model's: fixed ones are put in."""
    forward = likelihood.forward.forward if isinstance(likelihood.forward, Refined) else likelihood.forward
    return (lambda theta: np.asarray(forward.complete(theta))) if isinstance(forward, Fixed) else np.asarray


def verified(
    model: Model,
    likelihood: Likelihood,
    sample: Sample,
    sampler: Sampler,
    *,
    diligence: Diligence,
    seed: int,
    say: Callable[[str], None],
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """The verdict on a sample, with the model's reference solver in parallel processes."""
    with workers() as executor:
        solve = solve_for(likelihood, Solver(model, executor, finished_store("solves"), progress))
        return verify(likelihood, sample, Case(solve, sampler, diligence, seed, say))
