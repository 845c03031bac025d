"""Tables of engines, good and bad."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from twin.experiment import Experiment
from twin.models.engine.transient import transient
from twin.models.engine_air_path import MODEL
from twin.space import Floats
from twin.table import read_table

Columns = dict[str, Floats]


def columns(duration: float = 30.0) -> Columns:
    """A record with readings that move."""
    c = transient(1, duration)
    wave = np.sin(c.time) + 0.1 * c.time
    return {
        "time_s": c.time, "n_e_rpm": c.n_e, "u_delta_mg": c.u_delta, "u_egr_%": c.u_egr, "u_vgt_%": c.u_vgt,
        "p_im_kPa": 170 + 10 * wave, "n_t_rpm": 6e4 + 1e3 * wave,
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Experiment]:
    def reader(table: Columns, given: Mapping[str, float] | None = None, **rename: str) -> Experiment:
        path = tmp_path / "record.csv"
        rows = [
            ",".join(f"{v:.9g}" if np.isfinite(v) else "" for v in row) for row in zip(*table.values(), strict=True)
        ]
        path.write_text("\n".join([",".join(table), *rows]) + "\n")
        return MODEL.experiments(read_table(path, rename), given or {"settle": 0.0})

    return reader


def test_units_are_converted(read: Callable[..., Experiment]) -> None:
    plain = read(columns())
    made = columns()
    made["p_im_psi"] = made.pop("p_im_kPa") / 6.894757293168361
    made["w_t [rad/s]"] = made.pop("n_t_rpm") * np.pi / 30
    other = read(made, n_t="w_t [rad/s]:rad/s")
    np.testing.assert_allclose(other.y, plain.y, rtol=1e-7)


def test_what_was_not_measured_and_assumed_is_said(read: Callable[..., Experiment]) -> None:
    notes = "; ".join(read(columns()).notes)
    assert "not measured: p_em, W_egr, T_em, T_c, W_c" in notes
    assert "T_im assumed to be 300.6 K" in notes
    with_air = columns() | {"T_amb_C": np.full(151, 20.0), "p_amb_mbar": np.full(151, 980.0)}
    found = read(with_air).conditions
    assert found["T_amb"] == pytest.approx(293.15)
    assert found["p_amb"] == pytest.approx(98.0)


def test_readings_before_the_start_has_faded_are_left_out(read: Callable[..., Experiment]) -> None:
    found = read(columns(), {"settle": 10.0})
    assert not found.mask[found.x[:, 0] < 10].any()
    assert found.mask[found.x[:, 0] >= 10].all()
    assert any("50 of 151 rows within 10 s" in note for note in found.notes)


def test_gaps_in_time_are_masked_and_counted(read: Callable[..., Experiment]) -> None:
    kept = np.r_[0:50, 80:151]
    found = read({name: values[kept] for name, values in columns().items()}, {"settle": 3.0})
    assert any("1 gaps in time, the longest 6.2 s" in note for note in found.notes)
    after = (found.x[:, 0] >= 16) & (found.x[:, 0] < 19)
    assert after.any()
    assert not found.mask[after].any()


def test_stuck_and_impossible_readings_are_masked_and_counted(read: Callable[..., Experiment]) -> None:
    made = columns()
    made["p_im_kPa"][40:120] = 171.0
    made["n_t_rpm"][[3, 7]] = 9e9, np.nan
    found = read(made)
    assert not found.mask[40:120, 0].any()
    assert int((~found.mask[:, 1]).sum()) == 2
    text = "; ".join(found.notes)
    assert "p_im: 80 of 151 readings of a stuck sensor" in text
    assert "n_t: 1 of 151 readings missing" in text
    assert "n_t: 1 of 151 readings outside" in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["time_s"].__setitem__(5, c["time_s"][4]), "line 7.*same value twice"),
        (lambda c: c["time_s"].__setitem__(5, 0.1), "step back"),
        (lambda c: c.pop("u_vgt_%"), "no column for u_vgt"),
        (lambda c: c["n_e_rpm"].__imul__(0.1047), "is the unit right"),
        (lambda c: c["p_im_kPa"].__imul__(1000), "median of .*is the unit right"),
        (lambda c: c["u_egr_%"].__setitem__(9, np.nan), "line 11"),
        (lambda c: [c.pop("p_im_kPa"), c.pop("n_t_rpm")], "no measurement to calibrate with.*none of them"),
        (lambda c: [c.pop("n_t_rpm"), c["p_im_kPa"].fill(171.0)], "no measurement .* of a stuck sensor"),
        (lambda c: c["time_s"].__imul__(20), "a row every 4 s"),
    ],
)
def test_bad_records_are_refused_with_one_message(
    read: Callable[..., Experiment], spoil: Callable[[Columns], object], message: str
) -> None:
    made = columns()
    spoil(made)
    with pytest.raises(ValueError, match=message):
        read(made)


def test_commands_a_little_outside_are_clipped_and_counted(read: Callable[..., Experiment]) -> None:
    made = columns()
    made["u_egr_%"][:4] = -1.0
    found = read(made)
    assert np.all(found.x[:4, 3] == 0.0)
    assert any("u_egr: 4 rows clipped" in note for note in found.notes)
