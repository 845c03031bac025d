"""The beat between the valves' instants, and what is read off it, held against the reference solver."""

import jax
import numpy as np
import pytest
import torch

from twin.arrays import Array
from twin.model import Fields
from twin.models.cardiac.between_valves import beat_between, elastance
from twin.models.cardiac.groups import flow_scale, groups_of, pressure_scale
from twin.models.cardiac.instants import NAMES, instants
from twin.models.cardiac.limit_cycle import LimitCycle
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.observation import measured
from twin.models.cardiac.piecewise import pieces_of
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac.switching import corrections, gaps, settled
from twin.models.cardiac_loop import default, hf, wide
from twin.space import Floats
from twin.training.build import physics
from twin.training.first_order import SOAP
from twin.training.loop import train

FINE = np.linspace(0.0, 1.0, 801)[:-1]
RATES = (45.0, 75.0, 150.0)


def patient(rate: float) -> Loop:
    return default.loop(default.space.nominal, np.array([rate]))


@pytest.mark.parametrize("rate", RATES)
def test_the_beat_is_that_of_the_reference_solver(rate: float) -> None:
    loop = patient(rate)
    _, u, left = settled(groups_of(loop), 6)
    assert left < 1e-6
    exact = limit_cycle(loop, phases=FINE)
    p = pressure_scale(loop)
    for name, true, scale, off in (
        ("volume", exact.state.x, loop.SBV, 0.06),
        ("arterial", exact.state.P_s, p, 0.02),
        ("aortic", exact.state.P_ao, p, 0.5),  # where the valve opens, within 0.2 ms
        ("flow", exact.state.Q, flow_scale(loop), 4.0),
    ):
        away = scale * u[name](FINE) - true
        assert np.abs(away).max() < off, name
        assert np.sqrt(np.mean(away**2)) < 0.2 * off, name


@pytest.mark.parametrize("preset", [default, hf, wide], ids=lambda m: m.preset)
def test_numbers_of_patients_of_the_prior_are_those_of_the_reference_solver(preset: LimitCycle) -> None:
    theta = preset.space.draw(25, 5)
    c = np.array([80.0])
    loop = preset.loop(theta, c)
    _, u, left = settled(groups_of(loop), 8)
    exact = preset.simulate(theta, c, np.zeros((1, 1)))[:, 0]
    ours = measured(u, loop, preset.named(theta), np.zeros(1))[:, 0]
    once = (left < 1e-4) & np.isfinite(exact[:, 0])  # the others' aortic valve closes twice
    assert once.mean() > 0.7
    for j, o in enumerate(preset.observables[:11]):
        np.testing.assert_allclose(ours[once, j], exact[once, j], atol=0.05 * o.typical, err_msg=o.name)


@pytest.mark.parametrize("rate", RATES)
def test_a_beat_closes_and_keeps_its_volume_whatever_the_instants_are(rate: float) -> None:
    g = groups_of(patient(rate))
    for seed in range(3):
        outputs = np.random.default_rng(seed).normal(size=4) * 0.5
        u = beat_between(g, instants(outputs, g.tau))
        for field in u.values():
            np.testing.assert_allclose(field.values[..., -1, -1], field.values[..., 0, 0], atol=1e-12)
            np.testing.assert_allclose(field.values[1:, 0], field.values[:-1, -1], atol=1e-12)
        v, q, p_ao = u["volume"].values, u["flow"].values, u["aortic"].values
        flat = v[1], v[5]  # isovolumetric contraction and relaxation
        for piece in flat:
            np.testing.assert_allclose(piece, piece[0], atol=1e-12)
        assert np.all(np.isfinite(q))
        assert np.all(np.isfinite(p_ao))


def test_wrong_instants_hardly_move_the_volumes() -> None:
    loop = patient(75.0)
    g = groups_of(loop)
    when, u, _ = settled(g, 8)

    def extremes(shift: float) -> Floats:
        moved = type(when)(*(phase + shift * g.tau for phase in vars(when).values()))
        v = loop.SBV * beat_between(g, moved)["volume"].values
        return np.array([v[1, 0], v[5, 0]])

    exact = loop.SBV * u["volume"].values[[1, 5], 0]
    small, large = (np.abs(extremes(s) - exact) for s in (0.005, 0.02))
    assert np.all(small < 0.06)  # mL, of instants wrong by 1.7 ms
    assert np.all(large / small > 6), "quadratic: four times the shift, sixteen times the error"


