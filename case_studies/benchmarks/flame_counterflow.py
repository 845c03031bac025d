"""Flames between opposed jets: surrogate, our solver, and Cantera on two grids, side by side in one run.

``python -m twin.case_studies.benchmarks.flame_counterflow [--flames 100] [--cantera 12] [--seed 0] [--json]``

First the seven flames of FlamePINN-1D, φ from 0.6 to 1.2; then flames that are drawn from the model's own box of
rates, equivalence ratios, temperatures and mass fluxes. The truth is our solver with 120 intervals. Cantera is asked
for all of the former and some of the latter, on 501 even points, as FlamePINN-1D does, and on a grid refined to
``slope`` 0.008. Errors of fields are L2 over the axis, relative to the field.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from rich.table import Table

from twin.arrays import to_numpy
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.models.flame.cantera_reference import counterflow, solution
from twin.models.flame.counterflow import FINE, streams_of
from twin.models.flame.flames import Flames, problem_of, seen_of
from twin.models.flame.fronts import GAS, STEP
from twin.models.flame.kinetics import Law
from twin.models.flame.opposed import fields_of
from twin.models.flame.opposed_solve import solve
from twin.models.flame_counterflow import arrhenius
from twin.space import Floats
from twin.surrogate import Surrogate

PLACES = 401
PHI = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
BATCH = 64
FIELDS = ("u", "V", "T", "largest of the species")


def draws(count: int, seed: int) -> tuple[Floats, Floats]:
    """θ (n, 2) and conditions (n, 6) of flames that the closed form takes for neither extinct nor attached."""
    points = torch.rand(
        (count, arrhenius.dimension), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    theta, c, _ = arrhenius.collocate(points)
    return theta.numpy(), c.numpy()


def published() -> tuple[Floats, Floats]:
    """θ and conditions of FlamePINN-1D's flames."""
    nominal = arrhenius.conditions.unpack(arrhenius.conditions.nominal)
    c = np.stack([arrhenius.conditions.pack(nominal | {"phi": phi}) for phi in PHI])
    return np.tile(arrhenius.space.nominal, (len(PHI), 1)), c


def truth(theta: Floats, c: Floats, x: Floats) -> tuple[float, Floats]:
    """Λ and fields (n, 8) of our solver."""
    problem = problem_of(arrhenius.kinetics(theta), streams_of(c), FINE)
    known = fields_of(problem, solve(problem))
    seen = seen_of(problem, known, x)
    fields = np.concatenate([np.stack([seen.u, seen.V, seen.T], axis=-1), seen.Y], axis=-1)
    return float(known.eigenvalue[0]), fields


def off(found: Floats, true: Floats) -> list[float]:
    """Relative L2 of u, V, T and the worst of the species, in %."""
    each = 100 * np.sqrt(((found - true) ** 2).sum(axis=0) / (true**2).sum(axis=0))
    return [*each[:3].tolist(), float(each[3:].max())]


def ways() -> dict[str, Surrogate]:
    """The shipped surrogate with no and one correction, and the closed form with some."""
    shipped = forward_of(arrhenius)
    assert isinstance(shipped, Surrogate)
    bare = replace(shipped, weights={name: 0 * w for name, w in shipped.weights.items()})
    found = {f"closed form, Newton x {n}": _corrected(bare, n) for n in (0, 2, 4, 6)}
    return found | {"network alone": _corrected(shipped, 0), "network, Newton x 1": _corrected(shipped, 1)}


def _corrected(surrogate: Surrogate, count: int) -> Surrogate:
    return replace(surrogate, model=replace(arrhenius, corrections=count))


