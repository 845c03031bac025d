"""A made-up fleet of cells and its page: most age slowly, three do not.

``python -m twin.case_studies.fleet_demo_page --out runs/fleet [--units 60] [--windows 60]``

Nothing is calibrated here: medians are a falling capacity and rising resistances with scatter, intervals are of the
size that ``battery_circuit`` gives. One cell loses capacity at once, one's resistance creeps, one wears fast. Two
cells are mostly refused, two have few windows yet.
"""

import argparse
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from twin.case_studies.console import console
from twin.inference.fleet.page import write_fleet_page
from twin.inference.fleet.page_units import FleetAlarm, FleetLimit, FleetPage, FleetParameter, FleetUnit
from twin.inference.monitor.remaining import Remaining
from twin.space import Floats

PARAMETERS = (
    FleetParameter("Q", "A h", "capacity"),
    FleetParameter("R0", "ohm", "series resistance"),
    FleetParameter("R1", "ohm", "resistance of the slow pair"),
    FleetParameter("tau1", "s", "time constant of the slow pair"),
    FleetParameter("D", "m2/s", "apparent diffusivity"),
)
FRESH = np.array([1.95, 0.055, 0.018, 60.0, 2.3e-14])
SPREAD = np.array([0.015, 0.03, 0.06, 0.08, 0.15])
"""From cell to cell, relative."""
WIDTH = np.array([0.004, 0.008, 0.03, 0.05, 0.10])
"""Half a 90 % interval, relative."""
WEAR = np.array([-0.0012, 0.0018, 0.0012, 0.0, -0.001])
"""Per window, relative."""
SOON = 600.0
"""[cycle] A life that is worth watching."""
LIMIT = 1.4
"""[A h]"""
STEP, CREEP, FAST = 7, 23, 41
"""Places of the cells that do not age as the others."""
RESTING, LATE = (13, 36), (19, 49)
"""Cells that hardly ever work, and cells that came last."""
FEW = 6
"""Windows of the last ones."""
FAULT = 0.6
"""Share of the windows before a fault begins."""
NO_CURRENT = "the current never exceeds 0.05 A: a window of rest tells no resistance"


def demo_page(units: int = 60, windows: int = 60, seed: int = 0) -> FleetPage:
    """The fleet as its page takes it."""
    rng = np.random.default_rng(seed)
    return FleetPage(
        title="Demonstration: a pack of cells",
        model="battery_circuit",
        preset="one pair",
        made="made-up numbers, no measurements",
        unit_of_time="cycle",
        parameters=PARAMETERS,
        units=tuple(demo_units(units, windows, rng)),
        false_alarms="Alarms of changes are set to be false at most once in 2,000 windows of a unit, on average.",
        versions={"twincal": metadata.version("twincal"), "numpy": np.__version__},
        notes=("Worn below 1.4 A h. An alarm of a limit needs three windows with P(beyond) above 95 %.",),
    )


def demo_units(units: int, windows: int, rng: np.random.Generator) -> Iterator[FleetUnit]:
    """One after another."""
    time: Floats = np.linspace(5.0, 5.0 * windows, windows)
    for i in range(units):
        yield demo_unit(i, time[-FEW:] if i in LATE else time, rng)