def test_corrections_are_newton_steps_of_the_valves_own_conditions() -> None:
    g = groups_of(patient(75.0))
    right, _, _ = settled(g, 8)
    shift = np.array([0.002, -0.003, 0.002, -0.001])
    moved = type(right)(*(phase + d for phase, d in zip(vars(right).values(), shift, strict=True)))
    u = beat_between(g, moved)
    np.testing.assert_allclose(corrections(g, u), -shift, atol=5e-4)
    gap, slope = gaps(g, u)
    assert gap.shape == slope.shape == (4,)
    step = 1e-6
    v = u["volume"].values[5, 0]  # the ventricle relaxes at constant volume: p_lv' = ε' v
    rise = (elastance(g, moved.mitral_opens + step) - elastance(g, moved.mitral_opens - step)) / (2 * step)
    assert slope[3] == pytest.approx(
        -(g.g_s * u["arterial"].d("phase").values[5, -1] + g.g_a * u["aortic"].d("phase").values[5, -1]) / g.g_r
        - float(rise[0]) * v,
        rel=1e-3,
    )


def test_what_is_read_off_the_fields_is_what_the_reference_measures() -> None:
    theta = default.space.pack({"cuff_SBP": 4.0, "volume_scale": 0.9, "delay": 0.07, "pressure_offset": -3.0,
                                "catheter": 0.02})  # fmt: skip
    c = np.array([75.0])
    x = default.abscissa(c, 40)
    loop = default.loop(theta, c)
    _, u, _ = settled(groups_of(loop), 6)
    ours = measured(u, loop, default.named(theta), x[:, 0])
    exact = default.simulate(theta[None], c, x)[0]
    for j, o in enumerate(default.observables):
        away = ours[:, j] - exact[:, j]
        # eight lags of the catheter cost half a mmHg on the upstroke
        assert np.max(np.abs(away)) < (0.6 if o.name == "pressure" else 0.02 * o.typical), o.name
        assert np.sqrt(np.mean(away**2)) < (0.15 if o.name == "pressure" else 0.02 * o.typical), o.name


def test_numpy_torch_and_jax_agree_in_values_and_torch_and_jax_in_gradients() -> None:
    theta, c = default.space.draw(4, 2), np.array([90.0])
    x = default.abscissa(c, 7)

    def numbers(theta: Array, zeros: Array) -> Array:
        return default.observe(default.lift(lambda f: f[..., :1] * zeros, theta, c), theta, c, x)

    exact = numbers(theta, np.zeros(4))
    leaf = torch.tensor(theta, requires_grad=True)
    by_torch = numbers(leaf, torch.zeros(4, dtype=torch.float64))
    np.testing.assert_allclose(by_torch.detach(), exact, rtol=1e-9)
    (gradient,) = torch.autograd.grad(by_torch.sum(), leaf)

    def total(theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = numbers(theta, jax.numpy.zeros(4))
        return y.sum(), y

    with jax.enable_x64(True):
        slope, by_jax = jax.jit(jax.grad(total, has_aux=True))(jax.numpy.asarray(theta))
    np.testing.assert_allclose(by_jax, exact, rtol=1e-9)
    np.testing.assert_allclose(slope, gradient, rtol=1e-6, atol=1e-6 * float(gradient.abs().max()))


def test_a_short_training_by_the_equations_alone_finds_the_instants() -> None:
    problem = physics(default, default.recipe.network)
    short = SOAP(steps=400, rate=1e-2, batch=32, dtype=torch.float64, precondition_frequency=10)
    trained = train(problem, (short,), seed=0)
    theta, c = default.space.draw(60, 3), np.array([100.0])
    g = groups_of(default.loop(theta, c))

    def error(u: Fields) -> float:
        return float(np.median(np.abs(corrections(g, pieces_of(u))) / g.tau[:, None], axis=0).max())

    def network(features: Floats) -> Floats:
        weights = {name: w.numpy() for name, w in trained.weights.items()}
        return np.asarray(default.recipe.network(weights, features))

    before = error(beat_between(g, instants(np.zeros((60, len(NAMES))), g.tau)))
    assert error(default.lift(network, theta, c)) < 0.2 * before


def test_patients_of_the_prior_are_physiological() -> None:
    theta = default.space.draw(150, 11)
    y = default.simulate(theta, np.array([75.0]), np.zeros((1, 1)))[:, 0]
    names = [o.name for o in default.observables]
    solved = np.isfinite(y[:, 0])
    assert solved.mean() > 0.97
    SBP = y[solved, names.index("SBP")] - theta[solved, default.space.index("cuff_SBP")]
    CO = y[solved, names.index("CO")]
    good = (SBP > 85) & (SBP < 190) & (CO > 2.5) & (CO < 9.0)
    assert good.mean() > 0.87, "93 % of many draws; 150 draws have a standard error of 2 points"
