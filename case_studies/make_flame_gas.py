"""Makes ``models/flame/*.json``: thermodynamic and transport data of a gas, from a mechanism that Cantera reads.

``python -m twin.case_studies.make_flame_gas [--mechanism gri30.yaml] [--species O2 H2O CH4 CO2 N2] [--out FILE]``

NASA-7 coefficients as they stand in the mechanism; viscosity, conductivity and diffusion as Cantera fits them to its
Lennard-Jones data. Needs Cantera (``pip install 'twincal[flame]'``).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twin.case_studies.console import say
from twin.models.flame.cantera_reference import require_cantera

SPECIES = ("O2", "H2O", "CH4", "CO2", "N2")


def gas_of(mechanism: str, species: Sequence[str]) -> dict[str, Any]:
    """The file's content. ValueError for a species that the mechanism lacks."""
    ct = require_cantera()
    known = {one.name: one for one in ct.Species.list_from_file(mechanism)}
    absent = [name for name in species if name not in known]
    if absent:
        raise ValueError(f"{mechanism} has no species {', '.join(absent)}")
    gas = ct.Solution(
        thermo="ideal-gas", kinetics="gas", transport_model="mixture-averaged",
        species=[known[name] for name in species], reactions=[],
    )  # fmt: skip
    nasa = np.array([one.thermo.coeffs for one in gas.species()])
    many = range(gas.n_species)
    return {
        "names": list(species),
        "W": gas.molecular_weights.tolist(),
        "T_mid": nasa[:, 0].tolist(),
        "high": nasa[:, 1:8].tolist(),
        "low": nasa[:, 8:15].tolist(),
        "viscosity": [gas.get_viscosity_polynomial(i).tolist() for i in many],
        "conductivity": [gas.get_thermal_conductivity_polynomial(i).tolist() for i in many],
        "diffusion": [[gas.get_binary_diff_coeffs_polynomial(i, j).tolist() for j in many] for i in many],
    }


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mechanism", default="gri30.yaml")
    parser.add_argument("--species", nargs="+", default=list(SPECIES))
    parser.add_argument("--out", type=Path, default=Path("models/flame/methane_air.json"))
    options = parser.parse_args()
    options.out.write_text(json.dumps(gas_of(options.mechanism, options.species), indent=1) + "\n")
    say(f"written: {options.out}")


if __name__ == "__main__":
    main()
