"""How well a network stands for the NREL cell's porous model: discharges of drawn cells against PyBaMM.

``python -m twin.case_studies.benchmarks.dfn_nrel [--cells 512] [--everything] [--modes 10,50,200] [--surrogate FILE]``

Kinetics of the anode and diffusivity of the cathode are drawn evenly from the box of the PINNSTRIPES papers, which
report about 10 mV for the 2C discharge of 1350 s; with ``--everything`` C-rates from 0.5 to 4 and other starts too.
``--modes`` trains the same network by so many of PyBaMM's solves alone. Errors are root mean squares over 100 points
from 5 s on: before, a finite volume of a particle is larger than what diffusion reaches (docs/dfn.md).
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from twin.arrays import to_numpy
from twin.case_studies.benchmarks.dfn import closed_form
from twin.case_studies.benchmarks.table import Row, show
from twin.case_studies.console import say
from twin.case_studies.forwards import forward_of
from twin.models.battery.nrel_porous import pinnstripes2
from twin.models.battery.porous_march import march
from twin.space import Floats
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import Solves, data
from twin.training.first_order import SOAP
from twin.training.loop import train

FIRST, POINTS = 5.0, 100
"""[s]; number of points per curve."""
LEVELS = (0.5, 0.95, 0.99, 1.0)


def solved(count: int, seed: int, *, everything: bool) -> Solves:
    """PyBaMM's discharges of drawn cells."""
    p = len(pinnstripes2.space)
    joint = (pinnstripes2.space + pinnstripes2.conditions).from_unit(
        np.random.default_rng(seed).random((count, p + len(pinnstripes2.conditions)))
    )
    theta, c = joint[:, :p], joint[:, p:]
    if not everything:
        c = np.tile(pinnstripes2.conditions.nominal, (count, 1))
    x = np.stack([np.maximum(pinnstripes2.abscissa(row, POINTS), FIRST) for row in c])
    y = [pinnstripes2.simulate(one[None], row, at)[0] for one, row, at in zip(theta, c, x, strict=True)]
    return Solves(theta, c, x, np.stack(y))


def marched(known: Solves) -> Floats:
    """By the march that teaches the network."""
    lessons = pinnstripes2.lessons
    path = march(pinnstripes2.porous, pinnstripes2.drawn(known.theta, known.c), until=lessons.until,
                 charge=lessons.charge, layers=lessons.layers)  # fmt: skip
    rows = zip(path.time, path.voltage, known.x[..., 0], strict=True)
    return np.stack([CubicSpline(t[np.isfinite(t)], v[np.isfinite(t)])(at) for t, v, at in rows])


def by(forward: Callable[[Floats, Floats, Floats], Floats], known: Solves) -> Floats:
    """By a forward map."""
    rows = zip(known.theta, known.c, known.x, strict=True)
    return np.stack([to_numpy(forward(theta[None], c, x))[0, :, 0] for theta, c, x in rows])


def taught(solves: Solves, steps: int) -> Surrogate:
    """The network, by solves of PyBaMM alone."""
    recipe = pinnstripes2.recipe
    (stage,) = recipe.stages
    assert isinstance(stage, SOAP)
    problem = data(pinnstripes2, recipe.network, solves, recipe.scale, robust=recipe.robust)
    found = train(problem, (replace(stage, steps=steps),), seed=0)
    return Surrogate(pinnstripes2, recipe.network, weights_to_numpy(found.weights), "data", None, {})


def scored(name: str, volts: Floats, known: Solves) -> Row:
    """Root mean squares per curve, and the mean error [mV]."""
    off = 1e3 * (volts - known.y[..., 0])
    size = np.sqrt(np.nanmean(off**2, axis=1))
    columns = dict(zip(("median", "95 %", "99 %", "largest"), np.nanquantile(size, LEVELS).tolist(), strict=True))
    return {"map": name} | columns | {"mean error": float(np.nanmean(off))}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", type=int, default=512)
    parser.add_argument("--surrogate", type=Path)
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--modes", default="")
    parser.add_argument("--steps", type=int, default=3000, help="of the trainings that --modes compares")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    known = solved(options.cells, options.seed, everything=options.everything)
    found = {
        "closed form": by(closed_form(pinnstripes2), known),
        "march": marched(known),
        "network": by(forward_of(pinnstripes2, options.surrogate), known),
    }
    counts = [int(n) for n in options.modes.split(",") if n]
    if counts:
        pool = solved(max(counts), options.seed + 1, everything=options.everything)
    for n in counts:
        some = Solves(pool.theta[:n], pool.c[:n], pool.x[:n], pool.y[:n])
        found[f"data, {n} solves"] = by(taught(some, options.steps), known)
    rows = [scored(name, volts, known) for name, volts in found.items()]
    show("rms per discharge of the NREL cell, mV", rows, as_json=False)
    say(f"{np.isfinite(known.y[..., 0]).all(axis=1).sum()} of {options.cells} cells solved by PyBaMM to the end")


if __name__ == "__main__":
    main()
