"""The assist pump over time, against the limit cycle it must end in, and through the model's own door."""

import numpy as np
import pytest

from tests.models.cardiac.anchors import ASSISTED, CHANGES, NOMINAL, patient
from twin.models.cardiac.assist import course, suction_speed
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac_loop import hf


def test_at_constant_speed_the_course_ends_in_the_limit_cycle() -> None:
    loop = patient("D")
    last = course(loop, lambda _: 10000.0, 40)
    flow = limit_cycle(loop, speed=10000.0).pump
    assert flow is not None
    assert last.mean[-1] == pytest.approx(ASSISTED[10000]["CO"] / 0.06, rel=5e-3)
    assert last.least[-1] == pytest.approx(flow.min(), abs=0.3)


def test_the_ramp_finds_the_speed_at_which_the_ventricle_runs_empty() -> None:
    speed = suction_speed(patient("D"))
    assert 12500 < speed < 13400
    below, above = (limit_cycle(patient("D"), speed=v) for v in (speed - 1000, speed + 500))
    assert below.P_lv.min() > 1.0 > above.P_lv.min()


def test_a_heart_that_holds_more_blood_bears_a_faster_pump() -> None:
    assert suction_speed(patient("D", SBV=300.0)) > suction_speed(patient("D"))


@pytest.mark.parametrize("speed", ASSISTED)
def test_the_model_carries_the_pumps_published_numbers(speed: float) -> None:
    values = {**NOMINAL, **CHANGES["D"]}
    theta = hf.space.pack({k: v for k, v in values.items() if k != "HR"} | {"cuff_SBP": 0.0, "cuff_DBP": 0.0})
    y = hf.intervene(theta[None], np.array([75.0]), np.zeros((1, 1)), {"pump_speed": speed})
    found = dict(zip([o.name for o in hf.observables], y[0, 0], strict=True))
    for name, value in ASSISTED[speed].items():
        assert found[name] == pytest.approx(value, rel=5e-3)
