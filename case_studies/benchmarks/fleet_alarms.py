"""False alarms of a fleet's monitor, and how soon it finds what has changed.

``python -m twin.case_studies.benchmarks.fleet_alarms [--units 150] [--windows 250] [--fitted 0]``

Synthetic units of a battery's circuit: their windows scatter by ``SCATTER`` of capacity and resistances, and their
posteriors are as wide and as correlated as those of a discharge with 80 readings (``WIDTHS``), some of twice the
variance of others. From the records on it is the monitor of ``twin monitor``. ``--fitted N`` does the same with N cells
whose windows are tables, fitted by the ladder.

False alarms: units that stay as they are. Their count is about Poisson, so that the rate's 90 % interval is the exact
one of Garwood (1936), which the binomial interval of so rare an event is. Then a step of 2 % and a drift of 5 % over
100 windows, of the capacity and of a resistance; an alarm before is false and not counted as found. Delays count
windows from the step, or from where the drift begins.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table
from scipy import stats

from twin.case_studies.benchmarks.fleet_alarms_fitted import fitted
from twin.case_studies.console import console, say
from twin.forward import Fixed
from twin.inference.fleet.record import ACCEPTED, Record
from twin.inference.fleet.watch import Watched, history_of
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Alarm, Rules
from twin.inference.monitor.self_starting import SelfStarting
from twin.models.battery_circuit import MODEL
from twin.space import Floats

SPACE = Fixed(MODEL, {"U_plateau": 3.74, "bend": 2.27, "knee": 0.05, "tau1": 70.0}).space
"""Q, R0 and R1."""
FRESH = np.log([2.9, 0.045, 0.025])
SCATTER = {"still": np.zeros(3), "0.3 %": np.full(3, 0.003), "1 %": np.full(3, 0.01)}
WIDTHS = np.array([0.00015, 0.015, 0.028])
"""Standard deviations of log Q, log R0 and log R1 of one window's posterior."""
CORRELATED = -0.9
"""Of R0 and R1 in it."""
BASELINE, BETWEEN = 20, 200.0
STEP, DRIFT, LONG = 0.02, 0.05, 100


@dataclass(frozen=True)
class Case:
    """By how much (3,) the logarithms change at once, or over ``LONG`` windows, after ``quiet`` windows."""

    name: str
    step: tuple[float, ...] = (0.0, 0.0, 0.0)
    drift: tuple[float, ...] = (0.0, 0.0, 0.0)


STILL = Case("nothing")
CASES = (
    Case("step of 2 % of Q", step=(-STEP, 0.0, 0.0)),
    Case("step of 2 % of R0", step=(0.0, STEP, 0.0)),
    Case("drift of 5 % of Q", drift=(-DRIFT, 0.0, 0.0)),
    Case("drift of 5 % of R0", drift=(0.0, DRIFT, 0.0)),
)


def monitor_of(names: Sequence[str], between: float) -> Monitor[Watched]:
    """Of some of the three parameters."""
    space = SPACE.without(tuple(name for name in SPACE.names if name not in names))
    rules = Rules({}, between=between, baseline=BASELINE)
    return Monitor(Watched(space), rules, SelfStarting((False,) * len(space)))


def alarms_of(
    monitor: Monitor[Watched], case: Case, windows: int, quiet: int, scatter: Floats, seed: int
) -> list[tuple[int, Alarm]]:
    """Alarms of a unit, each with its window counted from the end of the baseline."""
    rng = np.random.default_rng(seed)
    k = np.arange(BASELINE + windows) - BASELINE - quiet
    moved = (k >= 0)[:, None] * np.array(case.step) + np.clip(k / LONG, 0, 1)[:, None] * np.array(case.drift)
    truth = FRESH + 0.02 * rng.standard_normal(3) + moved + scatter * rng.standard_normal((len(k), 3))
    records = [record_of(k, log_theta, rng) for k, log_theta in enumerate(truth)]
    which = [SPACE.names.index(name) for name in monitor.names]
    steps = history_of(monitor, "unit", records, which).steps
    return [(i - BASELINE, alarm) for i, step in enumerate(steps) for alarm in step.alarms]


