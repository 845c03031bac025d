"""What else could stand for one-step burning velocities: response surfaces through solved flames; and when it pays.

``python -m twin.case_studies.benchmarks.flame_surfaces [--flames 200] [--profiles 20] [--seed 0]``

Both surfaces have the exact scaling laws built in, as the network has: what they learn is ln S_L without A, p and the
size of transport, over φ, T_u, Ea and both orders. A quadratic has 21 coefficients, a Gaussian process a length per
input. They learn from flames that our solver found, and are held against others of the same box. Then profiles of the
network's flames against Cantera's, and the number of flames from which training pays.
"""

import argparse
import time
from typing import Any

import numpy as np
from rich.table import Table

from twin.arrays import to_numpy
from twin.case_studies.benchmarks.flame_free import draws
from twin.case_studies.benchmarks.gaussian_process import fit
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.models.flame.cantera_reference import burning_velocity, solution
from twin.models.flame.fronts import BAR, GAS, NODES, STEP, fronts_of, problem_of
from twin.models.flame.kinetics import Law
from twin.models.flame.profiles import profile
from twin.models.flame.unburnt import fresh
from twin.models.flame_free import one_step
from twin.space import Floats
from twin.surrogate import Surrogate

LABELS = (50, 200, 800)
COUNTED = (0.03, 0.995)
"""Shares of T_b - T_u between which profiles are compared: further out Cantera's grid says little."""


def solved(theta: Floats, rows: Floats) -> Floats:
    """ln S_L of our solver, the scaling laws taken out (n,)."""
    c = one_step.conditions.nominal
    each = [one_step.simulate(t[None], c, x[None])[0, 0, 0] for t, x in zip(theta, rows, strict=True)]
    found: Floats = np.array(each)
    half = 0.5 * (theta[:, 2] + theta[:, 3]) - 1
    return np.asarray(np.log(found) - 0.5 * np.log(theta[:, 4]) - half * np.log(rows[:, 2]) - 0.5 * theta[:, 0])


def inputs(theta: Floats, rows: Floats) -> Floats:
    """φ, T_u, Ea and the orders (n, 5), about 1 in size."""
    raw = np.concatenate([rows[:, :2], theta[:, 1:4]], axis=1)
    low, high = np.array([0.55, 290.0, 20.0, 0.2, 0.3]), np.array([1.3, 450.0, 50.0, 1.2, 1.2])
    return np.asarray(2 * (raw - low) / (high - low) - 1)


def quadratic(z: Floats) -> Floats:
    """1, z_i and z_i z_j (n, 21)."""
    products = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i, z.shape[1])]
    return np.stack([np.ones(len(z)), *z.T, *products], axis=-1)


def surfaces(flames: int, seed: int) -> dict[str, Floats]:
    """Errors of ln S_L in % by surface and number of labels."""
    known, unseen = draws(max(LABELS), seed + 1), draws(flames, seed)
    y, true = solved(*known), solved(*unseen)
    z, at = inputs(*known), inputs(*unseen)
    found = {}
    for n in LABELS:
        some = np.isfinite(y[:n])
        few, right = z[:n][some], y[:n][some]
        coefficients = np.linalg.lstsq(quadratic(few), right, rcond=None)[0]
        found[f"quadratic, {n} flames"] = 100 * (quadratic(at) @ coefficients - true)
        centre, spread = right.mean(), right.std()
        process = fit(few, (right - centre) / spread)
        found[f"Gaussian process, {n} flames"] = 100 * (centre + spread * process(at) - true)
    surrogate, c = forward_of(one_step), one_step.conditions.nominal
    ours = [float(np.log(surrogate(t, c, x[None])[0, 0])) for t, x in zip(*unseen, strict=True)]
    theta, rows = unseen
    half = 0.5 * (theta[:, 2] + theta[:, 3]) - 1
    bare = np.array(ours) - 0.5 * np.log(theta[:, 4]) - half * np.log(rows[:, 2]) - 0.5 * theta[:, 0]
    return found | {"network and one iteration, no flame": 100 * (bare - true)}


def profiles(flames: int, seed: int) -> tuple[Floats, float]:
    """Relative L2 of T and of the worst species (n, 2) in % against Cantera, and its seconds for a flame."""
    theta, rows = draws(flames, seed)
    surrogate, c = forward_of(one_step), one_step.conditions.nominal
    assert isinstance(surrogate, Surrogate)
    found, seconds = [], 0.0
    for draw, row in zip(theta, rows, strict=True):
        law = one_step.kinetics(draw)
        of = fresh(GAS, STEP, row[:1], row[1:2], BAR * row[2:])
        orders = tuple(float(order) for order in law.orders)
        phase = solution(GAS, STEP, Law(float(np.exp(law.ln_A)) * float(draw[4]), 0.0, float(law.Ea), orders))
        begin = time.perf_counter()
        _, flame = burning_velocity(phase, row[1], BAR * row[2], of.Y[0])
        seconds += time.perf_counter() - begin
        q = to_numpy(fronts_of(surrogate.fields(draw, c))(row[None]))
        ours = profile(problem_of(row[None], NODES), of, q, law.over_points())
        found.append(_apart(flame, ours.T[0], ours.x[0], ours.Y[0], float(draw[4])))
    return np.array(found), seconds / flames


def _apart(flame: Any, T: Floats, x: Floats, Y: Floats, spread: float) -> tuple[float, float]:
    """Transport ``spread`` times as large draws Cantera's flame, whose A is as much larger, to that size."""
    grid, cold, hot = flame.grid * spread, flame.T[0], T[-1]
    middle = 0.5 * (cold + hot)
    shift = np.interp(middle, flame.T, grid) - np.interp(middle, T, x)
    first, last = (float(np.interp(cold + share * (hot - cold), T, x)) for share in COUNTED)
    fine = np.linspace(first, last, 400)
    off = [
        np.linalg.norm(np.interp(fine, x, ours) - np.interp(fine + shift, grid, theirs))
        / np.linalg.norm(np.interp(fine + shift, grid, theirs))
        for ours, theirs in zip((T, *Y.T), (flame.T, *flame.Y), strict=True)
    ]
    return 100 * float(off[0]), 100 * float(max(off[1:]))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flames", type=int, default=200)
    parser.add_argument("--profiles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    table = Table("surface", "median %", "99 % below", "largest %")
    for name, off in surfaces(options.flames, options.seed).items():
        size = np.abs(off[np.isfinite(off)])
        table.add_row(name, f"{np.median(size):.3g}", f"{np.quantile(size, 0.99):.3g}", f"{size.max():.3g}")
    console().print(table)
    off, seconds = profiles(options.profiles, options.seed)
    median, largest = np.median(off, axis=0), off.max(axis=0)
    say(f"T(x) against Cantera: median {median[0]:.2f} %, largest {largest[0]:.2f} %; "
        f"worst species {median[1]:.2f} and {largest[1]:.2f} %")  # fmt: skip
    shipped = forward_of(one_step)
    assert isinstance(shipped, Surrogate)
    pays = float(shipped.record["training"]["seconds"]) / seconds
    say(f"training takes as long as {pays:.0f} flames of Cantera, without their derivatives")


if __name__ == "__main__":
    main()
