"""The batched ladder judged: throughput, agreement with NUTS, and coverage over thousands of units.

``python -m twin.case_studies.benchmarks.ladder [--quick] [--json]``

A unit is a 1C discharge of the LG M50 cell (battery_spm kin4): four parameters and the noise scale are free, 100
voltages have 3 mV of noise, and what lies below the cut-off is masked. For throughput and accuracy truths come from
the middle 60 % of the prior, for coverage from all of it, as they must where 90 % intervals shall hold 90 %. NUTS
runs on units of the same kind in the same process: four chains per unit, ten units side by side, compiled once.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood, Measured
from twin.inference.units.modes import find_peaks
from twin.inference.units.nuts import Chains, ChainSettings
from twin.inference.units.solve import STARTS, UnitAnswer, Units, solve_units
from twin.inference.units.starts import starts
from twin.models.battery.lgm50 import kin4
from twin.space import Floats

POINTS, NOISE = 100, 0.003
"""[-], [V]"""
MIDDLE, WHOLE = (0.2, 0.8), (0.0, 1.0)
"""Prior quantiles between which truths are drawn."""
WRONG = 0.2
"""Mean off by more than this many of NUTS's standard deviations: a wrong accept."""
FLEET = 10_000
NUTS_UNITS = 10


@dataclass(frozen=True)
class Size:
    """Units for throughput, coverage and accuracy; NUTS draws per chain."""

    rate: int
    coverage: int
    accuracy: int
    draws: int


FULL, QUICK = Size(2048, FLEET, 50, 2000), Size(256, 256, 10, 200)


@dataclass(frozen=True, eq=False)
class Fleet:
    """Simulated units: their likelihood, data, and true θ (units, 4)."""

    likelihood: Likelihood
    measured: Measured
    truth: Floats


