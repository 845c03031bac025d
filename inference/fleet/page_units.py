"""What a fleet's page is made of: units with a posterior per time window, their alarms and limits.

Plain records, whoever fills them; ``require_fleet`` is the door.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.inference.monitor.remaining import Remaining
from twin.space import Floats

STATES = ("alarm", "watch", "refused", "learning", "well")
"""In the order in which they want attention."""


@dataclass(frozen=True)
class FleetParameter:
    """A parameter's name, unit ("1" for a pure number) and meaning."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class FleetAlarm:
    """Raised at ``time``, of something that began at ``since``; ``kind`` is "change", "limit" or another word.

    ``probability``: of the parameter being what changed, or of being beyond its limit. NaN where not known.
    """

    time: float
    kind: str
    parameter: str
    since: float
    probability: float


@dataclass(frozen=True)
class FleetLimit:
    """Worn when the parameter is below ``value`` if it ``falls``, else above.

    ``beyond``: the probability of being there now, NaN where not known. ``remaining``: in the page's unit of time.
    """

    parameter: str
    value: float
    falls: bool
    beyond: float
    remaining: Remaining | None = None


@dataclass(frozen=True, eq=False)
class FleetUnit:
    """A unit and its n time windows, oldest first.

    ``low``, ``median``, ``high`` (n, p) are quantiles of 5, 50 and 95 % in the order of the page's parameters, NaN
    where a window gave none. ``rungs``, ``verdicts`` and ``refusals`` have a word or sentence per window; a window
    was refused where its refusal is not empty.
    """

    name: str
    state: str
    time: Floats
    low: Floats
    median: Floats
    high: Floats
    rungs: tuple[str, ...]
    verdicts: tuple[str, ...]
    refusals: tuple[str, ...]
    alarms: tuple[FleetAlarm, ...] = ()
    limits: tuple[FleetLimit, ...] = ()


@dataclass(frozen=True, eq=False)
class FleetPage:
    """A fleet with what its page says about it.

    ``made``: when, as text. ``false_alarms``: the rate that the alarms were set to, as a sentence.
    """

    title: str
    model: str
    preset: str
    made: str
    unit_of_time: str
    parameters: tuple[FleetParameter, ...]
    units: tuple[FleetUnit, ...]
    false_alarms: str
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def require_fleet(page: FleetPage) -> None:
    """ValueError unless names are unique and writable, states known, shapes equal, times increasing, alarms dated."""
    names = tuple(parameter.name for parameter in page.parameters)
    seen: set[str] = set()
    for unit in page.units:
        if unit.name in seen:
            raise ValueError(f"expected one unit per name, got {unit.name!r} twice; join their windows or rename one")
        seen.add(unit.name)
        _require_unit(unit, names)
        _require_news(unit, names)


def _require_unit(unit: FleetUnit, names: tuple[str, ...]) -> None:
    try:
        unit.name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"expected a name that UTF-8 can write, got {unit.name!r}; rename the unit") from error
    if unit.state not in STATES:
        raise ValueError(f"unit {unit.name!r}: expected a state of {', '.join(STATES)}, got {unit.state!r}")
    n = len(unit.time)
    shapes = {word: getattr(unit, word).shape for word in ("low", "median", "high")}
    if set(shapes.values()) != {(n, len(names))}:
        raise ValueError(f"unit {unit.name!r}: expected quantiles ({n}, {len(names)}), got {shapes}")
    words = {word: len(getattr(unit, word)) for word in ("rungs", "verdicts", "refusals")}
    if set(words.values()) != {n}:
        raise ValueError(f"unit {unit.name!r}: expected {n} words, one per window, got {words}")
    if not (np.all(np.isfinite(unit.time)) and np.all(np.diff(unit.time) > 0)):
        raise ValueError(f"unit {unit.name!r}: expected finite times that increase; sort its windows and drop doubles")


def _require_news(unit: FleetUnit, names: tuple[str, ...]) -> None:
    unknown = sorted({limit.parameter for limit in unit.limits} - set(names))
    if unknown:
        raise ValueError(f"unit {unit.name!r}: limits of unknown parameters {unknown}; the page has {', '.join(names)}")
    for alarm in unit.alarms:
        if not np.all(np.isfinite([alarm.time, alarm.since])):
            raise ValueError(f"unit {unit.name!r}: expected finite times of its alarms, got {alarm}")
    for limit in unit.limits:
        life = limit.remaining
        known = [limit.value] if life is None else [limit.value, life.q05, life.q50, life.q95, life.reached]
        if not np.isfinite(limit.value) or np.any(np.isnan(known)):
            raise ValueError(f"unit {unit.name!r}: expected numbers, got {limit}; give no life where it is not known")
