"""Windkessel circuits and the pressure they make of a periodic flow."""

import numpy as np
import pytest

from twin.models import cardiac_windkessel
from twin.models.cardiac.periodic_flow import periodic_flow
from twin.models.cardiac.windkessel import ClosedFormWindkessel
from twin.models.cardiac.windkessel_circuits import FIVE, FOUR, THREE, TWO, Circuit
from twin.space import Floats

CIRCUITS = {"two": TWO, "three": THREE, "four": FOUR, "five": FIVE}
MODELS = [cardiac_windkessel.PRESETS[f"{name}_element"] for name in CIRCUITS]
every_circuit = pytest.mark.parametrize("circuit", CIRCUITS.values(), ids=CIRCUITS)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.preset)
OMEGA = np.geomspace(0.1, 1e3, 25)


def elements(circuit: Circuit, seed: int = 0) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    return {
        name: cardiac_windkessel.ELEMENTS[name][0].nominal * float(np.exp(0.5 * rng.standard_normal()))
        for name in circuit.elements
    }


def total(model: ClosedFormWindkessel, theta: Floats) -> Floats:
    """Resistance to a steady flow: an inertance beside a resistance shorts it."""
    shorted = ("Zc",) if "L" in model.circuit.elements else ()
    counted = [i for i, n in enumerate(model.space.names) if n in ("R", "Rs", "Rc", "Zc") and n not in shorted]
    return np.asarray(theta[..., counted].sum(axis=-1))


def beat(period: float = 0.8, n: int = 120) -> tuple[Floats, Floats]:
    model = MODELS[0]
    c = model.conditions.pack({"period": period})
    return c, model.abscissa(c, n)


@every_circuit
def test_the_impedance_is_the_transfer_function_of_the_state_equations(circuit: Circuit) -> None:
    for seed in range(5):
        e = elements(circuit, seed)
        states, m = circuit.state_space(e), len(circuit.state_space(e).inflow)
        for s in 1j * OMEGA:
            solved = np.linalg.solve(s * np.eye(m) - states.matrix, states.inflow)
            np.testing.assert_allclose(circuit.impedance(e, s), states.output @ solved + states.through, rtol=1e-10)


@every_circuit
def test_every_circuit_is_passive(circuit: Circuit) -> None:
    for seed in range(5):
        e = elements(circuit, seed)
        assert np.all(np.real(circuit.impedance(e, 1j * OMEGA)) > 0)
        assert np.all(np.linalg.eigvals(circuit.state_space(e).matrix).real < 0)


def test_fast_waves_see_nothing_of_the_periphery() -> None:
    s = 1j * 1e7
    assert abs(TWO.impedance(elements(TWO), s)) < 1e-6
    for circuit in (THREE, FOUR):
        e = elements(circuit)
        np.testing.assert_allclose(circuit.impedance(e, s), e["Zc"], rtol=1e-4)
    e = elements(FIVE)
    np.testing.assert_allclose(FIVE.impedance(e, s), 1 / (s * e["Ca"]), rtol=1e-4)


def test_larger_circuits_hold_the_smaller_ones_as_limits() -> None:
    three = elements(THREE)
    expected = THREE.impedance(three, 1j * OMEGA)
    four = FOUR.impedance({**three, "L": 1e9}, 1j * OMEGA)
    np.testing.assert_allclose(four, expected, rtol=1e-6)
    renamed = {"Rs": three["R"], "Cs": three["C"], "Rc": three["Zc"], "Ls": 0.0, "Ca": 0.0}
    np.testing.assert_allclose(FIVE.impedance(renamed, 1j * OMEGA), expected, rtol=1e-12)
    np.testing.assert_allclose(THREE.impedance({**three, "Zc": 0.0}, 1j * OMEGA), TWO.impedance(three, 1j * OMEGA))


@every_model
def test_the_mean_pressure_is_resistance_times_true_mean_flow(model: ClosedFormWindkessel) -> None:
    _, x = beat()
    c = model.conditions.pack({"period": 0.8, "venous_pressure": 7.0})
    theta = model.space.draw(20, 1)
    flow = x[:, 1].mean() + theta[:, model.space.index("flow_offset")]
    np.testing.assert_allclose(model(theta, c, x)[..., 0].mean(axis=1), 7.0 + total(model, theta) * flow, rtol=1e-12)


@every_model
def test_pressures_of_two_flows_add_up(model: ClosedFormWindkessel) -> None:
    c, x = beat()
    theta = model.space.pack({"flow_offset": 0.0})
    other = np.stack([x[:, 0], np.random.default_rng(0).normal(50.0, 30.0, len(x))], axis=1)
    both = np.stack([x[:, 0], x[:, 1] + 2.0 * other[:, 1]], axis=1)
    expected = model(theta, c, x) + 2.0 * model(theta, c, other)
    np.testing.assert_allclose(model(theta, c, both), expected, rtol=1e-10)


@every_model
def test_where_the_beat_is_cut_does_not_matter(model: ClosedFormWindkessel) -> None:
    c, x = beat()
    theta = model.space.draw(3, 2)
    rolled = np.stack([x[:, 0] + 5.0, np.roll(x[:, 1], -37)], axis=1)
    expected = np.roll(model(theta, c, x), -37, axis=1)
    np.testing.assert_allclose(model(theta, c, rolled), expected, rtol=1e-10)


@every_model
def test_the_closed_form_is_the_periodic_solution_of_the_state_equations(model: ClosedFormWindkessel) -> None:
    c, x = beat(n=61)
    theta = model.space.draw(4, 3)
    np.testing.assert_allclose(model(theta, c, x), model.simulate(theta, c, x), rtol=1e-7)


@every_model
def test_a_flow_recorded_late_is_the_same_flow_moved(model: ClosedFormWindkessel) -> None:
    c, x = beat(period=0.8, n=160)
    late = np.stack([x[:, 0], np.roll(x[:, 1], 3)], axis=1)
    expected = model(model.space.nominal, c, x)
    np.testing.assert_allclose(model(model.space.pack({"flow_delay": 3 * 0.005}), c, late), expected, rtol=1e-10)


@pytest.mark.parametrize("n", [40, 41])
def test_the_flow_goes_through_its_samples(n: int) -> None:
    flow = np.random.default_rng(n).normal(100.0, 80.0, n)
    times = 3.0 + 0.9 * np.arange(n) / n
    found = periodic_flow(np.stack([times, flow], axis=1), 0.9)
    np.testing.assert_allclose([found.at(t) for t in times], flow, rtol=1e-10)
    np.testing.assert_allclose(found.waves(times)[0].sum(axis=0), flow, rtol=1e-10)
    assert found.at(times[3] + 0.9) == pytest.approx(flow[3])


def test_an_abscissa_that_is_no_whole_beat_is_refused_with_the_reason() -> None:
    model, (c, x) = MODELS[3], beat()
    theta = model.space.nominal
    broken = x.copy()
    broken[6, 1] = np.nan
    with pytest.raises(ValueError, match="flow must be a number at every sample, got nan at sample 7 of 120"):
        model(theta, c, broken)
    uneven = x.copy()
    uneven[10, 0] += 0.003
    with pytest.raises(ValueError, match=r"equally spaced.*sample 11 of 120 is 0.003 s off"):
        model(theta, c, uneven)
    with pytest.raises(ValueError, match=r"exactly one heart period of 0.8 s.*cover 0.666667 s"):
        model(theta, c, x[:100])
    with pytest.raises(ValueError, match="at least 3 samples of flow, got 2"):
        model(theta, c, x[:2])
    model(theta, c, np.round(x, 4))  # times as files have them
