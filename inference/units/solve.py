"""Posteriors of many units that share a model, and differ in their data, perhaps in conditions and abscissae too.

Each unit climbs the ladder of ``rungs/cheap.py``; those that both cheap rungs refuse are left to NUTS, lane by lane in
one compiled program. Units are worked on in chunks, by as many threads as there are workers; answers do not depend on
how the units are grouped. A unit that cannot be calibrated is recorded and harms no other.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.arrays import Array
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.cheap import Effort, Peaks, Standing, climb_rungs
from twin.inference.rungs.split_t import Rows
from twin.inference.units.climb import Climb, local_values
from twin.inference.units.density import UnitDensity, evaluate
from twin.inference.units.door import UnitData, admit
from twin.inference.units.likelihood import Row
from twin.inference.units.modes import find_peaks
from twin.inference.units.nuts import ChainSettings, UnitChains
from twin.inference.units.starts import OwnTable, Starts, Table, own_table, starts, table_of
from twin.space import Floats

FEW_CHAINS = ChainSettings()
UNIT_EFFORT = Effort(draws=512, round_draws=1024, rounds=6, components=5, ess_limit=200.0, oriented=True)
STARTS, SECOND_LOOK = 3, 16
"""Starts of every unit, and of those that the cheap rungs refuse at first."""
NOWHERE = "the log density is finite at none of the starts: check this unit's data and the prior"
RHAT_LIMIT = 1.05
"""Above it a unit's chains are not to be trusted; a single calibration is judged more strictly (``checks.py``)."""


@dataclass(frozen=True, eq=False)
class UnitAnswer:
    """One unit's posterior: weighted draws ``theta`` (n, p) with normalised ``log_weights`` (n,), and their worth.

    ``u`` (n, p) are the same draws in prior-whitened coordinates. ``rung`` is laplace, mixture, nuts, or none where
    nothing was found or the unit was refused (n = 0); ``reason`` says why that one. ``khat`` is NaN for NUTS, whose
    draws weigh the same. ``converged`` says whether the rung met its own standard.
    """

    unit: int
    u: Floats
    theta: Floats
    log_weights: Floats
    khat: float
    ess: float
    rung: str
    reason: str
    converged: bool

    @property
    def mean(self) -> Floats:
        """Posterior means (p,)."""
        return np.asarray(np.exp(self.log_weights) @ self.theta)

    @property
    def sd(self) -> Floats:
        """Posterior standard deviations (p,)."""
        return np.asarray(np.sqrt(np.exp(self.log_weights) @ (self.theta - self.mean) ** 2))

    def quantile(self, levels: Floats) -> Floats:
        """Quantiles (levels, p) of the weighted draws."""
        order = np.argsort(self.theta, axis=0)
        middle = np.cumsum(np.exp(self.log_weights)[order], axis=0) - 0.5 * np.exp(self.log_weights)[order]
        ordered = np.take_along_axis(self.theta, order, axis=0)
        columns = [np.interp(levels, middle[:, j], ordered[:, j]) for j in range(self.theta.shape[1])]
        return np.stack(columns, axis=-1)


@dataclass(frozen=True, eq=False)
class Units:
    """What all units share: the likelihood, the starts and compiled programs.

    The likelihood's own experiments give the shapes, and the conditions and abscissae of units without their own.
    """

    likelihood: Likelihood
    seed: int = 0
    effort: Effort = UNIT_EFFORT
    chains: ChainSettings = FEW_CHAINS

    @cached_property
    def density(self) -> UnitDensity:
        """The log density of every unit."""
        return UnitDensity(self.likelihood)

    @cached_property
    def climb(self) -> Climb:
        """The search for modes."""
        return Climb(self.density)

    @cached_property
    def table(self) -> Table:
        """The shared starts."""
        return table_of(self.likelihood, self.seed)

    @cached_property
    def own_table(self) -> OwnTable:
        """The starts of units with conditions or abscissae of their own."""
        return own_table(self.likelihood, self.seed)

    def table_for(self, data: Sequence[Row]) -> Starts:
        """The starts for units of this kind."""
        return self.table if all(part.x is None for part in data) else self.own_table

    @cached_property
    def nuts(self) -> UnitChains:
        """The last rung."""
        return UnitChains(self.density, self.chains)


@dataclass(frozen=True, eq=False)
class Solved:
    """A chunk's answers, and what is left to NUTS: each unit, why, and its modes."""

    answers: list[UnitAnswer]
    left: list[tuple[int, Standing, Peaks]]


