"""The ladder's two cheap rungs for many targets at once, and why each target stands where it does.

1. ``laplace``: split t at the mode, importance weights.
2. ``mixture``: adaptive importance sampling from all modes.

Targets that neither can be trusted with are left to a Markov chain.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.inference.rungs.adaptive import adapt
from twin.inference.rungs.importance import Standard, Weighted, weigh
from twin.inference.rungs.pareto import khat_limit
from twin.inference.rungs.ridge import Local, bent
from twin.inference.rungs.split_t import Rows, SplitT, Target, fit_half_axes, points
from twin.space import Floats

RIVAL = 0.01
"""Share of the best mode's mass from which another mode counts."""


@dataclass(frozen=True)
class Effort:
    """What a target may cost: draws of the first rung, draws per round and rounds of the second, what is enough.

    ``oriented``: whether many targets' draws must not turn with rounding, which their order and chunks change.
    """

    draws: int = 4096
    round_draws: int = 4096
    rounds: int = 8
    components: int = 5
    ess_limit: float = 400.0
    oriented: bool = False

    @property
    def first(self) -> Standard:
        """Below ½ the weights have a variance; as a better proposal costs little, no more is asked to be believed."""
        return Standard(0.5, self.ess_limit)

    @property
    def aim(self) -> Standard:
        """What ends the second rung's rounds: that of the first. Samples that stopped at a k-hat of 0.6 had sds up to a
        fifth too small where a posterior leans on the edge of its box (``case_studies/nrel_porous.py``).
        """
        return self.first

    @property
    def second(self) -> Standard:
        """What is accepted after the last round. Reliable as far as Pareto smoothing is."""
        return Standard(khat_limit(self.round_draws), self.ess_limit)


@dataclass(frozen=True, eq=False)
class Peaks:
    """Modes of m targets, best first: ``u`` (m, K, p), Laplace factors (m, K, p, p).

    ``log_mass`` (m, K) is relative to the best, -∞ where there is no such mode; ``reached`` (m,) says whether the
    best one is a point of rest.
    """

    u: Floats
    factor: Floats
    log_mass: Floats
    reached: npt.NDArray[np.bool_]

    def part(self, rows: Rows) -> "Peaks":
        """Some of the targets."""
        return Peaks(self.u[rows], self.factor[rows], self.log_mass[rows], self.reached[rows])


@dataclass(frozen=True, eq=False)
class Standing:
    """One target's answer: draws ``u`` (n, p), normalised log weights (n,), the rung and what led there.

    Where ``accepted`` is False both rungs were refused, and the draws are the last ones.
    """

    u: Floats
    log_weights: Floats
    khat: float
    ess: float
    rung: str
    accepted: bool
    reason: str


def first_proposal(target: Target, local: Local, peaks: Peaks, rows: Rows, *, oriented: bool = False) -> SplitT:
    """The split t at the best mode, bent along its ridge."""
    weight = np.ones((len(rows), 1))
    straight = fit_half_axes(target, weight, peaks.u[:, :1], peaks.factor[:, :1], rows, oriented=oriented)
    return bent(local, straight, rows)


def climb_rungs(target: Target, local: Local, peaks: Peaks, *, effort: Effort, seed: int) -> list[Standing]:
    """The answer of every target, in order."""
    m, _, p = peaks.u.shape
    rows = np.arange(m)
    with np.errstate(all="ignore"):
        proposal = first_proposal(target, local, peaks, rows, oriented=effort.oriented)
        first = weigh(target, proposal, points(effort.draws, p, seed), rows)
        refused = [_objection(first, peaks, i, effort.first) for i in range(m)]
        left = np.flatnonzero([bool(text) for text in refused])
        second = _second(target, local, peaks, left, effort, seed) if len(left) else {}
    found = []
    for i in range(m):
        if not refused[i]:
            found.append(_standing(first, i, "laplace", True, effort.first.praise(first, i)))
            continue
        sample, position, rounds = second[i]
        against = effort.second.objection(sample, position)
        verdict = against or effort.second.praise(sample, position)
        reason = f"laplace: {refused[i]}; mixture after {rounds} round{'s' * (rounds > 1)}: {verdict}"
        found.append(_standing(sample, position, "mixture", not against, reason))
    return found


def _second(
    target: Target, local: Local, peaks: Peaks, left: Rows, effort: Effort, seed: int
) -> dict[int, tuple[Weighted, int, int]]:
    """Sample, position in it and rounds of every target left."""
    own = peaks.part(left)
    mass = np.where(own.log_mass > np.log(RIVAL), np.exp(np.minimum(own.log_mass, 0.0)), 0.0)
    mass[:, 0] = 1.0
    share = mass / mass.sum(axis=1, keepdims=True)
    start = fit_half_axes(target, share, own.u, own.factor, left, oriented=effort.oriented)
    adapted = adapt(
        target,
        bent(local, start, left),
        own.factor[:, 0],
        left,
        draws=effort.round_draws,
        rounds=effort.rounds,
        components=effort.components,
        standard=effort.aim,
        seed=seed + 1,
    )
    return {int(i): (adapted.weighted, k, int(adapted.rounds[k])) for k, i in enumerate(left)}


def _objection(first: Weighted, peaks: Peaks, row: int, standard: Standard) -> str:
    """What speaks against the first rung, or the empty string."""
    rest = "" if peaks.reached[row] else "no mode reached"
    modes = 1 + int(np.sum(peaks.log_mass[row, 1:] > np.log(RIVAL)))
    rivals = f"{modes} modes of comparable mass" if modes > 1 else ""
    return ", ".join(filter(None, (rest, rivals, standard.objection(first, row))))


def _standing(sample: Weighted, row: int, rung: str, accepted: bool, reason: str) -> Standing:
    return Standing(
        u=sample.u[row],
        log_weights=sample.log_weights[row],
        khat=float(sample.khat[row]),
        ess=float(sample.ess[row]),
        rung=rung,
        accepted=accepted,
        reason=reason,
    )
