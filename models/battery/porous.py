"""What a pseudo-two-dimensional cell has beyond its two electrodes: pores, a separator and an electrolyte.

Doyle, Fuller and Newman 1993, DOI 10.1149/1.2221597. Effective coefficients follow Bruggeman's law in the pores.
"""

from collections.abc import Callable
from dataclasses import dataclass

from twin.arrays import Array, namespace
from twin.models.battery.cell import Cell
from twin.models.battery.chen2020 import ELECTROLYTE, LG_M50


@dataclass(frozen=True)
class Electrolyte:
    """A binary salt in a solvent. Functions take the concentration [mol/m³] and the temperature [K]."""

    source: str
    concentration: float
    """at rest [mol/m³]"""
    diffusivity: Callable[[Array, Array], Array]
    """D_e [m²/s]"""
    conductivity: Callable[[Array, Array], Array]
    """κ [S/m]"""
    transference: Callable[[Array, Array], Array]
    """t₊"""
    thermodynamic_factor: Callable[[Array, Array], Array]
    """χ = 1 + ∂ ln f/∂ ln c"""


@dataclass(frozen=True)
class Porous:
    """A cell whose layers are, from the negative collector on: electrode, separator, electrode."""

    cell: Cell
    separator: float
    """thickness [m]"""
    porosity: tuple[float, float, float]
    """share of electrolyte in the three layers"""
    bruggeman: float
    """b in D_e ε^b and κ ε^b"""
    conductivity: tuple[float, float]
    """σ of both solids, effective [S/m]"""
    electrolyte: Electrolyte

    @property
    def thickness(self) -> tuple[float, float, float]:
        """Of the three layers [m]."""
        return self.cell.negative.thickness, self.separator, self.cell.positive.thickness


def nyman_diffusivity(c: Array, temperature: Array) -> Array:
    """D_e of LiPF6 in EC:EMC 3:7 [m²/s]; Nyman, Behm and Lindbergh 2008, DOI 10.1016/j.electacta.2008.04.023."""
    molar = c / 1000.0
    return 8.794e-11 * molar * molar - 3.972e-10 * molar + 4.862e-10


def nyman_conductivity(c: Array, temperature: Array) -> Array:
    """κ of the same [S/m]."""
    molar = c / 1000.0
    return 0.1297 * molar * molar * molar - 2.51 * molar * namespace(molar).sqrt(molar) + 3.329 * molar


def nyman_transference(c: Array, temperature: Array) -> Array:
    """t₊ = 0.2594 at every concentration."""
    return 0.2594 + 0 * c


def ideal(c: Array, temperature: Array) -> Array:
    """χ = 1."""
    return 1.0 + 0 * c


NYMAN = Electrolyte(
    "Nyman et al. 2008, DOI 10.1016/j.electacta.2008.04.023; values as in Chen et al. 2020",
    ELECTROLYTE, nyman_diffusivity, nyman_conductivity, nyman_transference, ideal,
)  # fmt: skip
LG_M50_POROUS = Porous(
    LG_M50, separator=12e-6, porosity=(0.25, 0.47, 0.335), bruggeman=1.5, conductivity=(215.0, 0.18), electrolyte=NYMAN
)
