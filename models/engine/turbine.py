"""Turbine with variable geometry.

    W_t = A_vgtmax p_em f_Π f_vgt/√(T_em R_e),    f_Π = √(1 - Π_t^K_t),    Π_t = min(p_es/p_em, 0.9999)
    f_vgt = max(0, c_f2 + c_f1 √max(0, 1 - ((u_vgt - c_vgt2)/c_vgt1)²))
    BSR = clip(R_t ω_t/√(2 c_pe T_em (1 - Π_t^(1-1/γ))), 0, 2 BSR_opt)
    η_tm = clip(η_tmmax - c_m(ω_t) (BSR - BSR_opt)², 0.2, 1),     P_tm = η_tm W_t c_pe T_em (1 - Π_t^(1-1/γ))

c_m = c_m1 (ω_t - c_m2)^c_m3 from ω_tlin on, below linear, so that its slope stays finite. η_tm includes the mechanical
efficiency of the turbocharger.
"""

from typing import NamedTuple

from twin.arrays import Array, namespace, safe_sqrt
from twin.models.engine.clips import at_least, at_most, between, power
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.tilts import tilted

CLOSED = 0.9999
LOWEST_EFFICIENCY = 0.2
BACK_PRESSURE_SWEEPS = 4


class Turbine(NamedTuple):
    """W_t [kg/s], P_tm [W] and what they are made of."""

    Pi_t: Array
    W_t: Array
    BSR: Array
    c_m: Array
    eta_tm: Array
    P_tm: Array


def turbine(p_em: Array, w_t: Array, T_em: Array, f_vgt: Array, engine: Engine, air: Ambient) -> Turbine:
    """All of the above; ``f_vgt`` is the vanes' opening."""
    xp = namespace(p_em)
    area = engine.A_vgtmax * f_vgt / xp.sqrt(T_em * engine.R_e)
    Pi_t, W_t = _flow(p_em, area, engine, air)
    drop = 1 - Pi_t ** (1 - 1 / engine.gam_e)
    energy = engine.c_pe * T_em * drop
    BSR = between(engine.R_t * w_t / xp.sqrt(2 * energy), 0.0, 2 * engine.BSR_opt, engine.softness)
    c_m = _curvature(w_t, engine)
    eta = between(engine.eta_tmmax - c_m * (BSR - engine.BSR_opt) ** 2, LOWEST_EFFICIENCY, 1.0, engine.softness)
    eta_tm = tilted(engine.k_eta_t * eta, "tilt_eta_t", BSR, engine)
    return Turbine(Pi_t, W_t, BSR, c_m, eta_tm, eta_tm * W_t * energy)


def vane_opening(position: Array, engine: Engine) -> Array:
    """f_vgt of the vanes' position [%]."""
    height, offset = engine.c_f
    half, middle = engine.c_vgt
    arc = safe_sqrt(1 - ((position - middle) / half) ** 2)
    return at_least(offset + height * arc, 0.0, engine.softness)


def _flow(p_em: Array, area: Array, engine: Engine, air: Ambient) -> tuple[Array, Array]:
    """Π_t and W_t, with the back pressure that the flow itself makes if there is any."""
    resistance = engine.extensions.back_pressure
    p_es, sweeps = air.p_amb, 1 if resistance is None else BACK_PRESSURE_SWEEPS
    for _ in range(sweeps):
        Pi_t = at_most(p_es / p_em, CLOSED, engine.softness)
        W_t = area * p_em * safe_sqrt(1 - Pi_t**engine.K_t)
        if resistance is not None:
            p_es = air.p_amb + resistance * W_t**2
    return Pi_t, W_t


def _curvature(w_t: Array, engine: Engine) -> Array:
    """c_m."""
    xp = namespace(w_t)
    factor, edge, exponent = engine.c_m
    fast = factor * power(w_t - edge, exponent)
    slow = engine.c_mlin * at_least(w_t - edge, 0.0) / (engine.w_tlin - edge)
    return xp.where(w_t >= engine.w_tlin, fast, slow)
