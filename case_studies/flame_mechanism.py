"""Where a one-step mechanism of methane stands among the unknowns of ``flame_free``, and how fast it burns.

``python -m twin.case_studies.flame_mechanism MECHANISM.yaml``

The file is one that Cantera reads. What the model does not know is named: reversible reactions, three-body and fall-off
reactions, other species, several steps.
"""

import argparse
from pathlib import Path

import numpy as np
from rich.table import Table

from twin.case_studies.console import console, say
from twin.models.flame.mechanism import parameters_of, read_law
from twin.models.flame_free import one_step


def main() -> None:
    """Prints the parameters and burning velocities."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("mechanism", type=Path)
    path: Path = parser.parse_args().mechanism
    try:
        found = parameters_of(read_law(path))
    except ValueError as error:
        parser.error(str(error))
    say(", ".join(f"{name} = {value:.6g}" for name, value in found.items()))
    nominal = one_step.space.unpack(one_step.space.nominal)
    outside = [name for name, value in found.items() if not _inside(name, value)]
    if outside:
        say(f"outside what flame_free covers: {', '.join(outside)}; see twin models flame_free")
        return
    c = one_step.conditions.nominal
    x = one_step.abscissa(c, 8)
    velocity = one_step.simulate(one_step.space.pack(nominal | found)[None], c, x)[0, :, 0]
    table = Table("phi", "S_L, cm/s (298 K, 1 atm)")
    for phi, value in zip(x[:, 0], velocity, strict=True):
        table.add_row(f"{phi:.2f}", f"{value:.2f}" if np.isfinite(value) else "none found")
    console().print(table)


def _inside(name: str, value: float) -> bool:
    low, high = one_step.space.bounds[one_step.space.index(name)]
    return bool(low <= value <= high)


if __name__ == "__main__":
    main()
