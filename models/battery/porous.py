"""What a pseudo-two-dimensional cell has beyond its two electrodes: pores, a separator and an electrolyte.

Doyle, Fuller and Newman 1993, DOI 10.1149/1.2221597. Effective coefficients follow Bruggeman's law in the pores.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from twin.arrays import Array, namespace
from twin.models.battery.cell import Cell, arrhenius
from twin.models.battery.chen2020 import ELECTROLYTE, LG_M50
from twin.models.battery.nrel_nmc532 import NREL_CELL, SALT
from twin.models.battery.oregan2022 import with_entropy
from twin.models.battery.porous_particles import Particle, graded, uniform


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
    particles: tuple[Particle, Particle] = (uniform, uniform)
    """how those of both electrodes answer"""

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


def gen2_diffusivity(c: Array, temperature: Array) -> Array:
    """D_e of LiPF6 in EC:EMC 3:7 ("Gen 2") [m²/s]; BATMODS-lite (Randall 2025, DOI 10.11578/dc.20260114.1), as are the
    three below.
    """
    molar = c / 1000.0
    d = temperature - (-24.83763 + 64.07366 * molar)
    power = (-0.5688226 - 1607.003 / d) + (-0.8108721 + 475.291 / d) * molar
    power = power + (-0.005192312 - 33.43827 / d) * molar * molar
    return 1e-4 * namespace(power).exp(math.log(10.0) * power)


def gen2_conductivity(c: Array, temperature: Array) -> Array:
    """κ of the same [S/m]."""
    molar, T = c / 1000.0, temperature
    first = (1.909446e-4 * T - 8.038545e-2) * T + 9.00341
    second = (((-2.887587e-8 * T + 3.483638e-5) * T - 1.583677e-2) * T + 3.195295) * T - 241.4638
    third = (((1.653786e-8 * T - 1.99876e-5) * T + 9.071155e-3) * T - 1.828064) * T + 138.0976
    fourth = (((-2.791965e-9 * T + 3.377143e-6) * T - 1.532707e-3) * T + 0.3090003) * T - 23.35671
    return molar * (first + molar * (second + molar * (third + molar * fourth)))


def gen2_transference(c: Array, temperature: Array) -> Array:
    """t₊ of the same."""
    molar, T = c / 1000.0, temperature
    second = (-2.876102e-7 * T + 2.077407e-4) * T - 3.881203e-2
    first = (1.161463e-6 * T - 8.6825e-4) * T + 0.1777266
    none = (-6.766258e-7 * T + 6.389189e-4) * T + 0.3091761
    return molar * (molar * second + first) + none


def gen2_thermodynamic_factor(c: Array, temperature: Array) -> Array:
    """χ = 1 + γ of the same. γ = 2.9 at rest is already typical of a whole factor; the papers' codes add the 1."""
    xp = namespace(temperature)
    molar = c / 1000.0
    second, first = 0.54 * xp.exp(329 / temperature), -0.00225 * xp.exp(1360 / temperature)
    return molar * (molar * second + first) + (1 + 0.341 * xp.exp(261 / temperature))


WARMED = 17.1e3
"""Activation energy of D_e and κ [J/mol]; LiPF6 in EC:EMC 3:7, Ecker et al. 2015, DOI 10.1149/2.0551509jes."""


def warm(law: Callable[[Array, Array], Array], reference: float) -> Callable[[Array, Array], Array]:
    """A coefficient known at the temperature ``reference`` [K], by Arrhenius' law at others."""
    return lambda c, temperature: law(c, temperature) * arrhenius(WARMED, temperature, reference)


NYMAN = Electrolyte(
    "Nyman et al. 2008, DOI 10.1016/j.electacta.2008.04.023; values as in Chen et al. 2020",
    ELECTROLYTE, nyman_diffusivity, nyman_conductivity, nyman_transference, ideal,
)  # fmt: skip
GEN2 = Electrolyte(
    "BATMODS-lite, Randall 2025, DOI 10.11578/dc.20260114.1",
    1000.0 * SALT, gen2_diffusivity, gen2_conductivity, gen2_transference, gen2_thermodynamic_factor,
)  # fmt: skip
LG_M50_POROUS = Porous(
    LG_M50, separator=12e-6, porosity=(0.25, 0.47, 0.335), bruggeman=1.5, conductivity=(215.0, 0.18), electrolyte=NYMAN
)
LG_M50_WARM = replace(
    LG_M50_POROUS,
    cell=with_entropy(LG_M50),
    electrolyte=replace(
        NYMAN, diffusivity=warm(nyman_diffusivity, LG_M50.temperature),
        conductivity=warm(nyman_conductivity, LG_M50.temperature),
    ),
)  # fmt: skip
"""The same where temperature acts on rested potentials and on the electrolyte too."""
NREL_POROUS = Porous(
    NREL_CELL, separator=20e-6, porosity=(0.4, 0.4, 0.4), bruggeman=2.0, conductivity=(2.16, 2.16), electrolyte=GEN2,
    particles=(uniform, graded),
)  # fmt: skip
