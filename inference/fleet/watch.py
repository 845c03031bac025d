"""The units of a fleet watched, each from its stored posteriors (``record.py``) and nothing else.

Watching is a function of what is stored: a second run says the same of the windows of the first.

A posterior N(m, C) in the prior-whitened u, whose prior is N(0, I), says as much as the evidence Λ = C⁻¹ - I,
η = C⁻¹ m. Sampling noise may make a direction of C wider than its prior; such a direction tells nothing. Parameters
that are not watched, such as scales of noise, are integrated out: their rows and columns of m and C are left away.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.arrays import Array
from twin.inference.fleet.record import DOUBTFUL, REFUSED, Record
from twin.inference.monitor.frame import Frame
from twin.inference.monitor.monitor import Monitor, advance, refused
from twin.inference.monitor.record import State, Step
from twin.inference.monitor.windows import Information
from twin.space import Floats

TENTH = 0.1
"""What counts as one in a watched coordinate: a tenth of the parameter."""
HALF = 1e-4


@dataclass(frozen=True, eq=False)
class Watched(Frame):
    """Coordinates w of some of a fleet's parameters, those of ``space``: prior-whitened ones are width w.

    A step of 1 is a tenth of the parameter's nominal value, or a prior standard deviation where that is less.
    """

    @cached_property
    def width(self) -> Floats:
        """Steps of w in u (p,)."""
        u, theta = super().u(self.space.nominal), super().theta
        high, low = theta(u + HALF), theta(u - HALF)
        wanted = TENTH * np.abs(self.space.nominal) / (np.asarray(high - low) / (2 * HALF))
        return np.where(wanted > 0, np.minimum(wanted, 1.0), 1.0)

    def theta(self, u: Array) -> Array:
        """θ (*batch, p) of w."""
        return super().theta(u * self.width)

    def u(self, theta: Floats) -> Floats:
        """The inverse of it, (n, p)."""
        return super().u(theta) / self.width


@dataclass(frozen=True, eq=False)
class UnitHistory:
    """A unit's windows: their ``times`` (n,), records and steps in order, and the state after the last.

    The monitor's own time is (time - ``origin``)/``spacing``: it counts usual intervals between windows. ``stray``
    are records that belong to no window.
    """

    unit: str
    times: Floats
    records: tuple[Record, ...]
    steps: tuple[Step, ...]
    state: State
    origin: float
    spacing: float
    stray: tuple[Record, ...]

    def time_of(self, own: float) -> float:
        """A time of the monitor in the fleet's unit."""
        return self.origin + self.spacing * own


def histories(monitor: Monitor[Watched], records: Iterable[Record], names: Sequence[str]) -> Iterator[UnitHistory]:
    """Every unit, in the order in which they first come; ``names`` are the parameters of the records."""
    units: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        units[record.unit].append(record)
    which = [names.index(name) for name in monitor.names]
    for unit, own in units.items():
        yield history_of(monitor, unit, own, which)


def history_of(monitor: Monitor[Watched], unit: str, records: Sequence[Record], which: Sequence[int]) -> UnitHistory:
    """One unit; ``which`` are the places of the watched parameters in the records."""
    windows = sorted((r for r in records if r.time is not None), key=lambda r: float(r.time or 0.0))
    times = np.array([float(r.time or 0.0) for r in windows])
    origin, spacing = pace(times, monitor.rules.baseline)
    state, steps = State(), []
    for time, record in zip(((times - origin) / spacing).tolist(), windows, strict=True):
        reason = objection(record)
        if reason:
            state, step = refused(state, time, reason)
        else:
            state, step = advance(monitor, state, time, evidence_of(record, which, monitor.fit.width))
        steps.append(step)
    stray = tuple(r for r in records if r.time is None)
    return UnitHistory(unit, times, tuple(windows), tuple(steps), state, origin, spacing, stray)


def pace(times: Floats, first: int) -> tuple[float, float]:
    """When a unit's windows (n,) begin, and the usual interval between the ``first`` of them; 0 and 1 if unknown."""
    if not len(times):
        return 0.0, 1.0
    steps = np.diff(times[: max(first, 2)])
    return float(times[0]), float(np.median(steps)) if len(steps) else 1.0


def objection(record: Record) -> str:
    """Why a record's posterior is not to be used, or the empty string."""
    if record.verdict == REFUSED:
        return record.reason or "refused"
    return f"not trustworthy: {record.reason}" if record.verdict == DOUBTFUL else ""


def evidence_of(record: Record, which: Sequence[int], width: Floats) -> Information:
    """What a posterior says of the parameters ``which`` beside its prior, in w."""
    covariance = record.u_covariance[np.ix_(which, which)]
    values, ways = np.linalg.eigh(0.5 * (covariance + covariance.T))
    tells = (values > 0) & (values < 1)
    precise = np.where(tells, 1.0 / np.where(tells, values, 1.0), 1.0)
    precision = (ways * (precise - 1.0)) @ ways.T
    shift = ways @ (np.where(tells, precise, 0.0) * (ways.T @ record.u_mean[list(which)]))
    own = width[:, None] * precision * width
    return Information(0.5 * (own + own.T), width * shift, np.zeros(1), np.zeros(()), np.zeros(1))
