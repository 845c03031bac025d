"""Watching one unit: windows of data in, a carried posterior, changes, limits and alarms out.

The unit's first informative windows make its baseline (``baseline.py``); it is taken to be well then. Every later
window is judged by what it can tell before it is believed: of a parameter whose variance it does not halve it tells
nothing, and it counts neither for nor against an alarm. What it tells goes into the belief
(``tracking.py``), the charts of changes (``changes.py``) and the counts of windows beyond a limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import jax
import numpy as np
from scipy import stats

from twin.inference.monitor.baseline import Baseline
from twin.inference.monitor.changes import SPREAD, Charts, alarmed, blank, isolated, risen
from twin.inference.monitor.frame import Frame
from twin.inference.monitor.novelty import Innovations, Novelty, Outset, Timed
from twin.inference.monitor.record import Alarm, Rules, Seen, State, Step
from twin.inference.monitor.remaining import Remaining, remaining
from twin.inference.monitor.tracking import Belief, Motion, later, surprise, updated
from twin.inference.monitor.windows import CHUNK, Information, WindowFit
from twin.space import Floats

Z95 = 1.6448536269514722
TRUSTED = 0.01
"""Standard deviations of the prior that are left to a trusted parameter in the baseline."""


F = TypeVar("F", bound=Frame)


@dataclass(frozen=True, eq=False)
class Monitor(Generic[F]):
    """Rules over the parameters of a fit; ``novelty`` is what changes are told by."""

    fit: F
    rules: Rules
    novelty: Novelty = field(default_factory=Innovations)

    def __post_init__(self) -> None:
        rules, known = self.rules, self.fit.space.names
        unknown = [name for name in rules.limited if name not in known]
        if unknown:
            raise ValueError(f"limits: no parameter {', '.join(unknown)}; there are {', '.join(known)}")
        bad = [name for name, share in rules.limits.items() if not share > 0 or share == 1]
        if bad:
            raise ValueError(f"limits: expected a share of the baseline other than 1 for {', '.join(bad)}")
        twice = [name for name in rules.limited if rules.limited.count(name) > 1]
        if twice:
            raise ValueError(f"limits: expected one limit for {twice[0]}, got {rules.limited.count(twice[0])}")
        for name, value in {**rules.floors, **rules.ceilings}.items():
            low, high = self.fit.space.bounds[known.index(name)]
            if not low < value < high:
                raise ValueError(f"limits: {name} lies between {low:g} and {high:g}, got a limit of {value:g}")

    @property
    def tight(self) -> Floats:
        """Prior standard deviations (p,) of the baseline."""
        return np.array([TRUSTED if name in self.rules.trusted else 1.0 for name in self.names])

    @property
    def wear(self) -> Floats:
        """1 (p,) for parameters that wear, else 0."""
        return np.array([float(name in self.asked) for name in self.names])

    @property
    def still(self) -> tuple[str, ...]:
        """The parameters that do not walk: they change at once, or never."""
        return (*self.rules.trusted, *self.rules.build)

    @property
    def motion(self) -> Motion:
        """How parameters move between windows."""
        walks = np.array([float(name not in self.still) for name in self.names])
        return Motion(self.rules.walk * walks, self.rules.rate_walk * self.wear)

    @property
    def asked(self) -> tuple[str, ...]:
        """The parameters that windows must tell of."""
        return self.rules.limited or tuple(name for name in self.names if name not in self.still)

    @property
    def movable(self) -> tuple[str, ...]:
        """The parameters that may change at once."""
        return tuple(name for name in self.names if name not in self.rules.build)

    @cached_property
    def threshold(self) -> float:
        """Of the charts."""
        return self.novelty.threshold(self.rules.between, len(self.movable))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        return self.fit.space.names

    def bands(self, belief: Belief) -> Floats:
        """5, 50 and 95 % quantiles of θ (p, 3)."""
        u = belief.mean + np.array([-Z95, 0.0, Z95])[:, None] * belief.sd
        return np.asarray(self.fit.theta(u)).T

    def limit(self, baseline: Baseline, name: str) -> float:
        """A limit as a coordinate u."""
        j, theta = self.names.index(name), np.array(self.fit.theta(baseline.mean))
        theta[j] = self.limit_value(baseline, name)
        return float(self.fit.u(theta[None])[0, j])

    def limit_value(self, baseline: Baseline, name: str) -> float:
        """A limit in the parameter's unit."""
        given = {**self.rules.floors, **self.rules.ceilings}
        if name in given:
            return given[name]
        j = self.names.index(name)
        low, high = self.fit.space.bounds[j]
        worn = float(np.asarray(self.fit.theta(baseline.mean))[j]) * self.rules.limits[name]
        return float(np.clip(worn, low + 1e-9, high - 1e-9))

    def outlook(self, state: State) -> dict[str, Remaining]:
        """The time that is left to each limit; empty before there is a belief."""
        if state.baseline is None or state.belief is None:
            return {}
        now = later(state.belief, self.motion, state.time - state.believed)
        return {
            name: remaining(now, self.names.index(name), self.limit(state.baseline, name), falls=self.rules.falls(name))
            for name in self.rules.limited
        }


