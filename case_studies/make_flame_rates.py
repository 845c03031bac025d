"""Burning velocities of ammonia, hydrogen and air over multipliers of rate constants, solved by Cantera, as a file.

``python -m twin.case_studies.make_flame_rates FOLDER [--flames 128] [--share 0/2]``, then once more with ``--write``.

40 % of the ammonia is cracked (Mei et al. 2021, DOI 10.1016/j.combustflame.2021.111472): the fuel is
0.6 NH3 + 0.6 H2 + 0.2 N2, at 298 K and 1 atm. The mechanism is Alzueta et al. 2023 (Combust. Flame 257, 112438),
without species that hold carbon, of which there is none. Each line of a share is one flame: ``phi``, ``theta`` (ln of
the multipliers), ``ln_S`` (S_L in cm/s) and ``moved``, ln S_L with one multiplier after the other moved by ``MOVE``, on
the flame's own grid. Flames are appended as they are found, so that a run that was stopped goes on.

The one adjoint solve that gives all slopes at once is not used: under Cantera 3.2 slopes of single reactions are 4 to
7 % off those of differences, and all slopes of a flame, which must add up to ½ (with all rates α times as large S_L is
√α times as large), add up to 0.1 to 0.8 (a known limit where reverse rates are huge, Cantera issue 1942).
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from twin.case_studies.console import say
from twin.models.flame.cantera_reference import require_cantera
from twin.models.flame.rates import FILE, FUEL, MOVE, PHI, REACTIONS, WIDTHS

MECHANISM = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"
KEYS = ("phi", "theta", "ln_S", "moved")
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
    found: dict[str, Any] = {"phi": phi, "theta": theta, "ln_S": None, "moved": None}
    try:
        flame.solve(loglevel=0, auto=True)
    except ct.CanteraError:
        return found
    ln_S = round(float(np.log(100 * flame.velocity[0])), 7)
    moved = []
    for i, change in zip(where, theta, strict=True):
        for one in i:
            phase.set_multiplier(float(np.exp(change + MOVE)), one)
        try:
            flame.solve(loglevel=0, refine_grid=False)
        except ct.CanteraError:
            return found
        moved.append(round(float(np.log(100 * flame.velocity[0])), 7))
        for one in i:
            phase.set_multiplier(float(np.exp(change)), one)
    return found | {"ln_S": ln_S, "moved": moved}


def draws(flames: int) -> list[tuple[float, list[float]]]:
    """φ and θ of all flames, by Sobol's sequence."""
    z = qmc.Sobol(len(REACTIONS) + 1, seed=0).random(flames)
    return [
        (round(PHI[0] + (PHI[1] - PHI[0]) * float(row[0]), 6),
         [round(w * (2 * float(v) - 1), 6) for w, v in zip(WIDTHS, row[1:], strict=True)])
        for row in z
    ]  # fmt: skip


def write(folder: Path, out: Path) -> None:
    """All shares as the file that ships, in the order of the draws."""
    lines = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    found = sorted((line for line in lines if line["ln_S"] is not None), key=lambda line: line["flame"])
    say(f"{len(found)} of {len(lines)} flames were found")
    content = {"reactions": list(REACTIONS)} | {key: [line[key] for line in found] for key in KEYS}
    out.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main() -> None:
    """Solves the flames that a share lacks, or writes them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flames", type=int, default=128)
    parser.add_argument("--share", default="0/1", help="which share of the flames, of how many")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} from what there is")
    options = parser.parse_args()
    if options.write:
        write(options.folder, FILE)
        return
    share, many = (int(part) for part in options.share.split("/"))
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / f"share{share}.jsonl"
    done = len(path.read_text().splitlines()) if path.exists() else 0
    phase = mechanism()
    where = places(phase)
    mine = list(enumerate(draws(options.flames)))[share::many]
    for i, (phi, theta) in mine[done:]:
        with path.open("a") as file:
            file.write(json.dumps({"flame": i, **solved(phase, where, phi, theta)}) + "\n")
        say(f"{i + 1} of {options.flames} flames")


if __name__ == "__main__":
    main()