def fleet(count: int, quantiles: tuple[float, float], seed: int) -> Fleet:
    """Units whose truths are drawn between two quantiles of the prior."""
    rng = np.random.default_rng(seed)
    c = kin4.conditions.nominal
    x = np.maximum(kin4.abscissa(c, POINTS), 1.0)
    truth = kin4.space.from_unit(rng.uniform(*quantiles, (count, len(kin4.space))).clip(1e-9, 1 - 1e-9))
    clean = np.concatenate([np.asarray(kin4(part, c, x)) for part in np.array_split(truth, -(-count // 500))])
    mask = kin4.valid(clean)[..., None]
    y = np.where(mask, clean + NOISE * rng.standard_normal(clean.shape), 0.0)
    conditions = kin4.conditions.unpack(c)
    own = Experiment("1C", conditions, ("time",), x, ("voltage",), np.where(mask[0], y[0], np.nan), {"voltage": "V"})
    return Fleet(Likelihood(kin4, [own]), ((y, mask),), truth)


def first(measured: Measured, count: int) -> Measured:
    """The data of the first units."""
    return tuple((y[:count], mask[:count]) for y, mask in measured)


def throughput(units: Units, of: Fleet) -> tuple[Row, float]:
    """Units per second by two threads, and on its own what the first chunk pays for compilation."""
    begin = time.perf_counter()
    list(solve_units(units, first(of.measured, 128)))
    warm = time.perf_counter() - begin
    begin, before = time.perf_counter(), time.process_time()
    found = list(solve_units(units, of.measured))
    seconds = time.perf_counter() - begin
    row: Row = {
        "what": "ladder, throughput",
        "units": len(found),
        "units/s": len(found) / seconds,
        "processor ms/unit": 1e3 * (time.process_time() - before) / len(found),
        "median ESS": float(np.median([a.ess for a in found])),
        "compilation s": warm,
        "rungs": rungs(found),
    }
    return row, len(found) / seconds


def rungs(found: Sequence[UnitAnswer]) -> str:
    """Share of each rung."""
    counted = Counter(a.rung for a in found)
    return ", ".join(f"{name} {100 * counted[name] / len(found):.1f} %" for name in sorted(counted))


def by_nuts(units: Units, of: Fleet, count: int) -> tuple[list[Chains], float]:
    """Chains of the first units, a call's units side by side, and seconds without compilation."""
    rows = np.arange(count)
    begin = starts(units.density, units.table, of.measured, rows, STARTS)
    peaks, _ = find_peaks(units.climb, of.measured, rows, begin)
    parts = np.array_split(rows, -(-count // NUTS_UNITS))

    def sampled(part: np.ndarray) -> Chains:
        return units.nuts.sample(of.measured, part, [peaks.part(np.array([i])) for i in part], units.seed)

    sampled(parts[0][:1])
    clock = time.perf_counter()
    found = [sampled(part) for part in parts]
    return found, time.perf_counter() - clock


def accuracy(units: Units, of: Fleet, count: int, rate: float) -> list[Row]:
    """Means and standard deviations of the ladder against those of NUTS, and what NUTS costs."""
    answers = sorted(solve_units(units, first(of.measured, count)), key=lambda a: a.unit)
    parts, seconds = by_nuts(units, of, count)
    u = np.concatenate([c.u for c in parts])
    ess, rhat = np.concatenate([c.ess for c in parts]), np.concatenate([c.rhat for c in parts])
    draws = np.asarray(units.density.theta(u.reshape(count, -1, u.shape[-1])))
    mean, sd = draws.mean(axis=1), draws.std(axis=1)
    shift = np.abs((np.stack([a.mean for a in answers]) - mean) / sd)
    ratio = np.stack([a.sd for a in answers]) / sd
    cheap = np.array([a.rung in ("laplace", "mixture") for a in answers])
    per_unit = seconds / count
    comparable = float(np.median([a.ess for a in answers])) / float(np.median(ess)) * per_unit
    return [
        {
            "what": "NUTS",
            "units": count,
            "units/s": 1 / per_unit,
            "median ESS": float(np.median(ess)),
            "ESS/s": float(np.sum(ess)) / seconds,
            "s/unit at the ladder's ESS": comparable,
            "ladder / NUTS at equal ESS": rate * comparable,
            "worst R-hat": float(rhat.max()),
        },
        {
            "what": "ladder against NUTS",
            "units": count,
            "mean off, sd: median": float(np.median(shift)),
            "largest": float(shift.max()),
            "above 0.1": int((shift > 0.1).sum()),
            "of": shift.size,
            "MC error of NUTS, sd": float(np.median(1 / np.sqrt(ess))),
            "wrong accepts": int(((shift > WRONG).any(axis=1) & cheap).sum()),
            "sd ratio 5 %, 50 %, 95 %": ", ".join(f"{q:.3f}" for q in np.quantile(ratio, (0.05, 0.5, 0.95))),
            "rungs": rungs(answers),
        },
    ]


def coverage(units: Units, of: Fleet) -> Row:
    """How often 90 % intervals hold the truth, over the whole prior, and seconds for the fleet."""
    begin, found, inside = time.perf_counter(), [], np.zeros(of.truth.shape)
    for answer in solve_units(units, of.measured):
        found.append(answer.rung)
        if answer.rung != "none":
            low, high = answer.quantile(np.array([0.05, 0.95]))[:, : of.truth.shape[1]]
            inside[answer.unit] = (low <= of.truth[answer.unit]) & (of.truth[answer.unit] <= high)
    seconds = time.perf_counter() - begin
    counted = Counter(found)
    return {
        "what": "coverage of 90 % intervals",
        "units": len(found),
        "units/s": len(found) / seconds,
        "s for 10,000 units": seconds * FLEET / len(found),
        "inside 90 %": ", ".join(f"{100 * share:.1f}" for share in inside.mean(axis=0)),
        "rungs": ", ".join(f"{name} {100 * counted[name] / len(found):.2f} %" for name in sorted(counted)),
    }


def measure(size: Size) -> list[Row]:
    """All rows."""
    remark("throughput ...")
    middle = fleet(max(size.rate, size.accuracy), MIDDLE, seed=1)
    settings = ChainSettings(units=NUTS_UNITS, draws=size.draws, warmup=500, target_accept=0.9, max_tree_depth=9)
    units = Units(middle.likelihood)
    speed, rate = throughput(units, middle)
    remark("coverage ...")
    whole = coverage(units, fleet(size.coverage, WHOLE, seed=2))
    remark("NUTS on the same units ...")
    return [speed, whole, *accuracy(Units(middle.likelihood, chains=settings), middle, size.accuracy, rate)]


def main() -> None:
    """Prints the table."""
    asked = options(__doc__)
    rows = measure(QUICK if asked.quick else FULL)
    show("the batched ladder, 5 parameters, 100 points", rows, as_json=asked.as_json)


if __name__ == "__main__":
    main()
