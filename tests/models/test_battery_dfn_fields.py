"""A porous cell's fields from a network, and the rows of their equations, against the march."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from twin.arrays import Array, to_numpy
from twin.case_studies.benchmarks.dfn_fields import PRECONDITIONED, TRUNK
from twin.field import ExactField
from twin.model import Fields
from twin.models.battery.cell import Draw, flux_ratio
from twin.models.battery.dfn_fields import REACTION, SALT, FieldCell
from twin.models.battery.layers import Layers
from twin.models.battery.lgm50_porous import soh6
from twin.models.battery.nrel_porous import pinnstripes2
from twin.models.battery.porous_drawn import drawn_of, drawn_over_time
from twin.models.battery.porous_fields import MOMENTS, Trunk, ending, speed
from twin.models.battery.porous_form import frozen_surfaces
from twin.models.battery.porous_march import Path, march
from twin.models.battery.porous_memory import implicit_gain, memory, ramp_response, step_response
from twin.models.battery.porous_stage import salt_amount
from twin.models.battery.sphere import surface_response
from twin.models.battery.voltage import over_time
from twin.space import Floats

THETA = soh6.as_trained(
    soh6.space.pack({"LLI": 0.12, "LAM_n": 0.1, "LAM_p": 0.05, "sDp": 0.6, "s_ct": 0.5, "R0": 0.0})[None]
)
C = soh6.conditions.pack({"c_rate": 1.2, "temperature": 298.15, "start_voltage": 4.15})
SHARES = np.array([0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9])
"""Of the discharge."""


@cache
def discharge() -> Path:
    """Through steps whose splines may be differentiated."""
    return march(soh6.porous, PRECONDITIONED.drawn(THETA, C), until=2.5, layers=TRUNK.layers, largest=0.01)


def marched() -> tuple[Fields, torch.Tensor]:
    """The march's fields as PyTorch functions of time (1, n), and times."""
    path = discharge()
    t, known = path.time[0], slice(4, None)

    def spline(values: Floats) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
        curve = CubicSpline(t[known], values[known])
        return _in_torch(curve), _in_torch(curve.derivative())

    salt, slope = spline(path.salt[0])
    fields = {"salt": ExactField(("t",), salt, {"t": ExactField(("t",), slope)})}
    for name, both in (("reactions", path.reaction), ("surfaces", path.surface)):
        fields[name] = ExactField(("t",), spline(np.concatenate([part[0] for part in both], axis=-1))[0])
    return fields, torch.as_tensor(SHARES * t[-1])[None]


def _in_torch(curve: Callable[[Floats], Floats]) -> Callable[[Array], Array]:
    return lambda at: torch.as_tensor(curve(to_numpy(at)[0])[None])


def errors(u: Fields, times: torch.Tensor, model: FieldCell = PRECONDITIONED) -> dict[str, Floats]:
    """Preconditioned rows by term (n, …) in mV."""
    at = (torch.as_tensor(THETA), torch.as_tensor(C)[None], times)
    rows = model.precondition(model.residuals(u, *at), u, *at)
    return {name: part.reshape(times.shape[1], -1).numpy() for name, part in rows.items()}


def random_fields(draws: int) -> tuple[Fields, Draw]:
    network, theta = PRECONDITIONED.recipe.network, np.repeat(THETA, draws, axis=0)
    weights = network.init(torch.Generator().manual_seed(1))
    grown = {name: 3 * part.numpy() for name, part in weights.items()}
    theta[:, 0] += np.linspace(-0.05, 0.05, draws)
    return PRECONDITIONED.lift(partial(network, grown), theta, C), PRECONDITIONED.drawn(theta, C)


def test_rest_salt_lithium_and_currents_hold_for_any_weights() -> None:
    u, draw = random_fields(3)
    t = np.array([1e-9, 3.0, 200.0, 2000.0]) * np.ones((3, 1))
    salt, J, y = u["salt"](t), u["reactions"](t), u["surfaces"](t)
    np.testing.assert_allclose(salt[:, 0], 1.0, atol=1e-7)
    np.testing.assert_allclose(y[:, 0], np.repeat([draw.stoichiometry_n, draw.stoichiometry_p], 6, axis=0).T, atol=1e-6)
    drawn = drawn_of(soh6.porous, draw, TRUNK.layers)
    np.testing.assert_allclose(salt_amount(drawn, salt), salt_amount(drawn, np.ones(14)), rtol=1e-12)
    timed = over_time(draw)
    means = frozen_surfaces(soh6.porous.cell, timed, timed.temperature, t)
    for k, layer in enumerate(TRUNK.electrodes):
        part = slice(6 * k, 6 * k + 6)
        np.testing.assert_allclose(J[..., part] @ layer.weights, 1.2, rtol=1e-12)
        np.testing.assert_allclose(y[..., part] @ layer.weights, means[k], atol=1e-12)
        assert np.ptp(J[:, 2, part], axis=-1).min() > 0.01
        assert np.ptp(y[:, 2, part], axis=-1).min() > 1e-4, "and they do spread"
    assert np.ptp(salt[:, 2], axis=-1).min() > 0.01


