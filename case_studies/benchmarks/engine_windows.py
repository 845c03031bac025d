"""What a minute of an engine costs on the batched ladder.

``python -m twin.case_studies.benchmarks.engine_windows [--tilts] [--solve]``

The likelihood is that of ``engine_health.py`` as far as units with records of their own can have it: the sensors' noise
as their data sheets state it, and the model's slow errors as an Ornstein-Uhlenbeck process, by its ``MODES`` largest
patterns and the rest of its variance as if it were noise. A compiled program needs the commands as data, so a record's
abscissa is the drive itself: at each reading, and at the stages of the step that begins there. Without ``--tilts`` the
six tilts of the submodels are held at their nominal values. Times are of the processor. ``--solve`` climbs the ladder
for all windows, which takes from minutes to hours.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.arrays import Array, like, namespace
from twin.case_studies.console import say
from twin.case_studies.engine_health import ERRORS, MEMORY, SCENARIOS, SENSORS, scored
from twin.case_studies.engine_scenario import Service, serve
from twin.case_studies.engine_window import LEVELS, NOISE
from twin.case_studies.forwards import forward_of
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.units.density import BLOCK, STRIP, UnitDensity, evaluate
from twin.inference.units.door import admit, unit_data
from twin.inference.units.solve import UNIT_EFFORT, Units, solve_units
from twin.model import Coordinate, Observable
from twin.models.engine.air_path import Drive
from twin.models.engine.parameters import TILTS
from twin.models.engine.path import SCHEME, Grid
from twin.models.engine.transient import INTERVAL
from twin.models.engine_air_path import health
from twin.space import Space
from twin.surrogate import Surrogate

MODES = 4
"""Patterns of each channel's slow error."""
STAGES = len(SCHEME.nodes) - 1
DRIVEN = ("n_e", "u_delta", "f_egr", "f_vgt")


@dataclass(frozen=True, eq=False)
class Driven:
    """The shipped engine over records (n, 1 + 4 + 4 STAGES): time, the drive then and in the step that begins then."""

    surrogate: Surrogate
    frame: Grid
    space: Space

    conditions = health.conditions
    observables: tuple[Observable, ...] = tuple(
        replace(o, noise=None, sd=NOISE[o.name] * LEVELS[o.name]) for o in health.observables
    )

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Time, and columns of the drive."""
        columns = [name if s == 0 else f"{name}_{s}" for s in range(1 + STAGES) for name in DRIVEN]
        return (Coordinate("time", "s", "time"), *(Coordinate(name, "1", "drive") for name in columns))

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 7)."""
        whole, drive = self._whole(theta), namespace(x).reshape(x[:, 1:], (len(x), 1 + STAGES, len(DRIVEN)))
        grid = self.frame._replace(
            readings=Drive(*(drive[:, 0, k] for k in range(len(DRIVEN)))),
            stages=Drive(*(drive[:-1, 1:, k] for k in range(len(DRIVEN)))),
        )
        return health.readings(grid, self.surrogate.fields(whole, like(c, theta)), whole)

    def _whole(self, theta: Array) -> Array:
        """θ of ``health`` (*batch, 17); what this space does not have is nominal."""
        columns = [
            theta[..., self.space.index(p.name)] if p.name in self.space.names else 0 * theta[..., 0] + p.nominal
            for p in health.space.parameters
        ]
        return namespace(theta).stack(columns, axis=-1)

    def error(self, c: Array, x: Array) -> ForwardError:
        """The slow errors of the model: patterns of each sensor, and what is left of their variance."""
        times, names = INTERVAL * np.arange(len(x)), [o.name for o in self.observables]
        values, ways = np.linalg.eigh(np.exp(-np.abs(times[:, None] - times) / MEMORY))
        patterns = ways[:, -MODES:] * np.sqrt(values[-MODES:])
        sizes = np.array([ERRORS[name] * LEVELS[name] for name in names])
        modes = np.zeros((len(x), len(names), len(SENSORS) * MODES))
        for k, name in enumerate(SENSORS):
            j = names.index(name)
            modes[:, j, k * MODES : (k + 1) * MODES] = sizes[j] * patterns
        rest = np.sqrt(np.maximum(1.0 - np.sum(patterns**2, axis=1), 0.0))[:, None] * sizes
        return ForwardError(np.zeros_like(rest), rest, modes, _as_they_are)


