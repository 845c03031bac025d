"""Watching one unit: windows of data in, a carried posterior, changes, limits and alarms out.

The unit's first informative windows make its baseline (``baseline.py``); it is taken to be well then. Every later
window is judged by what it can tell before it is believed: of a parameter whose variance it does not halve it tells
nothing, and it counts neither for nor against an alarm. What it tells goes into the belief
(``tracking.py``), the charts of changes (``changes.py``) and the counts of windows beyond a limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from scipy import stats

from twin.inference.baseline import Baseline, baseline_of
from twin.inference.changes import SPREAD, Charts, alarmed, blank, isolated, risen, threshold_of
from twin.inference.monitor_record import Alarm, Rules, Seen, State, Step
from twin.inference.remaining import Remaining, remaining
from twin.inference.tracking import Belief, Motion, believed, later, surprise, updated
from twin.inference.windows import CHUNK, Information, WindowFit
from twin.space import Floats

Z95 = 1.6448536269514722
TRUSTED = 0.01
"""Standard deviations of the prior that are left to a trusted parameter in the baseline."""


@dataclass(frozen=True, eq=False)
class Monitor:
    """Rules over the parameters of a fit."""

    fit: WindowFit
    rules: Rules

    def __post_init__(self) -> None:
        unknown = [name for name in self.rules.limits if name not in self.fit.space.names]
        if unknown:
            raise ValueError(f"limits: no parameter {', '.join(unknown)}; there are {', '.join(self.fit.space.names)}")
        bad = [name for name, share in self.rules.limits.items() if not share > 0 or share == 1]
        if bad:
            raise ValueError(f"limits: expected a share of the baseline other than 1 for {', '.join(bad)}")

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
        return tuple(self.rules.limits) or tuple(name for name in self.names if name not in self.still)

    @property
    def movable(self) -> tuple[str, ...]:
        """The parameters that may change at once."""
        return tuple(name for name in self.names if name not in self.rules.build)

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
        j = self.names.index(name)
        theta = np.asarray(self.fit.theta(baseline.mean))
        low, high = self.fit.space.bounds[j]
        theta[j] = np.clip(theta[j] * self.rules.limits[name], low + 1e-9, high - 1e-9)
        return float(self.fit.u(theta[None])[0, j])

    def outlook(self, state: State) -> dict[str, Remaining]:
        """The time that is left to each limit; empty before there is a belief."""
        if state.baseline is None or state.belief is None:
            return {}
        now = later(state.belief, self.motion, state.time - state.believed)
        return {
            name: remaining(now, self.names.index(name), self.limit(state.baseline, name), falls=share < 1)
            for name, share in self.rules.limits.items()
        }


def watch(monitor: Monitor, times: Floats, records: Any, y: Floats) -> Iterator[tuple[State, Step]]:
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


def advance(monitor: Monitor, state: State, time: float, window: Information) -> tuple[State, Step]:
    """The state after one window, and what it brought. ValueError for a time before the last."""
    if time < state.time:
        raise ValueError(f"window at {time:g}: windows must come in order, the last was at {state.time:g}")
    refusal = refusal_of(monitor, window)
    tells = () if refusal else told(monitor, window)
    if not tells:
        return replace(state, time=time), Step(time, (), refusal or _uninformative(monitor, window), state.belief, {})
    if state.baseline is None or state.belief is None or state.charts is None:
        return _learning(monitor, state, time, window, tells)
    return _watching(monitor, state, state.baseline, state.charts, state.belief, time, window, tells)


def refusal_of(monitor: Monitor, window: Information) -> str:
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


def told(monitor: Monitor, window: Information) -> tuple[str, ...]:
    """The parameters with a limit, or if there are none all, of which a window tells; empty if they are too few."""
    share, asked = contraction(window), monitor.asked
    found = tuple(n for n in asked if share[monitor.names.index(n)] >= monitor.rules.contraction)
    return found if len(found) >= monitor.rules.least * len(asked) else ()


def _uninformative(monitor: Monitor, window: Information) -> str:
    share = contraction(window)
    words = ", ".join(f"{name} {100 * share[monitor.names.index(name)]:.0f} %" for name in monitor.asked)
    return f"uninformative: it takes too little of what is unknown ({words}; asked {monitor.rules.contraction:.0%})"


def _learning(
    monitor: Monitor, state: State, time: float, window: Information, tells: tuple[str, ...]
) -> tuple[State, Step]:
    collected = (*state.collected, window)
    if len(collected) < monitor.rules.baseline:
        return replace(state, collected=collected, time=time), Step(time, tells, "", None, {})
    found = baseline_of(Information(*(np.stack(part) for part in zip(*collected, strict=True))), monitor.tight)
    belief = believed(found.mean, found.covariance, monitor.rules.rate * monitor.wear)
    done = State(baseline=found, belief=belief, time=time, believed=time, charts=blank(len(monitor.movable)))
    return done, Step(time, tells, "", belief, {})


def _watching(
    monitor: Monitor, state: State, baseline: Baseline, charts: Charts, belief: Belief, time: float,
    window: Information, tells: tuple[str, ...],
) -> tuple[State, Step]:  # fmt: skip
    rules, p = monitor.rules, len(monitor.movable)
    seen = baseline.evidence(window.precision, window.shift)
    before = later(belief, monitor.motion, time - state.believed)
    threshold = threshold_of(rules.between, p)
    which = [monitor.names.index(name) for name in monitor.movable]
    charts = risen(charts, surprise(before, seen).of(which), threshold)
    after, history = updated(before, seen), (*state.history, Seen(time, seen, before))[-rules.horizon :]
    alarms = []
    chart = alarmed(charts, threshold)
    if chart is not None:
        candidates = isolated(charts, chart, monitor.movable)
        history = history[-int(charts.windows[chart]) :]
        alarms.append(Alarm(time, "change", max(candidates, key=candidates.__getitem__), history[0].time, candidates))
        after = _reopened(monitor, candidates, history)
        charts = blank(p)
    beyond = {name: _beyond(monitor, baseline, after, name) for name in rules.limits}
    counts = dict(state.counts)
    due = []
    for name in (n for n in tells if n in beyond):
        counts[name] = counts.get(name, 0) + 1 if beyond[name] > rules.probability else 0
        if counts[name] >= rules.consecutive and name not in state.raised:
            due.append(name)
    alarms += [Alarm(time, "limit", name, time, {name: beyond[name]}) for name in due]
    raised = frozenset(n for n in state.raised | set(due) if beyond[n] > 0.5)
    now = replace(
        state, belief=after, time=time, believed=time, charts=charts, counts=counts, raised=raised, history=history
    )
    return now, Step(time, tells, "", after, beyond, tuple(alarms))


def _reopened(monitor: Monitor, candidates: Mapping[str, float], since: Sequence[Seen]) -> Belief:
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


def _beyond(monitor: Monitor, baseline: Baseline, belief: Belief, name: str) -> float:
    """P(the parameter is beyond its limit)."""
    j = monitor.names.index(name)
    z = (monitor.limit(baseline, name) - belief.mean[j]) / belief.sd[j]
    return float(stats.norm.cdf(z) if monitor.rules.limits[name] < 1 else stats.norm.sf(z))
