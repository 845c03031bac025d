"""The porous cell: its march against PyBaMM, what it conserves, and the surrogate's form."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from twin.arrays import Array
from twin.case_studies import surrogates
from twin.case_studies.forwards import forward_of
from twin.models.battery import pybamm_reference
from twin.models.battery.cell import Draw, Electrode
from twin.models.battery.layers import Layers
from twin.models.battery.lgm50_porous import kin4, soh6, soh7, wide
from twin.models.battery.lgm50_warm import soh9
from twin.models.battery.nrel_porous import pinnstripes2
from twin.models.battery.porous import LG_M50_POROUS, LG_M50_WARM, NREL_POROUS
from twin.models.battery.porous_drawn import Stage, Unknowns, drawn_of
from twin.models.battery.porous_form import frozen_surfaces
from twin.models.battery.porous_march import COARSE, Path, march
from twin.models.battery.porous_particles import graded
from twin.models.battery.porous_stage import equations, salt_amount
from twin.models.battery.voltage import over_time
from twin.space import Floats
from twin.surrogate import Surrogate
from twin.training.first_order import SOAP
from twin.training.loop import train

TIMES = np.array([300.0, 600.0, 1200.0, 1800.0, 2400.0, 3000.0, 3300.0])
GOLD = np.array([3.89747, 3.81464, 3.66164, 3.51184, 3.39297, 3.22536, 3.00048])
"""[V] of the LG M50 at 1C: PyBaMM's DFN, extrapolated from meshes of 40 and 80 points across each layer."""
AGED = {"LLI": 0.12, "LAM_n": 0.1, "LAM_p": 0.05, "sDp": 0.6, "s_ct": 0.5, "R0": 0.0}


@cache
def discharge(rate: float = 1.0, layers: Layers = COARSE, largest: float = 0.01) -> Path:
    cell = LG_M50_POROUS.cell
    fresh = Draw(rate * 5.0, 298.15, cell.negative.start_stoichiometry, cell.positive.start_stoichiometry)
    return march(LG_M50_POROUS, fresh, until=2.5, layers=layers, largest=largest)


def at(path: Path, times: Floats, k: int = 0) -> Floats:
    known = np.isfinite(path.time[k])
    return np.asarray(CubicSpline(path.time[k][known], path.voltage[k][known])(times))


def test_the_march_has_the_voltages_of_a_converged_independent_solver() -> None:
    np.testing.assert_allclose(at(discharge(), TIMES), GOLD, atol=4e-5)
    np.testing.assert_allclose(at(discharge(layers=Layers(10, 5, 10), largest=0.004), TIMES), GOLD, atol=2e-5)


@pytest.mark.parametrize("rate", [0.3, 1.6])
def test_an_aged_cell_is_pybamms(rate: float) -> None:
    theta = soh6.space.pack(AGED)[None]
    c = soh6.conditions.pack({"c_rate": rate, "temperature": 288.15, "start_voltage": 4.12})
    found = march(soh6.porous, soh6.drawn(theta, c), until=2.4, layers=Layers(10, 5, 10))
    times = np.linspace(0.02, 0.98, 40) * np.nanmax(found.time)
    finer = replace(soh6, reference=replace(soh6.reference, radial_points=200))
    theirs = finer.simulate(theta, c, times[:, None])[0, :, 0]
    counted = theirs > 3.0
    off = 1e3 * (at(found, times) - theirs)[counted]
    assert counted.sum() > 20
    assert np.sqrt(np.mean(off**2)) < 0.1, "mV"


def test_salt_and_lithium_are_conserved() -> None:
    path = discharge(1.5)
    drawn = drawn_of(LG_M50_POROUS, Draw(7.5, 298.15, 0.9, 0.27), Layers())
    known = np.isfinite(path.time[0])
    np.testing.assert_allclose(salt_amount(drawn, path.salt[0, known]), salt_amount(drawn, np.ones(14)), rtol=1e-10)
    for k, layer in enumerate(drawn.layers.each[::2]):
        np.testing.assert_allclose(path.reaction[k][0, known] @ layer.weights, 1.5, rtol=1e-9)