def record_of(window: int, log_theta: Floats, rng: np.random.Generator) -> Record:
    """A posterior: Gaussian in u, which is log θ about the prior's median as its logarithm's sd is 1."""
    widths = WIDTHS * np.sqrt(rng.choice([1.0, 2.0]))
    covariance = np.diag(widths**2)
    covariance[1, 2] = covariance[2, 1] = CORRELATED * widths[1] * widths[2]
    centre = np.log([p.nominal for p in SPACE.parameters])
    estimate = rng.multivariate_normal(log_theta - centre, covariance)
    theta = np.exp(centre + estimate)
    return Record(
        unit="unit", time=float(window), digest="", verdict=ACCEPTED, rung="laplace", reason="", khat=0.0, ess=400.0,
        readings=80, mean=theta, sd=widths * theta, quantiles=np.tile(theta, (3, 1)), u_mean=estimate,
        u_covariance=covariance, draws=np.empty((0, 3)),
    )  # fmt: skip


def rate_interval(count: int, windows: int) -> tuple[float, float]:
    """The 90 % interval of alarms per window (Garwood 1936)."""
    low = stats.chi2.ppf(0.05, 2 * count) / 2 if count else 0.0
    return float(low / windows), float(stats.chi2.ppf(0.95, 2 * count + 2) / 2 / windows)


def false_alarms(units: int, windows: int) -> Table:
    """Rates on stationary units against the stated one."""
    table = Table(
        "watched", "scatter of windows", "windows", "false alarms", "stated", "rate and 90 % interval, of stated"
    )
    for names in (("Q",), ("Q", "R0"), ("Q", "R0", "R1")):
        monitor = monitor_of(names, BETWEEN)
        for label, scatter in SCATTER.items():
            count = sum(len(alarms_of(monitor, STILL, windows, windows, scatter, seed)) for seed in range(units))
            whole = units * windows
            low, high = rate_interval(count, whole)
            words = f"{count / whole * BETWEEN:.2f}, {low * BETWEEN:.2f} to {high * BETWEEN:.2f}"
            table.add_row(", ".join(names), label, str(whole), str(count), f"{whole / BETWEEN:.0f}", words)
    return table


def detection(units: int, quiet: int = 60, after: int = 250) -> Table:
    """Delays of what has changed."""
    monitor = monitor_of(SPACE.names, 1000.0)
    table = Table(
        "change",
        "scatter of windows",
        "units",
        "windows to the alarm, median (5 to 95 %)",
        "missed",
        "false before",
        "named right",
    )
    for case in CASES:
        for label, scatter in SCATTER.items():
            delays, missed, false, named = [], 0, 0, 0
            for seed in range(units):
                alarms = alarms_of(monitor, case, quiet + after, quiet, scatter, 10_000 + seed)
                true = [(window - quiet + 1, alarm) for window, alarm in alarms if window >= quiet]
                false += len(alarms) - len(true)
                missed += not true
                if true:
                    delays.append(true[0][0])
                    named += true[0][1].parameter == case.name.rsplit(" ", 1)[-1]
            low, middle, high = np.quantile(delays, [0.05, 0.5, 0.95]) if delays else (np.nan,) * 3
            words = f"{middle:.0f} ({low:.0f} to {high:.0f})"
            table.add_row(case.name, label, str(units), words, str(missed), str(false), f"{named}/{len(delays)}")
    return table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--units", type=int, default=150)
    parser.add_argument("--windows", type=int, default=250)
    parser.add_argument("--fitted", type=int, default=0, help="cells whose windows are fitted, too; minutes for ten")
    parser.add_argument("--days", type=int, default=80, help="windows of these")
    options = parser.parse_args()
    say(f"{options.units} units, baseline {BASELINE} windows, one false alarm in {BETWEEN:g} windows of a unit stated")
    console().print(false_alarms(options.units, options.windows))
    say("one false alarm in 1000 windows stated")
    console().print(detection(max(options.units // 3, 2)))
    if options.fitted:
        with tempfile.TemporaryDirectory() as folder:
            console().print(fitted(Path(folder), options.fitted, options.days, 200.0))


if __name__ == "__main__":
    main()
