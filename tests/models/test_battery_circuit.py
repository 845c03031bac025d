import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from twin.models.battery.circuit import HOUR, Circuit
from twin.models.battery.circuit_pairs import recursion, step_response
from twin.models.battery_circuit import PRESETS
from twin.space import Floats

jax.config.update("jax_enable_x64", True)

ONE, TWO = PRESETS["one_pair"], PRESETS["two_pairs"]
PULSE = PRESETS["pulse_two_pairs"]
TIMES = np.cumsum(np.random.default_rng(2).uniform(0.2, 40.0, 60))
CURRENTS = np.repeat([2.0, 0.0, -1.0, 3.5, 0.0, 1.0], 10)
every = pytest.mark.parametrize("model", list(PRESETS.values()), ids=list(PRESETS))


def record(currents: Floats, times: Floats = TIMES) -> Floats:
    return np.stack([times, currents], axis=1)


@every
def test_the_recursion_under_a_constant_current_is_the_closed_form(model: Circuit) -> None:
    theta, c = model.space.draw(20, seed=3), model.conditions.pack({"current": 2.0})
    c[len(c) - model.pulse :] = 1e4  # the pulse does not end
    found = model(theta, c, record(np.full(60, 2.0)))
    np.testing.assert_allclose(found, model(theta, c, TIMES[:, None]), rtol=1e-11)


@every
def test_under_any_current_the_recursion_is_scipys_solution(model: Circuit) -> None:
    theta, c = model.space.draw(3, seed=4), model.conditions.nominal
    np.testing.assert_allclose(model(theta, c, record(CURRENTS)), model.simulate(theta, c, record(CURRENTS)), atol=1e-8)


@pytest.mark.parametrize("wrong", [-CURRENTS, np.roll(CURRENTS, 1)])
def test_a_current_of_the_wrong_sign_or_one_row_late_is_no_solution(wrong: Floats) -> None:
    theta, c = TWO.space.nominal[None], TWO.conditions.nominal
    error = TWO(theta, c, record(wrong)) - TWO.simulate(theta, c, record(CURRENTS))
    assert np.abs(error).max() > 0.05


def test_samples_in_between_change_nothing() -> None:
    theta, c = TWO.space.draw(5, seed=5), TWO.conditions.nominal
    between = np.stack([0.5 * (TIMES + np.append(0.0, TIMES[:-1])), TIMES], axis=1).reshape(-1)
    found = TWO(theta, c, record(np.repeat(CURRENTS, 2), between))
    np.testing.assert_allclose(found[:, 1::2], TWO(theta, c, record(CURRENTS)), rtol=1e-11)


def test_polarisation_is_linear_in_the_current() -> None:
    resistance, tau = np.array([0.02, 0.05]), np.array([3.0, 200.0])
    other = np.sin(TIMES)
    both = recursion(resistance, tau, 2 * CURRENTS - 3 * other, TIMES)
    parts = 2 * recursion(resistance, tau, CURRENTS, TIMES) - 3 * recursion(resistance, tau, other, TIMES)
    np.testing.assert_allclose(both, parts, atol=1e-14)


def test_two_pairs_of_one_time_constant_are_one_pair_of_the_summed_resistance() -> None:
    c, x = TWO.conditions.nominal, record(CURRENTS)
    one = ONE(ONE.space.pack({"R1": 0.04, "tau1": 80.0}), c, x)
    for apart, tolerance in ((0.0, 1e-13), (1e-6, 1e-7)):
        taus = {"tau1": 80.0 * (1 - apart), "tau2": 80.0 * (1 + apart)}
        np.testing.assert_allclose(TWO(TWO.space.pack({"R1": 0.01, "R2": 0.03} | taus), c, x), one, atol=tolerance)


def test_a_second_pair_without_resistance_is_not_there() -> None:
    c, x = TWO.conditions.nominal, record(CURRENTS)
    two, one = TWO.space.pack({"R1": 0.02, "R2": 0.0, "tau1": 50.0}), ONE.space.pack({"R1": 0.02, "tau1": 50.0})
    np.testing.assert_allclose(TWO(two, c, x), ONE(one, c, x), rtol=1e-14)


def test_a_fast_pair_is_a_series_resistance_and_a_slow_one_a_capacitor() -> None:
    c, x = ONE.conditions.nominal, record(CURRENTS)
    fast = ONE.space.pack({"R0": 0.05, "R1": 0.02, "tau1": 1e-3})
    np.testing.assert_allclose(ONE(fast, c, x), ONE(ONE.space.pack({"R0": 0.07, "R1": 0.0}), c, x), rtol=1e-13)
    slow = step_response(np.array([50.0]), np.array([1e6]), np.array([2.0]), TIMES)
    np.testing.assert_allclose(slow, 2.0 * TIMES / (1e6 / 50.0), rtol=2e-3)


