"""What burns: fuel in an oxidiser at an equivalence ratio, and what is left when the deficient reactant is used up."""

from typing import NamedTuple

import numpy as np

from twin.models.flame.gas import Gas, enthalpies, heat_capacities, mass_fractions
from twin.models.flame.kinetics import Step
from twin.space import Floats

AIR = {"O2": 1.0, "N2": 3.76}
HOTTEST = 6000.0
"""[K] above which no adiabatic temperature is looked for."""
PASSES = 60


class Fresh(NamedTuple):
    """n unburnt mixtures: temperature [K], pressure [Pa], progress ξ_b [kmol/kg] (n,) and mass fractions (n, s)."""

    T: Floats
    p: Floats
    progress: Floats
    Y: Floats


def fresh(gas: Gas, step: Step, phi: Floats, T: Floats, p: Floats, oxidiser: dict[str, float] | None = None) -> Fresh:
    """Mixtures (n,) of the step's first reactant with an oxidiser that holds its second. ValueError for φ <= 0."""
    phi, T, p = (np.atleast_1d(np.asarray(part, dtype=float)) for part in (phi, T, p))
    if not np.all(phi > 0):
        raise ValueError(f"equivalence ratio: expected more than 0, got {phi.min():g}")
    fuel, oxygen = step.reactants
    X = np.zeros((len(phi), len(gas.names)))
    for name, share in (oxidiser or AIR).items():
        X[:, gas.index(name)] = share
    X[:, fuel] = phi * X[:, oxygen] * step.nu[fuel] / step.nu[oxygen]
    Y = np.asarray(mass_fractions(gas, X))
    progress = np.min([Y[:, k] / (-step.nu[k] * gas.W[k]) for k in step.reactants], axis=0)
    return Fresh(T, p, progress, Y)


def burnt(gas: Gas, step: Step, of: Fresh) -> tuple[Floats, Floats]:
    """T_b [K] (n,) and Y_b (n, s) of complete combustion at constant enthalpy. ValueError where nothing burns.

    Newton's method within a bracket: enthalpy rises with temperature.
    """
    Y = of.Y + step.nu * gas.W * of.progress[:, None]
    h = (of.Y * enthalpies(gas, of.T)).sum(axis=-1)

    def excess(T: Floats) -> Floats:
        return np.asarray((Y * enthalpies(gas, T)).sum(axis=-1) - h)

    low, high = of.T.copy(), np.full_like(of.T, HOTTEST)
    if np.any(excess(low) >= 0) or np.any(excess(high) <= 0):
        raise ValueError(f"no adiabatic temperature between {of.T.min():g} and {HOTTEST:g} K")
    T = 0.5 * (low + np.minimum(high, 2500.0))
    for _ in range(PASSES):
        off = excess(T)
        low, high = np.where(off < 0, T, low), np.where(off < 0, high, T)
        after = T - off / (Y * heat_capacities(gas, T)).sum(axis=-1)
        after = np.where((after > low) & (after < high), after, 0.5 * (low + high))
        if np.max(np.abs(after - T)) < 1e-10:
            break
        T = after
    return T, Y
