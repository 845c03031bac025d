"""Rebuilds the table behind ``twin demo battery``: ``python -m twin.case_studies.make_demo_data OUT.csv``."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from twin.case_studies.demonstration import EXAMPLES
from twin.model import until_end
from twin.models.battery_spm import PRESETS

RATES = (0.2, 1.0)
POINTS = 120
NOISE = 0.003
"""[V]"""
START_VOLTAGE = 4.18
SEED = 20260


def table() -> pd.DataFrame:
    """A rested row and a discharge to the cut-off per C-rate, every value rounded as a cycler would."""
    model, truth = PRESETS["soh6"], EXAMPLES["battery"].truth
    rng = np.random.default_rng(SEED)
    parts = []
    for c_rate in RATES:
        c = model.conditions.pack({"c_rate": c_rate, "start_voltage": START_VOLTAGE})
        times = np.round(np.linspace(10.0, 3600 / c_rate, POINTS), 0)
        solved = model.simulate(model.space.pack(truth)[None], c, times[:, None])
        voltage = until_end(model, solved)[0, :, 0]
        reached = np.isfinite(voltage)
        measured = voltage[reached] + NOISE * rng.standard_normal(int(reached.sum()))
        rest = pd.DataFrame({"step": ["rest"], "time_s": [0.0], "current_A": [0.0], "voltage_V": [START_VOLTAGE]})
        load = pd.DataFrame({"step": "discharge", "time_s": times[reached], "voltage_V": np.round(measured, 4)})
        parts += [rest.assign(c_rate=c_rate), load.assign(c_rate=c_rate, current_A=5.0 * c_rate)]
    return pd.concat(parts)[["c_rate", "step", "time_s", "current_A", "voltage_V"]]


if __name__ == "__main__":
    table().to_csv(Path(sys.argv[1]), index=False)
