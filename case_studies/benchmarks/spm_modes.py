"""What physics, data and a frozen lower level are each worth: the NREL cell's surrogate against converged PyBaMM.

``python -m twin.case_studies.benchmarks.spm_modes [--quick] [--json]``

Every row is trained from the same seed and held against the same reference solves over the whole box of parameters
and conditions, and once more at the papers' 2C discharge. Errors are root mean square per curve [mV]; the cost is
seconds of training with its reference solves, also as a multiple of one solve. Differences below "reference, twice
the mesh" are below what the reference knows.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from twin.acceptance import differences, error_table, gradient_error, reference_solves, solves_at
from twin.case_studies.benchmarks import gaussian_process
from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.case_studies.surrogates import seconds_per_solve
from twin.models.battery.diffusion_levels import steady
from twin.models.battery.nrel import pinnstripes2
from twin.models.battery.spm_diffusion import DiffusionSPM
from twin.networks import MLP, Network, Stack
from twin.space import Floats
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import Solves, data, hybrid, physics
from twin.training.first_order import SOAP
from twin.training.gauss_newton import GaussNewton
from twin.training.loop import train
from twin.training.problem import Problem, TorchWeights
from twin.training.stage import Stage

SEED, TEST_SEED = 0, 4242
Map = Callable[[Floats, Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Study:
    """The model, the held-out solves (whole box; 2C alone), and how much is spent."""

    model: DiffusionSPM
    box: Solves
    paper: Solves
    solve_seconds: float
    stages: tuple[Stage, ...]
    counts: tuple[int, ...]
    gradient_points: int


def prepare(quick: bool) -> Study:
    """Held-out solves of the study."""
    model, n = pinnstripes2, 8 if quick else 128
    box = reference_solves(model, n=n, points=100, seed=TEST_SEED)
    nominal = np.broadcast_to(model.conditions.nominal, (n, len(model.conditions)))
    paper = solves_at(model, np.concatenate([model.space.sobol(n, TEST_SEED + 1), nominal], axis=1), points=100)
    steps, batch = (3, 32) if quick else (60, 256)
    counts = (4,) if quick else (4, 16, 64, 256)
    stages: tuple[Stage, ...] = (GaussNewton(steps=steps, batch=batch),)
    return Study(model, box, paper, seconds_per_solve(model), stages, counts, 1 if quick else 8)


def judged(study: Study, name: str, forward: Map, *, solves: int = 0, seconds: float = 0.0) -> Row:
    """A row: cost, and errors over the box and at 2C."""
    model, row = study.model, {"map": name, "solves": solves, "training s": seconds}
    row["in solves"] = seconds / study.solve_seconds
    for where, against in (("", study.box), ("2C ", study.paper)):
        e = error_table(model, differences(forward, against))["voltage"]
        row |= {f"{where}{key} mV": 1e3 * e[key] for key in ("median", "p99")}
        row[f"{where}|bias| mV"] = 1e3 * abs(e["bias"])
    errors = gradient_error(forward, model, n=study.gradient_points, seed=TEST_SEED, step=0.02)
    remark(f"{name}: median {row['median mV']:.2g}, p99 {row['p99 mV']:.2g} mV after {seconds:.0f} s")
    return row | {"gradient error": max(errors.values())}


def run(
    study: Study, name: str, problem: Problem, stages: tuple[Stage, ...], *, solves: int = 0,
    weights: TorchWeights | None = None, before: float = 0.0, model: DiffusionSPM | None = None,
) -> tuple[Row, TorchWeights, float]:  # fmt: skip
    """Trains and judges one surrogate; its row, weights and seconds, those spent ``before`` included."""
    trained = train(problem, stages, seed=SEED, weights=weights)
    seconds = before + trained.seconds + solves * study.solve_seconds
    forward = surrogate(model or study.model, problem.network, trained.weights)
    return judged(study, name, forward, solves=solves, seconds=seconds), trained.weights, seconds


def surrogate(model: DiffusionSPM, network: Network, weights: TorchWeights) -> Surrogate:
    """A surrogate without a record."""
    return Surrogate(model, network, weights_to_numpy(weights), "physics", None, {})


def untrained(model: DiffusionSPM) -> TorchWeights:
    """Weights of zero: the lower level alone."""
    return {k: 0 * w for k, w in model.recipe.network.init(torch.Generator().manual_seed(SEED)).items()}


def modes(study: Study, lower: str, model: DiffusionSPM) -> list[Row]:
    """No training, physics alone, both, and data alone, on one lower level."""
    network, scale = model.recipe.network, model.recipe.scale
    rows = [judged(study, f"{lower}: alone", surrogate(model, network, untrained(model)))]
    rows.append(run(study, f"{lower}: physics", physics(model, network), study.stages, model=model)[0])
    for n in study.counts:
        solves = reference_solves(model, n=n, points=50, seed=SEED)
        if n == study.counts[len(study.counts) // 2]:
            both = hybrid(physics(model, network), data(model, network, solves, scale))
            rows.append(run(study, f"{lower}: hybrid", both, study.stages, solves=n, model=model)[0])
        only = data(model, network, solves, scale)
        rows.append(run(study, f"{lower}: data", only, study.stages, solves=n, model=model)[0])
    return rows


def stacks(study: Study) -> list[Row]:
    """The papers' hierarchy, multi-stage refinement, and SOAP in place of Gauss-Newton; physics alone."""
    model, network = study.model, study.model.recipe.network
    batch, half = study.stages[0].batch, study.stages[0].steps // 2
    first, second = ((GaussNewton(steps=n, batch=batch),) for n in (half, 2 * half - half))
    point = model.conditions.within({"c_rate": (1.99, 2.01), "x_start": (0.909, 0.911), "y_start": (0.389, 0.391)})
    cheap = replace(model, space=model.space.within({"ds_c": (1.99, 2.01)}), conditions=point)
    row, parent, spent = run(study, "level 1: physics at one parameter point", physics(cheap, network), first)
    rows = [row, child(study, "level 2: correction on level 1", parent, spent, 1.0, second)]
    row, parent, spent = run(study, "stage 1: physics, half the steps", physics(model, network), first)
    rows += [row, child(study, "stage 2: correction, scale 1e-2", parent, spent, 1e-2, second)]
    soap = SOAP(steps=10 if study.gradient_points == 1 else 1500, batch=batch, dtype=torch.float64)
    rows.append(run(study, "physics by SOAP", physics(model, network), (soap,))[0])
    wide = MLP(network.inputs, (12, 12), network.outputs, output_scale=0.1)
    return [*rows, run(study, "physics, network (12, 12)", physics(model, wide), study.stages)[0]]


