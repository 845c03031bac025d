"""The surrogate of the heart's limit cycle held against LSODA, and what its network saves.

``python -m twin.case_studies.benchmarks.cardiac [--quick] [--json]``

Patients are drawn from the default prior at heart rates of 40-160 per minute; those whose cycle LSODA does not find
(under 1 %) are left out and counted. Beside the shipped networks stand typical instants of the valves corrected
0, 1, 2, 3 and 5 times by the equations (``switching.py``): no network at all. The last rows are gradients against
central differences of LSODA, and beats per second beside LSODA's on the same core.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from twin.arrays import Array
from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.case_studies.workers import workers
from twin.model import Fields
from twin.models import catalogue
from twin.models.cardiac.groups import groups_of
from twin.models.cardiac.indices import Indices, indices
from twin.models.cardiac.observation import beat_of
from twin.models.cardiac.piecewise import pieces_of
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac.simulation import indices_of
from twin.models.cardiac.switching import settled
from twin.models.cardiac_loop import default
from twin.space import Floats
from twin.surrogate import load

FULL, QUICK = 500, 40
RATES = (40.0, 160.0)
SHOWN = {"EF": "points", "EDV": "mL", "ESV": "mL", "SBP": "mmHg", "DBP": "mmHg", "MAP": "mmHg"}
SHAPED = ("Emax", "Emin", "SBV", "Rs", "Cs", "Rc", "Ls", "Ca", "Rm", "Ra", "Cr")
GRADIENTS = 20
STEP = 0.02
"""Of a central difference, in the logarithm: LSODA's tolerance hides smaller ones."""
ROUNDS = (0, 1, 2, 3, 5)
BATCH, REPEATS = 500, 5

Beats = Callable[[Array, Floats], Fields]
"""θ (n, p) and heart rates (n, 1) -> fields."""


def patients(n: int, seed: int) -> tuple[Floats, Floats]:
    """θ (n, p) without errors of the heart rate, and heart rates (n, 1)."""
    theta = default.space.draw(n, seed)
    theta[:, default.space.index("HR_error")] = 0.0
    return theta, np.random.default_rng(seed).uniform(*RATES, (n, 1))


def exact(theta: Floats, c: Floats) -> Floats:
    """``Indices`` (n, 11) by LSODA, NaN where it finds no cycle."""
    found = []
    for row, rate in zip(theta, c, strict=True):
        loop = default.loop(row, rate)
        cycle = limit_cycle(loop)
        found.append(indices_of(cycle, float(loop.V0)) if cycle.settled else [np.nan] * len(Indices._fields))
    return np.array(found)


def numbers(beats: Beats, theta: Floats, c: Floats) -> Floats:
    """The same by fields."""
    loop = default.loop(theta, c)
    return np.stack(indices(beat_of(pieces_of(beats(theta, c)), loop)), axis=-1)


def corrected(rounds: int) -> Beats:
    """No network: typical instants and so many corrections."""
    return lambda theta, c: settled(groups_of(default.loop(theta, c)), rounds)[1]


def accuracy(name: str, beats: Beats, theta: Floats, c: Floats, true: Floats) -> dict[str, Any]:
    """Mean absolute error of each number; of EF the 95th percentile and the largest too."""
    away = np.abs(numbers(beats, theta, c) - true)
    row: dict[str, Any] = {"what": name}
    for number, unit in SHOWN.items():
        column = away[:, Indices._fields.index(number)]
        row[f"{number} [{unit}]"] = float(column.mean())
        if number == "EF":
            row |= {"EF 95 %": float(np.quantile(column, 0.95)), "EF largest": float(column.max())}
    return row | {"beats/s": rate(beats, theta, c)}


