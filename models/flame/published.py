"""The one-step mechanism whose constants are the nominal point: 1S_CH4_MP1 (CERFACS), CH4 + 2 O2 => CO2 + 2 H2O."""

from twin.models.flame.kinetics import CAL, Law

LEFT, RIGHT = {"CH4": 1.0, "O2": 2.0}, {"CO2": 1.0, "H2O": 2.0}
"""Its stoichiometric coefficients."""
PUBLISHED = Law(3.478505426185217e8, 0.0, 20_000 * CAL, (1.0, 0.5))
"""A = 1.1e10 in cm³, mol and s."""
T_STAR = 1650.0
"""[K] at which rates are held while Ea changes: lean methane flames tell of the rate there."""
