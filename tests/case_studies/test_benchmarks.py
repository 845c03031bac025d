import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from twin.acceptance import Differences, differences, error_table, reference_solves
from twin.case_studies import surrogates
from twin.case_studies.benchmarks import closed_form, gaussian_process, spm_modes
from twin.case_studies.benchmarks.peer import CONVERGED, idaklu
from twin.case_studies.benchmarks.table import Row, cell, show
from twin.case_studies.shifts import posterior_shifts
from twin.models import catalogue
from twin.models.battery.diffusion_levels import steady
from twin.models.battery.lgm50 import kin4, soh6
from twin.models.battery.nrel import pinnstripes2
from twin.space import Floats
from twin.surrogate import Surrogate, load
from twin.training.build import Solves
from twin.training.gauss_newton import GaussNewton

BARS = {"physics": (0.3e-3, 1.5e-3, 0.1e-3), "hybrid": (0.1e-3, 0.5e-3, 0.1e-3), "data": (0.1e-3, 0.5e-3, 0.1e-3)}


@pytest.fixture(scope="module")
def fresh() -> Solves:
    return reference_solves(pinnstripes2, n=32, points=100, seed=31)


def shipped(mode: str) -> Surrogate:
    (path,) = (p for p in catalogue.shipped(pinnstripes2) if p.name.split(".")[2] == mode)
    return load(path, pinnstripes2)


@pytest.mark.parametrize("mode", BARS)
def test_a_shipped_surrogate_keeps_its_bars_and_its_record_on_points_it_has_never_seen(
    mode: str, fresh: Solves
) -> None:
    surrogate = shipped(mode)
    found = error_table(pinnstripes2, differences(surrogate, fresh))["voltage"]
    recorded = surrogate.record["errors"]["voltage"]
    median, p99, bias = BARS[mode]
    for errors in (found, recorded):
        assert errors["median"] <= median
        assert errors["p99"] <= p99
        assert abs(errors["bias"]) <= bias
    assert found["median"] < 3 * recorded["median"]
    assert surrogate.record["training"]["ended"] == "steps"
    assert surrogate.record["reference_solves"] == (0 if mode == "physics" else 64)


def test_closed_form_and_pybamm_approach_each_other_as_the_mesh_is_refined() -> None:
    (row,) = closed_form.rows(kin4, (40, 80, 150), (1.0,))
    coarse, middle, fine = (row[f"Nr {n} rms mV"] for n in (40, 80, 150))
    assert fine <= 0.05
    assert middle / coarse == pytest.approx(0.25, rel=0.3)
    assert fine < 0.4 * middle


@pytest.mark.parametrize("rate", [0.1, 2.0])
def test_the_closed_form_conserves_lithium(rate: float) -> None:
    assert closed_form.balance(soh6, rate)["lithium error"] <= 1e-8


def test_the_peer_at_its_converged_mesh_is_the_reference() -> None:
    c = kin4.conditions.nominal
    x, theta = np.maximum(kin4.abscissa(c, 30), 1.0), kin4.space.nominal[None]
    solved = idaklu(kin4.reference, CONVERGED, kin4.drawn(theta, c), x[:, 0])()
    np.testing.assert_allclose(solved, kin4.simulate(theta, c, x)[0, :, 0], atol=1e-6)


def smooth_solves(n: int, seed: int) -> Solves:
    """Curves that depend smoothly on every input, over the abscissa of the NREL cell."""
    rng = np.random.default_rng(seed)
    theta = pinnstripes2.space.from_unit(rng.random((n, 2)))
    c = pinnstripes2.conditions.from_unit(rng.random((n, 3)))
    x = np.stack([pinnstripes2.abscissa(row, 40) for row in c])
    fraction = x / x[:, -1:]
    y = np.log(theta[:, :1, None]) * fraction + c[:, 1:2, None] * np.sqrt(theta[:, 1:, None]) * fraction**2
    return Solves(theta, c, x, y)