def watch(monitor: Monitor[WindowFit], times: Floats, records: Any, y: Floats) -> Iterator[tuple[State, Step]]:
    """State and step after each of the windows (W, …), in order: fitted from where the belief is, a few at a time."""
    state, learning = State(), min(len(times), monitor.rules.baseline)
    start = monitor.fit.centre(_rows(records, 0, learning), y[:learning], monitor.tight)
    for first in range(0, len(times), CHUNK):
        last = min(first + CHUNK, len(times))
        at = start if state.belief is None else state.belief.mean
        found = monitor.fit.informations(_rows(records, first, last), y[first:last], at)
        for k, time in enumerate(times[first:last].tolist()):
            state, step = advance(monitor, state, time, Information(*(part[k] for part in found)))
            yield state, step


def _rows(records: Any, first: int, last: int) -> Any:
    return jax.tree.map(lambda a: a[first:last], records)


def advance(monitor: Monitor[Any], state: State, time: float, window: Information) -> tuple[State, Step]:
    """The state after one window, and what it brought. ValueError for a time before the last."""
    refusal = refusal_of(monitor, window)
    tells = () if refusal else told(monitor, window)
    if not tells:
        return refused(state, time, refusal or _uninformative(monitor, window))
    require_order(state, time)
    if state.baseline is None or state.belief is None or state.charts is None:
        return _learning(monitor, state, time, window, tells)
    return _watching(monitor, state, state.baseline, state.charts, state.belief, Timed(time, window), tells)


def refused(state: State, time: float, reason: str) -> tuple[State, Step]:
    """The state after a window that tells nothing. ValueError for a time before the last."""
    require_order(state, time)
    return replace(state, time=time), Step(time, (), reason, state.belief, {})


def require_order(state: State, time: float) -> None:
    """ValueError for a time before the last window's."""
    if time < state.time:
        raise ValueError(f"window at {time:g}: windows must come in order, the last was at {state.time:g}")


def refusal_of(monitor: Monitor[Any], window: Information) -> str:
    """Why a window cannot be used at all; empty if it can."""
    if not np.isfinite(window.precision).all() or not np.isfinite(window.shift).all():
        return "the model has no finite answer for it"
    if not window.converged:
        return f"no parameters fit it: the search was still {float(window.decrement):.2g} nats away"
    if np.max(window.misfit) > monitor.rules.misfit:
        return f"no parameters fit it: off by {np.max(window.misfit):.1f} times what noise and the model's error allow"
    return ""


def contraction(window: Information) -> Floats:
    """Share of each parameter's prior variance (p,) that a window takes away, all parameters being unknown."""
    p = len(window.shift)
    return np.asarray(1.0 - np.diagonal(np.linalg.inv(np.eye(p) + window.precision)))


def aware_of(monitor: Monitor[Any], window: Information) -> Floats:
    """1 (p,) for parameters of which a window tells, else 0."""
    return np.asarray(contraction(window) >= monitor.rules.contraction, dtype=np.float64)


def told(monitor: Monitor[Any], window: Information) -> tuple[str, ...]:
    """The parameters with a limit, or if there are none all, of which a window tells; empty if they are too few."""
    share, asked = contraction(window), monitor.asked
    found = tuple(n for n in asked if share[monitor.names.index(n)] >= monitor.rules.contraction)
    return found if len(found) >= monitor.rules.least * len(asked) else ()


