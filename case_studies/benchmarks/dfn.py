"""How well a network stands for the porous cell: discharges of drawn cells against PyBaMM, by rate and by depth.

``python -m twin.case_studies.benchmarks.dfn [--cells 512] [--everything] [--fine] [--modes 10,50,200] ...``

Cells are drawn evenly: C-rates 0.2 to 2 (evenly in their logarithm), up to a quarter of either active material lost
with the lithium in it, 0 to 15 % of the remaining lithium lost, positive diffusivity and kinetics a third to three
times the literature's, 25 °C. With ``--everything`` from all that the network is trained for: also both kinetics apart,
the negative diffusivity, 5 to 45 °C, other rested voltages and balances. PyBaMM solves each cell down to 2 V with the
mesh that the specification names (Chebyshev 40/20/40, 60 volumes in a particle), with ``--fine`` with that of the
model's own reference (60/20/60, 120 volumes). Errors are root mean squares over a curve. ``--modes`` trains networks
from so many solves of PyBaMM, and principal components with Gaussian processes, beside it. ``--only fields,plain``
trains networks of all fields by equations (``dfn_fields.py``).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from rich.table import Table
from scipy.interpolate import CubicSpline

from twin.arrays import to_numpy
from twin.case_studies import surrogates
from twin.case_studies.benchmarks.dfn_fields import NAMES as FIELDS
from twin.case_studies.benchmarks.dfn_fields import by_equations
from twin.case_studies.benchmarks.gaussian_process import fit
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.model import Mask
from twin.models.battery import pybamm_reference
from twin.models.battery.balance import fresh_lithium
from twin.models.battery.dfn import PorousCell
from twin.models.battery.lgm50_porous import wide
from twin.models.battery.porous_march import march
from twin.space import Floats, nearest
from twin.surrogate import Surrogate, weights_to_numpy
from twin.training.build import Solves, data, hybrid
from twin.training.first_order import SOAP
from twin.training.loop import train
from twin.training.problem import Problem
from twin.training.recipe import Recipe

NAMED = replace(wide.reference, radial_points=60, across=(40, 20, 40))
RATES = (0.2, 2.0)
FRESH = 4.18
"""Rested voltage [V]."""
GRID = np.concatenate([np.linspace(0.002, 0.94, 90), np.linspace(0.945, 1.004, 60)])
"""Times over that of the march's end: denser where the voltage falls."""
COMPONENTS = 14
WITH_SOLVES = ("data", "hybrid")
WAYS = ("physics", *WITH_SOLVES, *FIELDS)
"""What a network can be taught by, as ``--only`` knows it."""


@dataclass(frozen=True, eq=False)
class Cells:
    """θ (N, p), c (N, k), times t (N, n) [s] and voltages of the reference (N, n), NaN after its end."""

    theta: Floats
    c: Floats
    t: Floats
    V: Floats

    @property
    def rate(self) -> Floats:
        """C-rates (N,)."""
        return self.c[:, wide.conditions.index("c_rate")]

    @property
    def charge(self) -> Floats:
        """Over the nominal capacity (N, n)."""
        return self.t * self.rate[:, None] / 3600


def cells(count: int, seed: int, reference: pybamm_reference.Reference = NAMED, *, everything: bool = False) -> Cells:
    """So many cells that can start, solved."""
    cube = np.random.default_rng(seed).random((count, wide.dimension))
    theta, c = _anywhere(cube) if everything else _usual(cube)
    ends = np.nanmax(march(wide.porous, wide.drawn(theta, c), until=2.3, layers=wide.lessons.layers).time, axis=1)
    t = ends[:, None] * GRID
    V = [
        pybamm_reference.simulate(reference, wide.drawn(one[None], row), times[:, None], None)[0, :, 0]
        for one, row, times in zip(theta, c, t, strict=True)
    ]
    return Cells(theta, c, t, np.stack(V))


def _usual(cube: Floats) -> tuple[Floats, Floats]:
    """Aged cells at 25 °C: lithium in lost material is lost with it, and of the rest 0 to 15 % besides."""
    unit, cell = dict(zip(wide.space.names, cube.T, strict=False)), wide.porous.cell
    left_n, left_p = 1 - 0.25 * unit["LAM_n"], 1 - 0.25 * unit["LAM_p"]
    held = [
        electrode.start_stoichiometry * cell.electrode_capacity(electrode) * left
        for electrode, left in ((cell.negative, left_n), (cell.positive, left_p))
    ]
    lithium = (1 - 0.15 * unit["LLI"]) * (held[0] + held[1]) / fresh_lithium(cell)
    kinetics = 3.0 ** (2 * unit["si0n"] - 1)
    values = {
        "LLI": 1 - lithium, "LAM_n": 1 - left_n, "LAM_p": 1 - left_p, "sDn": 0 * lithium + 1,
        "sDp": 3.0 ** (2 * unit["sDp"] - 1), "si0n": kinetics, "si0p": kinetics, "R0": 0 * lithium,
    }  # fmt: skip
    rate = RATES[0] * (RATES[1] / RATES[0]) ** cube[:, len(wide.space)]
    known = {"c_rate": rate, "temperature": 0 * rate + 298.15, "start_voltage": 0 * rate + FRESH}
    return (
        np.stack([values[name] for name in wide.space.names], axis=1),
        np.stack([known[name] for name in wide.conditions.names], axis=1),
    )


