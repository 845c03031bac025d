"""What 100 points of V(t) cost, value and gradient by every parameter, on one core: ours against PyBaMM.

``python -m twin.case_studies.benchmarks.cost [--quick] [--json]``

All is measured in one process that is pinned to one core with one thread, as medians of processor time (wall time
would measure what else the machine does). The gradient is that of ½ Σ (V - 3.7 V)². A batch has 1000 parameter sets.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.space import Floats

ENVIRONMENT = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
    "JAX_PLATFORMS": "cpu",
}
WORKER = "TWIN_COST_WORKER"
LEVEL = 3.7
"""[V]; any constant will do."""
BATCH, CHUNK, POINTS = 1000, 50, 100


@dataclass(frozen=True, eq=False)
class Case:
    """A forward map at nominal conditions, and what PyBaMM calls its parameters."""

    name: str
    forward: Any
    model: Any
    sensitivities: tuple[str, ...]
    porous: bool = False
    """Then PyBaMM is timed at the mesh that the surrogate is held against, without sensitivities: they take minutes."""

    @property
    def setting(self) -> tuple[Floats, Floats, Floats]:
        """θ (BATCH, p), c (k,), x (POINTS, 1) from the first second on."""
        c = self.model.conditions.nominal
        x = np.maximum(self.model.abscissa(c, POINTS), 1.0)
        return self.model.space.sobol(1024, 0)[:BATCH], c, x


def cases() -> list[Case]:
    """The two closed forms and the shipped surrogates, of a single-particle and of a porous cell."""
    from twin.models import catalogue
    from twin.models.battery import lgm50_porous
    from twin.models.battery.lgm50 import kin4, soh6
    from twin.models.battery.nrel import pinnstripes2
    from twin.surrogate import load

    surrogate = load(catalogue.shipped(pinnstripes2)[0], pinnstripes2)
    porous = load(catalogue.shipped(lgm50_porous.soh6)[0], lgm50_porous.soh6)
    kinetics = ("diffusivity_n", "diffusivity_p", "exchange_n", "exchange_p")
    ageing = ("stoichiometry_n", "active_n", "active_p", "diffusivity_p", "exchange_n", "resistance")
    return [
        Case("soh6, closed form", soh6, soh6, ageing),
        Case("kin4, closed form", kin4, kin4, kinetics),
        Case("pinnstripes2, surrogate", surrogate, pinnstripes2, ("exchange_n", "diffusivity_p")),
        Case("soh6 porous, surrogate", porous, lgm50_porous.soh6, ageing, porous=True),
    ]


def processor_seconds(job: Callable[[], object], repeats: int) -> float:
    """Median processor time [s]; imports JAX only here, in the process that is pinned first."""
    from twin.case_studies.benchmarks.timing import median_seconds

    return median_seconds(job, repeats, time.process_time)


def by_jax(case: Case, repeats: int, *, double: bool = True) -> Row:
    """Compiled by JAX; batches in chunks that stay in the cache, and all at once for comparison.

    Likelihoods are evaluated in double precision; single precision is for comparison.
    """
    import jax
    import jax.numpy as jnp

    theta, c, x = case.setting

    def value(one: Any) -> Any:
        return case.forward(one[None], c, x)[0]

    def energy(one: Any) -> Any:
        return 0.5 * jnp.sum((value(one) - LEVEL) ** 2)

    both = jax.value_and_grad(energy)

    def seconds(function: Callable[[Any], Any], at: Any, n: int) -> float:
        compiled = jax.jit(function)
        return processor_seconds(lambda: jax.block_until_ready(compiled(at)), n)

    with jax.enable_x64(double):
        batch = jnp.asarray(theta)
        chunked, whole = (
            seconds(f, batch, repeats)
            for f in (lambda t: jax.lax.map(both, t, batch_size=CHUNK), lambda t: jax.vmap(both)(t))
        )
        return {
            "what": f"{case.name}, JAX" + ("" if double else ", float32"),
            "V, single ms": 1e3 * seconds(value, batch[0], 10 * repeats),
            "V + gradient, single ms": 1e3 * seconds(both, batch[0], 10 * repeats),
            "V, batch us": 1e6 / BATCH * seconds(lambda t: jax.lax.map(value, t, batch_size=CHUNK), batch, repeats),
            "V + gradient, batch us": 1e6 / BATCH * chunked,
            "the same, one chunk us": 1e6 / BATCH * whole,
        }


def by_torch(case: Case, repeats: int) -> Row:
    """PyTorch, not compiled."""
    import torch

    torch.set_num_threads(1)
    theta, c, x = case.setting
    batch = torch.as_tensor(theta)

    def value(at: torch.Tensor) -> Any:
        with torch.no_grad():
            return case.forward(at, c, x)

    def both(at: torch.Tensor) -> Any:
        leaf = at.clone().requires_grad_()
        energy = 0.5 * ((case.forward(leaf, c, x) - LEVEL) ** 2).sum()
        return torch.autograd.grad(energy, leaf)

    def chunks(function: Callable[[torch.Tensor], Any]) -> float:
        return processor_seconds(lambda: [function(part) for part in batch.split(CHUNK)], max(3, repeats // 3))

    return {
        "what": f"{case.name}, PyTorch eager",
        "V, single ms": 1e3 * processor_seconds(lambda: value(batch[:1]), repeats),
        "V + gradient, single ms": 1e3 * processor_seconds(lambda: both(batch[:1]), repeats),
        "V, batch us": 1e6 / BATCH * chunks(value),
        "V + gradient, batch us": 1e6 / BATCH * chunks(both),
    }


def by_pybamm(case: Case, repeats: int) -> list[Row]:
    """IDAKLU at PyBaMM's default mesh and at a fine one, one solve at a time."""
    from twin.case_studies.benchmarks.peer import CONVERGED, DEFAULT, idaklu, of_reference

    _, c, x = case.setting
    draw = case.model.drawn(case.model.space.nominal[None], c)
    found: list[Row] = []
    both = {"V": (), "V + gradient": case.sensitivities}
    fine = (of_reference(case.model.reference), {"V": ()}) if case.porous else (CONVERGED, both)
    for fineness, asked in ((DEFAULT, both), fine):
        row: dict[str, Any] = {"what": f"{case.name.split(',')[0]}, PyBaMM, {fineness.name}"}
        for key, names in asked.items():
            solve = idaklu(case.model.reference, fineness, draw, x[:, 0], names)
            row[f"{key}, single ms"] = 1e3 * processor_seconds(solve, repeats)
        found.append(row)
    return found


