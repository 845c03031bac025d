"""Flow into and out of the cylinders, and the temperature of the exhaust.

    η_vol = c_vol1 √p_im + c_vol2 √n_e + c_vol3,     W_ei = η_vol p_im n_e V_d/(120 R_a T_im)
    W_f = 10⁻⁶/120 u_δ n_e n_cyl,                    W_eo = W_ei + W_f

The exhaust leaves an ideal limited-pressure cycle at T_e, corrected by η_sc, and loses heat to the pipes:

    q = W_f q_HV (1 - x_r)/W_eo,    x_v = 1 + q/(c_pa T_1 r),    x_r = Π_e^(1/γ)/(r_c x_v),    r = r_c^(γ-1)
    T_e = η_sc Π_e^(1-1/γ) (q/(c_pa r) + T_1),       T_1 = x_r T_e + (1 - x_r) T_im,       Π_e = p_em/p_im
    T_em = T_amb + (T_e - T_amb) exp(-h_tot π d l n/(W_eo c_pe))

In the release a share x_cv = 2.3e-14 of the fuel burns at constant volume; here it is 0. T_1 and x_r are a fixed point,
of which four sweeps from T_1 = 1.05 T_im, x_r = 0.03 are taken: T_e within 1e-4 K of it at usual loads.
"""

import math
from typing import NamedTuple

from twin.arrays import Array, namespace
from twin.models.engine.clips import at_least, at_most, between
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.tilts import tilted

SWEEPS = 4
START_T1, START_X_R = 1.05, 0.03
HOTTEST, COLDEST = 1500.0, 273.0
"""[K]: clips of T_e and T_1 in the release."""


class Cylinders(NamedTuple):
    """Flows [kg/s] and temperatures [K]."""

    eta_vol: Array
    W_ei: Array
    W_f: Array
    W_eo: Array
    T_e: Array
    T_1: Array
    x_r: Array
    T_em: Array


def cylinders(
    p_im: Array, p_em: Array, T_im: Array, n_e: Array, u_delta: Array, engine: Engine, air: Ambient,
    sweeps: int = SWEEPS, cycle: tuple[Array, Array] | None = None,
) -> Cylinders:  # fmt: skip
    """All of the above; ``cycle`` is a T_1 [K] and x_r from which to sweep in place of the usual start."""
    xp = namespace(p_im)
    filling, speed, constant = engine.c_vol
    eta_vol = filling * xp.sqrt(p_im) + speed * n_e**0.5 + constant
    eta_vol = tilted(eta_vol, "tilt_vol", n_e, engine)
    W_ei = engine.k_vol * eta_vol * p_im * n_e * engine.V_d / (120.0 * engine.R_a * T_im)
    W_f = fuel_flow(n_e, u_delta, engine)
    W_eo = W_ei + W_f
    ideal = tilted(engine.eta_sc, "tilt_T_e", u_delta, engine)
    T_e, T_1, x_r = _cycle(p_em / p_im, W_f * engine.q_HV / W_eo, T_im, ideal, engine, sweeps, cycle)
    surface = math.pi * engine.d_pipe * engine.l_pipe * engine.n_pipe
    T_em = air.T_amb + (T_e - air.T_amb) * xp.exp(-engine.h_tot * surface / (W_eo * engine.c_pe))
    return Cylinders(eta_vol, W_ei, W_f, W_eo, T_e, T_1, x_r, T_em)


def fuel_flow(n_e: Array, u_delta: Array, engine: Engine) -> Array:
    """W_f [kg/s] of n_e [rpm] and u_δ [mg per cycle and cylinder]."""
    bias = engine.extensions.fuel_bias
    injected = u_delta if bias is None else u_delta * (1 + bias)
    return 1e-6 / 120.0 * injected * n_e * engine.n_cyl


def _cycle(
    Pi_e: Array, heat: Array, T_im: Array, eta_sc: Array, engine: Engine, sweeps: int,
    start: tuple[Array, Array] | None,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """T_e, T_1 and x_r; ``heat`` is W_f q_HV/W_eo [J/kg]."""
    xp = namespace(Pi_e)
    r = engine.r_c ** (engine.gam_a - 1)
    residual = Pi_e ** (1 / engine.gam_a)
    expansion = eta_sc * Pi_e / residual
    narrow = engine.softness
    T_1, x_r = (START_T1 * T_im + 0 * Pi_e, START_X_R + 0 * Pi_e) if start is None else start
    T_e = xp.zeros_like(Pi_e)
    for _ in range(sweeps):
        q = heat * (1 - x_r)
        x_v = 1 + q / (engine.c_pa * T_1 * r)
        x_r = between(residual / (engine.r_c * x_v), 0.0, 1.0, narrow * START_X_R)
        T_e = at_most(expansion * (q / (engine.c_pa * r) + T_1), HOTTEST, narrow * HOTTEST)
        T_1 = at_least(x_r * T_e + (1 - x_r) * T_im, COLDEST, narrow * COLDEST)
    return T_e, T_1, x_r