def test_a_gaussian_process_learns_from_more_curves_and_from_a_lower_level() -> None:
    test = smooth_solves(40, 1)

    def error(n: int, share: float | None) -> float:
        def below(theta: Floats, c: Floats, x: Floats) -> Floats:
            fraction = x / x[-1]
            return np.asarray((share or 0) * np.log(theta[:, :1, None]) * fraction)

        base = None if share is None else below
        forward = gaussian_process.trained(pinnstripes2, smooth_solves(n, 0), base)
        return float(np.sqrt(np.mean(differences(forward, test).values ** 2)))

    few, many, helped = error(8, None), error(64, None), error(8, 1.0)
    assert many < 0.1 * few
    assert helped < few


def test_a_posterior_shift_is_the_parameter_change_that_explains_the_error_in_posterior_sds(fresh: Solves) -> None:
    surrogate = shipped("physics")
    noise, few = 3e-3, Solves(fresh.theta[:4], fresh.c[:4], fresh.x[:4], fresh.y[:4])
    theta = np.clip(few.theta, [0.6, 1.2], [3.9, 9.0])
    moved, inside = theta + np.array([0.0, 1e-3]), replace(few, theta=theta)
    errors = np.stack([
        np.asarray(surrogate(b[None], c, x) - surrogate(a[None], c, x))[0]
        for a, b, c, x in zip(theta, moved, few.c, few.x, strict=True)
    ])  # fmt: skip
    shifts = posterior_shifts(surrogate, Differences(inside, errors), noise)
    assert shifts["i0_a"]["max"] < 0.02 * shifts["ds_c"]["max"]
    assert shifts["ds_c"]["median"] > 0
    doubled = posterior_shifts(surrogate, Differences(inside, 2 * errors), noise)
    assert doubled["ds_c"]["p95"] == pytest.approx(2 * shifts["ds_c"]["p95"])


def test_building_records_how_a_surrogate_came_about_and_repeats_bit_by_bit(tmp_path: Path) -> None:
    recipe = replace(pinnstripes2.recipe, stages=(GaussNewton(steps=3, batch=32),), solves=4)
    first, again = (surrogates.build(pinnstripes2, "hybrid", recipe=recipe, seed=3, holdout=4) for _ in range(2))
    for name, weight in first.weights.items():
        np.testing.assert_array_equal(weight, again.weights[name])
    assert first.record["errors"] == again.record["errors"]
    assert first.record["reference_solves"] == 4
    assert first.record["training"]["seed"] == 3
    assert first.errors is not None
    assert first.errors.rest.shape == (100, 1)


def test_an_unknown_mode_is_refused_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"hybrd.*did you mean 'hybrid'.*physics, hybrid, data"):
        surrogates.build(pinnstripes2, "hybrd")


def test_the_levels_rank_as_their_physics_does(fresh: Solves) -> None:
    """The frozen-diffusivity closed form beats the steady profile before anything is trained."""
    study = spm_modes.prepare(quick=True)
    rows = [
        spm_modes.judged(study, name, spm_modes.surrogate(model, model.recipe.network, spm_modes.untrained(model)))
        for name, model in (("frozen", study.model), ("steady", replace(study.model, lower_level=steady)))
    ]
    mesh = spm_modes.mesh(study)
    assert mesh["median mV"] < rows[0]["median mV"] < 0.1 * rows[1]["median mV"]


def test_rows_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Row] = [{"what": "a", "mV": 0.12345, "n": 3}, {"what": "b", "mV": None}]
    show("title", rows, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"title": "title", "rows": rows}
    show("title", rows, as_json=False)
    printed = capsys.readouterr().out
    assert "0.123" in printed
    assert [cell(v) for v in (None, 3, 1e-7, "x")] == ["", "3", "1e-07", "x"]


def test_the_bars_of_a_percentile_are_those_of_the_sorted_errors(fresh: Solves) -> None:
    errors = np.zeros((32, 100, 1)) + np.arange(32)[:, None, None] * 1e-3
    table = error_table(pinnstripes2, Differences(fresh, errors))["voltage"]
    assert table["p99"] == pytest.approx(float(stats.scoreatpercentile(np.arange(32), 99)) * 1e-3)
    assert table["bias"] == pytest.approx(15.5e-3)