def _uninformative(monitor: Monitor[Any], window: Information) -> str:
    share = contraction(window)
    words = ", ".join(f"{name} {100 * share[monitor.names.index(name)]:.0f} %" for name in monitor.asked)
    return f"uninformative: it takes too little of what is unknown ({words}; asked {monitor.rules.contraction:.0%})"


def _learning(
    monitor: Monitor[Any], state: State, time: float, window: Information, tells: tuple[str, ...]
) -> tuple[State, Step]:
    collected = (*state.collected, Timed(time, window))
    if len(collected) < monitor.rules.baseline:
        return replace(state, collected=collected, time=time), Step(time, tells, "", None, {})
    outset = Outset(monitor.tight, monitor.rules.rate * monitor.wear, monitor.motion)
    found = monitor.novelty.learnt(outset, collected)
    charts = blank(len(monitor.movable))
    done = State(
        baseline=found.baseline, belief=found.belief, usual=found.usual, time=time, believed=time, charts=charts
    )
    return done, Step(time, tells, "", found.belief, {})


def _watching(
    monitor: Monitor[Any], state: State, baseline: Baseline, charts: Charts, belief: Belief, timed: Timed,
    tells: tuple[str, ...],
) -> tuple[State, Step]:  # fmt: skip
    rules, p, time, threshold = monitor.rules, len(monitor.movable), timed.time, monitor.threshold
    seen = baseline.evidence(timed.window.precision, timed.window.shift)
    before = later(belief, monitor.motion, time - state.believed)
    aware = aware_of(monitor, timed.window)
    news, usual = monitor.novelty.judged(state.usual, timed, aware, surprise(before, seen))
    which = [monitor.names.index(name) for name in monitor.movable]
    charts = risen(charts, news.of(which), threshold, monitor.novelty.size)
    after = updated(before, seen)
    history = (*state.history, Seen(timed, aware, seen, before, state.usual))[-rules.horizon :]
    alarms = []
    chart = alarmed(charts, threshold)
    if chart is not None:
        candidates = isolated(charts, chart, monitor.movable)
        history = history[-int(charts.windows[chart]) :]
        alarms.append(Alarm(time, "change", max(candidates, key=candidates.__getitem__), history[0].time, candidates))
        after = _reopened(monitor, candidates, history)
        told_since = [one.told for one in history]
        usual = monitor.novelty.changed(history[0].usual, [one.timed for one in history], told_since)
        charts = blank(p)
    beyond = {name: _beyond(monitor, baseline, after, name) for name in rules.limited}
    counts = dict(state.counts)
    due = []
    for name in (n for n in tells if n in beyond):
        counts[name] = counts.get(name, 0) + 1 if beyond[name] > rules.probability else 0
        if counts[name] >= rules.consecutive and name not in state.raised:
            due.append(name)
    alarms += [Alarm(time, "limit", name, time, {name: beyond[name]}) for name in due]
    raised = frozenset(n for n in state.raised | set(due) if beyond[n] > 0.5)
    now = replace(
        state, belief=after, usual=usual, time=time, believed=time, charts=charts, counts=counts, raised=raised,
        history=history,
    )  # fmt: skip
    return now, Step(time, tells, "", after, beyond, tuple(alarms))


def _reopened(monitor: Monitor[Any], candidates: Mapping[str, float], since: Sequence[Seen]) -> Belief:
    """The belief before the first of the windows since a change, with room for what may have changed, and they again.

    What they had moved meanwhile, so as to explain the change, is taken back.
    """
    first = since[0]
    chances = np.array([candidates.get(name, 0.0) for name in monitor.names])
    room = np.concatenate([SPREAD**2 * chances, 0 * chances])
    found, time = Belief(first.before.state, first.before.joint + np.diag(room)), first.time
    for one in since:
        found, time = updated(later(found, monitor.motion, one.time - time), one.evidence), one.time
    return found


def _beyond(monitor: Monitor[Any], baseline: Baseline, belief: Belief, name: str) -> float:
    """P(the parameter is beyond its limit)."""
    j = monitor.names.index(name)
    z = (monitor.limit(baseline, name) - belief.mean[j]) / belief.sd[j]
    return float(stats.norm.cdf(z) if monitor.rules.falls(name) else stats.norm.sf(z))
