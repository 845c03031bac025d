from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

from twin.arrays import Array, to_numpy
from twin.basis import BallPolynomials
from twin.field import ExactField
from twin.model import Fields
from twin.models.battery import pybamm_reference
from twin.models.battery.cell import flux_ratio
from twin.models.battery.diffusion_levels import MODES, steady
from twin.models.battery.nrel import pinnstripes2
from twin.models.battery.spm_diffusion import DiffusionSPM
from twin.networks import MLP
from twin.space import Floats
from twin.surrogate import Surrogate

MODEL = pinnstripes2
C = MODEL.conditions.nominal
CORNERS = np.array([[0.5, 1.0], [0.5, 10.0], [4.0, 1.0], [4.0, 10.0], [2.0, 2.0]])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
XI, VOLUME = (NODES + 1) / 2, 3 * WEIGHTS / 2 * ((NODES + 1) / 2) ** 2


def random_network(seed: int, size: float) -> Callable[[Array], Array]:
    network = MLP(MODEL.inputs, (6,), MODEL.outputs)
    weights = network.init(torch.Generator().manual_seed(seed))
    return partial(network, {k: size * to_numpy(w) for k, w in weights.items()})


def filling(c: Floats) -> float:
    """Rate of the positive particle's mean stoichiometry [1/s]."""
    current = c[MODEL.conditions.index("c_rate")] * MODEL.cell.capacity
    return float(flux_ratio(MODEL.cell.positive, MODEL.cell, 1.0, np.asarray(current)))


@pytest.mark.parametrize("model", [MODEL, replace(MODEL, lower_level=steady)], ids=["frozen diffusivity", "steady"])
@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 50.0))
@settings(deadline=None, max_examples=20)
def test_lithium_is_conserved_whatever_the_network_says(model: DiffusionSPM, seed: int, size: float) -> None:
    c = model.conditions.draw(1, seed)[0]
    theta, times = model.space.draw(3, seed), model.abscissa(c, 5)[:, 0]
    profile = model.lift(random_network(seed, size), theta, c)["positive"](times, XI)
    expected = c[model.conditions.index("y_start")] + filling(c) * times
    np.testing.assert_allclose(profile @ VOLUME, np.broadcast_to(expected, (3, 5)), rtol=1e-11)


@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 50.0))
@settings(deadline=None, max_examples=20)
def test_the_start_is_uniform_whatever_the_network_says(seed: int, size: float) -> None:
    c = MODEL.conditions.draw(1, seed)[0]
    u = MODEL.lift(random_network(seed, size), MODEL.space.draw(3, seed), c)
    start = np.zeros(1)
    x0, y0 = (c[MODEL.conditions.index(name)] for name in ("x_start", "y_start"))
    np.testing.assert_allclose(u["positive"](start, XI), y0, rtol=1e-13)
    np.testing.assert_allclose(u["negative"](start, XI), x0, rtol=1e-13)
    np.testing.assert_allclose(u["positive surface"](start), y0, rtol=1e-13)
    np.testing.assert_allclose(u["negative surface"](start), x0, rtol=1e-13)


def test_every_profile_is_flat_at_the_centre() -> None:
    theta, times = torch.tensor(CORNERS), torch.tensor(MODEL.abscissa(C, 4)[1:, 0])
    weights = MODEL.recipe.network.init(torch.Generator().manual_seed(0))
    u = MODEL.lift(partial(MODEL.recipe.network, weights), theta, C)
    np.testing.assert_array_equal(u["positive"].d("r")(times, np.zeros(1)).numpy(), 0)


def test_the_negative_particle_conserves_lithium_and_follows_its_closed_form() -> None:
    u, times = MODEL.lift(random_network(0, 1.0), MODEL.space.nominal, C), MODEL.abscissa(C, 7)[1:, 0]
    moved = 0.0378 * times / 3600 / MODEL.cell.electrode_capacity(MODEL.cell.negative)
    np.testing.assert_allclose(u["negative"](times, XI) @ VOLUME, 0.91 - moved, rtol=1e-11)
    np.testing.assert_allclose(u["negative"](times, np.ones(1))[:, 0], u["negative surface"](times), atol=1e-6)


