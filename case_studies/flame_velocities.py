"""Measured burning velocities of lean methane flames, typed in: what ``twin demo flame`` calibrates on.

Bosschaart and de Goey, heat flux burner, methane in air at 298 K and 1 atm (Combust. Flame 132, 170, 2003, or 136, 261,
2004: which of the two these points are from is not settled). No error of single points is stated; heat flux burners are
good to 0.5 to 0.8 cm/s, and the larger is taken.
"""

from pathlib import Path

LEAN = (
    (0.6000, 7.888), (0.6498, 11.18), (0.7009, 15.155), (0.7507, 20.0),
    (0.8005, 23.665), (0.8503, 27.95), (0.9001, 31.304), (0.9499, 34.037),
)  # fmt: skip
"""φ and S_L [cm/s]."""
SIGMA = 0.8
"""[cm/s], assumed."""
SOURCE = (
    "MEASURED data: burning velocities of lean methane flames (Bosschaart and de Goey, heat flux burner, 298 K, "
    "1 atm), with errors of 0.8 cm/s assumed"
)


def write_table(path: Path) -> None:
    """The points as a table that ``twin calibrate flame_free`` reads."""
    rows = [f"{phi:.4f},{velocity:g},{SIGMA:g}" for phi, velocity in LEAN]
    path.write_text("\n".join(["phi,S_L_cm_s,sigma_cm_s", *rows]) + "\n")
