"""Burning velocities as a model to calibrate: scaling laws of the surrogate, its box, and tables that are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import qmc

from twin.case_studies.forwards import forward_of
from twin.models.flame.free import BOX
from twin.models.flame_free import MODEL, one_step
from twin.space import Floats
from twin.table import Table, read_table

C = MODEL.conditions.nominal
NOMINAL = one_step.space.nominal


def changed(**values: float) -> Floats:
    return one_step.space.pack(one_step.space.unpack(NOMINAL) | values)


def surrogate(theta: Floats, rows: Floats) -> Floats:
    return np.asarray(forward_of(one_step)(theta, C, rows))[..., 0]


def test_scaling_laws_hold_exactly() -> None:
    rows = MODEL.abscissa(C, 7)
    base = surrogate(NOMINAL, rows)
    np.testing.assert_allclose(surrogate(changed(ln_k=np.log(4.0)), rows), 2 * base, rtol=1e-6)
    np.testing.assert_allclose(surrogate(changed(spread=1.3), rows), 1.3**0.5 * base, rtol=1e-6)
    pressed = rows * [1.0, 1.0, 10.0]
    np.testing.assert_allclose(surrogate(NOMINAL, pressed), 10**-0.25 * base, rtol=1e-6)


def test_rate_and_activation_energy_turn_about_the_reference_temperature() -> None:
    rows = np.array([[0.75, 298.0, 1.01325]])
    slopes = [
        np.log(surrogate(changed(**{name: value + h}), rows) / surrogate(changed(**{name: value - h}), rows))[0]
        / (2 * h)
        for name, value, h in (("ln_k", 0.0, 1e-3), ("Ea", 36.0, 1e-2))
    ]
    assert slopes[0] == pytest.approx(0.5, abs=1e-3)
    assert abs(slopes[1]) * 10.0 < 0.2, "10 kcal/mol change S_L by less than 20 % where the rate at 1650 K is held"


def test_published_kinetics_are_the_nominal_point() -> None:
    found = one_step.simulate(NOMINAL[None], C, np.array([[0.8, 300.0, 1.01325], [1.2, 300.0, 1.01325]]))
    np.testing.assert_allclose(found[0, :, 0], [27.967, 45.243], rtol=1e-4)
    np.testing.assert_allclose(
        MODEL.simulate(MODEL.space.nominal[None], C, MODEL.abscissa(C, 4)),
        one_step.simulate(NOMINAL[None], C, MODEL.abscissa(C, 4)),
    )


def test_rows_outside_the_trained_box_are_refused() -> None:
    for row in ([BOX[0][1] + 0.1, 300.0, 1.0], [1.0, BOX[1][1] + 10.0, 1.0]):
        with pytest.raises(ValueError, match="good only to"):
            MODEL.require_covered(C, np.array([row]))


def _table(tmp_path: Path, header: str, *rows: str) -> Table:
    path = tmp_path / "velocities.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return read_table(path, {})


def test_columns_win_over_conditions_and_units_are_converted(tmp_path: Path) -> None:
    read = MODEL.experiments(
        _table(tmp_path, "phi,S_L_m_s,p_Pa,sigma [cm/s]", "0.7,0.15,101325,0.8", "0.9,0.31,202650,"), {"T_u": 310.0}
    )
    np.testing.assert_allclose(read.x, [[0.7, 310.0, 1.01325], [0.9, 310.0, 2.0265]])
    np.testing.assert_allclose(read.y[:, 0], [15.0, 31.0])
    assert read.sd is not None
    np.testing.assert_allclose(read.sd[:, 0], [0.8, 1.55])
    assert "1 of 2 rows state no error" in read.notes[0]


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("phi,S_L_cm_s", "70,15", "phi is 70, expected 0.3 to 4; is the unit right"),
        ("phi,S_L", "0.7,15", "no unit is given"),
        ("phi,S_L_m_s", "0.7,15", "S_L is 1500 cm/s, expected 0.1 to 1000 cm/s"),
        ("phi,S_L_cm_s,T_u_K", "0.7,15,25", "T_u is 25 K, expected 285 to 450 K"),
        ("phi,S_L_cm_s,p_bar", "0.7,15,101325", "p is 101325 bar, expected 0.5 to 25 bar"),
        ("equivalence,S_L_cm_s", "0.7,15", "no column for phi"),
    ],
)
def test_tables_that_cannot_be_are_refused(tmp_path: Path, header: str, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODEL.experiments(_table(tmp_path, header, row), {})


def test_a_network_that_says_the_targets_gives_the_solved_fronts() -> None:
    points = torch.as_tensor(qmc.Sobol(one_step.dimension, seed=3).random(8))
    theta, c, rows = (part.numpy() for part in one_step.collocate(points))
    outputs = one_step.targets(theta, c, rows)
    u = replace(one_step, corrections=0).lift(lambda features: outputs, theta, c)
    np.testing.assert_allclose(one_step.guessed(u, theta, c, rows), outputs, atol=1e-12)
    np.testing.assert_allclose(one_step.residuals(u, theta, c, rows)["front"], 0.0, atol=1e-8)
