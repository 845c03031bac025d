"""Compressor.

    Π_c = max(1, p_im/p_bc),   E = Π_c^(1-1/γ) - 1,   Ψ_c = 2 c_pa T_amb E/(R_c² ω_t²)
    c_Ψ1(ω_t) (Ψ_c - c_Ψ2)² + c_Φ1(ω_t) (Φ_c - c_Φ2)² = 1,      W_c = max(10⁻⁴, k_Wc p_bc π R_c³ ω_t Φ_c/(R_a T_amb))
    η_c = k_ηc max(0.2, η_cmax - χᵀ Q_c χ),                     χ = (W_c - W_copt, (Π_c - 1)^c_π - π_copt)
    P_c = W_c c_pa T_amb E/η_c,                                 T_c = T_amb (1 + E/η_c)

c_Ψ1 >= 0 and c_Φ1 >= 0.1 are quadratic in ω_t. p_bc is the ambient pressure less what a clogged filter takes.
"""

import math
from typing import NamedTuple

from twin.arrays import Array, horner, namespace, safe_sqrt
from twin.models.engine.clips import at_least, power
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.tilts import tilted

LEAST_FLOW = 1e-4
"""[kg/s]"""
LOWEST_EFFICIENCY = 0.2


class Compressor(NamedTuple):
    """W_c [kg/s], P_c [W], T_c [K] and what they are made of."""

    Pi_c: Array
    Phi_c: Array
    W_c: Array
    eta_c: Array
    P_c: Array
    T_c: Array


def compressor(p_im: Array, w_t: Array, engine: Engine, air: Ambient) -> Compressor:
    """All of the above."""
    loss = engine.extensions.intake_loss
    p_bc = air.p_amb if loss is None else air.p_amb - loss
    Pi_c = at_least(p_im / p_bc, 1.0, engine.softness)
    E = Pi_c ** (1 - 1 / engine.gam_a) - 1
    Phi_c = _flow_coefficient(2 * engine.c_pa * air.T_amb * E / (engine.R_c * w_t) ** 2, w_t, engine)
    density = p_bc / (engine.R_a * air.T_amb)
    swept = tilted(density * math.pi * engine.R_c**3 * w_t, "tilt_Wc", w_t, engine)
    W_c = at_least(engine.k_Wc * swept * Phi_c, LEAST_FLOW, engine.softness)
    a, b = W_c - engine.W_copt, power(Pi_c - 1, engine.c_pi) - engine.pi_copt
    first, second, mixed = engine.Q_c
    eta = engine.eta_cmax - (first * a * a + 2 * mixed * a * b + second * b * b)
    kept = at_least(eta, LOWEST_EFFICIENCY, engine.softness)
    eta_c = tilted(engine.k_eta_c * kept, "tilt_eta_c", W_c, engine)
    rise = air.T_amb * E / eta_c
    return Compressor(Pi_c, Phi_c, W_c, eta_c, W_c * engine.c_pa * rise, air.T_amb + rise)


def _flow_coefficient(Psi_c: Array, w_t: Array, engine: Engine) -> Array:
    """Φ_c on the ellipse, 0 beyond it."""
    xp = namespace(w_t)
    c_Psi1 = at_least(horner(engine.c_wPsi, w_t), 0.0, engine.softness)
    c_Phi1 = at_least(horner(engine.c_wPhi, w_t), 0.1, engine.softness)
    room = at_least(1 - c_Psi1 * (Psi_c - engine.c_Psi2) ** 2, 0.0, engine.softness)
    return xp.maximum(safe_sqrt(room / c_Phi1) + engine.c_Phi2, xp.zeros_like(w_t))
