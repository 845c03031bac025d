"""One implicit stage of a porous cell by Newton's method.

Particles answer linearly to the reaction (``porous_particles.py``), so that the method sees the cell's cross-section
alone; particles whose diffusivity depends on their filling are linearised anew in every iteration. The temperature
follows by what the stage sets free, last, since a stage warms a cell by thousandths of a kelvin.
"""

from typing import NamedTuple

import numpy as np

from twin.model import Mask
from twin.models.battery.cell import arrhenius
from twin.models.battery.porous_drawn import Drawn, Stage, Unknowns
from twin.models.battery.porous_particles import Held, modes_of_a_particle
from twin.models.battery.porous_stage import equations, heating
from twin.space import Floats

Who = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
"""Indices of draws."""

ITERATIONS, AT_REST = 14, 1e-7
KELVIN = 1e-3
"""By which a change of temperature counts."""
ROOM = 0.9
"""Share of the way to an empty or full surface that one iteration may go."""
OF_SIDE = ("fill", "local", "exchange", "diffusion", "energy", "start")
OF_CELL = ("temperature", "ambient", "current", "heat_capacity", "heat_transfer", "resistance")
"""What differs from draw to draw."""
EDGE = 1e-5
"""Stoichiometry within which surfaces are held from empty and full at first."""


class Point(NamedTuple):
    """The cross-section, modes of both electrodes' particles (B, N, K + 1), the mean first, temperature [K] (B, 1)."""

    q: Unknowns
    modes: tuple[Floats, Floats]
    temperature: Floats

    def of(self, who: Who) -> "Point":
        """The draws ``who``, as copies."""
        modes = (self.modes[0][who], self.modes[1][who])
        return Point(Unknowns(*(part[who] for part in self.q)), modes, self.temperature[who])

    def write(self, who: Who, other: "Point") -> None:
        """Writes ``other`` at ``who``, in place."""
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            mine[who] = theirs

    @property
    def parts(self) -> tuple[Floats, ...]:
        """All arrays."""
        return (*self.q, *self.modes, self.temperature)


class Begun(NamedTuple):
    """What a stage begins with: its length γ Δt [s] (B, 1), ĉ (B, M), modes and temperature."""

    length: Floats
    salt: Floats
    modes: tuple[Floats, Floats]
    temperature: Floats

    def of(self, who: Who) -> "Begun":
        """The draws ``who``."""
        modes = (self.modes[0][who], self.modes[1][who])
        return Begun(self.length[who], self.salt[who], modes, self.temperature[who])


def some_of(drawn: Drawn, who: Who) -> Drawn:
    """The draws ``who``."""
    sides = [side._replace(**{name: getattr(side, name)[who] for name in OF_SIDE}) for side in drawn.sides]
    return drawn._replace(sides=(sides[0], sides[1]), **{name: getattr(drawn, name)[who] for name in OF_CELL})


def surfaces(point: Point) -> tuple[Floats, Floats]:
    """Stoichiometries at the particles' surfaces (B, N) of both electrodes."""
    reads = modes_of_a_particle()[1]
    return point.modes[0] @ reads, point.modes[1] @ reads


def solve_stage(drawn: Drawn, begun: Begun, guess: Point) -> tuple[Point, Mask]:
    """The point at the stage's end, and for which draws it is at rest; those that are take no further part."""
    found = guess.of(np.arange(len(guess.temperature)))
    met = np.zeros(len(found.temperature), dtype=bool)
    who = np.arange(len(met))
    for _ in range(ITERATIONS):
        now = found.of(who)
        after, change = _iteration(some_of(drawn, who), begun.of(who), now)
        found.write(who, after)
        met[who] = change < AT_REST
        who = who[(change >= AT_REST) & np.isfinite(change)]
        if not len(who):
            break
    return found, met


def _iteration(drawn: Drawn, begun: Begun, now: Point) -> tuple[Point, Floats]:
    """The next point and how far it is from the last (B,)."""
    drawn = drawn._replace(temperature=now.temperature)
    reads = modes_of_a_particle()[1]
    answers = []
    for side, law, held, near in zip(drawn.sides, drawn.porous.particles, begun.modes, now.modes, strict=True):
        factor = side.diffusion * arrhenius(side.energy, now.temperature, drawn.porous.cell.temperature)
        stage_of = Held(
            side.electrode, begun.length, begun.length * side.fill, held, now.temperature, factor, side.start
        )
        answers.append(law(stage_of, near))
    offset, gain = ([part @ reads for part in parts] for parts in zip(*answers, strict=True))
    stage = Stage(begun.length, begun.salt, (offset[0], offset[1]), (gain[0], gain[1]))
    q = _inside(stage, now.q)
    residual, matrix = equations(drawn, stage, q)
    broken = ~(np.isfinite(residual).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2)))
    matrix[broken], residual[broken] = np.eye(matrix.shape[-1]), np.nan
    step = -np.linalg.solve(matrix, residual[..., None])[..., 0]
    sizes = np.cumsum([part.shape[-1] for part in q])[:-1]
    share = _share(stage, q, step, sizes)[:, None]
    moved = Unknowns(*(part + more for part, more in zip(q, np.split(share * step, sizes, axis=-1), strict=True)))
    modes = (answers[0].modes(moved.reaction_n), answers[1].modes(moved.reaction_p))
    temperature = _warmed(drawn, begun, heating(drawn, stage, moved))
    change = np.maximum(np.abs(step).max(axis=1), KELVIN * np.abs(temperature - now.temperature)[:, 0])
    for new, old in zip(modes, now.modes, strict=True):
        change = np.maximum(change, np.abs(new - old).max(axis=(1, 2)))
    return Point(moved, modes, temperature), change


def _warmed(drawn: Drawn, begun: Begun, power: Floats) -> Floats:
    """T [K] (B, 1) of C_th dT/dt = power - H (T - T_ambient) over the stage."""
    rate = begun.length / drawn.heat_capacity
    return np.asarray(
        (begun.temperature + rate * (power[:, None] + drawn.heat_transfer * drawn.ambient))
        / (1 + rate * drawn.heat_transfer)
    )


def _inside(stage: Stage, q: Unknowns) -> Unknowns:
    """Reactions such that no surface is beyond empty or full."""
    found = []
    for k in range(2):
        level = np.asarray(stage.surface(k, q.reaction[k]))
        found.append(q.reaction[k] + (np.clip(level, EDGE, 1 - EDGE) - level) / stage.gain[k])
    return Unknowns(q.salt, found[0], q.start_n, found[1], q.start_p)


def _share(stage: Stage, q: Unknowns, step: Floats, sizes: Floats) -> Floats:
    """How much of the iteration (B,) keeps surfaces between empty and full, and salt above nothing."""
    parts = Unknowns(*np.split(step, sizes, axis=-1))
    share = np.ones(len(step))
    limited = [(np.asarray(stage.surface(k, q.reaction[k])), stage.gain[k] * parts.reaction[k], 1.0) for k in range(2)]
    for level, change, most in (*limited, (q.salt, parts.salt, np.inf)):
        room = np.maximum(np.where(change > 0, most - level, level), 1e-12)
        share = np.minimum(share, ROOM * (room / np.maximum(np.abs(change), 1e-300)).min(axis=1))
    return np.asarray(np.maximum(share, 1e-3))
