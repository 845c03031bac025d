"""Torque of the crankshaft.

    4π M_e = W_ig - V_d (p_em - p_im) - V_d 10⁵ (c_fr1 N² + c_fr2 N + c_fr3),     N = n_e/1000
    W_ig = η_igch min(1, λ_O) (1 - r_c^(1-γ_c)) u_δ 10⁻⁶ n_cyl q_HV

The factor min(1, λ_O), without which fuel would burn for which there is no oxygen, is the release's, not the paper's.
"""

import math

from twin.arrays import Array, horner
from twin.models.engine.clips import at_most
from twin.models.engine.constants import Engine

PUMPING = 0.15e5
"""[Pa] p_em - p_im that is assumed where neither is known."""


def torque(p_im: Array, p_em: Array, n_e: Array, u_delta: Array, lambda_O: Array, engine: Engine) -> Array:
    """M_e [N m]."""
    bias = engine.extensions.fuel_bias
    injected = u_delta if bias is None else u_delta * (1 + bias)
    indicated = _work_per_fuel(engine) * injected * at_most(lambda_O, 1.0, engine.softness)
    return (indicated - engine.V_d * (p_em - p_im) - _friction(n_e, engine)) / (4 * math.pi)


def fuel_for(M_e: Array, n_e: Array, engine: Engine) -> Array:
    """u_δ [mg] for a torque [N m] with oxygen enough and usual pumping losses."""
    return (4 * math.pi * M_e + engine.V_d * PUMPING + _friction(n_e, engine)) / _work_per_fuel(engine)


def _work_per_fuel(engine: Engine) -> float:
    """[J/mg]"""
    efficiency = engine.eta_igch * (1 - engine.r_c ** (1 - engine.gam_c))
    return float(efficiency * 1e-6 * engine.n_cyl * engine.q_HV)


def _friction(n_e: Array, engine: Engine) -> Array:
    """[J] per cycle."""
    return engine.V_d * 1e5 * horner(engine.c_fr, n_e / 1000.0)