def measure(theta: Floats, c: Floats, asked: int) -> dict[str, Any]:
    """Errors and costs."""
    own: dict[str, list[list[float]]] = {name: [] for name in ways()}
    peers: dict[str, list[list[float]]] = {"Cantera, 501 points": [], "Cantera, refined": []}
    seconds = dict.fromkeys(peers, 0.0)
    extinct = 0
    for draw, given in zip(theta, c, strict=True):
        x = np.linspace(0.0, 1e-3 * given[-1], PLACES)
        eigenvalue, true = truth(draw, given, x)
        if not np.isfinite(true).all():
            extinct += 1
            continue
        for name, surrogate in ways().items():
            flame = surrogate.fields(draw, given)["flame"]
            assert isinstance(flame, Flames)
            found = to_numpy(flame(x))
            own[name].append([100 * abs(_eigenvalue(flame) / eigenvalue - 1), *off(found, true)])
        if len(peers["Cantera, refined"]) < asked:
            for name, slope in (("Cantera, 501 points", None), ("Cantera, refined", 0.008)):
                begin = time.perf_counter()
                try:
                    flame = counterflow(_phase(draw), streams_of(given), slope=slope)
                except ValueError:
                    peers[name].append([np.nan] * (1 + len(FIELDS)))
                    continue
                seconds[name] += time.perf_counter() - begin
                fields = np.stack([flame.velocity, flame.spread_rate, flame.T, *flame.Y], axis=-1)
                drawn = np.stack([np.interp(x, flame.grid, column) for column in fields.T], axis=-1)
                peers[name].append([100 * abs(float(flame.L[0]) / eigenvalue - 1), *off(drawn, true)])
    costs = {name: _seconds(surrogate) for name, surrogate in ways().items()}
    return {
        "extinct": extinct,
        "ways": {name: {"errors": rows, "seconds": costs[name]} for name, rows in own.items()},
        "peers": {
            name: {"errors": rows, "seconds": seconds[name] / max(1, int(np.isfinite(rows).all(axis=1).sum()))}
            for name, rows in peers.items()
        },
    }


def _eigenvalue(flame: Flames) -> float:
    problem = flame.problem
    return float(fields_of(problem, flame.unknowns(problem)).eigenvalue[..., 0])


def _phase(draw: Floats) -> Any:
    law = arrhenius.kinetics(draw)
    orders = tuple(float(order) for order in law.orders)
    return solution(GAS, STEP, Law(float(np.exp(law.ln_A)), 0.0, float(law.Ea), orders))


def _seconds(surrogate: Surrogate) -> float:
    """Of one flame at sixteen places with all derivatives, compiled, many at once under one set of conditions."""
    given, x = arrhenius.conditions.nominal, arrhenius.abscissa(arrhenius.conditions.nominal, 16)
    rng = np.random.default_rng(0)
    many = jnp.asarray(np.stack([rng.uniform(-0.3, 0.3, BATCH), rng.uniform(18.5, 21.5, BATCH)], axis=1))
    forward: Callable[[Any], Any] = lambda t: surrogate(t, given, x)  # noqa: E731
    run = jax.jit(jax.vmap(lambda t: (forward(t), jax.jacfwd(forward)(t))))
    jax.block_until_ready(run(many))
    begin = time.perf_counter()
    jax.block_until_ready(run(many))
    return (time.perf_counter() - begin) / BATCH


def show(title: str, found: dict[str, Any]) -> None:
    """A table."""
    table = Table(
        "way", "found", "Lambda %: median, largest", *(f"{name} %: median, largest" for name in FIELDS), "time"
    )
    one = found["peers"]["Cantera, refined"]["seconds"]
    for kind in ("ways", "peers"):
        for name, row in found[kind].items():
            errors = np.array(row["errors"])
            known = np.isfinite(errors).all(axis=1)
            cells = [f"{np.median(column):.3g}, {column.max():.3g}" for column in errors[known].T]
            table.add_row(name, f"{known.sum()} of {len(known)}", *cells, f"{row['seconds'] / one:.2g}")
    console().print(table)
    say(f"{title}; {found['extinct']} were extinct; times over that of Cantera, refined")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flames", type=int, default=100)
    parser.add_argument("--cantera", type=int, default=12, help="how many of them Cantera is asked for")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with jax.enable_x64(True):
        found = {
            "the seven flames of FlamePINN-1D": measure(*published(), len(PHI)),
            f"{options.flames} flames of the box": measure(*draws(options.flames, options.seed), options.cantera),
        }
    if options.json:
        console().print_json(json.dumps(found))
        return
    for title, rows in found.items():
        show(title, rows)


if __name__ == "__main__":
    main()
