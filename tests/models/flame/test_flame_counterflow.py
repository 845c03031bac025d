"""Flames between opposed jets: conservation, scaling, extinction, Cantera."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twin.case_studies.forwards import forward_of
from twin.models.flame import opposed
from twin.models.flame.cantera_reference import counterflow, solution
from twin.models.flame.counterflow import streams_of
from twin.models.flame.flames import problem_of, strength
from twin.models.flame.fronts import GAS, STEP
from twin.models.flame.gas import density
from twin.models.flame.opposed import fields_of, improved, jacobian, residual
from twin.models.flame.opposed_solve import solve
from twin.models.flame.published import PUBLISHED
from twin.models.flame.stretched import points
from twin.models.flame_counterflow import MODEL, activation
from twin.space import Floats
from twin.table import read_table

NOMINAL = MODEL.conditions.unpack(MODEL.conditions.nominal)
SEED = {0.6: -10964.0, 0.8: -13646.0, 1.0: -16723.0, 1.2: -18301.0}
"""Λ [Pa/m²] of Cantera 3.2 on 501 even points, 0.1 to 1.5 % more than on finer grids."""


def conditions(**changed: float) -> Floats:
    return MODEL.conditions.pack(NOMINAL | changed)


def problem(theta: Sequence[float] | Floats, count: int = 80, **changed: float) -> Any:
    return problem_of(MODEL.kinetics(np.asarray(theta, dtype=float)), streams_of(conditions(**changed)), count)


@pytest.mark.parametrize("phi", SEED)
def test_the_closed_form_is_near_and_the_solution_on_the_spot(phi: float) -> None:
    of = problem([0.0, 20.0], phi=phi)
    assert -float(of.by.pressure**2) == pytest.approx(SEED[phi], rel=0.06)
    fine, finest = (
        float(fields_of(p, solve(p)).eigenvalue[0]) for p in (problem([0.0, 20.0], n, phi=phi) for n in (80, 120))
    )
    assert fine == pytest.approx(finest, rel=2e-3)
    assert finest == pytest.approx(SEED[phi], rel=0.02)


def test_mass_and_elements_are_conserved() -> None:
    of = problem([0.0, 20.0], 96)
    found = fields_of(of, solve(of))
    assert found.flux[-1] == pytest.approx(-1.0, abs=1e-9)
    V, T, *shares = found.values
    Y = np.stack([*shares, 1 - sum(shares)], axis=-1)
    x, _ = of.by.stretch.at(of.at.s)
    carried = 2 * density(GAS, T, np.full(len(T), 101325.0), Y) * V
    grid = of.at.integral[-1] * of.by.stretch.at(of.at.s)[1]
    carbon = (Y[:, GAS.index("CH4")] / 16.043 + Y[:, GAS.index("CO2")] / 44.009) * carried
    assert float(grid @ carbon) == pytest.approx(of.of.fresh[GAS.index("CH4")] / 16.043, rel=2e-3)
    assert np.all(np.diff(x) > 0)


def test_larger_jets_make_the_same_flame_drawn_larger() -> None:
    larger = 1.1
    small, large = problem([0.2, 20.0]), problem(
        [0.2 - 2 * np.log(larger), 20.0], distance=20.0 * larger, flux_fresh=1 / larger, flux_N2=1 / larger
    )  # fmt: skip
    ours, theirs = (fields_of(p, solve(p)).values for p in (small, large))
    np.testing.assert_allclose(theirs[1], ours[1], rtol=1e-7)
    np.testing.assert_allclose(theirs[0] * larger**2, ours[0], rtol=1e-7, atol=1e-6)


def test_the_matrix_of_newtons_method_is_the_derivative_of_the_residual() -> None:
    of = problem([0.0, 20.0], 24)
    q = 0.02 * np.random.default_rng(0).standard_normal(1 + 6 * 23)
    J = jacobian(of, q)
    for i in range(0, len(q), 7):
        h = 1e-6 * np.eye(len(q))[i]
        column = (residual(of, q + h) - residual(of, q - h)) / 2e-6
        np.testing.assert_allclose(J[:, i], column, atol=1e-6 * np.abs(column).max())


def test_rounding_the_edge_where_a_reactant_is_used_up_changes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    of = problem([0.0, 20.0])
    rounded = float(fields_of(of, solve(of)).eigenvalue[0])
    monkeypatch.setattr(opposed, "SHARE", 1e-6)
    assert float(fields_of(of, solve(of)).eigenvalue[0]) == pytest.approx(rounded, rel=1e-3)


def test_places_are_found_on_the_coordinate() -> None:
    stretch = problem([0.0, 20.0]).by.stretch
    s = points(80).s
    x, slope = stretch.at(s)
    assert np.all(slope > 0)
    np.testing.assert_allclose(stretch.place(x), s, atol=1e-9)


def test_a_flame_that_is_blown_out_is_none() -> None:
    weak = problem([-0.8, 25.0], phi=0.6, flux_fresh=1.2, flux_N2=1.2)
    assert float(strength(weak)) < 0.16
    assert np.isnan(solve(weak)).all()
    theta = np.array([[-0.8, 25.0], [0.0, 20.0]])
    found = np.asarray(forward_of(MODEL)(theta, conditions(phi=0.6), MODEL.abscissa(conditions(), 5)))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_with_the_published_factor_a_higher_activation_energy_burns_slower() -> None:
    theta = np.array([[19.0], [21.0]])
    ln_A = activation.kinetics(theta).ln_A
    np.testing.assert_allclose(ln_A, np.log(PUBLISHED.A))
    slow = [float(fields_of(p, solve(p)).eigenvalue[0]) for p in (
        problem(activation.as_trained(one)) for one in (np.array([19.8]), np.array([20.2]))
    )]  # fmt: skip
    assert np.log(slow[1] / slow[0]) / np.log(20.2 / 19.8) == pytest.approx(-1.40, abs=0.05)


@pytest.fixture(scope="module")
def flame() -> Any:
    pytest.importorskip("cantera", reason="needs Cantera, the extra 'flame'")
    return counterflow(solution(GAS, STEP, PUBLISHED), streams_of(conditions()), slope=0.008)


def test_fields_are_those_of_cantera(flame: Any) -> None:
    x = 1e3 * flame.grid[:, None]
    ours = MODEL.simulate(np.array([[0.0, 20.0]]), conditions(), x)[0]
    surrogate = np.asarray(forward_of(MODEL)(np.array([0.0, 20.0]), conditions(), x))
    theirs = np.stack([flame.velocity, flame.spread_rate, flame.T, *flame.Y], axis=-1)
    weight = np.gradient(flame.grid)[:, None]
    for found, most in ((ours, 0.01), (surrogate, 0.02)):
        off = np.sqrt((weight * (found - theirs) ** 2).sum(axis=0) / (weight * theirs**2).sum(axis=0))
        assert off.max() < most, off
    of = problem([0.0, 20.0], 96)
    assert float(fields_of(of, solve(of)).eigenvalue[0]) == pytest.approx(float(flame.L[0]), rel=5e-3)


def test_one_iteration_from_the_network_is_enough() -> None:
    of = problem([0.1, 20.5])
    rested = solve(of)
    surrogate = forward_of(MODEL)
    guess = surrogate.fields(np.array([0.1, 20.5]), conditions())["flame"].guess(of)  # type: ignore[attr-defined]
    assert np.abs(improved(of, guess) - rested).max() < 0.3 * np.abs(guess - rested).max()


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("x_mm,T_K", ["1,300", "5,1900"], "2 rows .* a profile needs at least 3"),
        ("x_mm,density_kg_m3", ["1,1", "2,1", "3,1"], "no measurement to calibrate with; expected some of u, V, T"),
        ("x_mm,T_K", ["1,20", "2,20", "3,20"], "T is 20 K, expected 200 to 6000"),
        ("x_mm,T_K,phi", ["1,300,0.8", "2,300,0.9", "3,300,0.8"], "one profile has one value"),
        ("x_mm,T_K,phi", ["1,300,80", "2,300,80", "3,300,80"], "phi"),
        ("x,T_K", ["1,300", "2,300", "3,300"], "no unit is given, but x needs 'mm'"),
    ],
)
def test_profiles_that_cannot_be_are_refused(tmp_path: Path, header: str, rows: list[str], message: str) -> None:
    path = tmp_path / "profile.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(ValueError, match=message):
        MODEL.experiments(read_table(path), {})


def test_a_profile_is_read_with_gaps_and_errors(tmp_path: Path) -> None:
    path = tmp_path / "profile.csv"
    path.write_text("x_cm,T_C,u_cm_s,sigma_T_K\n0.2,27,80,5\n0.8,,150,5\n1.0,1700,,\n")
    read = MODEL.experiments(read_table(path), {"phi": 0.9})
    assert read.conditions["phi"] == 0.9
    np.testing.assert_allclose(read.x[:, 0], [2.0, 8.0, 10.0])
    assert read.observables == ("u", "T")
    np.testing.assert_allclose(read.y, [[0.8, 300.15], [1.5, np.nan], [np.nan, 1973.15]])
    assert read.sd is not None
    np.testing.assert_allclose(read.sd, [[0, 5], [0, 5], [0, 0]])
