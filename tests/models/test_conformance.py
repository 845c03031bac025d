"""What every model of the catalogue must satisfy, whatever its physics."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.model import Coordinate, Exact, Forward, Model, Observable
from twin.models import catalogue
from twin.models.battery.dfn import PorousCell
from twin.models.engine.identified import AirPath
from twin.space import Floats, Space
from twin.surrogate import Surrogate, load, weights_to_numpy
from twin.training.build import Collocated, Corrected, Trainable

jax.config.update("jax_enable_x64", True)

PRESETS: list[Model] = [m for name in catalogue.names() for m in catalogue.presets(name).values()]
TRAINABLE: list[Trainable] = [m for m in PRESETS if isinstance(m, Trainable)]
EXACT = [m for m in PRESETS if isinstance(m, Exact)]
SHIPPED = [(m, path) for m in TRAINABLE for path in catalogue.shipped(m)]


def title(value: object) -> str | None:
    if isinstance(value, Path):
        return value.stem
    return f"{value.name}/{value.preset}" if isinstance(value, Model) else None


def corrections_of(model: Model) -> int:
    return model.corrections if isinstance(model, Corrected) else 0


def richest(model: Model) -> Model:
    """Among presets of one network and as many corrections, the one with all parameters of this one and most more."""
    if not isinstance(model, Trainable):
        return model
    family = [
        m for m in TRAINABLE
        if m.trained_as is model.trained_as and set(m.space.names) >= set(model.space.names)
        and corrections_of(m) == corrections_of(model)
    ]  # fmt: skip
    return max(family, key=lambda m: (len(m.space), m is m.trained_as))


RICHEST = [m for m in PRESETS if richest(m) is m]
"""What compiles for long is asked of these; the other presets must be special cases of them."""
SPECIAL = [m for m in TRAINABLE if richest(m) is not m]
every_preset = pytest.mark.parametrize("model", PRESETS, ids=title)
every_richest = pytest.mark.parametrize("model", RICHEST, ids=title)
POINTS = 21


def forward(model: Model) -> Forward:
    """The closed form, or the surrogate with fresh weights: what must hold does so before training."""
    if isinstance(model, Trainable):
        network = model.recipe.network
        weights = weights_to_numpy(network.init(torch.Generator().manual_seed(0)))
        return Surrogate(model, network, weights, "physics", None, {})
    assert isinstance(model, Forward)
    return model


def converged(model: Model) -> Forward:
    """The forward map whose equations are solved to the end, from shipped weights on if there are.

    Where a solver is cut short, derivatives are still those of the equations (implicit function theorem), not of the
    solver's last iterate.
    """
    if not isinstance(model, Corrected):
        return forward(model)
    done = replace(model, corrections=5)  # type: ignore[type-var]
    for path in catalogue.shipped(model)[:1]:
        return replace(load(path, model), model=done)
    return forward(done)


def thetas(space: Space) -> Floats:
    """The nominal point and four around it, within the middle of the prior."""
    middle = space.from_unit(np.random.default_rng(3).uniform(0.3, 0.6, (4, len(space))))
    return np.concatenate([space.nominal[None], 0.5 * (middle + space.nominal)])


def require_same(found: Floats, expected: Floats, rtol: float = 1e-12) -> None:
    """Equal but for rounding, which for values near 0 is that of their observable's largest."""
    scale = np.nanmax(np.abs(expected), axis=tuple(range(expected.ndim - 1)))
    np.testing.assert_allclose(found / scale, expected / scale, rtol=rtol, atol=0.1 * rtol)


def case(model: Model) -> tuple[Floats, Floats, Floats]:
    """θ, c and x; of a long recursion 6 s and 30 steps, for every step is alike and costs under NumPy and PyTorch."""
    c = model.conditions.nominal
    x = model.abscissa(c, POINTS)
    return thetas(model.space), c, x[:3] if isinstance(model, AirPath) else x


def test_the_catalogue_lists_models_that_are_exact_or_trainable() -> None:
    assert len(PRESETS) >= 5
    assert all(isinstance(m, Model) for m in PRESETS)
    assert {id(m) for m in PRESETS} == {id(m) for m in (*EXACT, *TRAINABLE)}


@every_preset
def test_everything_is_named_measured_explained_and_sourced(model: Model) -> None:
    assert model.name in catalogue.names()
    assert catalogue.model(model.name, model.preset) is model
    assert "DOI" in model.source
    for p in (*model.space.parameters, *model.conditions.parameters):
        assert p.unit, p.name
        assert len(p.meaning) > 8, p.name
        assert p.source, p.name
    columns: list[Coordinate | Observable] = [*model.coordinates, *model.observables]
    for column in columns:
        assert column.unit, column.name
        assert column.meaning, column.name


