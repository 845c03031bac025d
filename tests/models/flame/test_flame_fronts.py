"""Burning velocities: published figures, scaling laws, Cantera."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.models.flame import simple
from twin.models.flame.cantera_reference import burning_velocity, solution
from twin.models.flame.gas import density, enthalpies, read_gas
from twin.models.flame.kinetics import CAL, Law, kinetics_of, step_of
from twin.models.flame.mixtures import mixtures
from twin.models.flame.nodes import nodes
from twin.models.flame.phase_plane import front_of, gradient, mass_flux, position
from twin.models.flame.profiles import burning_velocity as spectral_velocity
from twin.models.flame.profiles import profile, solve
from twin.models.flame.spectral import Problem, improved, jacobian, residual
from twin.models.flame.unburnt import Fresh, burnt, fresh
from twin.space import Floats

jax.config.update("jax_enable_x64", True)
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
    return fresh(GAS, STEP, np.array([phi]), np.array([T]), np.array([p]))


def unity(phi: float, law: Law = LAW, p: float = ATM, T: float = 300.0, spread: float = 1.0) -> float:
    of = mixture(phi, T, p)
    rho = float(density(GAS, of.T, of.p, of.Y)[0])
    return mass_flux(front_of(GAS, STEP, law, of, spread), 0.3 * rho) / rho


def problem(of: Fresh, count: int = 24, lewis: Floats | None = None) -> Problem:
    return Problem(GAS, STEP, nodes(count), mixtures(GAS, STEP, of, nodes(count)), lewis)


def averaged(of: Fresh, law: Law = LAW, spread: float = 1.0, count: int = 24, lewis: Floats | None = None) -> float:
    own = problem(of, count, lewis)
    return float(spectral_velocity(own, solve(own, kinetics_of(law, spread)))[0])


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
    u = simple.velocity(T, of.T_u, np.asarray(S_L))
    assert u[0] == pytest.approx(S_L, rel=1e-9)
    np.testing.assert_allclose(u / S_L, T / of.T_u, rtol=1e-4)


@pytest.mark.parametrize("phi", UNITY)
def test_unity_lewis_flames_by_their_published_digits(phi: float) -> None:
    assert unity(phi) == pytest.approx(UNITY[phi], rel=1e-4)
    of = mixture(phi)
    T_b, Y_b = burnt(GAS, STEP, of)
    assert T_b[0] == pytest.approx(HOT[phi], abs=0.006)
    assert float((Y_b * enthalpies(GAS, T_b)).sum()) == pytest.approx(float((of.Y * enthalpies(GAS, of.T)).sum()))


@pytest.mark.parametrize("orders", [(1.0, 0.5), (0.4, 0.9), (1.2, 0.3)])
@pytest.mark.parametrize(("phi", "T", "Ea"), [(0.6, 300.0, 20.0), (1.0, 298.0, 30.0), (1.2, 400.0, 40.0)])
def test_the_spectral_front_is_that_of_the_phase_plane(
    phi: float, T: float, Ea: float, orders: tuple[float, float]
) -> None:
    law = Law(LAW.A * np.exp((Ea - 20) * 1e3 * CAL / (8314.46 * 1650)), 0.0, 1e3 * Ea * CAL, orders)
    assert averaged(mixture(phi, T), law, lewis=np.ones(5)) == pytest.approx(unity(phi, law, T=T), rel=5e-5)


def test_few_nodes_are_enough() -> None:
    for phi in (0.6, 0.98, 1.0, 1.02, 1.3):
        fine = averaged(mixture(phi), count=24)
        assert averaged(mixture(phi), count=12) == pytest.approx(fine, rel=2e-4)
        assert averaged(mixture(phi), count=18) == pytest.approx(fine, rel=2e-5)


def test_the_matrix_of_newtons_method_is_the_derivative_of_the_residual() -> None:
    own, law = problem(mixture(0.8), 8), kinetics_of(LAW)
    q = solve(own, law) + 0.01 * np.random.default_rng(0).standard_normal(40)
    J = jacobian(own, q, law)[0]
    for i in range(40):
        h = 1e-6 * np.eye(40)[i]
        column = (residual(own, q + h, law) - residual(own, q - h, law))[0] / 2e-6
        np.testing.assert_allclose(J[:, i], column, rtol=1e-5, atol=1e-7)


def test_derivatives_by_parameters_are_those_of_the_solution() -> None:
    own, law = problem(mixture(0.8), 12), kinetics_of(LAW)
    q = jnp.asarray(solve(own, law))

    def log_m(Ea: jax.Array) -> jax.Array:
        return improved(own, q, law._replace(Ea=Ea))[0, 0]

    slope = float(jax.jacfwd(log_m)(jnp.asarray(law.Ea))[0])
    h = 1e-4 * law.Ea[0]
    ends = [solve(own, kinetics_of(replace(LAW, Ea=LAW.Ea + s * h)))[0, 0] for s in (1, -1)]
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)
    assert slope * law.Ea[0] == pytest.approx(-3.6, abs=0.1)


def test_scaling_laws() -> None:
    base = averaged(mixture(0.8))
    assert averaged(mixture(0.8), replace(LAW, A=4 * LAW.A)) == pytest.approx(2 * base, rel=1e-9)
    assert averaged(mixture(0.8, p=10 * ATM)) == pytest.approx(base * 10**-0.25, rel=1e-9)
    assert averaged(mixture(0.8), spread=1.7) == pytest.approx(base * 1.7**0.5, rel=1e-9)
    assert unity(0.8, replace(LAW, A=4 * LAW.A)) == pytest.approx(2 * unity(0.8), rel=1e-6)


@pytest.fixture(scope="module")
def phase() -> Any:
    pytest.importorskip("cantera", reason="needs Cantera, the extra 'flame'")
    return solution(GAS, STEP, LAW)


@pytest.mark.parametrize(("phi", "T", "p"), [(0.6, 300.0, ATM), (0.9, 450.0, 4 * ATM), (1.2, 350.0, ATM)])
def test_mixture_averaged_flames_are_what_cantera_converges_to(phase: Any, phi: float, T: float, p: float) -> None:
    of = mixture(phi, T, p)
    ours = averaged(of)
    coarse, fine = (burning_velocity(phase, T, p, of.Y[0], slope=slope)[0] for slope in (0.016, 0.004))
    assert fine == pytest.approx(ours, rel=3e-3)
    assert abs(fine - ours) < 0.5 * abs(coarse - ours)


def test_profiles_of_a_flame_of_cantera(phase: Any) -> None:
    of = mixture(0.8)
    _, flame = burning_velocity(phase, 300.0, ATM, of.Y[0])
    own, law = problem(of), kinetics_of(LAW)
    ours = profile(own, of, solve(own, law), law)
    T, x = ours.T[0], ours.x[0]
    shift = np.interp(1200.0, flame.T, flame.grid) - np.interp(1200.0, T, x)
    at = flame.grid[(flame.T > 310) & (0.995 * flame.T[-1] > flame.T)]
    theirs = np.interp(at, flame.grid, flame.T)
    assert np.linalg.norm(np.interp(at - shift, x, T) - theirs) / np.linalg.norm(theirs) < 2e-3
    for k in range(len(GAS.names)):
        told = np.interp(at, flame.grid, flame.Y[k])
        assert np.linalg.norm(np.interp(at - shift, x, ours.Y[0, :, k]) - told) / np.linalg.norm(told) < 0.01


def test_mixtures_that_do_not_burn_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        mixture(0.0)
    with pytest.raises(ValueError, match="no adiabatic temperature"):
        burnt(GAS, STEP, mixture(0.8)._replace(progress=np.zeros(1)))
    with pytest.raises(ValueError, match="reacts by itself at 500 K"):
        unity(1.0, replace(LAW, Ea=15_000 * CAL), T=500.0)