def test_the_mean_of_an_electrodes_surfaces_is_the_single_particles() -> None:
    path = discharge()
    known = np.isfinite(path.time[0])
    drawn = over_time(Draw(np.array([5.0]), np.array([298.15]), np.array([29866 / 33133]), np.array([17038 / 63104])))
    cell, t = LG_M50_POROUS.cell, path.time[:1, known]
    means = frozen_surfaces(cell, drawn, drawn.temperature, t)
    for k, layer in enumerate(Layers().each[::2]):
        apart = (path.surface[k] @ layer.weights)[0, known] - means[k][0]
        assert np.abs(apart[20:]).max() < 2e-5, "what is left is the error in time"
        assert np.ptp(path.surface[k][0, known], axis=1).max() > 0.01, "and they do spread"


def test_the_jacobian_is_that_of_the_residuals_under_numpy_and_jax() -> None:
    theta = soh6.space.pack(AGED)[None]
    draw = soh6.drawn(theta, soh6.conditions.nominal)
    drawn = drawn_of(LG_M50_POROUS, draw, Layers())
    rng = np.random.default_rng(0)
    q = Unknowns(*(rng.uniform(0.6, 1.4, (1, n)) for n in (14, 6, 1, 6, 1)))
    stage = Stage(
        np.array([[20.0]]), np.ones((1, 14)), (np.full((1, 6), 0.6), np.full((1, 6), 0.5)),
        (np.array([[-0.01]]), np.array([[0.02]])),
    )  # fmt: skip
    sizes = np.cumsum([part.shape[-1] for part in q])[:-1].tolist()
    residual, jacobian = equations(drawn, stage, q)

    def flat(z: Array) -> Array:
        return equations(drawn, stage, Unknowns(*jnp.split(z, sizes, axis=-1)))[0][0]

    with jax.enable_x64(True):
        z = jnp.concatenate([jnp.asarray(part) for part in q], axis=-1)
        np.testing.assert_allclose(residual[0], np.asarray(flat(z)), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(jacobian[0], np.asarray(jax.jacfwd(flat)(z))[:, 0], rtol=1e-9, atol=1e-12)


def test_the_nrel_cell_has_the_voltages_of_an_independent_solver() -> None:
    anchors = {675.0: [3.69133, 3.70296, 3.71022], 1350.0: [3.53278, 3.54495, 3.55096]}
    theta = np.array([[0.5, 1.0], [2.0, 2.0], [4.0, 10.0]])
    draw = pinnstripes2.drawn(theta, pinnstripes2.conditions.nominal)
    path = march(NREL_POROUS, draw, until=2.0, charge=0.755, layers=pinnstripes2.lessons.layers)
    for time, expected in anchors.items():
        found = [
            CubicSpline(t[np.isfinite(t)], v[np.isfinite(t)])(time)
            for t, v in zip(path.time, path.voltage, strict=True)
        ]
        np.testing.assert_allclose(found, expected, atol=8e-5)


def _flat(electrode: Electrode) -> Electrode:
    """Its diffusivity as a function of the filling that does not depend on it."""
    return replace(electrode, diffusivity=lambda y, T: electrode.diffusivity(np.asarray(0.5), T) + 0 * y)


def test_a_graded_particle_of_constant_diffusivity_is_a_uniform_one() -> None:
    cell = LG_M50_POROUS.cell
    flat = [_flat(electrode) for electrode in (cell.negative, cell.positive)]
    graded_too = replace(
        LG_M50_POROUS, cell=replace(cell, negative=flat[0], positive=flat[1]), particles=(graded, graded)
    )
    fresh = Draw(10.0, 298.15, cell.negative.start_stoichiometry, cell.positive.start_stoichiometry)
    one, two = (march(porous, fresh, until=3.0) for porous in (LG_M50_POROUS, graded_too))
    np.testing.assert_allclose(one.voltage, two.voltage, atol=1e-7)


def test_lithium_is_conserved_whatever_the_diffusivity() -> None:
    draw = pinnstripes2.drawn(np.array([[1.0, 1.0]]), pinnstripes2.conditions.nominal)
    path = march(NREL_POROUS, draw, until=2.0, charge=0.5, layers=Layers(8, 4, 6))
    drawn = drawn_of(NREL_POROUS, draw, Layers(8, 4, 6))
    for k, layer in enumerate(drawn.layers.each[::2]):
        np.testing.assert_allclose(path.reaction[k][0] @ layer.weights, 2.0, rtol=1e-8)
    np.testing.assert_allclose(salt_amount(drawn, path.salt[0]), salt_amount(drawn, np.ones(16)), rtol=1e-9)


@pytest.mark.parametrize(("rate", "around"), [(1.0, 298.15), (2.0, 283.15)])
def test_a_cell_warms_as_pybamms(rate: float, around: float) -> None:
    theta = soh9.space.pack(AGED | {"sDn": 1.0, "R0": 0.01, "H_th": 0.08, "C_th": 60.0, "E_Dn": 60.0, "E_Dp": 25.0})[
        None
    ]
    c = soh9.conditions.pack({"c_rate": rate, "temperature": around, "start_voltage": 4.15})
    times = np.linspace(0.06, 0.7, 15) * 3600 / rate
    theirs = soh9.simulate(theta, c, times[:, None])[0]
    draw = soh9.drawn(theta, c)
    path = march(LG_M50_WARM, draw, until=2.4, layers=Layers(8, 4, 8))
    volts, kelvin = (CubicSpline(path.time[0], part[0])(times) for part in (path.voltage, path.temperature))
    counted = theirs[:, 0] > 2.9
    np.testing.assert_allclose(kelvin[counted], theirs[counted, 1], atol=0.01)
    np.testing.assert_allclose((volts - 0.01 * 5 * rate)[counted], theirs[counted, 0], atol=3e-4)
    assert np.ptp(theirs[counted, 1]) > 3.0


def test_heat_of_entropy_is_pybamms() -> None:
    theta = soh9.space.pack(soh9.space.unpack(soh9.space.nominal) | {"R0": 0.0})[None]
    c = soh9.conditions.pack({"c_rate": 0.1, "temperature": 298.15, "start_voltage": 4.18})
    times = np.linspace(0.4, 0.9, 11) * 36000
    theirs = soh9.simulate(theta, c, times[:, None])[0]
    path, without = (
        march(porous, soh9.drawn(theta, c), until=2.6)
        for porous in (LG_M50_WARM, replace(LG_M50_WARM, cell=LG_M50_POROUS.cell))
    )
    np.testing.assert_allclose(CubicSpline(path.time[0], path.temperature[0])(times), theirs[:, 1], atol=2e-3)
    assert np.abs(CubicSpline(without.time[0], without.temperature[0])(times) - theirs[:, 1]).max() > 0.02


def test_without_capacity_to_warm_the_temperature_stays() -> None:
    assert np.ptp(discharge().temperature) == 0.0


def test_a_wrong_transference_number_is_noticed() -> None:
    salt = LG_M50_POROUS.electrolyte
    wrong = replace(LG_M50_POROUS, electrolyte=replace(salt, transference=lambda c, T: 0.30 + 0 * c))
    cell = LG_M50_POROUS.cell
    fresh = Draw(5.0, 298.15, cell.negative.start_stoichiometry, cell.positive.start_stoichiometry)
    assert np.abs(at(march(wrong, fresh, until=2.5), TIMES) - GOLD).max() > 1e-3


def test_a_march_is_a_discharge() -> None:
    with pytest.raises(ValueError, match="above 0"):
        march(LG_M50_POROUS, Draw(-5.0, 298.15, 0.5, 0.5), until=2.5)


def test_a_presets_curve_slides_as_that_of_the_network_it_shares() -> None:
    theta, c = soh6.space.pack(AGED)[None], soh6.conditions.nominal
    x = soh6.abscissa(c, 40)
    mine, theirs = (forward_of(model) for model in (soh6, wide))
    assert isinstance(mine, Surrogate)
    assert isinstance(theirs, Surrogate)
    slide = mine.slide(theta, c, x)
    np.testing.assert_allclose(slide, theirs.slide(soh6.as_trained(theta), c, x), rtol=1e-10, atol=1e-12)
    assert np.all(slide[0, 1:, 0] < 0), "a discharge falls"
    assert slide[0, -1, 0] < 10 * np.median(slide), "and ends in a wall"


def test_collocated_cells_can_start() -> None:
    points = torch.rand((400, wide.dimension), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    theta, c, _ = (part.numpy() for part in wide.collocate(points))
    draw = wide.drawn(theta, c)
    assert draw.stoichiometry_n.min() > 0.4
    assert draw.stoichiometry_n.max() < 1.0
    fresh = wide.features(LG_M50_POROUS.cell, draw)
    assert np.abs(fresh).max() < 1.6


def test_resistance_is_exact_and_presets_are_one_network() -> None:
    forward, c = forward_of(soh6), soh6.conditions.nominal
    x = soh6.abscissa(c, 9)
    base = {"LLI": 0.05, "LAM_n": 0.02, "LAM_p": 0.0, "sDp": 1.2, "s_ct": 0.8, "R0": 0.005}
    one, two = (np.asarray(forward(soh6.space.pack(base | {"R0": r}), c, x)) for r in (0.005, 0.025))
    np.testing.assert_allclose(one - two, 0.02 * 5.0, rtol=1e-9)
    by_seven = np.asarray(forward_of(soh7)(soh7.space.pack(base | {"sDn": 1.0}), c, x))
    np.testing.assert_allclose(by_seven, one, rtol=1e-12)


@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_the_shipped_network_meets_its_bar_on_fresh_cells(rate: float) -> None:
    forward = forward_of(kin4)
    assert isinstance(forward, Surrogate)
    assert forward.record["reference_solves"] == 0
    c = kin4.conditions.pack({"c_rate": rate, "temperature": 298.15, "start_voltage": 4.18})
    x = kin4.abscissa(c, 60)[1:]
    theta = kin4.space.pack({"sDn": 1.3, "sDp": 0.8, "si0n": 1.2, "si0p": 0.7})
    off = 1e3 * (np.asarray(forward(theta, c, x)) - kin4.simulate(theta[None], c, x)[0])[:, 0]
    counted = np.asarray(forward(theta, c, x))[:, 0] > 3.0
    assert np.sqrt(np.nanmean(off[counted] ** 2)) < 0.4


def test_the_shipped_nrel_network_is_a_hundredth_of_the_papers_error() -> None:
    forward = forward_of(pinnstripes2)
    assert isinstance(forward, Surrogate)
    assert forward.record["reference_solves"] == 0
    c = pinnstripes2.conditions.nominal
    x = pinnstripes2.abscissa(c, 60)[1:]
    theta = np.array([[0.5, 1.0], [4.0, 1.0], [1.5, 10.0]])
    off = 1e3 * (np.asarray(forward(theta, c, x)) - pinnstripes2.simulate(theta, c, x))
    assert np.sqrt(np.mean(off**2, axis=(1, 2))).max() < 0.1, "mV; the papers' surrogate is about 10 mV off"


def test_the_reference_solves_the_porous_cell() -> None:
    assert wide.reference.cell is pybamm_reference.doyle_fuller_newman


def test_equations_alone_teach_a_network() -> None:
    recipe = replace(wide.recipe, own_solves=32, stages=(SOAP(steps=60, rate=3e-3, dtype=torch.float64),))
    problem = surrogates.problem_of(wide, "physics", recipe, 0)
    found = train(problem, recipe.stages, seed=0)
    first, last = found.history[0][2], found.history[-1][2]
    assert last < 0.2 * first
