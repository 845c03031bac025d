"""A store keeps to one forward map: other weights, another model or another fixed value are refused as such."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from twin.case_studies.fleet_study import FleetStudy, fleet_of, identity_of, kept_shape, monitor_of
from twin.experiment import Experiment
from twin.inference.fleet.plan import Plan
from twin.inference.fleet.store import open_store, with_plan
from twin.inference.monitor.self_starting import SelfStarting
from twin.models import catalogue
from twin.surrogate import HEADER, read_header


def a_window() -> Experiment:
    x, y = np.arange(3.0)[:, None], np.full((3, 1), 4.0)
    return Experiment("w", {"current": 2.0, "start_voltage": 4.19}, ("time",), x, ("voltage",), y, {"voltage": "V"})


def test_rules_are_of_all_parameters_that_an_option_names_in_their_own_units(tmp_path: Path) -> None:
    study = FleetStudy(
        "battery_circuit", Path("table.csv"), "unit", "time", tmp_path, fix={"bend": 2.27, "R1": 0.02}, watch=("R0",),
        wear=("tau1",), floor={"Q": "84A*min"}, ceiling={"knee": "0.2"}, false_alarms=300.0, baseline=7, seed=5,
    )  # fmt: skip
    fleet = fleet_of(study, a_window())
    watching = monitor_of(study, fleet.likelihood())
    assert watching.names == ("Q", "R0", "tau1", "knee")
    assert watching.novelty == SelfStarting((False, False, True, False))
    assert watching.rules.floors == pytest.approx({"Q": 1.4})
    assert watching.rules.ceilings == {"knee": 0.2}
    assert (watching.rules.between, watching.rules.baseline, fleet.seed) == (300.0, 7, 5)
    everything = monitor_of(replace(study, watch=()), fleet.likelihood())
    assert everything.names == ("Q", "R0", "tau1", "U_plateau", "knee")


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
    window = a_window()
    assert np.array_equal(kept_shape(study, window).x, window.x)
    with_plan(open_store(study.store, {}), Plan(identity_of(study), 2, ()))
    longer = replace(window, x=np.arange(4.0)[:, None], y=np.ones((4, 1)), mask=np.ones((4, 1), dtype=bool))
    assert np.array_equal(kept_shape(study, longer).x, window.x)
    (study.store / "shape.json").write_text("[]")
    with pytest.raises(ValueError, match=words):
        kept_shape(replace(study, **other), window)
    with pytest.raises(ValueError, match=r"shape\.json: expected what the windows of this store are like"):
        kept_shape(study, window)