def demo_unit(i: int, time: Floats, rng: np.random.Generator) -> FleetUnit:
    """Cell i over all windows, some of them refused."""
    n, p = len(time), len(PARAMETERS)
    fault = int(FAULT * n)
    rate = WEAR * rng.uniform(0.6, 1.4)
    shape = 1.0 + rate * np.arange(n)[:, None] + fault_of(i, n, fault)
    truth = FRESH * (1.0 + SPREAD * rng.standard_normal(p)) * shape
    half = truth * WIDTH * rng.uniform(0.7, 1.3, (n, p))
    median = truth + half / 1.645 * rng.standard_normal((n, p))
    refused = rng.random(n) < (0.6 if i in RESTING else 0.02)
    refused[-3:] |= i in RESTING
    median[refused] = np.nan
    alarms = alarms_of(i, time, fault)
    beyond, life = outlook(median[:, 0], half[:, 0], time)
    low, middle, high = (np.where(refused[:, None], np.nan, median + sign * half) for sign in (-1.0, 0.0, 1.0))
    return FleetUnit(
        name=f"cell-{i + 1:02d}",
        state=state_of(alarms, bool(refused[-1]), n, life),
        time=time,
        low=low,
        median=middle,
        high=high,
        rungs=tuple("none" if bad else "laplace" for bad in refused),
        verdicts=tuple("" if bad else "confirmed" for bad in refused),
        refusals=tuple(NO_CURRENT if bad else "" for bad in refused),
        alarms=alarms,
        limits=(FleetLimit("Q", LIMIT, falls=True, beyond=beyond, remaining=life),),
    )


def fault_of(i: int, n: int, fault: int) -> Floats:
    """What is added to cell i's relative change (n, p): a step, a creep, or fast wear."""
    since = np.maximum(0, np.arange(n) - fault)
    added = np.zeros((n, len(PARAMETERS)))
    if i == STEP:
        added[fault:, 0] = -0.08
    elif i == CREEP:
        added[:, 1] = 0.012 * since
    elif i == FAST:
        added[:, 0] = -0.27 * since / max(1, n - fault - 1)
    return added


def alarms_of(i: int, time: Floats, fault: int) -> tuple[FleetAlarm, ...]:
    """What a monitor would have raised."""
    n = len(time)
    since = float(time[fault])
    if i == STEP:
        return (FleetAlarm(float(time[min(fault + 1, n - 1)]), "change", "Q", since, 0.98),)
    if i == CREEP:
        return (FleetAlarm(float(time[min(fault + 6, n - 1)]), "change", "R0", since, 0.91),)
    if i == FAST:
        change = FleetAlarm(float(time[min(fault + 4, n - 1)]), "change", "Q", since, 0.87)
        return (change, FleetAlarm(float(time[-1]), "limit", "Q", float(time[max(0, n - 3)]), 0.99))
    return ()


def outlook(median: Floats, half: Floats, time: Floats) -> tuple[float, Remaining | None]:
    """P(beyond) and time left by a line through the newest third of the windows; nothing where there are too few."""
    good = np.flatnonzero(np.isfinite(median))[-max(4, len(time) // 3) :]
    if len(good) < 4:
        return float("nan"), None
    (slope, level), covariance = np.polyfit(time[good] - time[-1], median[good], 1, cov=True)
    draws = np.random.default_rng(0).multivariate_normal([slope, level], covariance, 1000)
    left = np.where(draws[:, 0] < 0, np.maximum(0.0, (draws[:, 1] - LIMIT) / np.abs(draws[:, 0])), np.inf)
    low, middle, high = np.quantile(left, (0.05, 0.5, 0.95), method="inverted_cdf")
    level_sd = half[good[-1]] / 1.645
    beyond = float(np.mean(draws[:, 1] + level_sd * np.random.default_rng(1).standard_normal(1000) < LIMIT))
    return beyond, Remaining(float(low), float(middle), float(high), float(np.mean(np.isfinite(left))))


def state_of(alarms: tuple[FleetAlarm, ...], refused: bool, windows: int, life: Remaining | None) -> str:
    """The word for a unit's state."""
    if alarms:
        return "alarm"
    if windows <= FEW:
        return "learning"
    if refused:
        return "refused"
    return "watch" if life is not None and life.q50 < SOON else "well"


def main() -> None:
    """Writes ``fleet.html``."""
    parser = argparse.ArgumentParser(description="the page of a made-up fleet")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--windows", type=int, default=60)
    arguments = parser.parse_args()
    path = arguments.out / "fleet.html"
    write_fleet_page(demo_page(arguments.units, arguments.windows), path)
    console().print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
