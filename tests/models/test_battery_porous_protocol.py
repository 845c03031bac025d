"""A porous cell under pulses, rests and charge, against PyBaMM and against itself."""

from dataclasses import replace

import numpy as np
import pytest

from twin.models.battery import pybamm_reference
from twin.models.battery.cell import Draw
from twin.models.battery.lgm50_porous import REFERENCE, soh6
from twin.models.battery.porous import LG_M50_POROUS
from twin.models.battery.porous_march import march
from twin.models.battery.porous_protocol import follow
from twin.models.battery.protocol import Steps

STEPS = Steps(np.array([0.0, 200.0, 500.0]), np.array([7.5, 0.0, -2.5]))
AFTER = np.array([20.0, 40.0, 80.0, 150.0])
TIMES = (STEPS.start[:, None] + AFTER).ravel()


def aged() -> Draw:
    values = {"LLI": 0.05, "LAM_n": 0.03, "LAM_p": 0.02, "sDp": 0.6, "s_ct": 0.5, "R0": 0.01}
    c = soh6.conditions.pack({"c_rate": 1.0, "temperature": 298.15, "start_voltage": 4.0})
    return soh6.drawn(soh6.space.pack(values)[None], c)


def test_a_pulse_its_rest_and_a_charge_are_pybamms() -> None:
    volts, kelvin = follow(LG_M50_POROUS, aged(), STEPS, TIMES)
    finer = replace(REFERENCE, radial_points=240)
    theirs = pybamm_reference.solve(finer, aged(), TIMES, STEPS)[0, :, 0]
    assert np.isfinite(theirs).all()
    np.testing.assert_allclose(volts[0], theirs, atol=2e-4)
    assert np.ptp(theirs) > 0.2
    np.testing.assert_array_equal(kelvin, 298.15)


def test_one_step_is_a_discharge() -> None:
    draw, times = Draw(5.0, 298.15, 0.8, 0.4), np.array([100.0, 400.0])
    path = march(LG_M50_POROUS, draw, until=2.5, charge=0.15)
    volts, _ = follow(LG_M50_POROUS, draw, Steps(np.array([0.0]), np.array([5.0])), times)
    np.testing.assert_allclose(volts[0], np.interp(times, path.time[0], path.voltage[0]), atol=5e-4)


def test_a_cell_that_is_exhausted_is_followed_no_further() -> None:
    draw = Draw(5.0, 298.15, 0.1, 0.9)
    volts, _ = follow(
        LG_M50_POROUS, draw, Steps(np.array([0.0, 900.0]), np.array([5.0, 0.0])), np.array([60.0, 1000.0])
    )
    assert np.isfinite(volts[0, 0])
    assert np.isnan(volts[0, 1])


def test_times_must_increase_from_the_first_step_on() -> None:
    with pytest.raises(ValueError, match="must increase from 0 s"):
        follow(LG_M50_POROUS, aged(), STEPS, np.array([10.0, 5.0]))
