"""The rules of a monitor, what it carries from window to window, and what it says after each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twin.inference.monitor.baseline import Baseline, Evidence
from twin.inference.monitor.changes import Charts
from twin.inference.monitor.novelty import Timed
from twin.inference.monitor.tracking import Belief
from twin.space import Floats


@dataclass(frozen=True)
class Rules:
    """What counts as news, and as an alarm.

    ``limits``: by parameter, the share of its baseline at which it is worn; ``floors`` and ``ceilings``: the value
    below or above which it is, in its own unit. An alarm of a limit needs ``consecutive``
    informative windows with P(beyond) > ``probability``; alarms of changes are false once in ``between`` windows at
    most, on average. ``contraction``: the share of a parameter's prior variance that a window must take away to count.
    ``walk``: prior standard deviations per √time unit that parameters walk. Those with a limit also wear, at a rate of
    some ``rate`` per time unit that itself walks by ``rate_walk`` per √time unit.
    ``trusted``: parameters that are nominal and stay so until they change at once, such as gains of sensors: what
    cannot be told from them counts as the unit's build, or as wear. ``build``: parameters that are the unit's own and
    never change, such as how it differs from others of its type. ``misfit``: the most that a channel may miss a
    window by.
    """

    limits: Mapping[str, float]
    probability: float = 0.95
    consecutive: int = 3
    between: float = 2000.0
    contraction: float = 0.5
    least: float = 0.5
    baseline: int = 40
    walk: float = 0.01
    rate: float = 0.002
    rate_walk: float = 0.00015
    horizon: int = 150
    trusted: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    misfit: float = 2.0
    floors: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)

    @property
    def limited(self) -> tuple[str, ...]:
        """The parameters that have a limit."""
        return (*self.limits, *self.floors, *self.ceilings)

    def falls(self, name: str) -> bool:
        """Whether a parameter is worn below its limit, not above."""
        return name in self.floors or self.limits.get(name, 2.0) < 1


@dataclass(frozen=True)
class Alarm:
    """``kind`` is "change" or "limit"; ``candidates`` are probabilities of what changed, or of being beyond."""

    time: float
    kind: str
    parameter: str
    since: float
    candidates: Mapping[str, float]


class Seen(NamedTuple):
    """A window and what it said of the unit, what was believed when it came, and what it was held against.

    ``told`` (p,) is 1 for the parameters that it tells of.
    """

    timed: Timed
    told: Floats
    evidence: Evidence
    before: Belief
    usual: Any

    @property
    def time(self) -> float:
        """When it was."""
        return self.timed.time


@dataclass(frozen=True, eq=False)
class Step:
    """After a window: what it told of, or why it was refused; the belief; P(beyond) by limit; alarms."""

    time: float
    tells: tuple[str, ...]
    refusal: str
    belief: Belief | None
    beyond: Mapping[str, float]
    alarms: tuple[Alarm, ...] = ()


@dataclass(frozen=True, eq=False)
class State:
    """All that is carried from window to window: ``time`` is that of the last one, ``believed`` that of the belief.

    ``usual`` is what changes are told by (``novelty.py``).
    """

    collected: tuple[Timed, ...] = ()
    baseline: Baseline | None = None
    belief: Belief | None = None
    usual: Any = None
    time: float = 0.0
    believed: float = 0.0
    charts: Charts | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    raised: frozenset[str] = frozenset()
    history: tuple[Seen, ...] = ()
