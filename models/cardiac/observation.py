"""From a limit cycle, as fields over the straightened phase, to what is measured of it.

The pressure trace lags the activation by a delay d, has a zero error, and passes a catheter of first order with time
constant T,

    p(t) = p₀ + ∫₀^∞ e^(-u) P_ao(t - d - T u) du,

by Gauss-Laguerre quadrature. The volume curve is scaled by the view's foreshortening.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from twin.arrays import Array, like, namespace
from twin.model import Fields
from twin.models.cardiac.activation import periodic_activation
from twin.models.cardiac.groups import Groups, flow_scale, groups_of, pressure_scale
from twin.models.cardiac.indices import Beat, indices
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.phase import phase_of, straightened
from twin.space import Floats

GRID = np.arange(256) / 256
"""Straightened phases at which extremes and means are taken."""
LAGS = 8
"""Nodes of the quadrature. Its root mean square error in a nominal beat is 0.02 mmHg at time constants up to 8 ms, 0.08
at 20 ms; the upstroke errs by 0.5 mmHg at 20 ms (``test_limit_cycle.py``)."""


def elastance(groups: Groups, phase: Array) -> Array:
    """ε(φ) = ε_min + (ε_max - ε_min) e_n (*batch, n)."""
    against = groups[..., None]
    return against.eps_min + (against.eps_max - against.eps_min) * periodic_activation(phase, against.tau)


def atrial(groups: Groups, v: Array, p_s: Array, p_ao: Array) -> Array:
    """p_la of the other states, by the stressed volume (*batch, n)."""
    g = groups[..., None]
    return (1 - v - g.g_s * p_s - g.g_a * p_ao) / g.g_r


def beat_of(u: Fields, loop: Loop) -> Beat:
    """The beat on ``GRID`` [mL, mmHg, mL/s]."""
    groups = groups_of(loop)
    phase, stretch = phase_of(like(GRID, groups.tau), groups.tau[..., None])
    v, p_s, p_ao, q = (u[name](GRID) for name in ("volume", "arterial", "aortic", "flow"))
    pressure, flow = pressure_scale(loop)[..., None], flow_scale(loop)[..., None]
    return Beat(
        V=loop.V0[..., None] + loop.SBV[..., None] * v,
        P_lv=pressure * elastance(groups, phase) * v,
        P_la=pressure * atrial(groups, v, p_s, p_ao),
        P_s=pressure * p_s,
        P_ao=pressure * p_ao,
        Q=flow * q,
        weight=stretch / len(GRID),
    )


def measured(u: Fields, loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """All of ``clinic.OBSERVABLES`` at times [s] (n,): (*batch, n, q), numbers repeated along n."""
    xp = namespace(loop.SBV)
    found = indices(beat_of(u, loop))._asdict()
    found["SBP"] = found["SBP"] + how["cuff_SBP"]
    found["DBP"] = found["DBP"] + how["cuff_DBP"]
    rows = like(times, loop.SBV)
    repeated = [xp.broadcast_to(found[name][..., None], (*loop.SBV.shape, len(times))) for name in found]
    return xp.stack([*repeated, volume_curve(u, loop, how, rows), pressure_curve(u, loop, how, rows)], axis=-1)


def volume_curve(u: Fields, loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """Measured volume [mL] (*batch, n)."""
    v = u["volume"](_straight(times / loop.beat[..., None], loop))
    return how["volume_scale"][..., None] * (loop.V0[..., None] + loop.SBV[..., None] * v)


def pressure_curve(u: Fields, loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """Measured aortic pressure [mmHg] (*batch, n)."""
    xp = namespace(loop.SBV)
    nodes, weights = (like(a, loop.SBV) for a in _laguerre())
    lag = how["delay"][..., None] + how["catheter"][..., None] * nodes
    since = times[:, None] - lag[..., None, :]
    phases = since / loop.beat[..., None, None]
    p = u["aortic"](_straight(xp.reshape(phases, (*loop.SBV.shape, len(times) * LAGS)), loop))
    smooth = xp.matmul(xp.reshape(p, (*loop.SBV.shape, len(times), LAGS)), weights)
    return how["pressure_offset"][..., None] + pressure_scale(loop)[..., None] * smooth


def _straight(phase: Array, loop: Loop) -> Array:
    """s of phases (*batch, n) of any beat."""
    return straightened(phase, groups_of(loop).tau[..., None])[0]


@cache
def _laguerre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.laguerre.laggauss(LAGS)
    return nodes, weights
