"""A posterior that is carried from window to window by weighted particles: today's prior is yesterday's posterior.

Particles stand in prior-whitened coordinates u. A window multiplies their weights by its likelihood (iterated batch
importance sampling, Chopin 2002, Biometrika 89, 539). Where that would leave fewer effective particles than half of
them, the likelihood is raised to the power that leaves just so many (Del Moral, Doucet, Jasra 2006, J. R. Stat. Soc. B
68, 411), particles are drawn in proportion to their weights and moved (``moves.py``) under the whole law so far,
and so on with the rest of the power. Parameters may walk between windows, or the past may be forgotten:

    u_j ← u_j + N(0, q_j² Δt),        log p(u | y) = log p(u) + Σ_s λ^(t - t_s) log p(y_s | u) + const.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from twin.inference.likelihood import Likelihood
from twin.inference.stream.kept import Kept, beside
from twin.inference.stream.moves import Work
from twin.inference.stream.path import Paths, moments
from twin.inference.stream.swarm import MOST_LEVELS, Carried, Swarm, carried, effective
from twin.inference.stream.windows import Window, WindowLikelihood, log_likelihoods, misfit
from twin.inference.units.density import STRIP
from twin.inference.units.solve import UnitAnswer
from twin.space import Floats

FORGOTTEN = 1e-3
"""Power below which a window is let go."""


@dataclass(frozen=True, eq=False)
class Streaming:
    """What a stream does with its windows.

    ``walk`` q by name: by how much a parameter walks in a unit of time, in standard deviations of its prior; none walk
    by default. ``forgetting`` λ is the power that is left to a window after a unit of time. ``horizon`` is the most
    windows that are kept; older ones are summed up as a Gaussian. ValueError for settings that cannot be.
    """

    likelihood: Likelihood
    walk: Mapping[str, float] = field(default_factory=dict)
    forgetting: float = 1.0
    horizon: int | None = None
    particles: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        for name, q in self.walk.items():
            self.likelihood.space.index(name)
            if not 0 < q < np.inf:
                raise ValueError(f"walk: expected a finite q > 0 for {name}, got {q}; leave out what does not walk")
        if not 0 < self.forgetting <= 1:
            raise ValueError(f"forgetting: expected 0 < λ <= 1, got {self.forgetting}")
        if self.forgetting < 1 and (self.walk or self.horizon is not None):
            raise ValueError("forgetting: expected neither walk nor horizon beside it; each of them bounds the past")
        if self.horizon is not None and self.horizon < 2:
            raise ValueError(f"horizon: expected at least 2 windows, got {self.horizon}")
        if self.particles < STRIP or self.particles % STRIP:
            raise ValueError(f"particles: expected a multiple of {STRIP}, got {self.particles}")

    @cached_property
    def density(self) -> WindowLikelihood:
        """The likelihood of a window."""
        return WindowLikelihood(self.likelihood)

    @cached_property
    def walking(self) -> tuple[int, ...]:
        """Positions of the parameters that walk."""
        return tuple(i for i, name in enumerate(self.likelihood.space.names) if name in self.walk)

    @cached_property
    def steps(self) -> Floats:
        """q (k,) of these."""
        return np.array([self.walk[self.likelihood.space.names[i]] for i in self.walking])


@dataclass(frozen=True, eq=False)
class Stream:
    """What is carried: the particles, the windows that still count, the last one's time, and how many were used.

    ``log_evidence`` is the sum of log p(window | those before).
    """

    swarm: Swarm
    kept: Kept | None = None
    time: float = -np.inf
    count: int = 0
    log_evidence: float = 0.0


@dataclass(frozen=True)
class Info:
    """What a window did. ``reason`` says why it was not used; the stream is then as it was.

    ``ess`` are the effective particles after it, ``log_evidence`` is log p(window | those before), ``misfit`` the mean
    square of its standardised residuals at the posterior mean. Particles were moved ``work.levels`` times.
    """

    reason: str
    ess: float
    log_evidence: float
    misfit: float
    work: Work


def begin(streaming: Streaming) -> Stream:
    """The prior: scrambled Sobol points of equal weight."""
    space, n = streaming.likelihood.space, streaming.particles
    u = streaming.density.scale.inverse(space.unconstrain(space.sobol(n, streaming.seed)))
    paths = Paths(u, np.zeros((n, 0, len(streaming.walking))), streaming.walking)
    return Stream(Swarm(paths, np.zeros((n, 0)), np.full(n, -np.log(n))))


def advance(streaming: Streaming, stream: Stream, window: Window) -> tuple[Stream, Info]:
    """The stream after a window, and what that did.

    Random numbers follow from the seed and the number of windows before. ValueError for a window that is padded to
    another length than those that are kept.
    """
    refusal = window.reason or _untimely(streaming, stream, window)
    if refusal:
        return stream, _refused(stream, refusal, Work())
    rng = np.random.default_rng([streaming.seed, stream.count])
    dt = window.time - stream.time if stream.count else 0.0
    swarm, kept, work = stream.swarm, stream.kept, Work()
    if kept is not None and streaming.forgetting < 1:
        faded = _faded(streaming, swarm, kept, dt, rng)
        if not faded.arrived:
            return stream, _refused(stream, f"the past is not forgotten after {MOST_LEVELS} rounds", faded.work)
        swarm, kept, work = faded.swarm, faded.kept, faded.work
    swarm = _walked(streaming, swarm, dt, rng)
    kept = beside(kept, window.data, window.time, moments(swarm.paths.u, swarm.weights))
    said = log_likelihoods(streaming.density, window.data, swarm.paths.u[None])[0]
    usable = int((np.isfinite(said) & np.isfinite(swarm.log_weights)).sum())
    if usable < 2 * swarm.paths.u.shape[1]:
        return stream, _refused(stream, f"it has a finite likelihood at {usable} of {len(said)} particles", work)
    swarm = Swarm(swarm.paths, np.column_stack([swarm.fits, said]), swarm.log_weights)
    found = carried(streaming.density, streaming.steps, swarm, kept, np.append(kept.powers[:-1], 1.0), rng)
    if not found.arrived:
        return stream, _refused(stream, f"not taken in after {MOST_LEVELS} rounds of moves", work.plus(found.work))
    return _taken(streaming, stream, window, found, work.plus(found.work))


def _taken(streaming: Streaming, stream: Stream, window: Window, found: Carried, work: Work) -> tuple[Stream, Info]:
    swarm, kept = found.swarm, found.kept
    seen = misfit(streaming.density, window.data, swarm.weights @ swarm.paths.u)
    if streaming.horizon is not None and len(kept) > streaming.horizon:
        swarm, kept = swarm.since(1), kept.since(1, summed=True)
    after = Stream(swarm, kept, window.time, stream.count + 1, stream.log_evidence + found.log_ratio)
    return after, Info("", effective(swarm.log_weights), found.log_ratio, seen, work)


def answer(streaming: Streaming, stream: Stream) -> UnitAnswer:
    """The posterior now, as ``solve_units`` would give it; the rung is ``stream``."""
    alive = stream.swarm.log_weights > -np.inf
    u = stream.swarm.paths.u[alive]
    theta = np.asarray(streaming.density.theta(u))
    ess = effective(stream.swarm.log_weights)
    reason = f"{stream.count} windows"
    return UnitAnswer(0, u, theta, stream.swarm.log_weights[alive], float("nan"), ess, "stream", reason, True)


def _untimely(streaming: Streaming, stream: Stream, window: Window) -> str:
    """Why a window's time cannot be; two windows at one time leave nothing to walk."""
    late = window.time <= stream.time if streaming.walking else window.time < stream.time
    if late or not np.isfinite(window.time):
        return f"its time {window.time:g} does not follow {stream.time:g}, that of the last one"
    return ""


def _refused(stream: Stream, reason: str, work: Work) -> Info:
    return Info(reason, effective(stream.swarm.log_weights), 0.0, float("nan"), work)


def _faded(streaming: Streaming, swarm: Swarm, kept: Kept, dt: float, rng: np.random.Generator) -> Carried:
    """The particles after dt of forgetting, without the windows that no longer count."""
    powers = kept.powers * streaming.forgetting**dt
    left = powers >= FORGOTTEN
    found = carried(streaming.density, streaming.steps, swarm, kept, np.where(left, powers, 0.0), rng)
    first = int(np.argmax(left)) if left.any() else len(left)
    return replace(found, swarm=found.swarm.since(first), kept=found.kept.since(first, summed=False))


def _walked(streaming: Streaming, swarm: Swarm, dt: float, rng: np.random.Generator) -> Swarm:
    """The particles after dt of walking, and their paths up to there."""
    paths, which = swarm.paths, list(streaming.walking)
    u = paths.u.copy()
    u[:, which] += streaming.steps * np.sqrt(dt) * rng.standard_normal((len(u), len(which)))
    walked = np.concatenate([paths.walked, u[:, None, which]], axis=1)
    return Swarm(Paths(u, walked, paths.walking), swarm.fits, swarm.log_weights)
