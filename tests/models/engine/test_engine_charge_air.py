"""The closed form of a road log's boost, held against LSODA; what its reader refuses."""

from pathlib import Path

import numpy as np
import pytest

from twin.models.engine_charge_air import MODEL, boost, followed, target
from twin.table import Table, read_table

C = MODEL.conditions.nominal


def test_boost_is_the_lag_of_a_target_that_is_linear_between_rows() -> None:
    rng = np.random.default_rng(0)
    x = MODEL.abscissa(C, 60)
    x[:, 0] = np.cumsum(rng.uniform(0.4, 1.0, 60))
    theta = MODEL.space.sobol(4, 1)
    for row in theta:
        values = {name: np.asarray(v) for name, v in zip(MODEL.space.names, row, strict=True)}
        np.testing.assert_allclose(
            boost(values, x),
            followed(x[:, 0], np.asarray(target(values, x)), float(values["tau"])),
            rtol=1e-5,
            atol=1e-4,
        )


def test_at_rest_boost_is_a_power_of_the_heat_below_the_wastegate() -> None:
    x = MODEL.abscissa(C, 30)
    x[:, 1:3] = (2000.0, 30.0)
    theta = MODEL.space.pack({"boost_gain": 40.0, "boost_max": 390.0, "eta_vol": 1.0, "gain_W_air": 1.2})
    y = MODEL(theta, C, x)
    p = 97.0 + 390.0 * np.tanh(40.0 / 390.0)
    np.testing.assert_allclose(y[:, 0], p, rtol=1e-9)
    np.testing.assert_allclose(y[:, 1], 1.2 * p * 1e3 * 2000 * 2.495e-3 / (120 * 287.0 * 303.0) * 3600, rtol=1e-9)


def test_gain_and_volumetric_efficiency_act_as_their_product() -> None:
    x = MODEL.abscissa(C, 30)
    one = MODEL.space.pack({"eta_vol": 0.9, "gain_W_air": 1.1})
    two = MODEL.space.pack({"eta_vol": 1.1, "gain_W_air": 0.9})
    np.testing.assert_allclose(MODEL(one, C, x), MODEL(two, C, x), rtol=1e-12)


def _table(tmp_path: Path, **columns: np.ndarray) -> Table:
    x = MODEL.abscissa(C, 40)
    known = {
        "time_s": x[:, 0], "n_e_rpm": x[:, 1], "fuel_mg": x[:, 2], "p_amb_kPa": x[:, 3], "T_inlet_C": x[:, 4] - 273.15,
        "p_im_kPa": np.linspace(100, 180, 40), "W_air [kg/h]": np.linspace(100, 300, 40),
    } | columns  # fmt: skip
    known = {k: v for k, v in known.items() if len(v)}
    path = tmp_path / "log.csv"
    rows = np.stack(list(known.values()), axis=1)
    path.write_text(",".join(known) + "\n" + "\n".join(",".join(f"{v:g}" for v in row) for row in rows) + "\n")
    return read_table(path, {})


def test_air_flow_is_scored_under_boost_only(tmp_path: Path) -> None:
    read = MODEL.experiments(_table(tmp_path), {})
    assert read.observables == ("p_im", "W_air")
    np.testing.assert_array_equal(read.mask[:, 1], np.linspace(100, 180, 40) >= 150)
    assert "15 of 40 rows scored" in read.notes[0]
    everything = MODEL.experiments(_table(tmp_path), {"air_from": 0.0})
    assert everything.mask.all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"p_im_kPa": np.empty(0), "W_air [kg/h]": np.empty(0)}, "no measurement to calibrate with"),
        ({"n_e_rpm": np.full(40, 60_000.0)}, "n_e is 60000 rpm, expected 200 to 6000"),
        ({"time_s": np.zeros(40)}, "time"),
    ],
)
def test_impossible_records_are_refused(tmp_path: Path, columns: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODEL.experiments(_table(tmp_path, **columns), {})
