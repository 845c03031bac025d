"""The volume curve of a video as a forward map, and the surrogate behind it."""

from functools import partial

import jax
import numpy as np
import pytest
import torch

from twin.arrays import Array, like
from twin.case_studies.echo_study import shipped_curve
from twin.models import cardiac_loop
from twin.models.cardiac import solved_beats
from twin.models.cardiac.echo_curve import STENOTIC, EchoCurve
from twin.models.cardiac.limit_cycle import beat_by
from twin.models.cardiac.solved_beats import solved
from twin.space import Floats

X = np.linspace(0.0, 2.0, 21)[:, None]
NOTHING = np.empty(0)


@pytest.fixture(scope="module")
def curve() -> EchoCurve:
    """With weights nobody trained: what is tested here holds for any."""
    network = cardiac_loop.MODEL.recipe.network
    weights = network.init(torch.Generator().manual_seed(0))

    def untrained(features: Array) -> Array:
        return network({name: like(w, features) for name, w in weights.items()}, features)

    return EchoCurve(partial(beat_by, untrained))


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


def test_few_and_many_patients_are_solved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    space = EchoCurve(partial(beat_by, lambda features: features)).space
    theta = space.draw(6, 0)
    patients = {name: theta[:, i] for i, name in enumerate(space.names) if name != "delay"}
    few = solved(patients)
    monkeypatch.setattr(solved_beats, "FEW", 0)
    many = solved(patients)
    np.testing.assert_allclose(many.volume, few.volume, atol=0.3)  # smooth valves against ideal ones [mL]
    np.testing.assert_allclose(many.pressure, few.pressure, atol=0.3)


def test_the_shipped_surrogate_knows_the_volumes_of_healthy_and_stenotic_hearts() -> None:
    curve = shipped_curve()
    theta = curve.space.draw(20, 7)
    theta[::2, curve.space.index("Rm")] = STENOTIC
    EDV, ESV = curve.extremes(theta)
    loop = curve.loop(theta)
    exact = solved(vars(loop)).volume + loop.V0[:, None]
    good = np.isfinite(exact).all(axis=1)
    assert good.sum() >= 18
    errors = np.abs(np.stack([EDV - exact.max(axis=1), ESV - exact.min(axis=1)])[:, good])
    assert np.median(errors) < 0.02
    assert errors.max() < 1.0
