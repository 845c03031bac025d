"""Instants that the valves themselves agree with, by Newton's method.

A mitral valve closes and opens where p_la = p_lv, an aortic one where p_lv = p_ao, both seen from the piece before. An
instant hardly moves the pressures that decide another (``between_valves.py``), so each is corrected by its own slope,

    δ = -gap/gap',      gap = p_la - p_lv or p_lv - p_ao.

From typical instants three such corrections leave 1e-5 of a beat in half of the patients, 4e-4 in 95 of 100. What a
network saves is these; ``case_studies.benchmarks.cardiac`` shows what each is worth.
"""

from collections.abc import Mapping

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.cardiac.activation import activation, activation_slope
from twin.models.cardiac.between_valves import FIELDS, atrial, beat_between, elastance, equations
from twin.models.cardiac.groups import Groups
from twin.models.cardiac.instants import AORTIC, LAST, MITRAL, NAMES, Instants, instants, instants_at
from twin.models.cardiac.piecewise import PiecewiseField

IS_MITRAL = np.array([True, False, False, True])
"""Which valve each instant is of."""
DIRECTION = np.array([-1.0, 1.0, -1.0, 1.0])
"""Signs of the gaps' slopes at their instants."""
LARGEST = 0.1
"""Most that an instant is moved, in T_max."""
LEAST = 1e-4
"""Shortest piece between two instants, in beats."""


def gaps(groups: Groups, u: Mapping[str, PiecewiseField]) -> tuple[Array, Array]:
    """Pressure drops across the valves at the four instants, before they come, and their slopes: (*batch, 4) each."""
    xp = namespace(groups.tau)
    last = [[u[name].values[..., p, -1] for p in LAST] for name in FIELDS]
    y = xp.stack([xp.stack(row, axis=-1) for row in last], axis=-1)
    phase = instants_at(u["volume"].knots).stack()
    eps = elastance(groups, phase)
    pieces = list(LAST)
    dy = equations(groups, eps, MITRAL[pieces], AORTIC[pieces]).slope(y)
    g = groups[..., None]
    rise = activation_slope(phase / g.tau) / g.tau - activation(1 / g.tau)
    v, p_s, p_ao = (y[..., i] for i in range(3))
    dv, dp_s, dp_ao = (dy[..., i] for i in range(3))
    p_lv, dp_lv = eps * v, (g.eps_max - g.eps_min) * rise * v + eps * dv
    p_la, dp_la = atrial(groups, v, p_s, p_ao), -(dv + g.g_s * dp_s + g.g_a * dp_ao) / g.g_r
    mitral = like(IS_MITRAL, phase) != 0
    return xp.where(mitral, p_la - p_lv, p_lv - p_ao), xp.where(mitral, dp_la - dp_lv, dp_lv - dp_ao)


def corrections(groups: Groups, u: Mapping[str, PiecewiseField]) -> Array:
    """δ of the four instants (*batch, 4), held within ``LARGEST``."""
    xp = namespace(groups.tau)
    gap, slope = gaps(groups, u)
    most = LARGEST * groups.tau[..., None]
    step = gap / (like(-DIRECTION, gap) * xp.abs(slope))
    bounded = xp.minimum(xp.maximum(step, -most), most)
    return xp.where(xp.isfinite(bounded), bounded, xp.zeros_like(bounded))


def settled(groups: Groups, rounds: int) -> tuple[Instants, dict[str, PiecewiseField], Array]:
    """The limit cycle after ``rounds`` corrections of typical instants, and the largest correction left (*batch,)."""
    xp = namespace(groups.tau)
    when = instants(groups.tau[..., None] * like(np.zeros(4), groups.tau), groups.tau)
    for _ in range(rounds):
        when = moved(when, corrections(groups, beat_between(groups, when)))
    u = beat_between(groups, when)
    return when, u, xp.max(xp.abs(corrections(groups, u)), axis=-1)


def moved(when: Instants, step: Array) -> Instants:
    """Instants moved by steps (*batch, 4), kept in order and in the beat."""
    xp = namespace(step)
    found, low = [], 0 * step[..., 0]
    for i, phase in enumerate(vars(when).values()):
        low = low + LEAST
        high = 1 - (len(NAMES) - i) * LEAST + 0 * low
        low = xp.minimum(xp.maximum(phase + step[..., i], low), high)
        found.append(low)
    return Instants(*found)