def _anywhere(cube: Floats) -> tuple[Floats, Floats]:
    """Cells of all that the network is trained for."""
    low, high = wide.conditions.bounds[wide.conditions.index("c_rate")]
    column = len(wide.space) + wide.conditions.index("c_rate")
    share = np.log(np.array(RATES) / low) / np.log(high / low)
    cube[:, column] = share[0] + (share[1] - share[0]) * cube[:, column]
    theta, c, _ = (part.numpy() for part in wide.collocate(torch.as_tensor(cube)))
    theta[:, wide.space.index("R0")] = 0.0
    return theta, c


def voltages(forward: Callable[[Floats, Floats, Floats], Floats], known: Cells) -> Floats:
    """Of a map (N, n)."""
    rows = zip(known.theta, known.c, known.t, strict=True)
    return np.stack([to_numpy(forward(theta[None], c, t[:, None]))[0, :, 0] for theta, c, t in rows])


def marched(known: Cells) -> Floats:
    """Of the march that teaches the network (N, n)."""
    path = march(wide.porous, wide.drawn(known.theta, known.c), until=2.0, layers=wide.lessons.layers)
    found = []
    for times, volts, at in zip(path.time, path.voltage, known.t, strict=True):
        kept = np.isfinite(times)
        inside = at <= times[kept][-1]
        found.append(np.where(inside, CubicSpline(times[kept], volts[kept])(np.where(inside, at, 0.0)), np.nan))
    return np.stack(found)


def scores(found: Floats, known: Cells) -> dict[str, str]:
    """Root mean squares per curve [mV], median, 95 % and 99 %; mean error; charge at 2.5 V in %."""
    off, V = 1e3 * (found - known.V), known.V
    solved = np.isfinite(V) & np.isfinite(found)
    end = np.where(solved & (V >= 2.5), known.charge, 0.0).max(axis=1)[:, None]
    slow = (known.rate <= 1.0)[:, None]
    high, early = solved & (V >= 3.0), solved & (known.charge <= 0.95 * end)
    capacity = 100 * np.abs(_charge_at(found, known) / _charge_at(V, known) - 1)
    return {
        "V >= 3, C <= 1": _curves(off, high & slow),
        "V >= 3": _curves(off, high),
        "q <= 0.95": _curves(off, early),
        "mean, q <= 0.95": f"{off[early].mean():.3f}",
        "capacity %": "{:.2g} / {:.2g}".format(*np.nanquantile(capacity, [0.95, 0.99])),
    }


def _curves(off: Floats, counted: Mask) -> str:
    rows = counted.any(axis=1)
    size = np.sqrt((np.where(counted, off, 0.0) ** 2).sum(axis=1)[rows] / counted.sum(axis=1)[rows])
    return " / ".join(f"{value:.2f}" for value in np.quantile(size, [0.5, 0.95, 0.99]))


def _charge_at(V: Floats, known: Cells, limit: float = 2.5) -> Floats:
    """Charge at which the voltage first falls below the limit (N,), NaN where it does not."""
    found = np.full(len(V), np.nan)
    for i, (volts, charge) in enumerate(zip(V, known.charge, strict=True)):
        below = np.flatnonzero(volts < limit)
        if len(below) and below[0]:
            k = below[0]
            found[i] = np.interp(limit, [volts[k], volts[k - 1]], [charge[k], charge[k - 1]])
        elif np.isnan(volts).any():
            found[i] = charge[np.flatnonzero(np.isfinite(volts))[-1]]
    return found


@dataclass(frozen=True)
class Teaching:
    """Steps of training, and of how many discharges of the march the equations are learnt."""

    steps: int
    marches: int

    @property
    def recipe(self) -> Recipe:
        """The shipped network's, with that effort."""
        (stage,) = wide.recipe.stages
        assert isinstance(stage, SOAP)
        return replace(wide.recipe, stages=(replace(stage, steps=self.steps),), own_solves=self.marches)

    @cached_property
    def equations(self) -> Problem:
        """What the march teaches."""
        return surrogates.problem_of(wide, "physics", self.recipe, 0)

    def by(self, mode: str, solves: Solves) -> Surrogate:
        """The network, from solves of the reference alone, or from the equations too."""
        recipe = self.recipe
        own = data(wide, recipe.network, solves, recipe.scale, robust=recipe.robust)
        return self._trained(own if mode == "data" else hybrid(self.equations, own), mode)

    def by_equations(self) -> Surrogate:
        """The network, from the march alone."""
        return self._trained(self.equations, "physics")

    def _trained(self, problem: Problem, mode: str) -> Surrogate:
        found = train(problem, self.recipe.stages, seed=0)
        return Surrogate(wide, self.recipe.network, weights_to_numpy(found.weights), mode, None, {})


