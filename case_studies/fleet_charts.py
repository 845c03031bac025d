"""The charts of cases that compose a fleet by hand: every watched parameter against the mean of the unit's own past."""

from collections.abc import Sequence

from twin.inference.fleet.watch import Watched
from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import Rules
from twin.inference.monitor.self_starting import SelfStarting
from twin.space import Space

TELLS = 0.05
"""Share that a window must take from what is unknown to a tenth of a parameter. A single heart beat knows R C to a
sixth, a minute of an engine some of its parts hardly better: little, but charts weigh windows by what they know."""


def charts(space: Space, names: Sequence[str], *, between: float, baseline: int) -> Monitor[Watched]:
    """Self-starting charts of the parameters ``names``, false once in ``between`` windows of a unit on average."""
    chosen = Space(tuple(space[name] for name in names))
    rules = Rules({}, between=between, baseline=baseline, contraction=TELLS)
    return Monitor(Watched(chosen), rules, SelfStarting((False,) * len(chosen)))
