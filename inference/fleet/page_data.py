"""A fleet as the page's script reads it: JSON that is small and says no more digits than the posteriors do.

Values are whole numbers: a parameter's value over the power of ten that all its values share, times
10^decimals of the unit, so that its narrowest interval keeps two significant digits. Times and outcomes that recur
are written once and referred to by their place.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.inference.fleet.page_units import STATES, FleetAlarm, FleetLimit, FleetPage, FleetUnit
from twin.inference.monitor.remaining import Remaining
from twin.inference.report.numbers import Digits, digits, unit_text
from twin.space import Floats

MOST_CELLS = 2_000_000
"""Posteriors (unit, window, parameter) that a page holds; beyond that windows are left out, evenly."""
LEAST_WINDOWS = 12
MOST_REFUSALS = 50
"""Refused windows listed per unit, the newest."""
MOST_DECIMALS = 12
EXACT = 2.0**53
"""Up to here whole numbers are exact in a script."""

Encoded = dict[str, Any]
Numbers = list[int | None]


def fleet_data(page: FleetPage) -> Encoded:
    """All that the page's script shows."""
    exponents = shared_exponents(page)
    most = most_windows(page)
    times: dict[bytes, int] = {}
    clock: list[list[float]] = []
    outcomes: dict[tuple[str, str, str], int] = {}
    units = []
    for unit in page.units:
        kept = thinned(len(unit.time), most)
        shown = unit.time[kept]
        place = times.setdefault(shown.tobytes(), len(times))
        if place == len(clock):
            clock.append([short(t) for t in shown])
        lines = [(unit.rungs[i], unit.verdicts[i], unit.refusals[i]) for i in kept.tolist()]
        places = [outcomes.setdefault(line, len(outcomes)) for line in lines]
        units.append(_unit(unit, page, kept, exponents) | {"times": place, "outcomes": places})
    return {
        "title": page.title,
        "time": page.unit_of_time,
        "states": list(STATES),
        "parameters": [
            {"name": parameter.name, "unit": shown_unit(parameter.unit, exponent), "meaning": parameter.meaning}
            for parameter, exponent in zip(page.parameters, exponents, strict=True)
        ],
        "times": clock,
        "outcomes": [list(line) for line in outcomes],
        "units": units,
    }


def shared_exponents(page: FleetPage) -> list[int]:
    """The power of ten that goes with a parameter's unit: 0 for numbers that are read easily without."""
    exponents = []
    for j in range(len(page.parameters)):
        last = np.array([last_finite(unit.median[:, j]) for unit in page.units])
        sizes = np.abs(last[np.isfinite(last) & (last != 0)])
        magnitude = math.floor(math.log10(np.median(sizes))) if len(sizes) else 0
        exponents.append(magnitude if magnitude < -3 or magnitude > 5 else 0)
    return exponents


def shown_unit(unit: str, exponent: int) -> str:
    """``×10⁻¹⁴ m2/s``; nothing for a pure number without a power."""
    return " ".join(part for part in (Digits(0, exponent).power, "" if unit in ("", "1") else unit_text(unit)) if part)


def last_finite(values: Floats) -> float:
    """The newest value there is, else NaN."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else math.nan


def most_windows(page: FleetPage) -> int:
    """Windows per unit that the page holds."""
    return max(LEAST_WINDOWS, MOST_CELLS // max(1, len(page.units) * len(page.parameters)))


def thinned(n: int, most: int) -> npt.NDArray[np.int64]:
    """Places of at most so many of n windows, evenly spaced, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def short(value: float, significant: int = 8) -> float:
    """The value in so many significant digits, without a point where it needs none."""
    rounded = float(f"{value:.{significant}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < EXACT else rounded


def decimals_of(low: Floats, median: Floats, high: Floats, exponent: int) -> int:
    """Decimals, after the shared power of ten, at which the narrowest interval keeps two significant digits."""
    sizes = np.abs(median[np.isfinite(median)])
    if not len(sizes):
        return 0
    half = 0.5 * (high - low)
    half = half[np.isfinite(half) & (half > 1e-6 * sizes.max())]
    form = digits(float(sizes.max()), float(half.min()) if len(half) else math.nan)
    return min(max(0, form.decimals - form.exponent + exponent), MOST_DECIMALS)


def whole(values: Floats) -> list[Numbers]:
    """Rows of whole numbers, None where not finite."""
    if np.all(np.abs(values) < EXACT):
        exact: list[Numbers] = values.astype(np.int64).tolist()
        return exact
    return [[int(value) if math.isfinite(value) else None for value in row] for row in values.tolist()]


def _unit(unit: FleetUnit, page: FleetPage, kept: npt.NDArray[np.int64], exponents: Sequence[int]) -> Encoded:
    names = [parameter.name for parameter in page.parameters]
    decimals = [
        decimals_of(unit.low[:, j], unit.median[:, j], unit.high[:, j], exponent)
        for j, exponent in enumerate(exponents)
    ]
    scale = 10.0 ** np.array([d - e for d, e in zip(decimals, exponents, strict=True)])
    low, median, high = (np.round(values[kept] * scale).T for values in (unit.low, unit.median, unit.high))
    refused = [i for i, reason in enumerate(unit.refusals) if reason]
    return {
        "name": unit.name,
        "state": STATES.index(unit.state),
        "decimals": decimals,
        "median": whole(median),
        "below": whole(median - low),
        "above": whole(high - median),
        "windows": len(unit.time),
        "refused": len(refused),
        "refusals": [[short(unit.time[i]), unit.refusals[i]] for i in refused[-MOST_REFUSALS:]],
        "alarms": [_alarm(alarm) for alarm in unit.alarms],
        "limits": [_limit(limit, names, exponents) for limit in unit.limits],
    }


def _alarm(alarm: FleetAlarm) -> Encoded:
    return {
        "time": short(alarm.time),
        "kind": alarm.kind,
        "parameter": alarm.parameter,
        "since": short(alarm.since),
        "probability": probability(alarm.probability),
    }


def _limit(limit: FleetLimit, names: Sequence[str], exponents: Sequence[int]) -> Encoded:
    j = names.index(limit.parameter)
    return {
        "parameter": j,
        "value": short(limit.value * 10.0 ** -exponents[j], 6),
        "falls": limit.falls,
        "beyond": probability(limit.beyond),
        "life": None if limit.remaining is None else life(limit.remaining),
    }


def probability(value: float) -> float | None:
    """In four decimals, None where not known."""
    return round(value, 4) if math.isfinite(value) else None


def life(remaining: Remaining) -> list[float | None]:
    """Quantiles of 5, 50, 95 % and the share that reaches the limit; None for never."""
    quantiles = (remaining.q05, remaining.q50, remaining.q95)
    return [short(q, 3) if math.isfinite(q) else None for q in quantiles] + [round(remaining.reached, 3)]