@every_preset
def test_nominal_values_lie_strictly_inside_the_bounds(model: Model) -> None:
    for p in (*model.space.parameters, *model.conditions.parameters):
        low, high = p.bounds
        assert low < p.nominal < high, p.name
        assert np.isfinite(p.prior.log_prob(np.asarray(p.nominal))), p.name


@every_preset
def test_the_abscissa_spans_the_experiment(model: Model) -> None:
    x = model.abscissa(model.conditions.nominal, POINTS)
    assert x.shape[0] == POINTS
    assert 1 <= x.shape[1] <= len(model.coordinates), "columns that conditions determine may be left out"
    assert np.all(np.diff(x[:, 0]) > 0)


@every_richest
def test_the_forward_map_of_a_batch_equals_that_of_each_draw(model: Model) -> None:
    theta, c, x = case(model)
    together = forward(model)(theta, c, x)
    assert together.shape == (len(theta), len(x), len(model.observables))
    for i, one in enumerate(theta):
        require_same(forward(model)(one, c, x), together[i])


@every_richest
def test_batches_of_any_shape_are_answered(model: Model) -> None:
    theta, c, x = case(model)
    batch = np.concatenate([theta, theta[:1]]).reshape(2, 3, -1)
    found = forward(model)(batch, c, x)
    assert found.shape == (2, 3, len(x), len(model.observables))
    require_same(found[1, 1], forward(model)(theta[4], c, x))
    valid = model.valid(found)
    require_same(forward(model)(torch.tensor(batch), c, x).numpy()[valid], found[valid])


@every_richest
def test_numpy_torch_and_jax_give_one_answer(model: Model) -> None:
    theta, c, x = case(model)
    ours = forward(model)(theta, c, x)
    assert np.all(np.isfinite(ours))
    valid = model.valid(ours)
    assert valid.mean() > 0.5
    require_same(forward(model)(torch.tensor(theta), c, x).numpy()[valid], ours[valid])
    by_jax = jax.jit(lambda t: forward(model)(t, c, x))(jnp.asarray(theta))
    require_same(np.asarray(by_jax)[valid], ours[valid])


@every_richest
def test_torch_and_jax_gradients_equal_finite_differences(model: Model) -> None:
    theta, c, x = case(model)
    of, at = converged(model), theta[1]
    by_jax = np.asarray(jax.jit(jax.jacfwd(lambda t: of(t, c, x)))(jnp.asarray(at)))
    scale = np.max(np.abs(by_jax), axis=(0, 1))
    assert np.all(scale > 0), "every parameter matters"
    ours = torch.tensor(at, requires_grad=True)
    found = of(ours, c, x)
    for along in np.random.default_rng(4).standard_normal((3, *by_jax.shape[:2])):
        (slope,) = torch.autograd.grad(found, ours, torch.tensor(along), retain_graph=True)
        expected = np.tensordot(along, by_jax, axes=2)
        size = np.sqrt(along.size) * scale
        np.testing.assert_allclose(np.asarray(slope) / size, expected / size, atol=1e-9)
    steps = 1e-4 * np.maximum(np.abs(at), 1e-2)
    nodes = at + np.array([-2, -1, 1, 2])[:, None, None] * np.diag(steps)
    y = of(nodes, c, x)
    for i, step in enumerate(steps):
        difference = (y[0, i] - 8 * y[1, i] + 8 * y[2, i] - y[3, i]) / (12 * step)
        rounding = 4 * np.finfo(float).eps * np.abs(y[0, i]) / step
        assert np.all(np.abs(by_jax[..., i] - difference) <= 1e-6 * scale[i] + 1e-7 * np.abs(difference) + rounding)


@pytest.mark.parametrize("model", SPECIAL, ids=title)
def test_a_preset_of_fewer_parameters_is_a_special_case_of_the_richest(model: Trainable) -> None:
    theta, c, x = case(model)
    of = richest(model)
    if of is model.trained_as:
        complete = np.asarray(model.as_trained(theta))
        np.testing.assert_allclose(np.asarray(model.as_trained(torch.tensor(theta))), complete)
        np.testing.assert_allclose(np.asarray(model.as_trained(jnp.asarray(theta))), complete)
    else:
        complete = np.tile(of.space.nominal, (len(theta), 1))
        complete[:, [of.space.index(name) for name in model.space.names]] = theta
    assert model.conditions.names == of.conditions.names
    np.testing.assert_array_equal(x, case(of)[2])
    require_same(forward(model)(theta, c, x), forward(of)(complete, c, x))