def rows_of(model: DiffusionSPM, u: Fields, theta: torch.Tensor, times: torch.Tensor) -> tuple[Floats, Floats]:
    """Galerkin rows (N, n, MODES), and preconditioned ones, which are errors of the coefficients."""
    c = torch.tensor(np.broadcast_to(C, (len(theta), len(C))).copy())
    rows = model.residuals(u, theta, c, times)
    near = model.precondition(rows, u, theta, c, times)["diffusion"]
    return rows["diffusion"].detach().numpy(), near.detach().numpy().reshape(*times.shape, MODES)


def torch_fields(surrogate: Surrogate, theta: torch.Tensor) -> Fields:
    return surrogate.fields(theta, torch.tensor(np.broadcast_to(C, (len(theta), len(C))).copy()))


def times_of(theta: Floats, n: int = 30) -> torch.Tensor:
    end = MODEL.abscissa(C, 2)[-1, 0]
    return torch.tensor(end * np.linspace(0.05, 1, n) ** 2).expand(len(theta), n).contiguous()


def test_the_trained_surrogate_satisfies_the_equations(trained_nrel: Surrogate) -> None:
    theta = torch.tensor(MODEL.space.draw(16, seed=4))
    _, errors = rows_of(MODEL, torch_fields(trained_nrel, theta), theta, times_of(theta.numpy()))
    untrained = replace(trained_nrel, weights={k: 0 * w for k, w in trained_nrel.weights.items()})
    _, before = rows_of(MODEL, torch_fields(untrained, theta), theta, times_of(theta.numpy()))
    assert np.max(np.abs(errors)) < 3e-4
    assert np.sqrt(np.mean(errors**2)) < 0.06 * np.sqrt(np.mean(before**2))