def solve_units(
    units: Units, measured: Sequence[UnitData | tuple[Array, Array]], *, chunk: int = 128, workers: int = 2
) -> Iterator[UnitAnswer]:
    """The answers, chunk after chunk as they are ready; units that are refused come first, those left to NUTS last.

    ``measured`` holds, per experiment, y and mask (units, n, q), or ``UnitData`` where units have conditions or
    abscissae of their own; where the mask is False y does not count. ValueError when the shapes are not the
    likelihood's, or the likelihood cannot be that of units of this kind.
    """
    admitted = admit(units.likelihood, measured)
    for unit, reason in admitted.refused.items():
        yield _nothing(unit, len(units.likelihood.space), reason)
    rows, data = admitted.rows, admitted.data
    parts = [rows[i : i + chunk] for i in range(0, len(rows), chunk)]
    left: list[tuple[int, Standing, Peaks]] = []
    for found in _in_threads(units, data, parts, workers):
        yield from found.answers
        left += found.left
    for i in range(0, len(left), units.chains.units):
        yield from _by_chains(units, data, left[i : i + units.chains.units])


def _in_threads(units: Units, measured: Sequence[Row], parts: list[Rows], workers: int) -> Iterator[Solved]:
    """Chunks in order, a few ahead; the first alone, so that everything is compiled once."""
    if parts:
        yield _solved(units, measured, parts[0])
    ahead = 2 * workers
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(_solved, units, measured, part) for part in parts[1 : 1 + ahead])
        for k in range(1, len(parts)):
            found = waiting.popleft().result()
            waiting.extend(pool.submit(_solved, units, measured, part) for part in parts[k + ahead : k + ahead + 1])
            yield found


def _solved(units: Units, measured: Sequence[Row], rows: Rows) -> Solved:
    """One chunk on the two cheap rungs; units that they refuse are searched for modes once more, from more starts."""
    first = _stood(units, measured, rows, STARTS)
    again = np.array([unit for unit in rows.tolist() if unit not in first or not first[unit][0].accepted], dtype=int)
    found = first | _stood(units, measured, again, SECOND_LOOK) if len(again) else first
    answers, left = [], []
    for unit in rows.tolist():
        if unit not in found:
            answers.append(_nothing(unit, len(units.likelihood.space), NOWHERE))
        elif found[unit][0].accepted:
            answers.append(_weighted(units, unit, found[unit][0]))
        else:
            left.append((unit, *found[unit]))
    return Solved(answers, left)


def _stood(units: Units, measured: Sequence[Row], rows: Rows, count: int) -> dict[int, tuple[Standing, Peaks]]:
    """Where the units with a mode stand, by unit, from ``count`` starts each."""
    with np.errstate(all="ignore"):
        begin = starts(units.density, units.table_for(measured), measured, rows, count)
        peaks, usable = find_peaks(units.climb, measured, rows, begin)
    here = rows[usable]
    if not len(here):
        return {}

    def target(u: Floats, rows: Rows) -> Floats:
        return evaluate(units.density, measured, u, here[rows])

    def local(u: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        return local_values(units.climb, measured, u, here[rows])

    found = climb_rungs(target, local, peaks, effort=units.effort, seed=units.seed)
    return {int(unit): (found[k], peaks.part(np.array([k]))) for k, unit in enumerate(here)}


def _weighted(units: Units, unit: int, found: Standing) -> UnitAnswer:
    counted = found.log_weights > -np.inf  # the others may lie at infinity
    u, log_weights = found.u[counted], found.log_weights[counted]
    theta = np.asarray(units.density.theta(u))
    return UnitAnswer(unit, u, theta, log_weights, found.khat, found.ess, found.rung, found.reason, True)


def _nothing(unit: int, p: int, reason: str) -> UnitAnswer:
    return UnitAnswer(unit, np.empty((0, p)), np.empty((0, p)), np.empty(0), float("nan"), 0.0, "none", reason, False)


def _by_chains(units: Units, measured: Sequence[Row], left: list[tuple[int, Standing, Peaks]]) -> Iterator[UnitAnswer]:
    """NUTS for a few units side by side."""
    rows = np.array([unit for unit, _, _ in left])
    chains = units.nuts.sample(measured, rows, [peaks for _, _, peaks in left], units.seed)
    for k, (unit, standing, _) in enumerate(left):
        u = chains.u[k].reshape(-1, chains.u.shape[-1])
        theta = np.asarray(units.density.theta(u))
        equal = np.full(len(theta), -np.log(len(theta)))
        reason = f"{standing.reason}; nuts: R-hat {chains.rhat[k]:.3f}, ESS {chains.ess[k]:.0f}"
        good = bool(chains.rhat[k] < RHAT_LIMIT)
        yield UnitAnswer(unit, u, theta, equal, float("nan"), float(chains.ess[k]), "nuts", reason, good)
