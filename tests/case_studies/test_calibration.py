"""A calibration's options from end to end: the verdict, the discrepancy and its reading without, candidates."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies import calibration, sampling
from twin.case_studies.study import Study
from twin.inference.held_out import held_out_error
from twin.inference.posterior_file import load
from twin.models import catalogue

TABLE = Path(str(files("twin.case_studies") / "data" / "lgm50_synthetic.csv"))


def study(out: Path, **changes: Any) -> Study:
    options: dict[str, Any] = {
        "model": "battery_spm", "preset": "esoh4", "data": (TABLE,), "by": "c_rate", "out": out,
        "select": {"step": ("discharge",)}, "sampler": "laplace", "condition": {"temperature": 298.15},
    }  # fmt: skip
    return Study(**{**options, **changes})


def finished(what: Study) -> tuple[dict[str, Any], Any]:
    done = calibration.calibrate(what, lambda text: None)
    calibration.write(done, what)
    summary: dict[str, Any] = json.loads((what.out / "summary.json").read_text())
    return summary, load(what.out / "posterior.nc").metadata


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_a_verified_calibration_says_so_in_summary_file_and_report(tmp_path: Path) -> None:
    slow = {"step": ("discharge",), "c_rate": ("0.2",)}  # at 1C draws end where the voltage is infinitely steep
    what = study(tmp_path / "out", select=slow, verify=30, candidate=({"c_rate": 2.0}, {"c_rate": 0.05}))
    summary, metadata = finished(what)
    assert summary["verdict"] == "confirmed"
    assert summary["checks"]["verification"]["pass"]
    assert summary["checks"]["reference_failures"]["value"] == 0.0
    record = metadata["verification"]
    assert (record["verdict"], record["solves"], record["failed"]) == ("confirmed", 30, 0)
    assert all(row["rms"] < 1e-4 for row in record["error"])
    assert {c["name"] for c in metadata["identifiability"]["candidates"]} == {"c_rate = 2", "c_rate = 0.05"}
    assert set(metadata["sensitivity"]["parameters"]) == set(summary["parameters"])
    page = (tmp_path / "out" / "report.html").read_text()
    for words in ("Confirmed", "Held against the reference solver", "What the data can tell", "sensitivity"):
        assert words in page


def test_a_discrepancy_from_held_out_data_is_shown_beside_the_posterior_without_it(tmp_path: Path) -> None:
    what = study(tmp_path / "out", discrepancy={"voltage": "held-out"}, hold_out=("1.0",), orthogonal=True)
    summary, metadata = finished(what)
    assert len(summary["fit"]) == 1, "what is held out is not fitted"
    assert "held-out data: lgm50_synthetic c_rate=1.0" in metadata["discrepancy"]
    assert "orthogonal" in metadata["discrepancy"]
    without, found = metadata["without_discrepancy"]["parameters"], summary["parameters"]
    for name in ("x100", "y100", "eps_n", "eps_p"):
        assert abs(found[name]["mean"] - without[name]["mean"]) < 1.0 * without[name]["sd"], name
    assert found["noise_voltage"]["mean"] < without["noise_voltage"]["mean"]
    assert "With and without the discrepancy" in (tmp_path / "out" / "report.html").read_text()


def test_held_out_error_is_what_noise_and_spread_do_not_explain() -> None:
    what = study(Path("unused"))
    model = catalogue.model("battery_spm", "esoh4")
    fitted, held_out = calibration.experiments_of(what.model_copy(update={"hold_out": ("1.0",)}), model)
    likelihood = sampling.likelihood_of(what, model, fitted)
    theta = np.tile(np.append(model.space.nominal, 0.003), (50, 1))
    found = held_out_error(likelihood, theta, held_out)["voltage"]
    e = held_out[0]
    y = likelihood.forward(model.space.nominal, model.conditions.pack(e.conditions), e.x)
    assert found == pytest.approx(np.sqrt(np.mean((e.y - y) ** 2) - 0.003**2), rel=1e-9)
    wide = np.tile(np.append(model.space.nominal, 0.5), (50, 1))
    assert held_out_error(likelihood, wide, held_out) == {}


def test_errors_that_follow_one_another_are_sampled_verified_and_reported(tmp_path: Path) -> None:
    slow = {"step": ("discharge",), "c_rate": ("0.2",)}
    what = study(tmp_path / "out", select=slow, autoregressive=("voltage",), verify=30)
    summary, metadata = finished(what)
    assert summary["verdict"] == "confirmed"
    correlation = summary["parameters"]["correlation_voltage"]
    assert correlation["q05"] > 0.5, "what esoh4 cannot follow of another cell is alike from one sample to the next"
    assert "correlation_voltage" in metadata["sensitivity"]["parameters"]
    assert metadata["autoregressive"] == ["voltage"]
    assert "errors of voltage follow one another" in (tmp_path / "out" / "report.html").read_text()


def test_only_gaussian_errors_of_what_was_measured_may_follow_one_another(tmp_path: Path) -> None:
    for changes, words in (
        (
            {"autoregressive": ("volt",)},
            "--autoregressive volt: no such observable was measured; did you mean 'voltage'",
        ),
        ({"autoregressive": ("voltage",), "noise": "student-t"}, "--autoregressive goes with --noise gaussian only"),
    ):
        with pytest.raises(ValueError, match=words):
            calibration.calibrate(study(tmp_path / "out", **changes), lambda text: None)
