"""The air path as a model to calibrate: a preset's unknowns, and the step network that follows any record.

The field ``path`` is a function of a whole record of commands, one step of 0.2 s after the other: the network guesses
the stages of Radau IIA, and Newton's method improves them once (``newton.py``). So the answer holds for records of any
length and shape, and its derivatives by the parameters are those of the equations up to the guess's error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch

from twin.arrays import Array, detached, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.engine import reference
from twin.models.engine.actuators import Commands, drive_at
from twin.models.engine.air_path import Drive, State
from twin.models.engine.channels import COORDINATES, OBSERVABLES, measured
from twin.models.engine.constants import SOURCE, Ambient, Engine
from twin.models.engine.core import frozen, rate_of, scaled, state_of
from twin.models.engine.guess import INPUTS, OUTPUTS, guess_by
from twin.models.engine.newton import improved, residual
from twin.models.engine.parameters import AMBIENT, NOMINAL, ambient_of, engine_of
from twin.models.engine.path import SCHEME, STEP, Grid, Solver, follow, grid_of
from twin.models.engine.record import read
from twin.models.engine.steady import steady_state
from twin.models.engine.transient import DURATION, SEED, random_transient, transient
from twin.models.engine.visited import WEAR, visited
from twin.space import Floats, Space
from twin.table import Table
from twin.training.recipe import Recipe

CORRECTIONS = 1
JITTER = 0.01
"""Standard deviation of the logarithm by which training moves a step's start off the trajectories."""
STATES = ("p_im", "p_em", "w_t")
SOUND = {"boost_leak": 0.0, "exhaust_leak": 0.0}
"""What training holds at other than nominal values: presets without leaks share the network."""


@dataclass(frozen=True, eq=False)
class Path:
    """The states of engines over records: a field of the abscissa (time and commands)."""

    engine: Engine
    air: Ambient
    solver: Solver
    at: Array
    coordinates: tuple[str, ...] = ("record",)

    def __call__(self, *at: Array) -> Array:
        """Scaled states (3, n, *batch) at the rows of a record (n, 5)."""
        (record,) = at
        return self.along(grid_of(commands_of(record), NOMINAL))

    def along(self, grid: Grid) -> Array:
        """The same where the drive is known already."""
        return follow(grid, self.engine, self.air, self.solver, self.at)

    def d(self, *names: str) -> "Path":
        """None is known in closed form: ValueError."""
        raise ValueError(f"a path has no derivative by {', '.join(names)}")


