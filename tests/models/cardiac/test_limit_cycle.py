"""The network's equations and what is read off its fields, held against the reference solver's cycle."""

import numpy as np
import pytest
import torch

from twin.model import Fields
from twin.models.cardiac import sweep
from twin.models.cardiac.groups import flow_scale, groups_of, pressure_scale
from twin.models.cardiac.limit_cycle import BASIS, FIELDS, VALVE_WIDTH
from twin.models.cardiac.observation import GRID, elastance, measured
from twin.models.cardiac.phase import phase_of, straightened
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac.series import PeriodicField
from twin.models.cardiac_loop import default
from twin.space import Floats

THETA = default.space.nominal
FINE = np.arange(2048) / 2048


def reference(rate: float, points: Floats) -> np.ndarray:
    """v, p_s, p_ao, q (4, n) of the nominal patient at straightened phases, with the network's smooth valves."""
    loop = default.loop(THETA, np.array([rate]))
    width = VALVE_WIDTH * float(pressure_scale(loop))

    def valve(u: float) -> float:
        z = min(max(u / width, 0.0), 1.0)
        return u * z**2 * (3 - 2 * z)

    phases, _ = phase_of(points, groups_of(loop).tau)
    s = limit_cycle(loop, phases=phases, valve=valve).state
    p = pressure_scale(loop)
    return np.stack([s.x / loop.SBV, s.P_s / p, s.P_ao / p, s.Q / flow_scale(loop)])


def linearised(rate: float, points: Floats, values: np.ndarray, slopes: np.ndarray) -> sweep.Linearised:
    theta, c = torch.tensor(THETA[None]), torch.tensor([[rate]], dtype=torch.float64)
    groups = groups_of(default.loop(theta, c))
    phase, stretch = phase_of(torch.tensor(points), groups.tau[:, None])
    y, dy = (torch.tensor(a.T[None].copy()) for a in (values, slopes))
    dy = dy / stretch[..., None]
    return sweep.linearised(groups, elastance(groups, phase), y, dy, stretch / len(points), VALVE_WIDTH)


def slope(values: np.ndarray) -> np.ndarray:
    """d/ds by central differences of fourth order around the circle."""
    step = 1.0 / values.shape[1]

    def at(k: int) -> np.ndarray:
        return np.roll(values, -k, axis=1)

    return np.asarray((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step))


@pytest.mark.parametrize("rate", [45.0, 75.0, 150.0])
def test_the_reference_solution_satisfies_the_networks_equations(rate: float) -> None:
    values = reference(rate, FINE)
    good = linearised(rate, FINE, values, slope(values)).residual[0].abs()
    wrong = values * np.array([1.03, 1.0, 1.0, 1.0])[:, None]
    bad = linearised(rate, FINE, wrong, slope(wrong)).residual[0].abs()
    size = slope(values).std(axis=1).max()
    assert float(good.median()) < 1e-4 * size
    assert float(good.mean()) < 0.02 * float(bad.mean())


def test_sweeps_turn_residuals_into_the_errors_behind_them() -> None:
    values = reference(75.0, FINE)
    wave = np.stack([0.02 * np.cos(2 * np.pi * FINE), 0.01 * np.sin(2 * np.pi * FINE) + 0.01,
                     0.01 * np.sin(2 * np.pi * FINE) + 0.01, 0.02 * np.cos(4 * np.pi * FINE)])  # fmt: skip
    wave = 1e-4 * wave  # valves are linear over a small part of their width only
    moved = values + wave
    at = linearised(75.0, FINE, values, slope(values))
    grown = linearised(75.0, FINE, moved, slope(moved)).residual - at.residual
    found = sweep.errors(at, grown)[0].numpy().T
    for name, ours, true in zip(FIELDS[:3], found, wave, strict=False):
        assert np.sqrt(np.mean((ours - true) ** 2)) < 0.3 * np.sqrt(np.mean(true**2)), name


def fields(rate: float) -> Fields:
    spectrum = np.fft.rfft(reference(rate, GRID)) / len(GRID)
    found = {}
    for name, row in zip(FIELDS, spectrum, strict=True):
        a = np.zeros(2 * BASIS.harmonics + 1)
        a[0] = row[0].real
        a[1::2], a[2::2] = (2 * part[1 : BASIS.harmonics + 1] for part in (row.real, -row.imag))
        found[name] = PeriodicField(a, BASIS)
    return found


def test_what_is_read_off_the_fields_is_what_the_reference_measures() -> None:
    theta = default.space.pack({"cuff_SBP": 4.0, "volume_scale": 0.9, "delay": 0.07, "pressure_offset": -3.0,
                                "catheter": 0.02})  # fmt: skip
    c = np.array([75.0])
    x = default.abscissa(c, 40)
    ours = measured(fields(75.0), default.loop(theta, c), default.named(theta), x[:, 0])
    exact = default.simulate(theta[None], c, x)[0]
    for j, o in enumerate(default.observables):
        # smooth valves, 48 harmonics and eight lags cost a few tenths of a mmHg and mL
        away = ours[:, j] - exact[:, j]
        assert np.max(np.abs(away)) < 0.5 * min(1.0, o.typical), o.name
        assert np.sqrt(np.mean(away**2)) < 0.25 * min(1.0, o.typical), o.name


@pytest.mark.parametrize("tau", [0.27, 0.4, 0.75])
def test_the_straightened_phase_is_a_smooth_way_round_the_circle(tau: float) -> None:
    phase = np.arange(1000) / 1000
    s, stretch = straightened(phase, np.array(tau))
    assert s[0] == 0.0
    assert np.all(np.diff(s) > 0)
    back, inverse = phase_of(s, np.array(tau))
    np.testing.assert_allclose(back, phase, atol=1e-12)
    np.testing.assert_allclose(stretch * inverse, 1.0, rtol=1e-10)
    np.testing.assert_allclose(straightened(phase + 3.0, np.array(tau))[0], s, atol=1e-12)
    for event in (0.3, 1.1):
        assert straightened(np.array(event * tau), np.array(tau))[0] == pytest.approx(event * 0.4, abs=1e-12)


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
