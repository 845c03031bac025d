"""Burning velocities of ammonia, hydrogen and air over multipliers of rate constants, solved by Cantera, as a file.

``python -m twin.case_studies.make_flame_rates FOLDER [--flames 128] [--share 0/2]``, then once more with ``--write``.

40 % of the ammonia is cracked (Mei et al. 2021, DOI 10.1016/j.combustflame.2021.111472): the fuel is
0.6 NH3 + 0.6 H2 + 0.2 N2, at 298 K and 1 atm. The mechanism is Alzueta et al. 2023 (Combust. Flame 257, 112438),
without species that hold carbon, of which there is none. Each line of a share is one flame: ``phi``, ``theta`` (ln of
the multipliers), ``ln_S`` (S_L in cm/s) and ``moved``, ln S_L with one multiplier after the other moved by ``MOVE``, on
the flame's own grid. Flames are appended as they are found, so that a run that was stopped goes on.

The one adjoint solve that gives all slopes at once is not used; ``--adjoint`` shows why for a flame (docs/flame.md).
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


def flame_at(phase: Any, where: list[list[int]], phi: float, theta: list[float]) -> Any:
    """The ``cantera.FreeFlame``, None where Cantera finds none."""
    ct = require_cantera()
    phase.set_multiplier(1.0)
    for i, change in zip(where, theta, strict=True):
        _multiply(phase, i, change)
    phase.TP = T_U, P
    phase.set_equivalence_ratio(phi, FUEL, AIR)
    flame = ct.FreeFlame(phase, width=WIDTH)
    flame.transport_model = "mixture-averaged"
    flame.set_refine_criteria(ratio=3, slope=SLOPE, curve=2 * SLOPE)
    try:
        flame.solve(loglevel=0, auto=True)
    except ct.CanteraError:
        return None
    return flame


def solved(phase: Any, where: list[list[int]], phi: float, theta: list[float]) -> dict[str, Any]:
    """One flame and what moving its rates does; its velocity is None where Cantera finds none."""
    flame = flame_at(phase, where, phi, theta)
    found: dict[str, Any] = {"phi": phi, "theta": theta, "ln_S": None, "moved": None}
    if flame is None:
        return found
    ln_S, moved = _ln_velocity(flame), []
    for i, change in zip(where, theta, strict=True):
        _multiply(phase, i, change + MOVE)
        try:
            flame.solve(loglevel=0, refine_grid=False)
        except require_cantera().CanteraError:
            return found
        moved.append(_ln_velocity(flame))
        _multiply(phase, i, change)
    return found | {"ln_S": ln_S, "moved": moved}


def show_adjoint(phi: float) -> None:
    """Prints adjoint slopes of the published mechanism's flame beside differences, and the sum of all."""
    phase = mechanism()
    where, theta = places(phase), [0.0] * len(REACTIONS)
    flame = flame_at(phase, where, phi, theta)
    if flame is None:
        raise ValueError(f"Cantera finds no flame at phi {phi:g}")
    adjoint = flame.get_flame_speed_reaction_sensitivities()
    up, down = (np.empty(len(where)) for _ in range(2))
    for k, i in enumerate(where):
        for ends, change in ((up, 0.5 * MOVE), (down, -0.5 * MOVE)):
            _multiply(phase, i, change)
            flame.solve(loglevel=0, refine_grid=False)
            ends[k] = _ln_velocity(flame)
        _multiply(phase, i, 0.0)
    for k, name in enumerate(REACTIONS):
        say(f"{name:>28}  adjoint {sum(adjoint[i] for i in where[k]):+.4f}  difference {(up[k] - down[k]) / MOVE:+.4f}")
    say(f"phi {phi:g}: adjoint slopes of all reactions add up to {np.sum(adjoint):.3f}, which must be 0.5")


def _multiply(phase: Any, reactions: list[int], change: float) -> None:
    for one in reactions:
        phase.set_multiplier(float(np.exp(change)), one)


def _ln_velocity(flame: Any) -> float:
    return round(float(np.log(100 * flame.velocity[0])), 7)


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
    parser.add_argument("folder", type=Path, nargs="?", default=Path("flames"))
    parser.add_argument("--flames", type=int, default=128)
    parser.add_argument("--share", default="0/1", help="which share of the flames, of how many")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name} from what there is")
    parser.add_argument(
        "--adjoint", type=float, metavar="PHI", help="hold adjoint slopes of a flame against differences"
    )
    options = parser.parse_args()
    if options.adjoint is not None:
        show_adjoint(options.adjoint)
        return
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
