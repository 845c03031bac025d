"""The shipped example, from table to report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from twin.case_studies import demonstration, make_demo_data
from twin.case_studies.console import Exit
from twin.inference.posterior_file import load

SHIPPED = Path(demonstration.__file__).parent / "data" / demonstration.EXAMPLES["battery"].file


def test_the_demo_recovers_the_numbers_its_data_were_made_with(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demonstration.run("battery", out, 0, as_json=True) is Exit.DONE
    summary = json.loads((out / "summary.json").read_text())
    for name, truth in demonstration.EXAMPLES["battery"].truth.items():
        found = summary["parameters"][name]
        assert abs(found["mean"] - truth) < 3 * found["sd"], name
        assert found["informed"]
    assert 0.0025 < summary["parameters"]["noise_voltage"]["mean"] < 0.0035
    page = (out / "report.html").read_text()
    assert "SYNTHETIC data" in page
    assert "<script src" not in page
    assert load(out / "posterior.nc").metadata["model"] == "battery_spm"


def test_the_shipped_table_is_what_its_program_makes() -> None:
    made, shipped = make_demo_data.table().reset_index(drop=True), pd.read_csv(SHIPPED)
    pd.testing.assert_frame_equal(made, shipped, check_exact=False, atol=2e-4, rtol=0)
    assert np.all(shipped.loc[shipped["step"] == "rest", "current_A"] == 0)
