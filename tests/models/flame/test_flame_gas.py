"""Thermochemistry and transport against Cantera, and against a state that needs none."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.arrays import Array, to_numpy
from twin.models.flame import gas as g
from twin.models.flame import transport as t
from twin.models.flame.cantera_reference import solution
from twin.models.flame.kinetics import CAL, Kinetics, Law, heat_release, rate, step_of
from twin.space import Floats

jax.config.update("jax_enable_x64", True)
GAS = g.read_gas()
STEP = step_of(GAS, {"CH4": 1, "O2": 2}, {"CO2": 1, "H2O": 2})
LAW = Law(3.478505426185217e8, 0.0, 20_000 * CAL, (1.0, 0.5))
COUNT = 2000
TOLERANCE = 1e-10


def states() -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(0)
    T, p = rng.uniform(300, 2600, COUNT), 101325 * 20 ** rng.uniform(0, 1, COUNT)
    return T, p, rng.dirichlet(np.ones(5), COUNT)


def our_rate(T: Array, p: Array, Y: Array) -> Array:
    c = g.density(GAS, T, p, Y)[..., None] * Y / to_like(GAS.W, Y)
    return rate(STEP, Kinetics(float(np.log(LAW.A)), LAW.b, LAW.Ea, LAW.orders, 1.0), T, c)


def to_like(value: Floats, reference: Array) -> Array:
    return torch.as_tensor(value).to(reference) if isinstance(reference, torch.Tensor) else value


OURS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "partial_molar_cp": lambda T, p, Y: g.heat_capacities(GAS, T) * to_like(GAS.W, Y),
    "partial_molar_enthalpies": lambda T, p, Y: g.enthalpies(GAS, T) * to_like(GAS.W, Y),
    "standard_entropies_R": lambda T, p, Y: g.entropies(GAS, T) * to_like(GAS.W, Y) / g.R,
    "density": lambda T, p, Y: g.density(GAS, T, p, Y),
    "cp_mass": lambda T, p, Y: g.heat_capacity(GAS, T, Y),
    "enthalpy_mass": lambda T, p, Y: g.enthalpy(GAS, T, Y),
    "X": lambda T, p, Y: g.mole_fractions(GAS, Y),
    "species_viscosities": lambda T, p, Y: t.viscosities(GAS, T),
    "viscosity": lambda T, p, Y: t.viscosity(GAS, T, Y),
    "thermal_conductivity": lambda T, p, Y: t.conductivity(GAS, T, Y),
    "binary_diff_coeffs": lambda T, p, Y: t.binary_diffusivities(GAS, T, p),
    "mix_diff_coeffs": lambda T, p, Y: t.mixture_diffusivities(GAS, T, p, Y),
    "net_rates_of_progress": lambda T, p, Y: our_rate(T, p, Y)[..., None],
    "heat_release_rate": lambda T, p, Y: heat_release(GAS, STEP, T, our_rate(T, p, Y)),
}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Floats]:
    pytest.importorskip("cantera", reason="needs Cantera, the extra 'flame'")
    phase = solution(GAS, STEP, LAW)
    found: dict[str, list[Any]] = {name: [] for name in OURS}
    for T, p, Y in zip(*states(), strict=True):
        phase.TPY = T, p, Y
        for name, values in found.items():
            values.append(_entropy(phase, p) if name == "standard_entropies_R" else getattr(phase, name))
    return {name: np.array(values) for name, values in found.items()}


def _entropy(phase: Any, p: float) -> Floats:
    return np.asarray(phase.standard_entropies_R + np.log(p / phase.reference_pressure))


@pytest.mark.parametrize("kind", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", OURS)
def test_two_thousand_states_against_cantera(theirs: dict[str, Floats], name: str, kind: str) -> None:
    kinds: dict[str, Callable[[Floats], Array]] = {
        "numpy": np.asarray, "torch": torch.as_tensor, "jax": jnp.asarray
    }  # fmt: skip
    make = kinds[kind]
    ours = to_numpy(OURS[name](*(make(part) for part in states())))
    scale = np.abs(theirs[name]) if name != "enthalpy_mass" else np.abs(theirs[name]) + 1e5
    assert np.max(np.abs(ours - theirs[name]) / scale) < TOLERANCE


def test_single_precision_keeps_five_digits() -> None:
    T, p, Y = states()
    for name, ours in OURS.items():
        exact = to_numpy(ours(*(torch.as_tensor(part) for part in (T, p, Y))))
        single = to_numpy(ours(*(torch.as_tensor(part, dtype=torch.float32) for part in (T, p, Y))))
        scale = np.abs(exact) + (1e6 if "enthalp" in name else 0.0) * (GAS.W if "partial" in name else 1.0)
        loss = 1e-4 if "rate" in name else 2e-5
        assert np.max(np.abs(single - exact) / scale) < loss, name


def test_a_state_by_its_published_digits() -> None:
    T, p = np.array(1500.0), np.array(101325.0)
    Y = np.zeros(5)
    for name, share in {"CH4": 0.02, "O2": 0.12, "H2O": 0.05, "CO2": 0.06, "N2": 0.75}.items():
        Y[GAS.index(name)] = share
    expected = {
        "density": 0.2262557, "thermal_conductivity": 0.10600767, "viscosity": 5.4442637e-5, "cp_mass": 1392.5707,
        "enthalpy_mass": 197498.96, "heat_release_rate": 2.8072376e9,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(OURS[name](T, p, Y)) == pytest.approx(value, rel=2e-7), name
    assert float(our_rate(T, p, Y)) == pytest.approx(3.4843843, rel=1e-8)
    np.testing.assert_allclose(
        t.mixture_diffusivities(GAS, T, p, Y), [3.189e-4, 4.272e-4, 3.5834e-4, 2.5671e-4, 3.2942e-4], rtol=2e-5
    )


def test_derivatives_are_finite_where_a_species_is_absent() -> None:
    Y = jnp.array([0.2, 0.1, 0.0, 0.1, 0.6])
    for name, ours in OURS.items():
        slopes = jax.jacfwd(lambda Y, ours=ours: ours(jnp.array(1400.0), jnp.array(1e5), Y))(Y)
        assert bool(jnp.isfinite(slopes).all()), name


def test_derivatives_are_those_of_differences() -> None:
    T, p, Y = (jnp.asarray(part[:20]) for part in states())
    for name, ours in OURS.items():
        slope = np.asarray(jax.vmap(jax.jacfwd(ours, argnums=0))(T, p, Y))
        h = 1e-3
        central = np.asarray((ours(T + h, p, Y) - ours(T - h, p, Y)) / (2 * h))
        np.testing.assert_allclose(slope, central, rtol=1e-6, atol=1e-9 * np.abs(central).max() + 1e-30, err_msg=name)


def test_a_pure_gas_has_diffusivities_and_fluxes_of_unity_lewis_are_alike() -> None:
    T, p, Y = np.array(900.0), np.array(1e5), np.eye(5)
    assert np.isfinite(t.mixture_diffusivities(GAS, np.full(5, T), np.full(5, p), Y)).all()
    even = np.full(5, 0.2)
    alike = t.unity_lewis_diffusivities(GAS, T, p, even)
    assert np.ptp(alike) == 0
    np.testing.assert_allclose(t.constant_lewis_diffusivities(GAS, T, p, even, np.full(5, 2.0)), alike / 2)


def test_unknown_species_and_lost_mass_are_refused() -> None:
    with pytest.raises(ValueError, match="no species 'Ar'"):
        GAS.index("Ar")
    with pytest.raises(ValueError, match="mass is not conserved"):
        step_of(GAS, {"CH4": 1, "O2": 1}, {"CO2": 1, "H2O": 2})
