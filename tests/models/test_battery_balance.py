from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from twin.arrays import Array
from twin.models.battery.balance import fresh_lithium, start_stoichiometries
from twin.models.battery.chen2020 import LG_M50
from twin.space import Floats

jax.config.update("jax_enable_x64", True)

Q_N, Q_P = (LG_M50.electrode_capacity(e) for e in (LG_M50.negative, LG_M50.positive))
losses = st.floats(-0.1, 0.4)
AGED = [(0.0, 0.0, 0.0, 4.18), (0.15, 0.05, 0.1, 4.05), (0.3, 0.2, 0.0, 3.6), (-0.05, -0.1, 0.1, 4.1)]


def solve(lli: float, lam_n: float, lam_p: float, voltage: float) -> tuple[Floats, Floats]:
    x, y = start_stoichiometries(LG_M50, *(np.asarray(v) for v in (lli, 1 - lam_n, 1 - lam_p, voltage)))
    return x, y


@given(lli=losses, lam_n=losses, lam_p=losses, voltage=st.floats(3.0, 4.25))
@settings(deadline=None, max_examples=300)
def test_lithium_is_conserved_and_the_start_voltage_met(lli: float, lam_n: float, lam_p: float, voltage: float) -> None:
    x, y = solve(lli, lam_n, lam_p, voltage)
    assume(0 < x < 1.2 and 0 < y < 1)
    held = x * Q_N * (1 - lam_n) + y * Q_P * (1 - lam_p)
    assert held == pytest.approx((1 - lli) * fresh_lithium(LG_M50), rel=1e-12)
    open_circuit = LG_M50.positive.open_circuit_potential(y) - LG_M50.negative.open_circuit_potential(x)
    assert open_circuit == pytest.approx(voltage, abs=1e-10)


def test_the_fresh_cell_starts_where_it_was_made() -> None:
    x, y = solve(0, 0, 0, 4.1809412)
    assert x == pytest.approx(29866 / 33133, abs=1e-5)
    assert y == pytest.approx(17038 / 63104, abs=1e-5)


@pytest.mark.parametrize("aged", AGED)
def test_the_gradient_is_that_of_the_implicit_function(aged: tuple[float, float, float, float]) -> None:
    lli, lam_n, lam_p, voltage = aged
    x, y = solve(*aged)
    q_n, q_p, lithium = Q_N * (1 - lam_n), Q_P * (1 - lam_p), (1 - lli) * fresh_lithium(LG_M50)

    def slope(potential: Callable[[Array], Array], at: Floats) -> float:
        leaf = torch.tensor(float(at), dtype=torch.float64, requires_grad=True)
        return float(torch.autograd.grad(potential(leaf), leaf)[0])

    u_n, u_p = slope(LG_M50.negative.open_circuit_potential, x), slope(LG_M50.positive.open_circuit_potential, y)
    f_y = u_p + u_n * q_p / q_n
    expected: dict[str, float] = {  # -(∂f/∂parameter)/(∂f/∂y) of f = U_p(y) - U_n((N - y Q_p)/Q_n) - V₀
        "lithium loss": -(u_n * fresh_lithium(LG_M50) / q_n) / f_y,
        "active_n": -(u_n * float(lithium - y * q_p) / q_n / (1 - lam_n)) / f_y,
        "active_p": -(u_n * float(y) * Q_P / q_n) / f_y,
        "voltage": 1 / f_y,
    }
    at = torch.tensor([lli, 1 - lam_n, 1 - lam_p, voltage], dtype=torch.float64, requires_grad=True)
    (by_torch,) = torch.autograd.grad(start_stoichiometries(LG_M50, *at)[1], at)
    by_jax = jax.jit(jax.grad(lambda v: start_stoichiometries(LG_M50, *v)[1]))(jnp.asarray(at.detach().numpy()))
    np.testing.assert_allclose(by_torch.numpy(), list(expected.values()), rtol=1e-8)
    np.testing.assert_allclose(by_jax, by_torch.numpy(), rtol=1e-8)


@given(st.floats(3.0, 4.2), st.floats(0.001, 0.05))
@settings(deadline=None)
def test_a_higher_voltage_means_a_fuller_anode_and_an_emptier_cathode(voltage: float, more: float) -> None:
    (x, y), (fuller, emptier) = solve(0.05, 0, 0, voltage), solve(0.05, 0, 0, voltage + more)
    assert fuller > x
    assert emptier < y


def test_batches_equal_loops_in_every_engine() -> None:
    lli, lam_n, lam_p, voltage = np.array(AGED).T
    together = start_stoichiometries(LG_M50, lli, 1 - lam_n, 1 - lam_p, voltage)
    for i, one in enumerate(AGED):
        np.testing.assert_allclose([t[i] for t in together], solve(*one), rtol=1e-13)
    by_torch = start_stoichiometries(LG_M50, *(torch.tensor(v) for v in (lli, 1 - lam_n, 1 - lam_p, voltage)))
    np.testing.assert_allclose(by_torch[1].numpy(), together[1], rtol=1e-12)
