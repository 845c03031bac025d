"""From a table of pressure and flow to one heart period."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twin.experiment import Experiment
from twin.models.cardiac_windkessel import MODEL
from twin.space import Floats
from twin.table import read_table

N, PERIOD = 160, 0.8


def one_beat() -> tuple[Floats, Floats, Floats]:
    """Times [s], pressures [mmHg] and flows [mL/s] at 200 Hz, by the model itself."""
    c = MODEL.conditions.pack({"period": PERIOD})
    x = MODEL.abscissa(c, N)
    return x[:, 0], MODEL(MODEL.space.nominal, c, x)[:, 0], x[:, 1]


def written(path: Path, columns: Mapping[str, object]) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def read(path: Path, **given: float) -> Experiment:
    return MODEL.experiments(read_table(path), given)


def test_a_table_of_one_beat_is_taken_as_it_is(tmp_path: Path) -> None:
    time, p, q = one_beat()
    e = read(written(tmp_path / "one.csv", {"time_s": time + 3.0, "P_ao_mmHg": p, "Q_ao_mL_s": q}))
    assert e.conditions == {"period": pytest.approx(PERIOD), "venous_pressure": 0.0}
    np.testing.assert_allclose(e.x, np.stack([time, q], axis=1), atol=1e-12)
    np.testing.assert_allclose(e.y[:, 0], p)
    assert e.notes == ("all 160 rows taken as one beat of 0.8 s, 75.0/min",)
    np.testing.assert_allclose(MODEL(MODEL.space.nominal, MODEL.conditions.pack(e.conditions), e.x), e.y)


def test_units_are_converted(tmp_path: Path) -> None:
    time, p, q = one_beat()
    columns = {"time_ms": 1e3 * time, "P_ao_kPa": p * 0.1333223684, "Q_ao [L/min]": q * 0.06}
    e = read(written(tmp_path / "si.csv", columns))
    np.testing.assert_allclose(e.y[:, 0], p, rtol=1e-6)
    np.testing.assert_allclose(e.x[:, 1], q, rtol=1e-6, atol=1e-9)


def test_several_beats_in_several_segments_are_averaged(tmp_path: Path) -> None:
    _, p, q = one_beat()
    beats, n = 6, 6 * N
    columns = {
        "segment": np.repeat([1, 2], n),
        "time_s": np.tile(np.arange(n) / 200.0, 2),
        "P_ao_mmHg": np.tile(p, 2 * beats),
        "Q_ao_mL_s": np.tile(q, 2 * beats),
    }
    e = read(written(tmp_path / "many.csv", columns), venous_pressure=4.0)
    assert e.conditions == {"period": pytest.approx(PERIOD, abs=0.005), "venous_pressure": 4.0}
    assert e.x.shape == (100, 2)
    assert e.x[:, 1].mean() == pytest.approx(q.mean(), rel=0.01)
    assert e.y.max() == pytest.approx(p.max(), abs=0.3)
    assert e.notes[0].startswith("mean of 10 beats, 75.1/min; 10 beats found, 10 typical; set aside: none")


def test_a_piece_of_a_beat_is_refused(tmp_path: Path) -> None:
    time, p, q = one_beat()
    half = {"time_s": time[:80], "P_ao_mmHg": p[:80], "Q_ao_mL_s": q[:80]}
    with pytest.raises(ValueError, match=r"half.csv: half lasts 0.395 s .* its pressure does not close"):
        read(written(tmp_path / "half.csv", half))


def test_a_few_rows_are_no_beat(tmp_path: Path) -> None:
    few = {"time_s": np.arange(6) / 200.0, "P_ao_mmHg": np.full(6, 80.0), "Q_ao_mL_s": np.zeros(6)}
    with pytest.raises(
        ValueError, match=r"few.csv: 6 rows of measurements in few; expected a whole beat of at least 20"
    ):
        read(written(tmp_path / "few.csv", few))


def test_a_record_without_a_pulse_is_refused_and_named(tmp_path: Path) -> None:
    time = np.arange(1000) / 200.0
    flat = {"time_s": time, "P_ao_mmHg": 80.0 + 0 * time, "Q_ao_mL_s": 0 * time}
    with pytest.raises(ValueError, match=r"flat.csv: no usable beat.*1000 of no pulse"):
        read(written(tmp_path / "flat.csv", flat))


def test_a_missing_flow_and_an_unknown_column_are_named(tmp_path: Path) -> None:
    time, p, _ = one_beat()
    path = written(tmp_path / "noflow.csv", {"time_s": time, "P_ao_mmHg": p})
    with pytest.raises(ValueError, match="no column for Q_ao"):
        read(path)
    with pytest.raises(ValueError, match="a beat's table has no such quantity"):
        MODEL.experiments(read_table(path, {"pressure": "P_ao_mmHg"}), {})


def test_the_measured_beats_are_those_of_the_specification(data_file: Callable[[str], Path]) -> None:
    human = read(data_file("cardiac/aortic_pressure_flow_human_1999.csv"))
    assert len(human.y) == 166
    assert human.conditions["period"] == pytest.approx(0.83)
    assert human.x[:, 1].mean() == pytest.approx(112.4, abs=0.05)
    table = read_table(data_file("cardiac/aortic_pressure_flow_pig.csv")).select("preparation", ["invivo"])
    pig = MODEL.experiments(table, {})
    assert (pig.y.max(), pig.y.min()) == (pytest.approx(134.5, abs=0.3), pytest.approx(98.9, abs=0.3))
    assert 60 / pig.conditions["period"] == pytest.approx(70, abs=0.5)
    assert pig.x[:, 1].mean() == pytest.approx(31.0, abs=1.0)