@every_preset
def test_the_reference_gives_one_row_per_draw_and_no_number_only_at_the_end(model: Model) -> None:
    theta, c = thetas(model.space), model.conditions.nominal
    y = model.simulate(theta, c, x := model.abscissa(c, POINTS))
    assert y.shape == (len(theta), POINTS, len(model.observables))
    assert np.all(np.isfinite(y[0, : POINTS // 2]))
    assert np.all(np.diff(np.isnan(y).astype(int), axis=1) >= 0)
    np.testing.assert_array_equal(model.simulate(theta[:1], c, x), y[:1])


@pytest.mark.parametrize("model", EXACT, ids=title)
def test_a_closed_form_is_the_reference_solution(model: Model) -> None:
    theta, c, x = case(model)
    error = (forward(model)(theta, c, x) - model.simulate(theta, c, x))[:, 1:]
    assert np.isfinite(error).mean() > 0.5
    for j, observable in enumerate(model.observables):
        assert np.sqrt(np.nanmean(error[..., j] ** 2)) < 0.02 * observable.typical, observable.name
    assert forward(model).error(c, x) is None


@pytest.mark.parametrize("model", [m for m in TRAINABLE if isinstance(m, Collocated)], ids=title)
def test_residuals_are_rows_per_sample_and_mix_no_samples(model: Collocated) -> None:
    points = torch.rand((6, model.dimension), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    network = model.recipe.network
    assert (network.inputs, network.outputs) == (model.inputs, model.outputs)
    weights = network.init(torch.Generator().manual_seed(0))

    def rows(at: torch.Tensor) -> dict[str, torch.Tensor]:
        theta, c, x = model.collocate(at)
        u = model.lift(lambda features: network(weights, features), theta, c)
        plain = model.residuals(u, theta, c, x)
        near = model.precondition(plain, u, theta, c, x)
        return {f"{kind} {k}": v for kind, r in (("plain", plain), ("near", near)) for k, v in r.items()}

    together = rows(points)
    for i in range(6):
        for name, alone in rows(points[i : i + 1]).items():
            assert together[name].shape[0] == 6
            np.testing.assert_allclose(together[name][i].reshape(-1), alone.reshape(-1), rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("model", TRAINABLE, ids=title)
def test_collocation_points_stay_in_the_trained_box(model: Trainable) -> None:
    points = torch.rand((500, model.dimension), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    theta, c, x = model.collocate(points)
    for space, values in ((model.space, theta), (model.conditions, c)):
        assert np.all(values.numpy() >= space.bounds[:, 0])
        assert np.all(values.numpy() <= space.bounds[:, 1])
    for one, at in zip(c[:20].numpy(), x[:20].numpy(), strict=True):
        model.require_covered(one, at.reshape(1, -1))


def answers(model: Trainable, c: Floats, x: Floats) -> bool:
    try:
        model.require_covered(c, x)
    except ValueError as refusal:
        return "only to" not in str(refusal)
    return True


@pytest.mark.parametrize("model", TRAINABLE, ids=title)
def test_an_abscissa_beyond_the_trained_stretch_is_refused_or_answered_as_one_that_begins_later(
    model: Trainable,
) -> None:
    c = model.conditions.nominal
    x = model.abscissa(c, POINTS)
    model.require_covered(c, x)
    if model.coordinates[0].name != "time":
        assert not answers(model, c, 10 * x)
        return
    beyond = 1.5 if isinstance(model, PorousCell) else 1.01  # cells differ in how long they last
    if not answers(model, c, beyond * x):
        return
    later = np.zeros(x.shape[1])
    later[0] = x[-1, 0]
    again = forward(model)(model.space.nominal, c, x + later)
    np.testing.assert_allclose(again, forward(model)(model.space.nominal, c, x), rtol=1e-9)


@pytest.mark.parametrize(("model", "path"), SHIPPED, ids=title)
def test_a_shipped_surrogate_is_as_good_as_its_record_says(model: Trainable, path: Path) -> None:
    surrogate = load(path, model)
    assert path.name.split(".")[2] == surrogate.mode
    joint = (model.space + model.conditions).sobol(8, seed=77)
    for rows in joint.reshape(4, 2, -1):  # two draws per condition: a batch costs no more than one
        theta, c = rows[:, : len(model.space)], rows[0, len(model.space) :]
        x = model.abscissa(c, POINTS)
        error = surrogate(theta, c, x) - model.simulate(theta, c, x)
        found = surrogate.error(c, x)
        assert model.recipe.sliding or not found.slides
        slide = surrogate.slide(theta, c, x) if found.slides else None
        bias, sd = found.mean(theta, slide), found.sd(theta, slide)
        counted = np.isfinite(error)
        bound = np.abs(bias) + 12 * sd + 1e-5 * max(o.typical for o in model.observables)
        assert np.all(np.abs(error[counted]) <= bound[counted])
