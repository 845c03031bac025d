"""Burning velocities: published figures, scaling laws, Cantera."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from twin.models.flame import averaged, simple
from twin.models.flame.cantera_reference import burning_velocity, solution
from twin.models.flame.gas import density, enthalpies, read_gas
from twin.models.flame.kinetics import CAL, Law, step_of
from twin.models.flame.phase_plane import front_of, gradient, mass_flux, position
from twin.models.flame.unburnt import Fresh, burnt, fresh

ATM = 101325.0
GAS = read_gas()
STEP = step_of(GAS, {"CH4": 1, "O2": 2}, {"CO2": 1, "H2O": 2})
LAW = Law(3.478505426185217e8, 0.0, 20_000 * CAL, (1.0, 0.5))
PHI = (0.40, 0.42, 0.44, 0.46, 0.48, 0.50)
CASE_1 = {
    1.0: (0.267820, 0.292786, 0.317980, 0.343339, 0.368812, 0.394350),
    1.2: (0.258339, 0.282408, 0.306697, 0.331146, 0.355704, 0.380326),
}
WARM = (0.270064, 0.328344, 0.390996, 0.458279, 0.530472, 0.607883, 0.690851)
UNITY = {0.6: 0.16849, 0.8: 0.28224, 1.0: 0.38301, 1.2: 0.45394}
HOT = {0.6: 1670.75, 0.8: 2016.33, 1.0: 2326.91, 1.2: 2257.18}


def mixture(phi: float, T: float = 300.0, p: float = ATM) -> Fresh:
    return fresh(GAS, STEP, phi, T, p)


def unity(phi: float, law: Law = LAW, p: float = ATM, G: float = 0.0, spread: float = 1.0) -> float:
    of = mixture(phi, p=p)
    rho = float(density(GAS, np.array(of.T), np.array(p), of.Y))
    return mass_flux(front_of(GAS, STEP, law, of, spread), 0.3 * rho, G) / rho


@pytest.mark.parametrize("atm", CASE_1)
def test_case_1_by_its_published_digits(atm: float) -> None:
    for phi, expected in zip(PHI, CASE_1[atm], strict=True):
        assert simple.burning_velocity(simple.Simple(phi, p=atm * ATM)) == pytest.approx(expected, rel=1e-5)


def test_case_1_warmed_up_and_in_an_endless_domain() -> None:
    for T_u, expected in zip(range(300, 601, 50), WARM, strict=True):
        assert simple.burning_velocity(simple.Simple(0.40, T_u=float(T_u))) == pytest.approx(expected, rel=1e-5)
    for G, expected in ((3e4, 0.343878), (1e4, 0.344032), (1e3, 0.344101)):
        assert simple.burning_velocity(simple.Simple(0.46), G) == pytest.approx(expected, rel=1e-5)


def test_case_1_profile_conserves_enthalpy_and_mass() -> None:
    of = simple.Simple(0.46)
    front, S_L = simple.front(of), simple.burning_velocity(of)
    T = np.linspace(of.T_u, of.T_u + 0.99 * (of.T_b - of.T_u), 400)
    G = gradient(front, S_L * of.density, T)
    assert G[0] == pytest.approx(simple.GRADIENT, rel=1e-5)
    w = np.array([front.at(t).rate for t in T])
    left = of.conductivity * np.gradient(G, T) - S_L * of.density * simple.C_P + simple.Q_F * w / G
    assert np.abs(left[5:-5]).max() < 2e-3 * S_L * of.density * simple.C_P
    x = position(front, S_L * of.density, T)
    np.testing.assert_allclose(np.gradient(T, x)[50:-50], G[50:-50], rtol=1e-3)
    u = simple.velocity(T, of, S_L)
    assert u[0] == pytest.approx(S_L, rel=1e-9)
    np.testing.assert_allclose(u / S_L, T / of.T_u, rtol=1e-4)


@pytest.mark.parametrize("phi", UNITY)
def test_unity_lewis_flames_by_their_published_digits(phi: float) -> None:
    assert unity(phi) == pytest.approx(UNITY[phi], rel=3e-5)
    assert burnt(GAS, STEP, mixture(phi))[0] == pytest.approx(HOT[phi], abs=0.006)
    of = mixture(phi)
    T_b, Y_b = burnt(GAS, STEP, of)
    assert float(Y_b @ enthalpies(GAS, np.array(T_b))) == pytest.approx(float(of.Y @ enthalpies(GAS, np.array(of.T))))


def test_scaling_laws() -> None:
    base = unity(0.8)
    assert unity(0.8, replace(LAW, A=4 * LAW.A)) == pytest.approx(2 * base, rel=1e-6)
    assert unity(0.8, p=10 * ATM) == pytest.approx(base * 10**-0.25, rel=1e-6)
    assert unity(0.8, spread=1.7) == pytest.approx(base * 1.7**0.5, rel=1e-6)
    richer = averaged.solve(GAS, STEP, replace(LAW, A=4 * LAW.A), mixture(0.8), spread=2.0)
    assert pytest.approx(averaged.solve(GAS, STEP, LAW, mixture(0.8)).S_L * 8**0.5, rel=1e-5) == richer.S_L


@pytest.fixture(scope="module")
def phase() -> Any:
    pytest.importorskip("cantera", reason="needs Cantera, the extra 'flame'")
    return solution(GAS, STEP, LAW)


@pytest.mark.parametrize(("phi", "T", "p"), [(0.6, 300.0, ATM), (0.9, 450.0, 4 * ATM), (1.2, 350.0, ATM)])
def test_mixture_averaged_flames_are_what_cantera_converges_to(phase: Any, phi: float, T: float, p: float) -> None:
    of = mixture(phi, T, p)
    ours = averaged.solve(GAS, STEP, LAW, of)
    coarse, fine = (burning_velocity(phase, T, p, of.Y, slope=slope)[0] for slope in (0.016, 0.004))
    assert fine == pytest.approx(ours.S_L, rel=3e-3)
    assert abs(fine - ours.S_L) < 0.5 * abs(coarse - ours.S_L)


def test_profiles_and_first_integrals_of_a_flame_of_cantera(phase: Any) -> None:
    of = mixture(0.8)
    S_L, flame = burning_velocity(phase, of.T, of.p, of.Y)
    ours = averaged.solve(GAS, STEP, LAW, of, points=801)
    shift = np.interp(1200.0, flame.T, flame.grid) - np.interp(1200.0, ours.T, ours.x)
    x = flame.grid[(flame.T > 310) & (0.995 * flame.T[-1] > flame.T)]
    theirs = np.interp(x, flame.grid, flame.T)
    mine = np.interp(x - shift, ours.x, ours.T)
    assert np.linalg.norm(mine - theirs) / np.linalg.norm(theirs) < 0.01
    for k in range(len(GAS.names)):
        told = np.interp(x, flame.grid, flame.Y[k])
        assert np.linalg.norm(np.interp(x - shift, ours.x, ours.Y[:, k]) - told) / np.linalg.norm(told) < 0.02
    assert pytest.approx(S_L, rel=3e-3) == ours.S_L


def test_mixtures_that_do_not_burn_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        mixture(0.0)
    with pytest.raises(ValueError, match="no adiabatic temperature"):
        burnt(GAS, STEP, replace(mixture(0.8), progress=0.0))
    with pytest.raises(ValueError, match="reacts by itself at 500 K"):
        averaged.solve(GAS, STEP, replace(LAW, Ea=15_000 * CAL), mixture(1.0, 500.0))
