"""The closed form of steady maps: against the cylinders of the air path, balances, and what its reader refuses."""

from pathlib import Path

import numpy as np
import pytest

from twin.models.engine.constants import Engine
from twin.models.engine.torque import torque
from twin.models.engine_steady_map import HEATING, MODEL
from twin.space import Floats
from twin.table import Table, read_table

NAMES = MODEL.space.names


def values(**changed: float) -> Floats:
    return MODEL.space.pack(dict(zip(NAMES, MODEL.space.nominal.tolist(), strict=True)) | changed)


def test_the_torque_is_that_of_the_air_paths_cylinders() -> None:
    engine = Engine()
    eta_i = engine.eta_igch * (1 - engine.r_c ** (1 - engine.gam_c))
    c2, c1, c0 = engine.c_fr
    c = MODEL.conditions.pack({"displacement": 1e3 * engine.V_d, "cylinders": engine.n_cyl})
    n_e, u_delta = np.array([800.0, 1200.0, 1800.0]), np.array([30.0, 110.0, 180.0])
    fuel = 1e3 * 1e-6 / 120.0 * u_delta * n_e * engine.n_cyl
    theta = values(eta_i=eta_i, fmep_0=c0, fmep_1=c1, fmep_2=c2)
    ours = MODEL(theta, c, np.stack([n_e, fuel], axis=1))[:, 0]
    p = np.full(3, 1.5e5)
    np.testing.assert_allclose(ours, torque(p, p, n_e, u_delta, np.full(3, 3.0), engine), rtol=1e-9)


def test_the_exhaust_carries_its_share_of_the_fuels_heat() -> None:
    c, x = MODEL.conditions.nominal, MODEL.abscissa(MODEL.conditions.nominal, 30)
    theta = values(chi=0.28, chi_speed=0.0, chi_load=0.0, G_loss=0.2)
    _, flow, temperature = np.moveaxis(MODEL(theta, c, x), -1, 0)
    above = temperature + 273.15 - c[MODEL.conditions.index("T_amb")]
    carried = flow * 1130.0
    np.testing.assert_allclose(carried * above * np.exp(200.0 / carried) / (x[:, 1] * HEATING), 0.28, rtol=1e-9)


def test_air_is_speed_density_less_what_is_recirculated() -> None:
    c = MODEL.conditions.nominal
    x = np.array([[1500.0, 0.3], [4000.0, 3.5]])
    theta = values(boost_gain=2.0, boost_max=10.0, egr_max=0.4, egr_load=40.0, egr_speed=2700.0, eta_vol=0.9)
    air = MODEL(theta, c, x)[:, 1] - x[:, 1]
    full = 0.9 * 101.0 * x[:, 0] * 1.896 / (120 * 287.0 * 320.0) * 1e3
    assert air[0] == pytest.approx(0.6 * full[0], rel=0.02)
    assert full[1] < air[1] < 1.11 * full[1]


def _table(tmp_path: Path, **columns: Floats) -> Table:
    x = MODEL.abscissa(MODEL.conditions.nominal, 25)
    known = {"n_e_rpm": x[:, 0], "fuel_g_s": x[:, 1], "torque [N*m]": np.linspace(10, 200, 25)} | columns
    known = {k: v for k, v in known.items() if len(v)}
    path = tmp_path / "map.csv"
    rows = np.stack(list(known.values()), axis=1)
    path.write_text(",".join(known) + "\n" + "\n".join(",".join(f"{v:g}" for v in row) for row in rows) + "\n")
    return read_table(path, {})


def test_a_map_may_lack_readings(tmp_path: Path) -> None:
    read = MODEL.experiments(_table(tmp_path, T_exh_C=np.linspace(150, 600, 25)), {"displacement": 2.0})
    assert read.observables == ("torque", "T_exh")
    assert read.conditions["displacement"] == 2.0
    assert read.mask.all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"torque [N*m]": np.empty(0)}, "no measurement to calibrate with"),
        ({"fuel_g_s": np.full(25, 400.0)}, "fuel is 400 g/s, expected 0.0001 to 100"),
        ({"fuel_g_s": np.full(25, -1.0)}, "fuel is -1 g/s"),
        ({"n_e_rpm": np.full(25, 50.0)}, "n_e is 50 rpm, expected 200 to 6000"),
    ],
)
def test_impossible_maps_are_refused(tmp_path: Path, columns: dict[str, Floats], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODEL.experiments(_table(tmp_path, **columns), {})


def test_too_few_rows_and_unknown_conditions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bore"):
        MODEL.experiments(_table(tmp_path), {"bore": 0.08})
    path = tmp_path / "few.csv"
    path.write_text("n_e_rpm,fuel_g_s,T_exh_C\n2000,1.2,300\n")
    with pytest.raises(ValueError, match=r"1 rows in .*needs at least 20"):
        MODEL.experiments(read_table(path), {})
