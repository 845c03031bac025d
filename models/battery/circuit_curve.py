"""Open-circuit voltage of a cell whose materials nobody knows.

A circuit needs the voltage U of the cell at rest as a function of the charge passed since a rest at a known voltage.
Two such curves stand here: one over the whole range of a discharge, and a straight line for the short way of a pulse.

Whole range, with the state of charge s = 1 where U = U_full and s = 0 where U = U_empty:

    U(s) = U_p + (U_full - U_p) sᵇ - (U_p - U_empty) κ(s),
    κ(s) = [(1 + s/w)⁻² - (1 + 1/w)⁻²]/[1 - (1 + 1/w)⁻²]

A bent plateau that would end at the voltage U_p, minus a knee of width w. Both rise with s: a rested voltage has
one state of charge. The ends are exact, so that Q means one thing whatever the shape. Published curves, such as the
three terms of Zhang et al. 2016, Energies 9, 900, DOI 10.3390/en9110900, have six free numbers, of which one discharge
leaves several open, and no end at s = 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twin.arrays import Array, detached, floored, like, namespace

Values = Mapping[str, Array]

SHARPNESS = 2
"""Exponent of the knee. With 1, 2, 3 the first discharges of NASA's B0005 to B0007 are met to 3.9, 1.6, 2.5 mV rms."""
LEAST = 1e-9
"""State of charge below which the curve is a straight line, so that a draw of too small a capacity has a slope."""
BRACKETS = 1.25 * np.linspace(0.0, 1.0, 41) ** 2
"""States of charge that bracket a rested voltage; closer where the knee is steep."""
NEWTON_STEPS = 6
"""Leave less than 1e-12 V over the priors."""
DIFFERENTIATED_STEPS = 2


@runtime_checkable
class Curve(Protocol):
    """What a circuit needs of an open-circuit voltage."""

    def after(self, values: Values, start: Array, charge: Array) -> Array:
        """U [V] (*batch, n) once the charge [A h] (n,) has passed since a rest at the voltage ``start`` [V].

        ``values`` are the parameters by name, each (*batch, 1).
        """
        ...


@dataclass(frozen=True)
class Line:
    """U = U_start - a q, with the slope a [V/A h] as the parameter ``slope``: the neighbourhood of one rest."""

    def after(self, values: Values, start: Array, charge: Array) -> Array:
        """U [V] (*batch, n)."""
        return start - values["slope"] * charge


@dataclass(frozen=True)
class PlateauAndKnee:
    """U(s), with parameters ``Q`` [A h], ``U_plateau`` [V], ``bend`` and ``knee`` [1] (U_p, b, w above)."""

    full: float
    """U_full [V]"""
    empty: float
    """U_empty [V]"""

    def after(self, values: Values, start: Array, charge: Array) -> Array:
        """U [V] (*batch, n) at s = s(U_start) - q/Q."""
        return self.voltage(values, self.filling(values, start) - charge / values["Q"])

    def voltage(self, values: Values, s: Array) -> Array:
        """U [V] (*batch, n) of states of charge (*batch, n); below 0 it goes on with the knee's slope at 0."""
        xp = namespace(values["knee"])
        end, width = values["U_plateau"], values["knee"]
        above = floored(s, LEAST)
        last = (1 + 1 / width) ** -SHARPNESS
        knee = ((1 + above / width) ** -SHARPNESS - last) / (1 - last)
        plateau = end + (self.full - end) * xp.exp(values["bend"] * xp.log(above))
        return plateau - (end - self.empty) * knee + self._knee_slope(values, 0 * s) * (s - above)

    def slope(self, values: Values, s: Array) -> Array:
        """dU/ds [V] (*batch, n), positive everywhere."""
        xp = namespace(values["knee"])
        above = floored(s, LEAST)
        rise = values["bend"] * (self.full - values["U_plateau"]) * xp.exp((values["bend"] - 1) * xp.log(above))
        return xp.where(s > LEAST, rise, 0 * rise) + self._knee_slope(values, above)

    def filling(self, values: Values, voltage: Array) -> Array:
        """State of charge s (*batch, 1) at which U(s) is ``voltage`` [V], a number or an array (*batch, 1).

        Read off a grid and polished by Newton's method. At the root a step has zero derivative by where it began, so
        derivatives flow through the last steps only, and there they are the inverse function's.
        """
        xp = namespace(values["knee"])
        grid = like(BRACKETS, values["knee"])
        above = self.voltage(values, grid) - voltage
        share = xp.clip(above[..., :-1] / (above[..., :-1] - above[..., 1:]), 0.0, 1.0)
        s = xp.sum(share * (grid[1:] - grid[:-1]), axis=-1, keepdims=True)
        for step in range(NEWTON_STEPS):
            if step == NEWTON_STEPS - DIFFERENTIATED_STEPS:
                s = detached(s)
            s = s - (self.voltage(values, s) - voltage) / self.slope(values, s)
        return s

    def _knee_slope(self, values: Values, s: Array) -> Array:
        width = values["knee"]
        scale = SHARPNESS / (width * (1 - (1 + 1 / width) ** -SHARPNESS))
        return (values["U_plateau"] - self.empty) * scale * (1 + s / width) ** (-SHARPNESS - 1)
