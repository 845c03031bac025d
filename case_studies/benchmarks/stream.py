"""Streams judged: fifty windows one by one against all at once, and a parameter that drifts.

``python -m twin.case_studies.benchmarks.stream [--quick] [--json]``

A unit is a cell of battery_circuit (one pair: seven parameters and the noise scale are free). A window is 20 voltages
of a discharge at 2 A with 3 mV of noise, at random times of its own. Without drift all windows of a unit are also
calibrated at once, by the ladder with importance samples of ESS 2000 and more. With drift Q and R0 walk by 0.02
standard deviations of their priors in a window, as the stream is told or not, and 90 % intervals are compared with the
truth at every window.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort
from twin.inference.stream.advance import Info, Stream, Streaming, advance, answer, begin
from twin.inference.stream.windows import windows
from twin.inference.units.door import UnitData
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.models.battery_circuit import MODEL
from twin.space import Floats

POINTS, NOISE, END = 20, 0.003, 0.95
"""[-], [V], share of the charge Q up to which a window's readings reach."""
CURRENT = 2.0
"""[A]"""
CELL = {"Q": 1.9, "R0": 0.0945, "R1": 0.045, "tau1": 72.0, "U_plateau": 3.74, "bend": 2.27, "knee": 0.0515}
SPREAD = 0.15
"""Of the units' parameters, relative to the cell above; that of the curve's shape is a tenth."""
WALK = {"Q": 0.02, "R0": 0.02}
EXACT = Effort(draws=8192, round_draws=16384, rounds=8, components=8, ess_limit=2000.0, oriented=True)
HORIZON = 32


@dataclass(frozen=True)
class Size:
    """Units, windows of each, particles."""

    units: int
    windows: int
    particles: int


FULL, QUICK = Size(20, 50, 2048), Size(2, 5, 512)


@dataclass(frozen=True, eq=False)
class Unit:
    """Parameters (W, p) at each window, readings and their times (W, POINTS, 1)."""

    theta: Floats
    y: Floats
    x: Floats


def unit_of(size: Size, seed: int, *, drifts: bool) -> Unit:
    """A cell of its own."""
    rng, space = np.random.default_rng(seed), MODEL.space
    shape = np.array([0.1 if name in ("U_plateau", "bend", "knee") else 1.0 for name in space.names])
    start = space.pack(CELL) * np.exp(SPREAD * shape * 0.3 * rng.standard_normal(len(space)))
    theta = np.repeat(start[None], size.windows, axis=0)
    if drifts:
        for name, q in WALK.items():
            # both have LogNormal priors of sd_log 1, so that u is the logarithm
            steps = np.concatenate([[0.0], q * rng.standard_normal(size.windows - 1)])
            theta[:, space.index(name)] *= np.exp(np.cumsum(steps))
    last = END * 3600 * theta[:, space.index("Q")].min() / CURRENT
    x = np.sort(rng.uniform(5.0, last, (size.windows, POINTS)), axis=1)[..., None]
    clean = np.stack([MODEL(own, conditions(), at) for own, at in zip(theta, x, strict=True)])
    return Unit(theta, clean + NOISE * rng.standard_normal(clean.shape), x)


def conditions() -> Floats:
    """A discharge at CURRENT."""
    return MODEL.conditions.pack({"current": CURRENT})


def likelihood(y: Floats, x: Floats) -> Likelihood:
    """Of one experiment."""
    given = MODEL.conditions.unpack(conditions())
    return Likelihood(MODEL, [Experiment("window", given, ("time",), x, ("voltage",), y, {"voltage": "V"})])


def streamed(streaming: Streaming, unit: Unit) -> Iterator[tuple[Stream, Info, float]]:
    """Stream, info and processor seconds of each window."""
    count = len(unit.y)
    data = UnitData(unit.y, np.ones(unit.y.shape, dtype=bool), np.repeat(conditions()[None], count, axis=0), unit.x)
    stream = begin(streaming)
    for window in windows(streaming.likelihood, [float(t) for t in range(count)], [data]):
        clock = time.process_time()
        stream, info = advance(streaming, stream, window)
        yield stream, info, time.process_time() - clock


def at_once(units: Units, unit: Unit) -> UnitAnswer:
    """The posterior of a unit's windows as one experiment, readings in the order of their times."""
    order = np.argsort(unit.x.ravel())
    y, x = (part.reshape(-1, 1)[order][None] for part in (unit.y, unit.x))
    (found,) = solve_units(units, [UnitData(y, np.ones(y.shape, dtype=bool), conditions()[None], x)])
    return found