def pybamms_fields(theta: Floats) -> Fields:
    """The positive particle's field by PyBaMM: even polynomials through its cells, splines over time."""
    drawn = {k: float(np.squeeze(v)) for k, v in vars(MODEL.drawn(theta, C)).items()}
    simulation: Any = pybamm_reference._simulation(MODEL.reference, None)
    end = float(MODEL.abscissa(C, 2)[-1, 0])
    times = end * np.linspace(0, 1, 400) ** 2
    solution = simulation.solve([0.0, end], t_interp=times, inputs=drawn)
    variable = solution["X-averaged positive particle concentration [mol.m-3]"]
    cells = np.linspace(0, 1, 2 * MODEL.reference.radial_points + 1)[1::2]
    values = variable(t=times, r=cells * MODEL.cell.positive.particle_radius) / MODEL.cell.positive.max_concentration
    basis = BallPolynomials(24)
    design = np.concatenate([np.ones((len(cells), 1)), basis.matrix(cells)], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    over_root = CubicSpline(np.sqrt(times), coefficients.T)

    def field(order: int, by_time: bool) -> Callable[[torch.Tensor, Floats], torch.Tensor]:
        shapes = basis if order == 0 else basis.derivative()

        def at(t: torch.Tensor, r: Floats) -> torch.Tensor:
            root = np.sqrt(t.numpy())
            a = over_root(root, 1) / (2 * root[..., None]) if by_time else over_root(root)
            constant = a[..., :1] if order == 0 else 0.0
            return torch.as_tensor(constant + a[..., 1:] @ shapes.matrix(r).T)

        return at

    slopes = {name: ExactField(("t", "r"), field(int(name == "r"), name == "t")) for name in ("t", "r")}
    return {"positive": ExactField(("t", "r"), field(0, False), slopes)}


@pytest.mark.parametrize("theta", CORNERS, ids=str)
def test_pybamms_solution_satisfies_the_equations(theta: Floats) -> None:
    times = times_of(theta[None])
    rows, errors = rows_of(MODEL, pybamms_fields(theta), torch.tensor(theta[None]), times)
    load = BallPolynomials(MODES).matrix(np.ones(1))[0]
    assert np.max(np.abs(rows.reshape(-1, MODES)[:, 0] / load[0])) < 2e-3
    assert np.max(np.abs(errors)) < 1e-3


@pytest.mark.parametrize("change", ["diffusivity", "flux", "radius"])
def test_pybamms_solution_violates_the_equations_of_another_cell(change: str) -> None:
    positive = MODEL.cell.positive
    other = {
        "diffusivity": replace(positive, diffusivity=lambda y, t: positive.diffusivity(y, t) * (1 + 0.02 * y)),
        "flux": replace(positive, max_concentration=1.01 * positive.max_concentration),
        "radius": replace(positive, particle_radius=1.01 * positive.particle_radius),
    }[change]
    theta = np.array([2.0, 2.0])
    model = replace(MODEL, cell=replace(MODEL.cell, positive=other))
    rows, _ = rows_of(model, pybamms_fields(theta), torch.tensor(theta[None]), times_of(theta[None]))
    load = BallPolynomials(MODES).matrix(np.ones(1))[0]
    assert np.max(np.abs(rows.reshape(-1, MODES)[:, 0] / load[0])) > 4e-3


ANCHORS = {
    (0.5, 1.0): (4.08618, 3.73325, 3.57021),
    (2.0, 2.0): (4.09521, 3.74660, 3.58223),
    (4.0, 10.0): (4.09673, 3.75409, 3.58818),
}


def test_the_trained_surrogate_passes_the_specifications_anchors(trained_nrel: Surrogate) -> None:
    found = trained_nrel(np.array(list(ANCHORS)), C, np.array([[0.0], [675.0], [1350.0]]))[..., 0]
    np.testing.assert_allclose(found, list(ANCHORS.values()), atol=1e-4)


def test_the_trained_surrogate_is_pybamms_solution_over_the_box(trained_nrel: Surrogate) -> None:
    theta = np.concatenate([CORNERS, MODEL.space.sobol(8, seed=9)])
    x = MODEL.abscissa(C, 60)
    error = 1e3 * (trained_nrel(theta, C, x) - MODEL.simulate(theta, C, x))[..., 0]
    rms = np.sqrt(np.mean(error[:, 1:] ** 2, axis=1))
    assert np.median(rms) <= 0.1
    assert rms.max() <= 0.5
    assert abs(error[:, 1:].mean()) <= 0.05


@pytest.mark.parametrize("c_rate", [0.5, 1.0, 3.9])
def test_other_rates_and_starts_are_pybamms_too(trained_nrel: Surrogate, c_rate: float) -> None:
    c = MODEL.conditions.pack({"c_rate": c_rate, "x_start": 0.93, "y_start": 0.42})
    theta, x = np.array([[1.0, 3.0], [3.0, 1.5]]), MODEL.abscissa(c, 60)
    error = 1e3 * (trained_nrel(theta, c, x) - MODEL.simulate(theta, c, x))[:, 1:, 0]
    assert np.sqrt(np.nanmean(error**2)) <= 0.3
    assert np.isfinite(error).mean() > 0.5


def test_without_a_network_a_constant_diffusivity_is_solved_exactly() -> None:
    """The frozen lower level is the closed form itself when D does not depend on the filling."""
    positive = replace(MODEL.cell.positive, diffusivity=lambda y, t: 3e-15 + 0 * y)
    model = replace(MODEL, cell=replace(MODEL.cell, positive=positive))
    theta = torch.tensor(CORNERS)
    u = model.lift(lambda features: torch.zeros((*features.shape[:-1], MODES), dtype=features.dtype), theta, C)
    rows, errors = rows_of(model, u, theta, times_of(CORNERS))
    assert np.max(np.abs(rows)) < 1e-9
    assert np.max(np.abs(errors)) < 1e-9