def test_a_network_that_says_nothing_leaves_single_particles() -> None:
    u = PRECONDITIONED.lift(lambda inputs: np.zeros((*inputs.shape[:-1], TRUNK.outputs)), THETA, C)
    t = np.array([[10.0, 1000.0]])
    np.testing.assert_allclose(u["reactions"](t), 1.2)
    for part in (slice(0, 6), slice(6, 12)):
        assert np.ptp(u["surfaces"](t)[..., part], axis=-1).max() < 1e-12


def test_a_step_and_a_ramp_are_remembered_as_a_sphere_does() -> None:
    v, t = np.array([[2e-4]]), np.geomspace(30.0, 3e4, 40)[None]
    exact = surface_response(v * t) / (3 * v)
    np.testing.assert_allclose(step_response(v, t), exact, rtol=1e-5)
    fine = np.linspace(0.0, 1.0, 4001)[:, None] * t
    area = np.trapezoid(surface_response(v * fine) / (3 * v), fine, axis=0)
    np.testing.assert_allclose(ramp_response(v, t)[0], area, rtol=1e-4)


def test_surfaces_remembered_are_those_of_the_march() -> None:
    path, draw = discharge(), PRECONDITIONED.drawn(THETA, C)
    t = path.time[0]
    moments = ending(TRUNK, draw)[:, None] * MOMENTS
    late = (t > 5) & (t < 0.97 * t[-1])
    cell = soh6.porous.cell
    for k, (electrode, active, sign) in enumerate(
        ((cell.negative, draw.active_n, -1.0), (cell.positive, draw.active_p, 1.0))
    ):
        J = CubicSpline(t, path.reaction[k][0])(np.clip(moments[0], t[0], t[-1]))
        fill = sign * flux_ratio(electrode, cell, active, cell.capacity)
        found = fill[:, None, None] * (memory(speed(TRUNK, draw, k)[:, None], t[None], moments) @ J)
        start = (draw.stoichiometry_n, draw.stoichiometry_p)[k]
        np.testing.assert_allclose((start + found[0])[late], path.surface[k][0, late], atol=1e-3)


def test_rows_vanish_on_the_march_and_not_where_physics_is_broken() -> None:
    u, times = marched()
    for name, rows in errors(u, times).items():
        assert np.abs(rows).max() < 0.1, f"{name}, mV"
    tight = replace(PRECONDITIONED.trunk.porous, bruggeman=1.6)
    other = replace(PRECONDITIONED, cell=replace(PRECONDITIONED.cell, porous=tight))
    assert all(np.abs(rows).max() > 1 for name, rows in errors(u, times, other).items() if name != "positive")
    for name, term in (("surfaces", "negative"), ("salt", "salt"), ("reactions", "positive")):
        known = u[name]
        slopes = {"t": ExactField(("t",), known.d("t"))} if name == "salt" else {}
        bent = ExactField(("t",), lambda t, f=known: f(t) + 0.01 * torch.linspace(-1, 1, f(t).shape[-1]), slopes)
        assert np.abs(errors({**u, name: bent}, times)[term]).max() > 0.2


def test_a_preconditioned_row_is_the_error_of_an_unknown() -> None:
    u, times = marched()
    wrong = 1e-3 * torch.as_tensor(np.concatenate([TRUNK.reactions(0)[1], TRUNK.reactions(1)[2]]))
    draw = PRECONDITIONED.drawn(torch.as_tensor(THETA), torch.as_tensor(C)[None])
    made = [
        side.fill
        * implicit_gain(speed(TRUNK, draw, k)[:, None], PRECONDITIONED.stage_length(times))[..., None]
        * wrong[6 * k : 6 * k + 6]
        for k, side in enumerate(drawn_over_time(soh6.porous, draw, TRUNK.layers).sides)
    ]
    moved: Fields = {
        **u,
        "reactions": ExactField(("t",), lambda t: u["reactions"](t) + wrong),
        "surfaces": ExactField(("t",), lambda t: u["surfaces"](t) + torch.cat(made, dim=-1)),
    }
    before, after = errors(u, times), errors(moved, times)
    for term, part in (("negative", wrong[:6]), ("positive", wrong[6:])):
        found = (after[term] - before[term])[:, :6] / REACTION
        np.testing.assert_allclose(found, part.numpy() * np.ones((len(SHARES), 1)), atol=2e-5)
    assert np.abs(after["salt"] - before["salt"]).max() < 1e-3 * SALT * 1e-2


def test_particles_of_varying_diffusivity_are_refused() -> None:
    with pytest.raises(ValueError, match="constant diffusivity"):
        Trunk(pinnstripes2.porous, Layers())
