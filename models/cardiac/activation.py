"""Time-varying elastance of the left ventricle.

E(t) = E_min + (E_max - E_min) e_n(t/T_max),   T_max = 0.2 s + 0.15 T_c,   T_c = 60/HR
e_n(t) = 1.55 (t/0.7)^1.9/(1 + (t/0.7)^1.9) · 1/(1 + (t/1.17)^21.9)

Simaan et al. 2009, IEEE Trans. Control Syst. Technol. 17, 217, DOI 10.1109/TCST.2008.912123; double Hill function of
Stergiopulos et al. 1996, Am. J. Physiol. 270, H2050, DOI 10.1152/ajpheart.1996.270.6.H2050.
"""

from twin.arrays import Array

SCALE = 1.55
RISE, RISE_POWER = 0.7, 1.9
FALL, FALL_POWER = 1.17, 21.9
FIXED_DURATION = 0.2
"""[s]"""
RELATIVE_DURATION = 0.15


def peak_phase(beat: Array) -> Array:
    """τ = T_max/T_c of beats that last T_c [s]."""
    return RELATIVE_DURATION + FIXED_DURATION / beat


def activation(t: Array) -> Array:
    """e_n of time over T_max: 0 at 0, 0.99606 at most (t = 0.9972)."""
    rise = (t / RISE) ** RISE_POWER
    return SCALE * rise / (1 + rise) / (1 + (t / FALL) ** FALL_POWER)


def periodic_activation(phase: Array, tau: Array) -> Array:
    """e_n(φ/τ) - φ e_n(1/τ) of the phase φ = t/T_c in [0, 1): no jump from beat to beat.

    The residue at the beat's end is 5e-9 at 60 beats a minute, 0.003 at 150 and 0.065, more than E_min, at 180.
    """
    return activation(phase / tau) - phase * activation(1 / tau)


def activation_slope(t: Array) -> Array:
    """e_n' by time over T_max."""
    rise, fall = (t / RISE) ** RISE_POWER, (t / FALL) ** FALL_POWER
    up = RISE_POWER * (t / RISE) ** (RISE_POWER - 1) / RISE / (1 + rise) ** 2
    down = -FALL_POWER * (t / FALL) ** (FALL_POWER - 1) / FALL / (1 + fall) ** 2
    return SCALE * (up / (1 + fall) + rise / (1 + rise) * down)