def _as_they_are(theta: Array) -> tuple[Array, Array]:
    """No pattern has a mean, all have size 1."""
    xp, count = namespace(theta), len(SENSORS) * MODES
    return xp.concat([0 * theta[..., :1]] * count, axis=-1), xp.concat([0 * theta[..., :1] + 1] * (count + 1), axis=-1)


def experiments_of(service: Service, forward: Driven) -> list[Experiment]:
    """One per window."""
    y = scored(service.y)[..., [o.name in SENSORS for o in health.observables]]
    columns, n = tuple(c.name for c in forward.coordinates), service.y.shape[1]
    units = {o.name: o.unit for o in forward.observables}
    found = []
    for k, values in enumerate(y):
        readings = np.stack([part[k] for part in service.grid.readings], axis=1)
        stages = np.stack([part[k] for part in service.grid.stages], axis=2).reshape(n - 1, -1)
        stages = np.concatenate([stages, stages[-1:]])
        x = np.column_stack([INTERVAL * np.arange(n), readings, stages])
        mask = np.isfinite(values)
        sd = np.broadcast_to([NOISE[s] * LEVELS[s] for s in SENSORS], values.shape).copy()
        given = forward.conditions.unpack(forward.conditions.nominal)
        found.append(
            Experiment(f"window {k}", given, columns, x, SENSORS, np.where(mask, values, 0.0), units, sd=sd, mask=mask)
        )
    return found


@dataclass(frozen=True)
class Cost:
    """Processor seconds: to compile the density, and of one evaluation; draws of the two cheap rungs, at most."""

    compiled: float
    evaluation: float
    draws: int = UNIT_EFFORT.draws
    mixture: int = UNIT_EFFORT.rounds * UNIT_EFFORT.round_draws

    @property
    def first(self) -> float:
        """Seconds of a window's first rung, without the search for its mode."""
        return self.draws * self.evaluation

    @property
    def second(self) -> float:
        """Seconds of its second rung, if all rounds are needed."""
        return self.mixture * self.evaluation


def cost(likelihood: Likelihood, experiments: Sequence[Experiment]) -> Cost:
    """Of ``BLOCK`` windows, which is how many a compiled call takes."""
    density, rows = UnitDensity(likelihood), np.arange(BLOCK)
    admitted = admit(likelihood, [unit_data(likelihood.forward, experiments)])
    u = 0.3 * np.random.default_rng(0).standard_normal((BLOCK, STRIP, len(likelihood.space)))
    once, again = (_timed(lambda: evaluate(density, admitted.data, u, rows)) for _ in range(2))
    return Cost(once - again, again / (BLOCK * STRIP))


def _timed(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tilts", action="store_true", help="free the tilts, too")
    parser.add_argument("--solve", action="store_true", help="climb the ladder")
    options = parser.parse_args()
    service = serve(SCENARIOS["healthy"], BLOCK, 0)
    surrogate = forward_of(health)
    assert isinstance(surrogate, Surrogate)
    free = tuple(p for p in health.space.parameters if options.tilts or p not in TILTS)
    forward = Driven(surrogate, service.grid, Space(free))
    experiments = experiments_of(service, forward)
    likelihood = Likelihood(forward, experiments[:1])
    found = cost(likelihood, experiments)
    say(f"density: compiled in {found.compiled:.0f} s, {1e3 * found.evaluation:.1f} ms an evaluation")
    say(f"a window's rungs at least: {found.first:.1f} s ({found.draws} draws), {found.second:.0f} s ({found.mixture})")
    if options.solve:
        begin = time.process_time()
        data = [unit_data(forward, experiments)]
        for answer in solve_units(Units(likelihood), data, chunk=BLOCK, workers=1):
            spent = time.process_time() - begin
            say(f"window {answer.unit}: {answer.rung} ({answer.reason}), {spent:.0f} s since the start")


if __name__ == "__main__":
    main()
