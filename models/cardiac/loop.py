"""Left ventricle and five-element windkessel as a closed loop, with or without an assist pump.

With D the valves' law, P_lv = E(t) x and x = V - V0 the stressed volume,

    x'    = D(P_la - P_lv)/R_m - D(P_lv - P_ao)/R_a - q
    P_la' = (P_s - P_la)/(R_s C_r) - D(P_la - P_lv)/(C_r R_m)
    P_s'  = (P_la - P_s)/(R_s C_s) + Q/C_s
    P_ao' = -Q/C_a + D(P_lv - P_ao)/(C_a R_a) + q/C_a
    Q'    = (P_ao - P_s - R_c Q)/L_s

q is the pump's flow (``pump.py``), 0 without one. The stressed blood volume

    SBV = x + C_r P_la + C_s P_s + C_a P_ao

stays what it is, so it is a parameter, and the limit cycle forgets every other initial value. Simaan et al. 2009, IEEE
Trans. Control Syst. Technol. 17, 217, DOI 10.1109/TCST.2008.912123 (which starts from a volume instead).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from twin.arrays import Array

Valve = Callable[[Array], Array]

START_PRESSURE = 75.0
"""Arterial pressure [mmHg] from which solvers look for the limit cycle, which forgets it."""


@dataclass(frozen=True, eq=False)
class Loop:
    """Parameters of one patient, numbers or arrays of one shape.

    Elastances [mmHg/mL], volumes [mL], resistances [mmHg s/mL], compliances [mL/mmHg], inertance [mmHg s²/mL], heart
    rate [1/min].
    """

    HR: Array
    Emax: Array
    Emin: Array
    V0: Array
    SBV: Array
    Rs: Array
    Cs: Array
    Rc: Array
    Ls: Array
    Ca: Array
    Rm: Array
    Ra: Array
    Cr: Array

    @property
    def beat(self) -> Array:
        """T_c [s]."""
        return 60.0 / self.HR


class State(NamedTuple):
    """x [mL], P_la, P_s, P_ao [mmHg], Q [mL/s]."""

    x: Array
    P_la: Array
    P_s: Array
    P_ao: Array
    Q: Array


def rates(state: State, P_lv: Array, loop: Loop, valve: Valve, pump: Array = 0.0) -> State:
    """Time derivatives of the state; ``pump`` is the pump's flow [mL/s]."""
    P_la, P_s, P_ao, Q = state[1:]
    filling = valve(P_la - P_lv) / loop.Rm
    ejection = valve(P_lv - P_ao) / loop.Ra
    back = (P_s - P_la) / loop.Rs
    return State(
        x=filling - ejection - pump,
        P_la=(back - filling) / loop.Cr,
        P_s=(Q - back) / loop.Cs,
        P_ao=(ejection + pump - Q) / loop.Ca,
        Q=(P_ao - P_s - loop.Rc * Q) / loop.Ls,
    )


def stressed_volume(state: State, loop: Loop) -> Array:
    """SBV [mL] of a state."""
    return state.x + loop.Cr * state.P_la + loop.Cs * state.P_s + loop.Ca * state.P_ao
