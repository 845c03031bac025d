"""A porous cell over time: implicit steps that every draw of a batch takes at its own pace.

The scheme is the L-stable, stiffly accurate SDIRK method of third order (Alexander 1977, DOI 10.1137/0714068).
Particles are the Galerkin modes of ``diffusion_levels.py``; Newton's method (``porous_newton.py``) sees the cell's
cross-section alone, 28 numbers. A step is 1 % of the nominal capacity at most, and smaller where the voltage falls fast
or Newton's method does not come to rest.
"""

from typing import NamedTuple

import numpy as np

from twin.arrays import Array
from twin.model import Mask
from twin.models.battery.cell import Draw
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_drawn import Drawn, Unknowns, drawn_of
from twin.models.battery.porous_newton import Begun, Point, Who, solve_stage, some_of, surfaces
from twin.models.battery.porous_particles import modes_of_a_particle
from twin.models.battery.porous_stage import voltage
from twin.space import Floats

GAMMA = 0.43586652150845899942
"""The root of γ³ - 3 γ² + 3 γ/2 - 1/6 that makes the scheme L-stable."""
SCHEME = np.array(
    [
        [GAMMA, 0.0, 0.0],
        [(1 - GAMMA) / 2, GAMMA, 0.0],
        [(-6 * GAMMA**2 + 16 * GAMMA - 1) / 4, (6 * GAMMA**2 - 20 * GAMMA + 5) / 4, GAMMA],
    ]
)
COARSE = Layers()
FIRST, LARGEST, SMALLEST = 1e-6, 0.01, 1e-6
"""Steps as shares of the nominal capacity."""
GROWTH = 1.6
FALL = 0.03
"""Change of voltage [V] in a step that is aimed at where it falls fast."""
MOST = 400
"""Steps at most, where the longest is ``LARGEST``."""


class Path(NamedTuple):
    """Of B draws after each of up to m steps, NaN once a draw has ended: times [s], voltages [V] and temperatures [K]
    (B, m); surface stoichiometries (B, m, N) and reaction currents of both electrodes, and salt (B, m, M).
    """

    time: Floats
    voltage: Floats
    temperature: Floats
    surface: tuple[Floats, Floats]
    reaction: tuple[Floats, Floats]
    salt: Floats


def march(
    porous: Porous, draw: Draw, *, until: float, charge: float = np.inf, layers: Layers = COARSE,
    largest: float = LARGEST,
) -> Path:  # fmt: skip
    """A constant-current discharge of every draw (B,) from rest to ``until`` [V], or to exhaustion.

    The voltage is that without series resistance. A discharge ends at the latest where ``charge`` nominal capacities
    have passed; ``largest`` is the longest step in the same unit. ValueError for a current that is not positive.
    """
    drawn = drawn_of(porous, draw, layers)
    if np.any(drawn.current <= 0):
        raise ValueError("a march is a discharge: expected currents above 0")
    with np.errstate(all="ignore"):
        return walk(drawn, at_rest(drawn), drawn.current[:, 0], until=until, charge=charge, largest=largest)


def walk(
    drawn: Drawn, point: Point, pace: Floats, *, until: float, charge: Array | float, largest: float = LARGEST
) -> Path:
    """Steps of every draw from ``point``, which is left where each ends. In an hour at ``pace`` (B,) [C-rate] one
    nominal capacity passes; what ``charge`` (B,) and ``largest`` are shares of.
    """
    B = len(drawn.current)
    share, spent, alive = np.full(B, FIRST), np.zeros(B), np.ones(B, dtype=bool)
    last = np.full(B, np.nan)
    rows: list[tuple[Floats, ...]] = []
    for _ in range(int(MOST * max(1.0, LARGEST / largest))):
        who = np.flatnonzero(alive)
        if not len(who):
            break
        some = some_of(drawn, who)
        after, met = _step(some, point.of(who), 3600 * share[who, None] / pace[who, None])
        volts = np.asarray(voltage(some._replace(temperature=after.temperature), after.q))
        fall = np.abs(volts - last[who])
        good = met & np.isfinite(volts) & ~(fall > 2 * FALL)
        kept, reached = who[good], after.of(np.flatnonzero(good))
        point.write(kept, reached)
        spent[kept] += share[kept]
        last[kept] = volts[good]
        rows.append(_row(B, kept, 3600 * spent[kept] / pace[kept], volts[good], reached))
        wanted = np.where(np.isfinite(fall), FALL / np.maximum(fall, 1e-9), GROWTH)
        share[who] *= np.where(good, np.clip(wanted, 0.5, GROWTH), 0.4)
        share = np.minimum(np.minimum(share, largest), charge - spent)
        alive[kept] &= volts[good] > until
        alive &= share > SMALLEST
    return _path(rows)


