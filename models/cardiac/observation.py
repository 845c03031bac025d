"""From a limit cycle, as fields of the phase, to what is measured of it.

The pressure trace lags the activation by a delay d, has a zero error, and passes a catheter of first order with time
constant T,

    p(t) = p₀ + ∫₀^∞ e^(-u) P_ao(t - d - T u) du,

by Gauss-Laguerre quadrature. The volume curve is scaled by the view's foreshortening.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from twin.arrays import Array, like, namespace
from twin.models.cardiac.between_valves import FIELDS, atrial, elastance
from twin.models.cardiac.groups import flow_scale, groups_of, pressure_scale
from twin.models.cardiac.indices import Beat, indices
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.piecewise import PiecewiseField, phases, trapezoid
from twin.space import Floats

SHARES = np.linspace(0.0, 1.0, 24)
"""Of each piece of a beat, where extremes and means are taken; SBP errs by 0.01 mmHg (``benchmarks.cardiac``)."""
LAGS = 8
"""Nodes of the quadrature. Its root mean square error in a nominal beat is 0.02 mmHg at time constants up to 8 ms, 0.08
at 20 ms; the upstroke errs by 0.5 mmHg at 20 ms (``test_limit_cycle.py``)."""


def beat_of(u: Mapping[str, PiecewiseField], loop: Loop) -> Beat:
    """The beat at ``SHARES`` of all pieces [mL, mmHg, mL/s]."""
    groups = groups_of(loop)
    knots = u["volume"].knots
    v, p_s, p_ao, q = (u[name].on(SHARES) for name in FIELDS)
    pressure, flow = pressure_scale(loop)[..., None], flow_scale(loop)[..., None]
    return Beat(
        V=loop.V0[..., None] + loop.SBV[..., None] * v,
        P_lv=pressure * elastance(groups, phases(knots, SHARES)) * v,
        P_la=pressure * atrial(groups, v, p_s, p_ao),
        P_s=pressure * p_s,
        P_ao=pressure * p_ao,
        Q=flow * q,
        weight=trapezoid(knots, len(SHARES)),
    )


def measured(u: Mapping[str, PiecewiseField], loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """All of ``clinic.OBSERVABLES`` at times [s] (n,) or each draw's own (*batch, n): (*batch, n, q)."""
    xp = namespace(loop.SBV)
    found = indices(beat_of(u, loop))._asdict()
    found["SBP"] = found["SBP"] + how["cuff_SBP"]
    found["DBP"] = found["DBP"] + how["cuff_DBP"]
    rows = like(times, loop.SBV)
    repeated = [xp.broadcast_to(found[name][..., None], (*loop.SBV.shape, times.shape[-1])) for name in found]
    return xp.stack([*repeated, volume_curve(u, loop, how, rows), pressure_curve(u, loop, how, rows)], axis=-1)


def volume_curve(u: Mapping[str, PiecewiseField], loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """Measured volume [mL] (*batch, n)."""
    v = u["volume"](times / loop.beat[..., None])
    return how["volume_scale"][..., None] * (loop.V0[..., None] + loop.SBV[..., None] * v)


def pressure_curve(u: Mapping[str, PiecewiseField], loop: Loop, how: Mapping[str, Array], times: Array) -> Array:
    """Measured aortic pressure [mmHg] (*batch, n)."""
    xp = namespace(loop.SBV)
    nodes, weights = (like(a, loop.SBV) for a in _laguerre())
    lag = how["delay"][..., None] + how["catheter"][..., None] * nodes
    since = times[..., None] - lag[..., None, :]
    since_start = since / loop.beat[..., None, None]
    p = u["aortic"](xp.reshape(since_start, (*loop.SBV.shape, times.shape[-1] * LAGS)))
    smooth = xp.matmul(xp.reshape(p, (*loop.SBV.shape, times.shape[-1], LAGS)), weights)
    return how["pressure_offset"][..., None] + pressure_scale(loop)[..., None] * smooth


@cache
def _laguerre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.laguerre.laggauss(LAGS)
    return nodes, weights
