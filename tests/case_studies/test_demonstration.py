"""The shipped example, from table to report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.case_studies import demonstration, make_demo_data
from twin.case_studies.console import Exit
from twin.inference.posterior_file import load
from twin.models import catalogue

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


def test_the_engine_of_the_demo_is_found(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demonstration.run("engine", out, 0, as_json=True) is Exit.DONE
    summary = json.loads((out / "summary.json").read_text())
    for name, truth in demonstration.EXAMPLES["engine"].truth.items():
        found = summary["parameters"][name]
        assert abs(found["mean"] - truth) < 3 * found["sd"], name
        assert found["informed"]
    assert "SYNTHETIC data" in (out / "report.html").read_text()


def test_the_flames_of_the_demo_are_measured_and_say_what_is_known(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demonstration.run("flame", out, 0, as_json=True) in (Exit.DONE, Exit.CHECK_FAILED)
    summary = json.loads((out / "summary.json").read_text())
    found = summary["parameters"]
    assert 33.0 < found["Ea"]["mean"] < 40.0
    assert 0.5 < found["Ea"]["sd"] < 4.0
    assert found["ln_k"]["informed"]
    assert found["Ea"]["informed"]
    assert "MEASURED data" in (out / "report.html").read_text()


def test_the_patient_of_the_demo_is_found_and_its_reader_is_warned(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    assert demonstration.run("cardiac", out, 0, as_json=True) is Exit.DONE
    summary = json.loads((out / "summary.json").read_text())
    for name, truth in demonstration.EXAMPLES["cardiac"].truth.items():
        found = summary["parameters"][name]
        assert abs(found["mean"] - truth) < 3 * found["sd"], name
    assert summary["parameters"]["Emax"]["informed"]
    assert not summary["parameters"]["Ra"]["informed"]
    page = (out / "report.html").read_text()
    assert "SYNTHETIC patient" in page
    assert "Not a medical device" in page


def test_the_numbers_of_the_demos_patient_are_those_of_the_reference_solver() -> None:
    example = demonstration.EXAMPLES["cardiac"]
    model = catalogue.model(example.model, example.preset)
    theta = model.space.pack({**example.truth, "cuff_SBP": 0.0, "cuff_DBP": 0.0})
    y = model.simulate(theta[None], np.array([example.options["set"]["HR"]]), np.zeros((1, 1)))[0, 0]
    true = dict(zip([o.name for o in model.observables], y.tolist(), strict=True))
    for name, said in (("EDV", 153.0), ("ESV", 94.0), ("SBP", 126.0), ("DBP", 87.0)):
        assert true[name] == pytest.approx(said, abs=1.0), name


def test_the_shipped_table_is_what_its_program_makes() -> None:
    made, shipped = make_demo_data.table().reset_index(drop=True), pd.read_csv(SHIPPED)
    pd.testing.assert_frame_equal(made, shipped, check_exact=False, atol=2e-4, rtol=0)
    assert np.all(shipped.loc[shipped["step"] == "rest", "current_A"] == 0)
