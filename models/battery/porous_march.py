"""A porous cell over time: implicit steps that every draw of a batch takes at its own pace.

The scheme is the L-stable, stiffly accurate SDIRK method of third order (Alexander 1977, DOI 10.1137/0714068).
Particles are the Galerkin modes of ``diffusion_levels.py``: at each stage their answer to the reaction is known in
closed form, so that Newton's method sees the cell's cross-section alone, 28 numbers. A step is 1 % of the nominal
capacity at most, and smaller where the voltage falls fast or Newton's method does not come to rest.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from twin.model import Mask
from twin.models.battery.cell import Draw
from twin.models.battery.diffusion_levels import stiffness_modes, vectors_at_surface
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_drawn import Drawn, Stage, Unknowns, drawn_of
from twin.models.battery.porous_stage import equations, voltage
from twin.space import Floats

Who = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
"""Indices of draws."""

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
FIRST, LARGEST, SMALLEST = 2e-5, 0.01, 1e-5
"""Steps as shares of the nominal capacity."""
GROWTH = 1.6
FALL = 0.03
"""Change of voltage [V] in a step that is aimed at where it falls fast."""
ITERATIONS, AT_REST = 14, 1e-7
ROOM = 0.9
"""Share of the way to an empty or full surface that one iteration may go."""
MOST = 400
"""Steps at most, where the longest is ``LARGEST``."""


class Path(NamedTuple):
    """Of B draws after each of up to m steps, NaN once a draw has ended: times [s] and voltages [V] (B, m); surface
    stoichiometries (B, m, N) and reaction currents of both electrodes, and salt (B, m, M).
    """

    time: Floats
    voltage: Floats
    surface: tuple[Floats, Floats]
    reaction: tuple[Floats, Floats]
    salt: Floats


@dataclass(eq=False)
class _State:
    """What a step begins with: modes of the particles (B, N, K + 1), the mean first, and the last unknowns."""

    modes: tuple[Floats, Floats]
    q: Unknowns


def march(porous: Porous, draw: Draw, *, until: float, layers: Layers = COARSE, largest: float = LARGEST) -> Path:
    """A constant-current discharge of every draw (B,) from rest to ``until`` [V], or to exhaustion.

    ``largest`` is the longest step as a share of the nominal capacity. ValueError for a current that is not positive.
    """
    drawn = drawn_of(porous, draw, layers)
    if np.any(drawn.current <= 0):
        raise ValueError("a march is a discharge: expected currents above 0")
    starts = [np.broadcast_to(np.asarray(v, dtype=float), drawn.current.shape[:1]) for v in
              (draw.stoichiometry_n, draw.stoichiometry_p)]  # fmt: skip
    with np.errstate(all="ignore"):
        return _walk(drawn, _rest(drawn, starts), until, largest)


def _walk(drawn: Drawn, state: _State, until: float, largest: float) -> Path:
    B = len(drawn.current)
    share, spent, alive = np.full(B, FIRST), np.zeros(B), np.ones(B, dtype=bool)
    last = np.full(B, np.nan)
    rows: list[tuple[Floats, ...]] = []
    for _ in range(int(MOST * max(1.0, LARGEST / largest))):
        who = np.flatnonzero(alive)
        if not len(who):
            break
        some = _some(drawn, who)
        after, surface, met = _step(some, _part(state, who), 3600 * share[who, None] / some.current)
        volts = np.asarray(voltage(some, after.q))
        fall = np.abs(volts - last[who])
        good = met & np.isfinite(volts) & ~(fall > 2 * FALL)
        _replace(state, who[good], after, good)
        spent[who[good]] += share[who[good]]
        last[who[good]] = volts[good]
        rows.append(_row(B, who[good], spent, drawn, volts[good], [s[good] for s in surface], after.q, good))
        wanted = np.where(np.isfinite(fall), FALL / np.maximum(fall, 1e-9), GROWTH)
        share[who] *= np.where(good, np.clip(wanted, 0.5, GROWTH), 0.4)
        share = np.minimum(share, largest)
        alive[who[good]] &= volts[good] > until
        alive &= share > SMALLEST
    return _path(rows)


def _step(drawn: Drawn, state: _State, dt: Floats) -> tuple[_State, list[Floats], Mask]:
    """One step Δt [s] (B, 1): the state after it, surfaces, and who came to rest in every stage."""
    values, reads, drives = _particle()
    q, met = state.q, np.ones(len(dt), dtype=bool)
    salt_slopes: list[Floats] = []
    mode_slopes: list[list[Floats]] = []
    modes = list(state.modes)
    surface: list[Floats] = []
    length = GAMMA * dt
    for row in SCHEME:
        before = state.q.salt + dt * sum((a * k for a, k in zip(row, salt_slopes, strict=False)), start=0.0)
        held = [
            state.modes[k] + dt[..., None] * sum((a * s[k] for a, s in zip(row, mode_slopes, strict=False)), start=0.0)
            for k in range(2)
        ]
        kept = [1 / (1 + length * side.rate * values) for side in drawn.sides]
        offset = [np.einsum("bnm,bm->bn", held[k], kept[k] * reads) for k in range(2)]
        gain = [length * side.fill * np.sum(kept[k] * reads * drives, axis=1, keepdims=True)
                for k, side in enumerate(drawn.sides)]  # fmt: skip
        stage = Stage(length, before, (offset[0], offset[1]), (gain[0], gain[1]))
        q, rested = _newton(drawn, stage, q)
        met &= rested
        modes = [
            kept[k][:, None, :] * (held[k] + (length * side.fill)[..., None] * q.reaction[k][..., None] * drives)
            for k, side in enumerate(drawn.sides)
        ]
        surface = [np.asarray(stage.surface(k, q.reaction[k])) for k in range(2)]
        salt_slopes.append((q.salt - before) / length)
        mode_slopes.append([(modes[k] - held[k]) / length[..., None] for k in range(2)])
    return _State((modes[0], modes[1]), q), surface, met


def _newton(drawn: Drawn, stage: Stage, q: Unknowns) -> tuple[Unknowns, Mask]:
    """The unknowns at the stage, and for which draws they are at rest; those that are take no further part."""
    sizes = np.cumsum([part.shape[-1] for part in q])[:-1]
    found = _inside(stage, q)
    met = np.zeros(len(q.salt), dtype=bool)
    who = np.arange(len(met))
    for _ in range(ITERATIONS):
        some, now = _some_stage(stage, who), Unknowns(*(part[who] for part in found))
        residual, matrix = equations(_some(drawn, who), some, now)
        broken = ~(np.isfinite(residual).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2)))
        matrix[broken], residual[broken] = np.eye(matrix.shape[-1]), np.nan
        step = -np.linalg.solve(matrix, residual[..., None])[..., 0]
        change = np.abs(step).max(axis=1)
        moved = np.split(step * _limit(some, now, step, sizes)[:, None], sizes, axis=-1)
        for part, more in zip(found, moved, strict=True):
            part[who] += more
        met[who] = change < AT_REST
        who = who[(change >= AT_REST) & np.isfinite(change)]
        if not len(who):
            break
    return found, met


def _limit(stage: Stage, q: Unknowns, step: Floats, sizes: Floats) -> Floats:
    """How much of the iteration (B,) keeps surfaces between empty and full, and salt above nothing."""
    parts = Unknowns(*np.split(step, sizes, axis=-1))
    share = np.ones(len(step))
    limited = [(np.asarray(stage.surface(k, q.reaction[k])), stage.gain[k] * parts.reaction[k], 1.0) for k in range(2)]
    for level, change, most in (*limited, (q.salt, parts.salt, np.inf)):
        room = np.maximum(np.where(change > 0, most - level, level), 1e-12)
        share = np.minimum(share, ROOM * (room / np.maximum(np.abs(change), 1e-300)).min(axis=1))
    return np.asarray(np.maximum(share, 1e-3))


def _inside(stage: Stage, q: Unknowns) -> Unknowns:
    """The guess, with reactions such that no surface is beyond empty or full."""
    found = []
    for k in range(2):
        level = np.asarray(stage.surface(k, q.reaction[k]))
        found.append(q.reaction[k] + (np.clip(level, 1e-5, 1 - 1e-5) - level) / stage.gain[k])
    return Unknowns(q.salt.copy(), found[0], q.start_n.copy(), found[1], q.start_p.copy())


def _rest(drawn: Drawn, starts: list[Floats]) -> _State:
    modes, reactions, potentials = [], [], []
    values, _, _ = _particle()
    for side, start, layer in zip(drawn.sides, starts, drawn.layers.each[::2], strict=True):
        filled = np.zeros((len(start), len(layer.xi), len(values)))
        filled[..., 0] = start[:, None]
        i0 = side.exchange * side.electrode.exchange_current_density(start[:, None], drawn.temperature)
        reaction = drawn.current + 0 * filled[..., 0]
        bent = np.arcsinh(side.local * drawn.current / (2 * i0))
        potentials.append(side.electrode.open_circuit_potential(start[:, None]) - side.sign * drawn.thermal * bent)
        modes.append(filled)
        reactions.append(reaction)
    salt = np.ones((len(drawn.current), drawn.layers.points))
    return _State((modes[0], modes[1]), Unknowns(salt, reactions[0], potentials[0], reactions[1], potentials[1]))


def _particle() -> tuple[Floats, Floats, Floats]:
    """Of the mean and the modes of a particle: eigenvalues, shares in the surface, and how a unit flux drives them."""
    values, vectors = stiffness_modes()[0], vectors_at_surface()
    return np.append(0.0, values), np.append(1.0, vectors), np.append(1.0, vectors / 3)


def _some(drawn: Drawn, who: Who) -> Drawn:
    """The draws ``who``."""
    sides = [
        side._replace(**{name: getattr(side, name)[who] for name in ("fill", "local", "exchange", "rate")})
        for side in drawn.sides
    ]
    return drawn._replace(sides=(sides[0], sides[1]), temperature=drawn.temperature[who], current=drawn.current[who])


def _some_stage(stage: Stage, who: Who) -> Stage:
    """The same of a stage."""
    offset, gain = ((part[0][who], part[1][who]) for part in (stage.offset, stage.gain))
    return Stage(stage.length[who], stage.salt[who], offset, gain)


def _part(state: _State, who: Who) -> _State:
    return _State((state.modes[0][who], state.modes[1][who]), Unknowns(*(part[who] for part in state.q)))


def _replace(state: _State, who: Who, after: _State, good: Mask) -> None:
    """Writes the good ones among ``after`` at ``who``."""
    for old, new in zip((*state.modes, *state.q), (*after.modes, *after.q), strict=True):
        old[who] = new[good]


def _row(
    B: int, who: Who, spent: Floats, drawn: Drawn, volts: Floats, surface: list[Floats], q: Unknowns, good: Mask
) -> tuple[Floats, ...]:
    times = 3600 * spent[who] / drawn.current[who, 0]
    found = []
    for values in (times, volts, *surface, q.reaction_n[good], q.reaction_p[good], q.salt[good]):
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
    time, volts, y_n, y_p, j_n, j_p, salt = packed
    return Path(time, volts, (y_n, y_p), (j_n, j_p), salt)