@dataclass(frozen=True)
class AirPath:
    """The unknowns of a preset, trained as ``sibling``."""

    preset: str
    space: Space
    recipe: Recipe
    sibling: "AirPath | None" = None
    corrections: int = CORRECTIONS

    name = "engine_air_path"
    source = SOURCE
    conditions = AMBIENT
    coordinates: tuple[Coordinate, ...] = COORDINATES
    observables: tuple[Observable, ...] = OBSERVABLES
    inputs = INPUTS
    outputs = OUTPUTS
    dimension = 1 + len(STATES)

    @property
    def trained_as(self) -> "AirPath":
        """The preset whose network this one shares: the step's equations know all constants."""
        return self if self.sibling is None else self.sibling

    def as_trained(self, theta: Array) -> Array:
        """θ of ``trained_as`` (*batch, p): what this preset does not know of is nominal."""
        mine, theirs = self.named(theta), self.trained_as.space
        nominal = theirs.nominal.tolist()
        columns = [mine.get(name, 0 * theta[..., 0] + nominal[i]) for i, name in enumerate(theirs.names)]
        return namespace(theta).stack(columns, axis=-1)

    def named(self, theta: Array) -> Mapping[str, Array]:
        """θ by name, each (*batch,)."""
        return {name: theta[..., i] for i, name in enumerate(self.space.names)}

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """The path of an engine whose steps a network guesses."""
        engine, air = engine_of(self.named(theta)), ambient_of(like(c, theta))
        solver = Solver(guess_by(network, engine, air), self.corrections)
        return {"path": Path(engine, air, solver, 0 * theta[..., 0])}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 7) at the rows of a record x (n, 5)."""
        return self.readings(grid_of(commands_of(to_numpy(x)), NOMINAL), u, theta)

    def readings(self, grid: Grid, u: Fields, theta: Array) -> Array:
        """The same along a grid, whose drive may be traced: many windows, compiled once."""
        path = path_of(u)
        y = path.along(grid)
        free = (1,) * (y.ndim - 2)
        drive = Drive(*(namespace(y).reshape(like(column, y), (-1, *free)) for column in grid.readings))
        return measured(y, drive, path.engine, path.air, self.named(theta))

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, 4) and steps x (N, 3 + 12): a start that engines visit, moved a little, and its drive."""
        known = visited()
        which = (points[:, 0].double().cpu() * len(known.start)).long().clamp(max=len(known.start) - 1).numpy()
        start, drive, wear, c = (torch.as_tensor(part[which]).to(points) for part in known)
        z = torch.special.ndtri(points[:, 1:].clamp(1e-3, 1 - 1e-3))
        constants = {name: wear[:, i] for i, name in enumerate(WEAR.names)}
        others = self.space.unpack(self.space.nominal) | SOUND
        theta = [constants.get(name, 0 * points[:, 0] + others[name]) for name in self.space.names]
        moved = start * torch.exp(JITTER * z)
        return torch.stack(theta, dim=-1), c, torch.cat([moved, drive.flatten(1)], dim=-1)

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """What is left of the collocation equations of one step, (N, 3) of each state, in scaled units."""
        path, start, drive = path_of(u), *step_of(x)
        stages = path.solver.guess(start, drive)
        left = residual(stages, start, STEP, rate_of(drive, path.engine, path.air), SCHEME)
        return {name: left[i].T for i, name in enumerate(STATES)}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors of the stages (N, 3) relative to the start, by one iteration of Newton's method from the guess.

        Its solution is held fixed, so training is a regression on targets that the equations give anew at every step.
        """
        path, start, drive = path_of(u), *step_of(x)
        stages = path.solver.guess(start, drive)
        still = rate_of(drive, frozen(path.engine), frozen(path.air))
        right = detached(improved(stages, start, STEP, still, still, SCHEME))
        return {name: ((stages[i] - right[i]) / start[i]).T for i, name in enumerate(STATES)}

    def require_covered(self, c: Array, x: Array) -> None:
        """Nothing: steps go on for as long as a record does."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """LSODA's solution (b, n, 7) from the steady state of the first row; NaN from where it fails."""
        return np.stack([self._solve(row, c, x) for row in theta])

    def _solve(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        values = self.space.unpack(theta)
        engine, air = engine_of(values), ambient_of(np.asarray(c))
        air = Ambient(float(air.p_amb), float(air.T_amb), float(air.T_im))
        commands = commands_of(x)
        first = Drive(*(float(column[0]) for column in drive_at(commands, commands.time[:1], NOMINAL)))
        start = State(*(float(part) for part in state_of(steady_state(first, engine, air, np.zeros(())))))
        found = reference.solve(commands, start, commands.time, engine, air)
        return np.asarray(measured(scaled(found.state), found.drive, engine, air, values))

    def valid(self, y: Floats) -> Mask:
        """True everywhere: a record has no end of its own."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n rows (n, 5) over 60 s: the standard transient under nominal conditions, one of their own under others."""
        nominal = np.array_equal(c, self.conditions.nominal)
        whole = transient(SEED) if nominal else random_transient(crc32(np.ascontiguousarray(c).tobytes()))
        t = np.linspace(0.0, DURATION, n)
        return np.stack([t, *(np.interp(t, whole.time, column) for column in whole[1:])], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A record of commands and of whatever was measured with them."""
        return read(self, table, given)


def commands_of(record: Floats) -> Commands:
    """The columns of a record (n, 5)."""
    return Commands(*np.asarray(record, dtype=float).T)


def path_of(u: Fields) -> Path:
    """The path among the fields; TypeError if it is none."""
    path = u["path"]
    if not isinstance(path, Path):
        raise TypeError(f"expected a path, got {type(path).__name__}")
    return path


def step_of(x: Array) -> tuple[Array, Drive]:
    """Start (3, N) and drive (3, N) of steps (N, 15)."""
    xp = namespace(x)
    columns = xp.moveaxis(x, -1, 0)
    return columns[:3], Drive(*(columns[3 * i : 3 * i + 3] for i in range(1, 5)))