def gradients(beats: Beats, theta: Floats, c: Floats) -> Row:
    """Cosines between gradients of EF and SBP by the logarithms of the parameters and those of LSODA."""
    columns = [default.space.index(name) for name in SHAPED]
    wanted = [Indices._fields.index(name) for name in ("EF", "SBP")]
    cosines = []
    for row, rate in zip(theta, c, strict=True):
        factors = np.exp(STEP * np.eye(len(columns)))
        up, down = np.repeat(row[None], len(columns), 0), np.repeat(row[None], len(columns), 0)
        up[:, columns], down[:, columns] = row[columns] * factors, row[columns] / factors
        rates = np.repeat(rate[None], len(columns), 0)
        by_solver = ((exact(up, rates) - exact(down, rates)) / (2 * STEP))[:, wanted].T
        leaf = torch.tensor(row[None], requires_grad=True)
        loop = default.loop(leaf, rate)
        ours = torch.stack(indices(beat_of(pieces_of(beats(leaf, rate)), loop)), dim=-1)[0]
        for i, slope in zip(wanted, by_solver, strict=True):
            (found,) = torch.autograd.grad(ours[i], leaf, retain_graph=True)
            mine = found[0, columns].numpy() * row[columns]
            cosines.append(mine @ slope / np.linalg.norm(mine) / np.linalg.norm(slope))
    known = np.array(cosines)[np.isfinite(cosines)]
    return {
        "what": f"gradients of EF and SBP by {len(columns)} parameters, cosine with LSODA's",
        "median": float(np.median(known)),
        "smallest": float(known.min()),
        "gradients": len(known),
    }


def rate(beats: Beats, theta: Floats, c: Floats) -> float:
    """Beats per second of one core, all numbers, batched."""
    many = (np.resize(theta, (BATCH, theta.shape[1])), np.resize(c, (BATCH, 1)))
    numbers(beats, *many)
    begin = time.perf_counter()
    for _ in range(REPEATS):
        numbers(beats, *many)
    return REPEATS * BATCH / (time.perf_counter() - begin)


def rate_of_shipped(which: int) -> float:
    """Beats per second of the shipped network of a number, in a process of its own."""
    torch.set_num_threads(1)
    return rate(load(catalogue.shipped(default)[which], default).fields, *patients(BATCH, 17))


def together(which: int) -> dict[str, Any]:
    """The rate of all cores, each working in a process of its own at the same time."""
    cores = len(os.sched_getaffinity(0))
    with workers(cores) as executor:
        list(executor.map(rate_of_shipped, [which] * cores))  # every process has begun and has compiled
        found = list(executor.map(rate_of_shipped, [which] * cores))
    return {"what": f"network on {cores} cores at once", "beats/s": sum(found)}


def main() -> None:
    """Prints the tables."""
    asked = options(__doc__)
    n, few = (QUICK, QUICK // 10) if asked.quick else (FULL, GRADIENTS)
    torch.set_num_threads(1)
    theta, c = patients(n, 17)
    begin = time.perf_counter()
    true = exact(theta, c)
    lsoda = n / (time.perf_counter() - begin)
    solved = np.isfinite(true).all(axis=1)
    theta, c, true = theta[solved], c[solved], true[solved]
    remark(f"{len(theta)} of {n} patients have a cycle that LSODA finds")
    networks = [load(path, default) for path in catalogue.shipped(default)]
    rows: list[dict[str, Any]] = [
        accuracy(f"network, {network.mode}", network.fields, theta, c, true) for network in networks
    ]
    for rounds in ROUNDS:
        rows.append(accuracy(f"no network, {rounds} corrections", corrected(rounds), theta, c, true))
    rows.append(together(0))
    rows.append({"what": "LSODA, ideal valves, one core", "beats/s": lsoda})
    for row in rows:
        row["times LSODA"] = row["beats/s"] / lsoda
    show("mean absolute errors over patients, one core", rows, as_json=asked.as_json)
    show("gradients", [gradients(networks[0].fields, theta[:few], c[:few])], as_json=asked.as_json)


if __name__ == "__main__":
    main()
