"""The volume curve of a video as a forward map, and the emulator behind it."""

from functools import partial

import jax
import numpy as np
import pytest
import torch

from twin.models.cardiac import volume_emulator
from twin.models.cardiac.echo_curve import EchoCurve
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.phase import straightened
from twin.models.cardiac.series import PeriodicField
from twin.models.cardiac.volume_emulator import (
    BASIS,
    NETWORK,
    Beats,
    VolumeEmulator,
    fitted,
    problem,
    series,
    solved,
    solved_beats,
    training_patients,
)
from twin.space import Floats
from twin.training.first_order import SOAP
from twin.training.loop import train

X = np.linspace(0.0, 2.0, 21)[:, None]
NOTHING = np.empty(0)


@pytest.fixture(scope="module")
def curve() -> EchoCurve:
    """With weights nobody trained: what is tested here holds for any."""
    weights = NETWORK.init(torch.Generator().manual_seed(0))
    return EchoCurve(VolumeEmulator({name: np.asarray(w) for name, w in weights.items()}))


@pytest.fixture(scope="module")
def theta(curve: EchoCurve) -> Floats:
    return curve.space.draw(5, 3)


def changed(curve: EchoCurve, theta: Floats, factors: dict[str, float]) -> Floats:
    new = theta.copy()
    for name, factor in factors.items():
        new[:, curve.space.index(name)] *= factor
    return new


def test_impedances_times_k_leave_the_volume_unchanged(curve: EchoCurve, theta: Floats) -> None:
    k = 1.2
    up, down = ("Emax", "Emin", "Rs", "Rm", "Ra", "Rc", "Ls"), ("Cr", "Cs", "Ca")
    scaled = changed(curve, theta, dict.fromkeys(up, k) | dict.fromkeys(down, 1 / k))
    np.testing.assert_allclose(curve(scaled, NOTHING, X), curve(theta, NOTHING, X), rtol=1e-10)


def test_stressed_volume_scales_the_stressed_part_of_the_volume(curve: EchoCurve, theta: Floats) -> None:
    more = changed(curve, theta, {"SBV": 1.3})
    V0 = theta[:, [curve.space.index("V0")]]
    stressed, larger = (np.exp(curve(t, NOTHING, X))[..., 0] - V0 for t in (theta, more))
    np.testing.assert_allclose(larger, 1.3 * stressed, rtol=1e-10)


def test_the_curve_repeats_itself_beat_by_beat_and_a_delay_moves_it(curve: EchoCurve, theta: Floats) -> None:
    one = theta[:1]
    beat = 60.0 / one[0, curve.space.index("HR")]
    np.testing.assert_allclose(curve(one, NOTHING, X + beat), curve(one, NOTHING, X), rtol=1e-9)
    late = one.copy()
    late[0, curve.space.index("delay")] += 0.05
    np.testing.assert_allclose(curve(late, NOTHING, X), curve(one, NOTHING, X + 0.05), rtol=1e-9)


def test_no_volume_lies_beyond_the_extremes(curve: EchoCurve, theta: Floats) -> None:
    largest, smallest = curve.extremes(theta)
    V = np.exp(curve(theta, NOTHING, np.linspace(0, 2, 400)[:, None]))[..., 0]
    slack = 0.01 * (largest - smallest)[:, None]
    assert np.all(V - slack <= largest[:, None])
    assert np.all(V + slack >= np.maximum(smallest[:, None], 1.0))


def test_numpy_torch_and_jax_agree(curve: EchoCurve, theta: Floats) -> None:
    exact = curve(theta, NOTHING, X)
    np.testing.assert_allclose(curve(torch.as_tensor(theta), NOTHING, X), exact, rtol=1e-10)
    with jax.enable_x64(True):
        np.testing.assert_allclose(curve(jax.numpy.asarray(theta), NOTHING, X), exact, rtol=1e-10)


def test_a_series_is_recovered_from_values_at_uneven_phases() -> None:
    s = torch.sort(torch.rand(2, 220, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), dim=1).values
    v = 2 + torch.sin(2 * torch.pi * s) + 0.3 * torch.cos(6 * torch.pi * s)
    torch.testing.assert_close(PeriodicField(fitted(s, v), BASIS)(s), v)


def test_the_rows_mean_square_is_that_of_the_relative_error_over_the_beat() -> None:
    rng = torch.Generator().manual_seed(1)
    weights = NETWORK.init(rng)
    coefficients = 0.1 * torch.randn(3, BASIS.size, dtype=torch.float64, generator=rng)
    groups = torch.randn(3, 10, dtype=torch.float64, generator=rng)
    beats = Beats(groups, coefficients, torch.tensor([0.5, 0.8, 0.6], dtype=torch.float64))
    rows = problem(beats).rows
    assert rows is not None
    found = rows(weights, torch.tensor([[0.1], [0.5], [0.9]], dtype=torch.float64))["volume"]
    grid = np.arange(256) / 256
    exact = series(partial(NETWORK, weights), groups)(grid) / beats.largest[:, None] - PeriodicField(
        coefficients, BASIS
    )(grid)
    torch.testing.assert_close((found**2).mean(), (exact**2).mean())


def test_few_and_many_patients_are_solved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = training_patients(6, 0)
    few = solved(patients)
    monkeypatch.setattr(volume_emulator, "FEW", 0)
    many = solved(patients)
    np.testing.assert_allclose(many.volume, few.volume, atol=0.3)  # smooth valves against ideal ones [mL]
    np.testing.assert_allclose(many.pressure, few.pressure, atol=0.3)


def test_an_emulator_of_a_few_beats_knows_them() -> None:
    beats = solved_beats(40, 5)
    trained = train(problem(beats), (SOAP(steps=800, batch=64),), seed=0)
    patients = {name: values[:3] for name, values in training_patients(40, 5).items()}
    emulator = VolumeEmulator({name: w.numpy() for name, w in trained.weights.items()})
    found = emulator(Loop(**patients))(np.arange(256) / 256)
    exact = solved(patients).volume
    for v, x, SBV in zip(found, exact, patients["SBV"], strict=True):
        np.testing.assert_allclose([v.max(), v.min()], [x.max() / SBV, x.min() / SBV], atol=0.01 * x.max() / SBV)


@pytest.mark.parametrize("tau", [0.27, 0.4, 0.75])
def test_the_straightened_phase_is_a_smooth_way_round_the_circle(tau: float) -> None:
    phase = np.arange(1000) / 1000
    s, stretch = straightened(phase, np.array(tau))
    assert s[0] == 0.0
    assert np.all(np.diff(s) > 0)
    np.testing.assert_allclose(np.gradient(s, phase)[1:-1], stretch[1:-1], rtol=2e-3)
    np.testing.assert_allclose(straightened(phase + 3.0, np.array(tau))[0], s, atol=1e-12)
    for event in (0.3, 1.1):
        assert straightened(np.array(event * tau), np.array(tau))[0] == pytest.approx(event * 0.4, abs=1e-12)
