"""What a clinician reads off a beat.

EDV = max V, ESV = min V, SV = EDV - ESV, EF = 100 SV/EDV; SBP, DBP the extremes of P_ao; MAP the time mean of P_s; CO
the time mean of the flow Q into the bed; LVEDP = P_lv at the start of activation; Pla the time mean of P_la; SW the
area of the pressure-volume loop.
"""

from typing import NamedTuple

from twin.arrays import Array, namespace

MMHG_ML = 1.333e-4
"""[J]"""
LITRES_PER_MINUTE = 0.06
"""of 1 mL/s"""


class Beat(NamedTuple):
    """A beat at n phases of [0, 1): volume [mL], pressures [mmHg], flow [mL/s], each (*batch, n)."""

    V: Array
    P_lv: Array
    P_la: Array
    P_s: Array
    P_ao: Array
    Q: Array
    weight: Array
    """Share of the period that each phase stands for, one in all (*batch, n) or (n,)."""


class Indices(NamedTuple):
    """Volumes [mL], fractions [%], pressures [mmHg], flow [L/min], work [J], each (*batch,)."""

    EDV: Array
    ESV: Array
    SV: Array
    EF: Array
    SBP: Array
    DBP: Array
    MAP: Array
    LVEDP: Array
    Pla: Array
    CO: Array
    SW: Array


def indices(beat: Beat) -> Indices:
    """The numbers of each beat."""
    xp = namespace(beat.V)
    EDV, ESV = xp.max(beat.V, axis=-1), xp.min(beat.V, axis=-1)

    def mean(values: Array) -> Array:
        return xp.sum(beat.weight * values, axis=-1)

    return Indices(
        EDV=EDV,
        ESV=ESV,
        SV=EDV - ESV,
        EF=100 * (EDV - ESV) / EDV,
        SBP=xp.max(beat.P_ao, axis=-1),
        DBP=xp.min(beat.P_ao, axis=-1),
        MAP=mean(beat.P_s),
        LVEDP=beat.P_lv[..., 0],
        Pla=mean(beat.P_la),
        CO=LITRES_PER_MINUTE * mean(beat.Q),
        SW=MMHG_ML * loop_area(beat.V, beat.P_lv),
    )


def loop_area(V: Array, P: Array) -> Array:
    """-∮ P dV [mmHg mL] of a closed polygon (*batch, n): the work that the ventricle does on the blood."""
    xp = namespace(V)
    after_V, after_P = xp.roll(V, -1, axis=-1), xp.roll(P, -1, axis=-1)
    return -0.5 * xp.sum((P + after_P) * (after_V - V), axis=-1)
