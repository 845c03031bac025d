"""A cycler's table of an aged porous cell whose parameters are known: what a verified posterior is held against.

``python -m twin.case_studies.benchmarks.dfn_table --out aged.csv [--seed 5]``

Discharges at 0.5C and 1C by PyBaMM, with errors of 2 mV, down to 2.6 V; docs/dfn.md has the command that calibrates it.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from twin.atomic import replaced
from twin.case_studies.console import say
from twin.models.battery.lgm50_porous import soh6

TRUTH = {"LLI": 0.08, "LAM_n": 0.04, "LAM_p": 0.03, "sDp": 0.8, "s_ct": 0.7, "R0": 0.008}
CONDITIONS = {"temperature": 298.15, "start_voltage": 4.18}
RATES, POINTS, LENGTH = (0.5, 1.0), 101, 0.9
"""Points per discharge, over so much of the nominal charge."""
NOISE, LOWEST = 0.002, 2.6
"""[V]"""


def table(seed: int) -> pd.DataFrame:
    """Rows of both discharges."""
    rng, parts = np.random.default_rng(seed), []
    for rate in RATES:
        times = np.linspace(0.0, LENGTH * 3600 / rate, POINTS)
        c = soh6.conditions.pack(CONDITIONS | {"c_rate": rate})
        volts = soh6.simulate(soh6.space.pack(TRUTH)[None], c, times[:, None])[0, :, 0]
        volts = volts + NOISE * rng.standard_normal(POINTS)
        columns = {
            "time [s]": times,
            "voltage [V]": volts,
            "current [A]": rate * soh6.porous.cell.capacity,
            "c_rate": rate,
        }
        parts.append(pd.DataFrame(columns)[volts > LOWEST])
    return pd.concat(parts)


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    with replaced(options.out) as temporary:
        table(options.seed).to_csv(temporary, index=False)
    say(f"written: {options.out}; the truth is {TRUTH}")


if __name__ == "__main__":
    main()
