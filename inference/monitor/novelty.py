"""How a window is held against what is usual for the unit it is of.

Two ways. ``Innovations``: against the belief that is carried, whose windows scatter as the baseline's did; for units
that are seen under ever other conditions, where a window may tell of some parameters and not of others. The other one
is ``self_starting.py``: each parameter against the unit's own past, whose scatter counts as unknown; for units that are
measured in about the same way again and again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from twin.inference.monitor.baseline import Baseline, Evidence, baseline_of
from twin.inference.monitor.changes import SIZE, threshold_of
from twin.inference.monitor.tracking import Belief, Motion, believed
from twin.inference.monitor.windows import Information
from twin.space import Floats


class Timed(NamedTuple):
    """A window, and when it was."""

    time: float
    window: Information


class Outset(NamedTuple):
    """Before anything is known of a unit: prior standard deviations of its mean (p,) and rates (p,); its motion."""

    tight: Floats
    rates: Floats
    motion: Motion


class Learnt(NamedTuple):
    """From the windows of a baseline: itself, the belief after them, and what else new windows are held against."""

    baseline: Baseline
    belief: Belief
    usual: Any


class Novelty(Protocol):
    """What charts of changes are fed with."""

    @property
    def size(self) -> float:
        """The change to be found, in units of a score."""
        ...

    def threshold(self, between: float, p: int) -> float:
        """h of 2 p charts whose false alarms are ``between`` windows apart on average, or more."""
        ...

    def learnt(self, outset: Outset, windows: Sequence[Timed]) -> Learnt:
        """From a unit that is taken to be well. ValueError for too few windows."""
        ...

    def judged(self, usual: Any, seen: Timed, told: Floats, news: Evidence) -> tuple[Evidence, Any]:
        """Scores and information of a window, and what the next is held against.

        ``told`` (p,) is 1 for the parameters that it tells of, ``news`` its surprise to the belief.
        """
        ...

    def changed(self, usual: Any, since: Sequence[Timed], told: Sequence[Floats]) -> Any:
        """What windows are held against after a change; ``usual`` is that before it, ``since`` came after it."""
        ...


@dataclass(frozen=True)
class Innovations:
    """Surprises to the belief: score and information of a Kalman filter's innovations."""

    size: float = SIZE

    def threshold(self, between: float, p: int) -> float:
        """Lorden's bound."""
        return threshold_of(between, p)

    def learnt(self, outset: Outset, windows: Sequence[Timed]) -> Learnt:
        """Baseline by expectation and maximisation, which the belief starts from."""
        parts = zip(*(one.window for one in windows), strict=True)
        found = baseline_of(Information(*(np.stack(part) for part in parts)), outset.tight)
        return Learnt(found, believed(found.mean, found.covariance, outset.rates), None)

    def judged(self, usual: Any, seen: Timed, told: Floats, news: Evidence) -> tuple[Evidence, Any]:
        """The surprise itself."""
        return news, usual

    def changed(self, usual: Any, since: Sequence[Timed], told: Sequence[Floats]) -> Any:
        """Nothing: the belief was reopened."""
        return usual