def without_drift(size: Size) -> list[Row]:
    """Stream against batch after the last window, over all units, and what a window costs."""
    shift, ratio, seconds, levels, worth = [], [], [], [], []
    first = unit_of(size, 0, drifts=False)
    y, x = (np.sort(part.reshape(-1, 1), axis=0) for part in (first.y, first.x))
    batch = Units(likelihood(y, x), effort=EXACT)
    streaming = Streaming(likelihood(first.y[0], first.x[0]), particles=size.particles)
    for k in range(size.units):
        unit = unit_of(size, k, drifts=False)
        found = list(streamed(streaming, unit))
        mine, whole = answer(streaming, found[-1][0]), at_once(batch, unit)
        shift.append(np.abs(mine.mean - whole.mean) / whole.sd)
        ratio.append(mine.sd / whole.sd)
        worth.append(whole.ess)
        seconds.append([taken for _, _, taken in found])
        levels.append([info.work.levels for _, info, _ in found])
        remark(f"unit {k + 1} of {size.units}: means at most {shift[-1].max():.3f} sd off, {sum(seconds[-1]):.0f} s")
    off, late = np.array(shift), np.array(levels)[:, size.windows // 2 :]
    return [
        {
            "what": "stream against batch",
            "units": size.units,
            "mean off, sd: median": float(np.median(off)),
            "95 %": float(np.quantile(off, 0.95)),
            "largest": float(off.max()),
            "above 0.1": int((off > 0.1).sum()),
            "of": off.size,
            "sd ratio 5 %, 50 %, 95 %": ", ".join(f"{q:.3f}" for q in np.quantile(ratio, (0.05, 0.5, 0.95))),
            "least ESS of batch": min(worth),
        },
        {
            "what": "cost",
            "units": size.units,
            "processor s/window": float(np.mean(seconds)),
            "median": float(np.median(seconds)),
            "longest": float(np.max(seconds)),
            "rejuvenations/unit": float(np.sum(levels, axis=1).mean()),
            "in the second half": float(late.sum(axis=1).mean()),
        },
    ]


def with_drift(size: Size) -> list[Row]:
    """How often 90 % intervals of what walks, and of what does not, hold the truth along the way."""
    first = unit_of(size, 0, drifts=True)
    walking = Streaming(likelihood(first.y[0], first.x[0]), particles=size.particles // 2, walk=WALK, horizon=HORIZON)
    still = replace(walking, walk={}, horizon=None)
    return [_tracked("the walk told", walking, size), _tracked("the walk not told", still, size)]


def _tracked(name: str, streaming: Streaming, size: Size) -> Row:
    inside, off, seconds, p = [], [], [], len(MODEL.space)
    which = [MODEL.space.index(name) for name in WALK]
    for k in range(size.units // 2):
        remark(f"unit {k + 1} of {size.units // 2}, drifting, {name} ...")
        unit = unit_of(size, 100 + k, drifts=True)
        for truth, (stream, _, taken) in zip(unit.theta, streamed(streaming, unit), strict=True):
            found = answer(streaming, stream)
            low, high = found.quantile(np.array([0.05, 0.95]))[:, :p]
            inside.append((low <= truth) & (truth <= high))
            off.append((found.mean[:p] - truth) / truth)
            seconds.append(taken)
    held, error = np.mean(inside, axis=0), np.sqrt(np.mean(np.square(off), axis=0))
    return {
        "what": f"drifting units, {name}",
        "units": size.units // 2,
        "inside 90 %: " + ", ".join(WALK): ", ".join(f"{100 * held[j]:.1f}" for j in which),
        "the others": ", ".join(f"{100 * held[j]:.1f}" for j in range(p) if j not in which),
        "rms error, %: " + ", ".join(WALK): ", ".join(f"{100 * error[j]:.2f}" for j in which),
        "processor s/window": float(np.mean(seconds)),
        "longest": float(np.max(seconds)),
    }


def measure(size: Size) -> list[Row]:
    """All rows."""
    return [*without_drift(size), *with_drift(size)]


def main() -> None:
    """Prints the table."""
    asked = options(__doc__)
    rows = measure(QUICK if asked.quick else FULL)
    show("streams of windows, 8 parameters, 20 readings each", rows, as_json=asked.as_json)


if __name__ == "__main__":
    main()
