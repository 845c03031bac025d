"""Many reference solves: in parallel, kept as they finish, and not done twice.

A solve's key is the digest of its parameters, conditions and abscissa, of the source files of the model's package
and of the versions of everything installed: another equation or another solver is another key.
"""

import functools
import importlib.metadata
import inspect
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.model import Model
from twin.space import Floats
from twin.store import Store, digest

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where a function lies in memory, as ``repr`` tells it: another place in every process."""


@dataclass(frozen=True, eq=False)
class Job:
    """One solve: θ (p,), conditions c (k,), abscissa x (n, d)."""

    theta: Floats
    c: Floats
    x: Floats


def solve_all(
    model: Model,
    jobs: Sequence[Job],
    *,
    executor: Executor | None = None,
    store: Store | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Floats]:
    """Reference solutions (n, q) of the jobs, in their order; all NaN where the solver found none.

    ``progress`` is called with the numbers of finished and of all different solves. With an executor, jobs go to its
    workers one by one; what is finished is in the store even if the rest never is.
    """
    signature = signature_of(model)
    keys = [_key(signature, job) for job in jobs]
    first: dict[str, int] = {}
    for i, key in enumerate(keys):
        first.setdefault(key, i)
    found: dict[str, Floats] = {}
    for key, i in first.items():
        content = None if store is None else store.get(key)
        if content is not None:
            found[key] = np.frombuffer(content).reshape(len(jobs[i].x), -1)

    def keep(key: str, y: Floats) -> None:
        found[key] = y
        if store is not None:
            store.put(key, np.ascontiguousarray(y, dtype=np.float64).tobytes())
        if progress is not None:
            progress(len(found), len(first))

    missing = [key for key in first if key not in found]
    if progress is not None:
        progress(len(found), len(first))
    if executor is None:
        for key in missing:
            keep(key, solve_one(model, jobs[first[key]]))
    else:
        running = {executor.submit(solve_one, model, jobs[first[key]]): key for key in missing}
        try:
            for future in as_completed(running):
                keep(running[future], future.result())
        finally:
            for future in running:
                future.cancel()
    return [found[key] for key in keys]


def solve_one(model: Model, job: Job) -> Floats:
    """The reference solution (n, q) of one job."""
    return np.asarray(model.simulate(job.theta[None], job.c, job.x)[0])


def signature_of(model: Model) -> str:
    """Digest of all that a model's reference solution depends on, but for θ, c and x."""
    definition = ADDRESS.sub("", repr(model))
    return digest(definition, _sources(_folder(model)), _installed())


def _folder(model: Model) -> Path:
    """The folder of the package in which the model is defined."""
    return Path(inspect.getfile(type(model))).parent


def _key(signature: str, job: Job) -> str:
    arrays = (np.ascontiguousarray(a, dtype=np.float64) for a in (job.theta, job.c, job.x))
    return digest(signature, *(part for a in arrays for part in (str(a.shape), a.tobytes())))


@functools.cache
def _sources(folder: Path) -> str:
    """Digest of the Python files of a folder and those below it."""
    files = sorted(folder.rglob("*.py"))
    return digest(*(part for file in files for part in (str(file.relative_to(folder)), file.read_bytes())))


@functools.cache
def _installed() -> str:
    """Digest of the names and versions of all installed packages."""
    found = {f"{d.metadata['Name']}=={d.version}" for d in importlib.metadata.distributions()}
    return digest(*sorted(found))