def measure(quick: bool) -> list[Row]:
    """All rows, in this process; with each row's ratio of a solve to our single value."""
    repeats = 5 if quick else 30
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    found: list[Row] = []
    for case in cases():
        ours = by_jax(case, repeats)
        found += [ours, by_jax(case, repeats, double=False), by_torch(case, repeats)]
        for row in by_pybamm(case, max(3, repeats // 2)):
            known = [key for key in KEYS if f"{key}, single ms" in row]
            ratios = {f"{key} / ours": row[f"{key}, single ms"] / ours[f"{key}, single ms"] for key in known}
            ratios |= {f"{key} / batch": 1e3 * row[f"{key}, single ms"] / ours[f"{key}, batch us"] for key in known}
            found.append({**row, **ratios})
    return found


KEYS = ("V", "V + gradient")


def measured(quick: bool) -> list[Row]:
    """The rows, measured by a fresh process with one thread."""
    command = [sys.executable, "-m", "twin.case_studies.benchmarks.cost", *(["--quick"] if quick else [])]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT | {WORKER: "1"}, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"the timing process failed:\n{done.stderr}")
    rows: list[Row] = json.loads(done.stdout)["rows"]
    return rows


def main() -> None:
    """Prints the table; in the timing process, its rows."""
    asked = options(__doc__)
    if os.environ.get(WORKER):
        show("cost", measure(asked.quick), as_json=True)
        return
    remark("timing in one pinned process ...")
    show("100 points of V(t), one core, processor time", measured(asked.quick), as_json=asked.as_json)


if __name__ == "__main__":
    main()
