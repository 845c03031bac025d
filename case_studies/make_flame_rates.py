"""Burning velocities of ammonia, hydrogen and air over multipliers of rate constants, solved by Cantera, as a file.

``python -m twin.case_studies.make_flame_rates OUT.jsonl [--flames 320] [--first 0]``

40 % of the ammonia is cracked (Mei et al. 2021, DOI 10.1016/j.combustflame.2021.111472): the fuel is
0.6 NH3 + 0.6 H2 + 0.2 N2, at 298 K and 1 atm. The mechanism is Alzueta et al. 2023 (Combust. Flame 257, 112438),
without species that hold carbon, of which there is none. Each line is one flame: ``phi``, ``theta`` (ln of the multipliers), ``ln_S`` (S_L in cm/s) and ``slope`` (∂ ln S_L/∂θ, from one adjoint
solve). Flames are appended as they are found, so that a run that was stopped goes on.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from twin.case_studies.console import say
from twin.models.flame.cantera_reference import require_cantera
from twin.models.flame.rates import FUEL, PHI, REACTIONS, WIDTHS

MECHANISM = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"
INERT = ("AR", "HE")
AIR = {"O2": 0.21, "N2": 0.79}
T_U, P, WIDTH = 298.0, 101325.0, 0.03
SLOPE = 0.03
"""Cantera's criterion of refinement; the velocity's error at it is 0.5 %, a tenth of that of readings."""


def mechanism() -> Any:
    """The ``cantera.Solution`` without carbon."""
    ct = require_cantera()
    whole = ct.Solution(MECHANISM)
    species = [one for one in whole.species() if "C" not in one.composition and one.name not in INERT]
    names = {one.name for one in species}
    reactions = [one for one in whole.reactions() if set(one.reactants) | set(one.products) <= names]
    return ct.Solution(
        thermo="ideal-gas", kinetics="gas", transport_model="mixture-averaged", species=species, reactions=reactions
    )


def places(phase: Any) -> list[list[int]]:
    """Where the reactions stand in the mechanism, some as sums of two. ValueError names one that is not there."""
    equations = [one.equation for one in phase.reactions()]
    for name in REACTIONS:
        if name not in equations:
            raise ValueError(f"no reaction {name!r} in {MECHANISM}")
    return [[i for i, equation in enumerate(equations) if equation == name] for name in REACTIONS]


def solved(phase: Any, where: list[list[int]], phi: float, theta: list[float]) -> dict[str, Any]:
    """One flame; its velocity is None where Cantera finds none."""
    ct = require_cantera()
    phase.set_multiplier(1.0)
    for i, change in zip(where, theta, strict=True):
        for one in i:
            phase.set_multiplier(float(np.exp(change)), one)
    phase.TP = T_U, P
    phase.set_equivalence_ratio(phi, FUEL, AIR)
    flame = ct.FreeFlame(phase, width=WIDTH)
    flame.transport_model = "mixture-averaged"
    flame.set_refine_criteria(ratio=3, slope=SLOPE, curve=2 * SLOPE)
    found: dict[str, Any] = {"phi": phi, "theta": theta, "ln_S": None, "slope": None}
    try:
        flame.solve(loglevel=0, auto=True)
    except ct.CanteraError:
        return found
    sensitivities = flame.get_flame_speed_reaction_sensitivities()
    return found | {
        "ln_S": round(float(np.log(100 * flame.velocity[0])), 7),
        "slope": [round(float(sum(sensitivities[one] for one in i)), 7) for i in where],
    }


def main() -> None:
    """Solves the flames that the file lacks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--flames", type=int, default=320)
    options = parser.parse_args()
    done = len(options.out.read_text().splitlines()) if options.out.exists() else 0
    phase = mechanism()
    where = places(phase)
    z = qmc.Sobol(len(REACTIONS) + 1, seed=0).random(options.flames)
    for i in range(done, options.flames):
        phi = round(PHI[0] + (PHI[1] - PHI[0]) * float(z[i, 0]), 6)
        theta = [round(w * (2 * float(v) - 1), 6) for w, v in zip(WIDTHS, z[i, 1:], strict=True)]
        with options.out.open("a") as file:
            file.write(json.dumps(solved(phase, where, phi, theta)) + "\n")
        say(f"{i + 1} of {options.flames} flames")


if __name__ == "__main__":
    main()
