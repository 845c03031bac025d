"""Partial pooling of synthetic fleets: cost and worth of the joint sampler, the two-stage way beside it, coverage.

``python -m twin.case_studies.benchmarks.pooling [--quick] [--json]``. Pulses of a circuit with one pair
(``battery_circuit``, ``pulse_one_pair``), four parameters and the noise scale, 40 voltages each; populations are drawn
from the hyperpriors. Seconds are processor time.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.pooling.checks import check_pooled
from twin.inference.pooling.hierarchical import pool_units
from twin.inference.pooling.law import Law, Pooling
from twin.inference.pooling.pooled import Pooled
from twin.inference.pooling.two_stage import pool_answers
from twin.inference.units.density import UnitDensity
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.models.battery_circuit import PRESETS
from twin.space import Floats

MODEL = PRESETS["pulse_one_pair"]
POOLED = Pooling((*MODEL.space.names, "noise_voltage"))
C = MODEL.conditions.pack({"current": 7.5, "start_voltage": 3.7, "duration": 10.0})
X = np.linspace(0.1, 20.0, 40)[:, None]


@dataclass(frozen=True, eq=False)
class Fleet:
    """Voltages (U, n, 1), and the population's m and s (p,) they come from."""

    y: Floats
    mean: Floats
    spread: Floats


def units_of(fleet: Fleet, seed: int) -> Units:
    """What all fleets share."""
    given = MODEL.conditions.unpack(C)
    e = Experiment("unit", given, ("time",), X, ("voltage",), fleet.y[0], {"voltage": "V"})
    return Units(Likelihood(MODEL, [e]), seed=seed)


def fleet_of(count: int, seed: int) -> Fleet:
    """Units of a population from the hyperpriors themselves, in prior-whitened coordinates."""
    rng = np.random.default_rng(seed)
    given = MODEL.conditions.unpack(C)
    empty = Experiment("unit", given, ("time",), X, ("voltage",), np.zeros((len(X), 1)), {"voltage": "V"})
    density = UnitDensity(Likelihood(MODEL, [empty]))
    h = Law(POOLED, density.likelihood.space).hyper.draw(1, seed)[0]
    mean, spread = h.reshape(2, -1)
    theta = density.theta(mean + spread * rng.standard_normal((count, len(mean))))
    clean = MODEL(theta[:, :-1], C, X)
    return Fleet(clean + theta[:, -1, None, None] * rng.standard_normal(clean.shape), mean, spread)


def solved(units: Units, fleet: Fleet) -> list[UnitAnswer]:
    """Every unit alone."""
    return list(solve_units(units, ((fleet.y, np.ones(fleet.y.shape, dtype=bool)),)))


def cost(counts: Sequence[int], joint_up_to: int) -> list[Row]:
    """A row for each number of units."""
    rows: list[Row] = []
    for count in counts:
        fleet = fleet_of(count, 1)
        units = units_of(fleet, 0)
        begin = time.process_time()
        answers = solved(units, fleet)
        alone = time.process_time() - begin
        remark(f"{count} units alone: {alone:.0f} s")
        begin = time.process_time()
        two = pool_answers(units, answers, POOLED, seed=0)
        spent = time.process_time() - begin
        assert two.reweighting is not None
        row: dict[str, object] = {
            "units": count,
            "numbers": two.hyper.shape[-1] + two.u.shape[-1] * len(two.rows),
            "alone s": alone,
            "two-stage s": spent,
            "k-hat": two.reweighting.khat,
            "by Gaussian": f"{len(two.reweighting.by_gaussian)} of {len(two.rows)}",
        }
        if count <= joint_up_to:
            row |= joint_row(units, fleet, answers, two)
        rows.append(row)
    return rows


def joint_row(units: Units, fleet: Fleet, answers: list[UnitAnswer], two: Pooled) -> dict[str, object]:
    """The joint sampler, and how far the two-stage way is from it."""
    begin = time.process_time()
    full = np.ones(fleet.y.shape, dtype=bool)
    found = pool_units(units, ((fleet.y, full),), answers, POOLED, seed=0)
    spent = time.process_time() - begin
    remark(f"{len(fleet.y)} units together: {spent:.0f} s")
    checks = {c.name: c.value for c in check_pooled(found)}
    h, other = (p.hyper.reshape(-1, p.hyper.shape[-1]) for p in (found, two))
    away = np.abs(h.mean(axis=0) - other.mean(axis=0)) / h.std(axis=0)
    return {
        "joint s": spent,
        "R-hat": checks["rhat_max"],
        "ESS": checks["ess_min"],
        "divergences": checks["divergences"],
        "steps": float(found.stats["n_steps"].mean()),
        "two-stage off [sd]": f"median {np.median(away):.2f}, largest {away.max():.2f}",
    }


def coverage(fleets: int, count: int) -> list[Row]:
    """Share of 90 % intervals of means and spreads that hold the truth, by the two-stage way."""
    held, gaussian, failed = [], 0, 0
    units = units_of(fleet_of(count, 0), 0)
    for k in range(fleets):
        fleet = fleet_of(count, 1000 + k)
        found = pool_answers(units, solved(units, fleet), POOLED, seed=k)
        assert found.reweighting is not None
        low, high = np.quantile(found.hyper.reshape(-1, found.hyper.shape[-1]), (0.05, 0.95), axis=0)
        truth = np.concatenate([fleet.mean, fleet.spread])
        held.append((low <= truth) & (truth <= high))
        gaussian += len(found.reweighting.by_gaussian)
        failed += any(not c.passed for c in check_pooled(found) if c.name != "gaussian_units")
        remark(f"fleet {k + 1} of {fleets}: {np.mean(held):.3f}")
    p = len(fleet.mean)
    return [
        {
            "what": what,
            "fleets": fleets,
            "units each": count,
            "held %": 100 * float(np.mean(part)),
            "by Gaussian %": 100 * gaussian / (fleets * count),
            "fleets with a failed check": failed,
        }
        for what, part in (("means", np.array(held)[:, :p]), ("spreads", np.array(held)[:, p:]))
    ]


def main() -> None:
    """Prints two tables."""
    given = options(__doc__)
    counts, joint, fleets = ((12,), 12, 2) if given.quick else ((12, 50, 200, 1000), 200, 40)
    show("cost", cost(counts, joint), as_json=given.as_json)
    show("coverage of 90 % intervals", coverage(fleets, 30), as_json=given.as_json)


if __name__ == "__main__":
    main()
