"""What burns: fuel in an oxidiser at an equivalence ratio, and what is left when the deficient reactant is used up."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from twin.models.flame.gas import Gas, enthalpies, mass_fractions
from twin.models.flame.kinetics import Step
from twin.space import Floats

AIR = {"O2": 1.0, "N2": 3.76}
HOTTEST = 6000.0
"""[K] above which no adiabatic temperature is looked for."""


@dataclass(frozen=True, eq=False)
class Fresh:
    """Temperature [K], pressure [Pa] and mass fractions (s,) of the unburnt mixture, and progress ξ_b [kmol/kg]."""

    T: float
    p: float
    Y: Floats
    progress: float


def fresh(gas: Gas, step: Step, phi: float, T: float, p: float, oxidiser: dict[str, float] | None = None) -> Fresh:
    """A mixture of the step's first reactant with an oxidiser that holds its second. ValueError for φ <= 0."""
    if not phi > 0:
        raise ValueError(f"equivalence ratio: expected more than 0, got {phi:g}")
    fuel, oxygen = step.reactants
    X = np.zeros(len(gas.names))
    for name, share in (oxidiser or AIR).items():
        X[gas.index(name)] = share
    X[fuel] = phi * X[oxygen] * step.nu[fuel] / step.nu[oxygen]
    Y = np.asarray(mass_fractions(gas, X))
    progress = min(float(Y[k] / (-step.nu[k] * gas.W[k])) for k in step.reactants)
    return Fresh(T, p, Y, progress)


def burnt(gas: Gas, step: Step, of: Fresh) -> tuple[float, Floats]:
    """T_b [K] and Y_b (s,) of complete combustion at constant enthalpy and pressure. ValueError where nothing burns."""
    Y = of.Y + step.nu * gas.W * of.progress
    h = float(of.Y @ enthalpies(gas, np.array(of.T)))

    def excess(T: float) -> float:
        return float(Y @ enthalpies(gas, np.array(T))) - h

    if excess(of.T) >= 0 or excess(HOTTEST) <= 0:
        raise ValueError(f"no adiabatic temperature between {of.T:g} and {HOTTEST:g} K")
    return float(brentq(excess, of.T, HOTTEST, xtol=1e-10)), Y