def _step(drawn: Drawn, point: Point, dt: Floats) -> tuple[Point, Mask]:
    """One step Δt [s] (B, 1): the point after it, and who came to rest in every stage."""
    at, met = point, np.ones(len(dt), dtype=bool)
    length = GAMMA * dt
    slopes: list[tuple[Floats, Floats, Floats, Floats]] = []
    begin = (point.q.salt, *point.modes, point.temperature)
    for row in SCHEME:
        so_far = [
            start + sum((a * _against(dt, s[k]) * s[k] for a, s in zip(row, slopes, strict=False)), start=0.0)
            for k, start in enumerate(begin)
        ]
        begun = Begun(length, so_far[0], (so_far[1], so_far[2]), so_far[3])
        at, rested = solve_stage(drawn, begun, at)
        met &= rested
        ends = (at.q.salt, *at.modes, at.temperature)
        found = [(end - start) / _against(length, end) for end, start in zip(ends, so_far, strict=True)]
        slopes.append((found[0], found[1], found[2], found[3]))
    return at, met


def _against(column: Floats, values: Floats) -> Floats:
    """(B, 1) with as many axes as ``values``."""
    return column.reshape(len(column), *[1] * (values.ndim - 1))


def at_rest(drawn: Drawn) -> Point:
    """Every particle as filled as at the start, the current just switched on."""
    modes, reactions, potentials = [], [], []
    count = len(modes_of_a_particle()[0])
    for side, layer in zip(drawn.sides, drawn.layers.each[::2], strict=True):
        filled = np.zeros((len(side.start), len(layer.xi), count))
        filled[..., 0] = side.start
        i0 = side.exchange * side.electrode.exchange_current_density(side.start, drawn.temperature)
        bent = np.arcsinh(side.local * drawn.current / (2 * i0))
        rested = side.electrode.potential_at(side.start, drawn.temperature, drawn.porous.cell.temperature)
        potentials.append(rested - side.sign * drawn.thermal * bent)
        modes.append(filled)
        reactions.append(drawn.current + 0 * filled[..., 0])
    salt = np.ones((len(drawn.current), drawn.layers.points))
    q = Unknowns(salt, reactions[0], potentials[0], reactions[1], potentials[1])
    return Point(q, (modes[0], modes[1]), np.array(drawn.temperature))


def _row(B: int, who: Who, times: Floats, volts: Floats, point: Point) -> tuple[Floats, ...]:
    found = []
    q = point.q
    for values in (
        times, volts, point.temperature[:, 0], *surfaces(point), q.reaction_n, q.reaction_p, q.salt
    ):  # fmt: skip
        row = np.full((B, *values.shape[1:]), np.nan)
        row[who] = values
        found.append(row)
    return tuple(found)


def _path(rows: list[tuple[Floats, ...]]) -> Path:
    """Steps of all draws, those that a draw did not take left out and its own moved together."""
    columns = [np.stack(column, axis=1) for column in zip(*rows, strict=True)]
    taken = np.isfinite(columns[0])
    order = np.argsort(~taken, axis=1, kind="stable")
    longest = int(taken.sum(axis=1).max())
    packed = [np.take_along_axis(c, order if c.ndim == 2 else order[..., None], axis=1)[:, :longest] for c in columns]
    time, volts, temperature, y_n, y_p, j_n, j_p, salt = packed
    return Path(time, volts, temperature, (y_n, y_p), (j_n, j_p), salt)