@every
def test_every_pair_obeys_its_equation(model: Circuit) -> None:
    theta, c = model.space.draw(8, seed=6), model.conditions.pack({"current": 3.0})
    fields, values = model.exact(theta, c), model.values(theta)
    end = model.conditions.unpack(c).get("duration", np.inf)
    on = np.where(end < TIMES, 0.0, 3.0)
    for k in model.numbers:
        v = fields[f"pair {k}"]
        residual = values[f"tau{k}"] * v.d("t")(TIMES) + v(TIMES) - on * values[f"R{k}"]
        assert np.abs(residual).max() < 1e-15
        assert np.abs(v(np.zeros(1))).max() == 0.0


def test_a_pulse_in_closed_form_is_the_recursion_over_its_current() -> None:
    theta, c = PULSE.space.draw(8, seed=6), PULSE.conditions.pack({"current": 7.5, "duration": 10.0})
    times = np.linspace(0.0, 25.0, 51)
    found = PULSE(theta, c, times[:, None])
    np.testing.assert_allclose(found, PULSE(theta, c, record(np.where(times <= 10.0, 7.5, 0.0), times)), rtol=1e-12)
    late = PULSE(theta, c, np.array([[1e6]]))[:, 0, 0]
    charge = 7.5 * 10.0 / HOUR
    np.testing.assert_allclose(late, 3.7 - theta[:, PULSE.space.index("slope")] * charge, atol=1e-12)


def test_a_pulse_whose_end_lies_between_samples_is_still_scipys_solution() -> None:
    theta, c = PULSE.space.draw(4, seed=6), PULSE.conditions.pack({"duration": 7.3})
    x = np.linspace(0.0, 20.0, 9)[:, None]
    np.testing.assert_allclose(PULSE(theta, c, x), PULSE.simulate(theta, c, x), atol=1e-8)


def test_charge_that_went_out_and_came_back_leaves_no_trace_after_a_rest() -> None:
    theta, c = TWO.space.draw(8, seed=7), TWO.conditions.pack({"start_voltage": 3.9})
    x = record(np.array([1.5, -0.5, 0.0, 0.0]), np.array([100.0, 400.0, 500.0, 1e7]))
    np.testing.assert_allclose(TWO(theta, c, x)[:, -1], 3.9, atol=1e-11)


def test_the_energy_that_does_not_reach_the_terminals_is_stored_or_turned_to_heat() -> None:
    theta, c = TWO.space.nominal, TWO.conditions.nominal
    values, steps = TWO.space.unpack(theta), np.diff(times := np.linspace(0.0, 600.0, 60_001))
    currents = np.where(times <= 300.0, 2.0, np.where(times <= 450.0, 0.0, -1.0))
    charge = np.cumsum(np.append(0.0, currents[1:] * steps)) / HOUR
    rested = TWO.curve.after(TWO.values(theta), TWO.conditions.unpack(c)["start_voltage"], charge)
    lost = rested - TWO(theta, c, record(currents, times))[:, 0]

    def over_time(power: Floats) -> float:
        """[J]"""
        return float(np.sum(0.5 * (power[1:] + power[:-1]) * steps))

    fate = over_time(currents**2 * values["R0"])
    for k in (1, 2):
        resistance, tau = values[f"R{k}"], values[f"tau{k}"]
        v = recursion(np.array([resistance]), np.array([tau]), currents, times)
        fate += over_time(v**2 / resistance) + 0.5 * (tau / resistance) * float(v[-1]) ** 2
    assert over_time(lost * currents) == pytest.approx(fate, rel=1e-4)
    assert fate > 50.0


def test_a_capacity_that_is_too_small_has_a_finite_prediction_with_a_slope() -> None:
    c, x = ONE.conditions.nominal, ONE.abscissa(ONE.conditions.nominal, 40)
    theta = torch.tensor(ONE.space.pack({"Q": 1.0}), requires_grad=True)
    voltage = ONE(theta, c, x)
    assert voltage[-1, 0] < 0
    assert not ONE.valid(voltage.detach().numpy())[-1]
    voltage.sum().backward()
    assert theta.grad is not None
    assert torch.isfinite(theta.grad).all()


def test_a_discharge_or_pulse_without_a_current_is_refused() -> None:
    for model in (ONE, PULSE):
        with pytest.raises(ValueError, match="current is 0 A: a cell at rest"):
            model.abscissa(model.conditions.pack({"current": 0.0}), 10)


def test_records_of_many_units_are_answered_in_one_call_each_with_its_own_currents_and_start() -> None:
    theta = TWO.space.draw(4, seed=8)
    x = np.stack([record(CURRENTS * f, TIMES * f) for f in (0.5, 0.8, 1.0, 1.2)])
    c = np.stack([TWO.conditions.pack({"start_voltage": v}) for v in (4.0, 4.1, 4.15, 4.2)])
    together = jax.jit(jax.vmap(TWO))(jnp.asarray(theta), jnp.asarray(c), jnp.asarray(x))
    for i in range(4):
        np.testing.assert_allclose(np.asarray(together)[i], TWO(theta[i], c[i], x[i]), rtol=1e-10)


def test_priors_keep_two_pairs_in_order() -> None:
    for model in (TWO, PULSE):
        draws = model.space.draw(2000, seed=9)
        first, second = (draws[:, model.space.index(name)] for name in ("tau1", "tau2"))
        assert np.mean(first < second) > 0.98
