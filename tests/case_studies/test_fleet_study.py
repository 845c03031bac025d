"""A store keeps to one forward map: other weights, another model or another fixed value are refused as such."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from twin.case_studies.fleet_study import FleetStudy, identity_of, kept_shape
from twin.experiment import Experiment
from twin.inference.fleet.plan import Plan
from twin.inference.fleet.store import open_store, with_plan
from twin.models import catalogue
from twin.surrogate import HEADER, read_header


def test_the_weights_of_a_surrogate_are_part_of_what_a_store_is_about(tmp_path: Path) -> None:
    study, own = (
        FleetStudy("engine_air_path", Path("table.csv"), "unit", "time", tmp_path),
        tmp_path / "own.safetensors",
    )
    shipped = catalogue.shipped(catalogue.model(study.model, study.preset))[0]
    header, found = read_header(shipped), [identity_of(study)["surrogate"]]
    for content in (header, header | {"sha256": "trained again"}):
        save_file(load_file(shipped), own, metadata={HEADER: json.dumps(content, sort_keys=True)})
        found.append(identity_of(replace(study, surrogate=own))["surrogate"])
    assert found == [header["sha256"], header["sha256"], "trained again"]
    with pytest.raises(ValueError, match=r"no\.safetensors: no such file"):
        identity_of(replace(study, surrogate=Path("no.safetensors")))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"model": "battery_spm", "preset": "esoh4"}, "with model 'battery_circuit', not 'battery_spm'"),
        ({"preset": "two_pairs"}, "with preset 'one_pair', not 'two_pairs'; choose another folder"),
        ({"fix": {"bend": 2.2700001}}, "with fixed 'bend=2.27', not 'bend=2.2700001'; choose another folder"),
    ],
)
def test_a_store_of_another_forward_map_is_refused_before_its_windows_are_read(
    tmp_path: Path, other: dict[str, Any], words: str
) -> None:
    study = FleetStudy("battery_circuit", Path("table.csv"), "unit", "time", tmp_path, fix={"bend": 2.27})
    window = Experiment(
        "w", {"current": 2.0}, ("time",), np.arange(3.0)[:, None], ("voltage",), np.ones((3, 1)), {"voltage": "V"}
    )
    assert np.array_equal(kept_shape(study, window).x, window.x)
    with_plan(open_store(study.store, {}), Plan(identity_of(study), 2, ()))
    longer = replace(window, x=np.arange(4.0)[:, None], y=np.ones((4, 1)), mask=np.ones((4, 1), dtype=bool))
    assert np.array_equal(kept_shape(study, longer).x, window.x)
    (study.store / "shape.json").write_text("[]")
    with pytest.raises(ValueError, match=words):
        kept_shape(replace(study, **other), window)
    with pytest.raises(ValueError, match=r"shape\.json: expected what the windows of this store are like"):
        kept_shape(study, window)