def child(study: Study, name: str, parent: TorchWeights, spent: float, scale: float, stages: tuple[Stage, ...]) -> Row:
    """A stack on a frozen network, trained on the whole box."""
    network = study.model.recipe.network
    stack = Stack(network, network, scale)
    weights = stack.on_top(parent, torch.Generator().manual_seed(SEED + 1))
    return run(study, name, physics(study.model, stack), stages, weights=weights, before=spent)[0]


def processes(study: Study) -> list[Row]:
    """Principal components and Gaussian processes, on the voltage and on what the lower level leaves over."""
    model, rows = study.model, []
    network = model.recipe.network
    below = surrogate(model, network, untrained(model))
    for name, base in (("PCA + GP", None), ("PCA + GP on the lower level", below)):
        for n in study.counts:
            solves = reference_solves(model, n=n, points=100, seed=SEED)
            begin = time.perf_counter()
            forward = gaussian_process.trained(model, solves, base)
            seconds = time.perf_counter() - begin + n * study.solve_seconds
            rows.append(judged(study, name, forward, solves=n, seconds=seconds))
    return rows


def mesh(study: Study) -> Row:
    """The reference at twice its radial mesh against itself."""
    fine = replace(study.model.reference, radial_points=2 * study.model.reference.radial_points)
    few = replace(study, box=part(study.box, 16), paper=part(study.paper, 16), gradient_points=1)
    return judged(few, "reference, twice the mesh (16 solves)", replace(study.model, reference=fine).simulate)


def part(solves: Solves, n: int) -> Solves:
    """The first n solves."""
    return Solves(solves.theta[:n], solves.c[:n], solves.x[:n], solves.y[:n])


def main() -> None:
    """Prints the table."""
    asked = options(__doc__)
    torch.set_num_threads(1)
    study = prepare(asked.quick)
    rows = [mesh(study), *modes(study, "frozen D", study.model)]
    rows += modes(study, "steady", replace(study.model, lower_level=steady))
    rows += [*stacks(study), *processes(study)]
    title = f"NREL cell, single-particle model with D(c); one reference solve {1e3 * study.solve_seconds:.0f} ms"
    show(title, rows, as_json=asked.as_json)


if __name__ == "__main__":
    main()
