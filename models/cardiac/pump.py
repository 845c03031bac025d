"""A continuous-flow assist pump from ventricle to aortic root (LVAD), of speed w.

    (L_i + L_o - b1) q' = P_lv - P_ao - (R_i + R_o + R_k - b0) q + b2 w²,
    R_k = 3.5 max(1 mmHg - P_lv, 0)            (suction)

Simaan et al. 2009, IEEE Trans. Control Syst. Technol. 17, 217, DOI 10.1109/TCST.2008.912123; pump constants there
attributed to Choi 1997. The branch scales with nothing: neither symmetry of ``groups.py`` holds with a pump.
"""

from dataclasses import dataclass

from twin.arrays import Array
from twin.models.cardiac.loop import Valve

SUCTION = 3.5
"""[s/mL]"""
SUCTION_PRESSURE = 1.0
"""[mmHg]"""
START = 50.0
"""Flow at which the pump is switched on [mL/s]."""


@dataclass(frozen=True)
class Pump:
    """Cannulae (R [mmHg s/mL], L [mmHg s²/mL] of inflow and outflow) and the pump's head curve."""

    R_i: float = 0.0677
    R_o: float = 0.0677
    L_i: float = 0.0127
    L_o: float = 0.0127
    b0: float = -0.296
    """[mmHg s/mL]"""
    b1: float = -0.027
    """[mmHg s²/mL]"""
    b2: float = 9.9025e-7
    """[mmHg/rpm²]"""

    def rate(self, flow: Array, P_lv: Array, P_ao: Array, speed: Array, positive: Valve) -> Array:
        """q' [mL/s²] at a speed [rpm]; ``positive`` is max(·, 0)."""
        resistance = self.R_i + self.R_o + SUCTION * positive(SUCTION_PRESSURE - P_lv) - self.b0
        return (P_lv - P_ao - resistance * flow + self.b2 * speed**2) / (self.L_i + self.L_o - self.b1)


SIMAAN = Pump(b0=-0.17070, b1=-0.02177)
"""The other published head curve (Simaan et al. 2009)."""