def components(solves: Cells, known: Cells, below: Callable[[Floats, Floats, Floats], Floats]) -> Floats:
    """Principal components of what the closed form leaves, over time over the end's (which is given), by Gaussian
    processes in the network's inputs.
    """
    curves = (solves.V - voltages(below, solves)) / solves.rate[:, None]
    kept = np.isfinite(curves).all(axis=0)
    curves = curves[:, kept]
    mean = curves.mean(axis=0)
    left, sizes, shapes = np.linalg.svd(curves - mean, full_matrices=False)
    inputs, at = (wide.features(wide.porous.cell, wide.drawn(some.theta, some.c)) for some in (solves, known))
    found = np.tile(mean, (len(known.theta), 1))
    for i in range(min(COMPONENTS, len(sizes) - 1)):
        spread = left[:, i].std()
        found += np.outer(spread * sizes[i] * fit(inputs, left[:, i] / spread)(at), shapes[i])
    whole = np.full(known.V.shape, np.nan)
    whole[:, kept] = found
    return np.asarray(voltages(below, known) + known.rate[:, None] * whole)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cells", type=int, default=512)
    parser.add_argument("--surrogate", type=Path)
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--fine", action="store_true")
    parser.add_argument("--modes", default="")
    parser.add_argument("--steps", type=int, default=3000, help="of the trainings that --modes compares")
    parser.add_argument("--only", default="data,hybrid", help=f"which of {', '.join(WAYS)}")
    parser.add_argument("--checkpoint", type=Path, help="of networks of all fields, whose training goes on from it")
    parser.add_argument(
        "--marches", type=int, default=wide.recipe.own_solves, help="discharges of those with equations"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    modes = options.only.split(",")
    for wrong in [name for name in modes if name not in WAYS]:
        parser.error(f"--only {wrong}: no such way{nearest(wrong, WAYS)}")
    reference = wide.reference if options.fine else NAMED
    known = cells(options.cells, options.seed, reference, everything=options.everything)
    shipped = forward_of(wide, options.surrogate)
    found = {"closed form": voltages(closed_form(wide), known), "march": marched(known),
             "network": voltages(shipped, known)}  # fmt: skip
    teaching = Teaching(options.steps, options.marches)
    counts = [int(n) for n in options.modes.split(",") if n]
    for name in [name for name in modes if name in FIELDS]:
        found[name] = voltages(by_equations(name, options.steps, options.checkpoint), known)
    if counts:
        pool = cells(max(counts), options.seed + 1, reference, everything=options.everything)
    if counts and "physics" in modes:
        found[f"physics, {options.marches} marches"] = voltages(teaching.by_equations(), known)
    for n in counts:
        some = Cells(pool.theta[:n], pool.c[:n], pool.t[:n], pool.V[:n])
        solves = Solves(some.theta, some.c, some.t[..., None], some.V[..., None], _sizes(some)[..., None])
        for mode in [mode for mode in modes if mode in WITH_SOLVES]:
            found[f"{mode}, {n} solves"] = voltages(teaching.by(mode, solves), known)
        found[f"components and processes, {n} solves"] = components(some, known, closed_form(wide))
    names = list(scores(known.V, known))
    table = Table("map", *names)
    for name, V in found.items():
        table.add_row(name, *scores(V, known).values())
    console().print(table)
    say(f"{np.isfinite(known.V).any(axis=1).sum()} of {options.cells} cells solved by PyBaMM; mV: median / 95 % / 99 %")


def closed_form(model: PorousCell) -> Callable[[Floats, Floats, Floats], Floats]:
    """The single-particle model: the form of the surrogate with nothing added."""

    def nothing(inputs: Floats) -> Floats:
        return np.zeros((*inputs.shape[:-1], model.outputs))

    def forward(theta: Floats, c: Floats, x: Floats) -> Floats:
        return np.array(model.observe(model.lift(nothing, theta, c), theta, c, x), dtype=float)

    return forward


def _sizes(known: Cells) -> Floats:
    """As the march has them: an error counts less where the curve is steep."""
    slope = np.gradient(known.V, axis=1) / np.gradient(known.charge, axis=1)
    return np.sqrt(1 + (np.nan_to_num(slope) / 4.0) ** 2)


if __name__ == "__main__":
    main()
