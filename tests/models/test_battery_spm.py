import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from twin.models.battery.cell import FARADAY, GAS, Draw
from twin.models.battery.chen2020 import LG_M50
from twin.models.battery.lgm50 import esoh4, kin4, soh6, soh7
from twin.models.battery.protocol import Steps
from twin.models.battery.pybamm_reference import require_pybamm
from twin.models.battery.spm import ClosedFormSPM, soft_floor
from twin.models.battery.voltage import terminal_voltage
from twin.space import Floats

AGED = {"LLI": 0.06, "LAM_n": -0.02, "LAM_p": 0.08, "sDp": 0.7, "s_ct": 1.6, "R0": 0.015}
FRESH = {"x100": 29866 / 33133, "y100": 17038 / 63104}
DRAWS: dict[str, tuple[ClosedFormSPM, dict[str, float]]] = {
    "soh6 aged": (soh6, AGED),
    "soh6 worn kinetics": (soh6, {"LLI": 0.12, "LAM_n": 0.05, "LAM_p": 0.02, "sDp": 1.8, "s_ct": 0.5, "R0": 0.04}),
    "soh7": (soh7, AGED | {"sDn": 0.6}),
    "kin4 slow": (kin4, {"sDn": 0.5, "sDp": 0.6, "si0n": 0.5, "si0p": 0.5}),
    "kin4 fast": (kin4, {"sDn": 2.0, "sDp": 1.7, "si0n": 2.0, "si0p": 1.4}),
    "esoh4": (esoh4, {"x100": 0.88, "y100": 0.29, "eps_n": 0.95, "eps_p": 0.9}),
}


def conditions(model: ClosedFormSPM, **values: float) -> Floats:
    return model.conditions.pack({k: v for k, v in values.items() if k in model.conditions.names})


def fine(model: ClosedFormSPM, radial_points: int = 300) -> ClosedFormSPM:
    """The model with a reference fine enough for slow particles at high rates."""
    return replace(model, reference=replace(model.reference, radial_points=radial_points))


def difference(model: ClosedFormSPM, values: dict[str, float], c: Floats, x: Floats) -> Floats:
    """Closed form minus PyBaMM [mV] after 10 s, NaN after the cut-off."""
    theta = model.space.pack(values)[None]
    found = 1e3 * (model(theta, c, x) - fine(model).simulate(theta, c, x))[0, :, 0]
    return np.asarray(found[x[:, 0] > 10])


def require_close(found: Floats, *, counted: float = 0.5) -> None:
    finite = found[np.isfinite(found)]
    assert len(finite) > counted * len(found), "PyBaMM ended too early to compare"
    assert np.sqrt(np.mean(finite**2)) <= 0.05
    assert np.max(np.abs(finite)) <= 0.3


@pytest.mark.parametrize("c_rate", [0.2, 1.0, 2.0])
@pytest.mark.parametrize("name", DRAWS)
def test_the_closed_form_is_pybamms_discharge(name: str, c_rate: float) -> None:
    model, values = DRAWS[name]
    c = conditions(model, c_rate=c_rate)
    x = np.linspace(0, 0.75 * 3600 / c_rate, 400)[:, None]
    require_close(difference(model, values, c, x), counted=0.3)


@pytest.mark.parametrize("name", ["soh6 aged", "kin4 slow", "kin4 fast"])
def test_the_closed_form_is_pybamms_charge(name: str) -> None:
    model, values = DRAWS[name]
    c = conditions(model, c_rate=-0.7, start_voltage=3.4)
    require_close(difference(model, values, c, np.linspace(0, 3000, 300)[:, None]))


@pytest.mark.parametrize("temperature", [268.15, 318.15])
def test_the_closed_form_is_pybamms_at_other_temperatures(temperature: float) -> None:
    c = conditions(kin4, temperature=temperature)
    require_close(difference(kin4, {}, c, np.linspace(0, 2400, 300)[:, None]))
    warm, reference = kin4(kin4.space.nominal, c, np.zeros((1, 1))), kin4(kin4.space.nominal, CN, np.zeros((1, 1)))
    assert abs(float(warm[0, 0] - reference[0, 0])) > 5e-3


def by_hand(changes: dict[str, float], x0: float, y0: float, resistance: float = 0.0) -> Floats:
    """PyBaMM's 1C voltage [V] every 100 s from its own "Chen2020" values, changed under PyBaMM's names."""
    pybamm = require_pybamm()
    values = dict(pybamm.ParameterValues("Chen2020"))
    for side, s, top in (("Negative", x0, 33133.0), ("Positive", y0, 63104.0)):
        values[f"Initial concentration in {side.lower()} electrode [mol.m-3]"] = s * top
        exchange, factor = f"{side} electrode exchange-current density [A.m-2]", changes.pop(f"{side} exchange", 1.0)
        values[exchange] = lambda *a, f=values[exchange], m=factor: m * f(*a)
        for name, unit in (("particle diffusivity", " [m2.s-1]"), ("electrode active material volume fraction", "")):
            values[f"{side} {name}{unit}"] *= changes.pop(f"{side} {name}", 1.0)
    assert not changes
    values |= {"Contact resistance [Ohm]": resistance, "Current function [A]": 5.0}
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM({"contact resistance": "true"}),
        parameter_values=pybamm.ParameterValues(values),
        var_pts={"x_n": 5, "x_s": 5, "x_p": 5, "r_n": 200, "r_p": 200},
        solver=pybamm.IDAKLUSolver(rtol=1e-8, atol=1e-8),
    )
    return np.asarray(simulation.solve([0, 2000])["Voltage [V]"](np.arange(100.0, 2000, 100)))


BALANCED = ("Negative electrode active material volume fraction", "Positive electrode active material volume fraction")


@pytest.mark.parametrize(
    ("name", "changes", "resistance"),
    [
        (
            "soh7",
            {BALANCED[0]: 1.02, BALANCED[1]: 0.92, "Negative exchange": 1.6, "Positive exchange": 1.6,
             "Negative particle diffusivity": 0.6, "Positive particle diffusivity": 0.7},
            0.015,
        ),
        (
            "kin4",
            {"Negative exchange": 0.5, "Positive exchange": 1.4, "Negative particle diffusivity": 2.0,
             "Positive particle diffusivity": 0.6},
            0.0,
        ),
        ("esoh4", {BALANCED[0]: 0.95, BALANCED[1]: 0.9}, 0.0),
    ],
    ids=["soh7", "kin4", "esoh4"],
)  # fmt: skip
def test_every_parameter_changes_what_its_name_says_in_pybamm(
    name: str, changes: dict[str, float], resistance: float
) -> None:
    kinetics = {"sDn": 2.0, "sDp": 0.6, "si0n": 0.5, "si0p": 1.4}
    model, values = DRAWS.get(name, (kin4, kinetics))
    theta, c = model.space.pack(values), conditions(model, c_rate=1.0)
    if name == "esoh4":
        x0, y0 = values["x100"], values["y100"]
    else:
        x0, y0 = start_by_hand(values, float(c[model.conditions.index("start_voltage")]))
    ours = model(theta, c, np.arange(100.0, 2000, 100)[:, None])[:, 0]
    np.testing.assert_allclose(ours, by_hand(dict(changes), x0, y0, resistance), atol=1e-4)


def start_by_hand(values: dict[str, float], voltage: float) -> tuple[float, float]:
    """Stoichiometries of what lithium and active material is left, at the rested voltage."""
    n, p = LG_M50.negative, LG_M50.positive
    q_n = (1 - values.get("LAM_n", 0.0)) * LG_M50.electrode_capacity(n)
    q_p = (1 - values.get("LAM_p", 0.0)) * LG_M50.electrode_capacity(p)
    fresh = 29866 / 33133 * LG_M50.electrode_capacity(n) + 17038 / 63104 * LG_M50.electrode_capacity(p)
    lithium = (1 - values.get("LLI", 0.0)) * fresh

    def excess(y: float) -> float:
        x = (lithium - y * q_p) / q_n
        u_p, u_n = p.open_circuit_potential(np.asarray(y)), n.open_circuit_potential(np.asarray(x))
        return float(u_p - u_n) - voltage

    y0 = float(optimize.brentq(excess, 0.2, 0.6, xtol=1e-14))
    return (lithium - y0 * q_p) / q_n, y0


CN = kin4.conditions.nominal
ANCHORS = {
    0: 4.06339, 300: 3.95043, 600: 3.86746, 1200: 3.71593, 1800: 3.56822, 2400: 3.45897, 3000: 3.29292, 3300: 3.06123
}  # fmt: skip
"""Specification 8.2: LG M50 from the literature's start, 1C, single-particle model [V]."""


def test_the_one_c_discharge_passes_the_specifications_anchors() -> None:
    x = np.array(list(ANCHORS), dtype=float)[:, None]
    voltage = esoh4(esoh4.space.pack(FRESH), conditions(esoh4, c_rate=1.0), x)[:, 0]
    np.testing.assert_allclose(voltage, list(ANCHORS.values()), atol=6e-6)


def pulse(rest: float) -> Floats:
    """Abscissa of 60 s at 1.5C, a rest, then 60 s of charge at C/2."""
    times = np.concatenate([np.arange(2, 60, 2), [60], 60 + np.linspace(2, rest, 40), 60 + rest + np.arange(2, 60, 2)])
    current = np.where(times <= 60, 7.5, np.where(times <= 60 + rest, 0.0, -2.5))
    return np.stack([times, current], axis=1)


def test_a_pulse_a_rest_and_a_charge_superpose_as_in_pybamm() -> None:
    x = pulse(400.0)
    theta = soh6.space.pack(AGED)[None]
    c = conditions(soh6, start_voltage=3.8)
    found = 1e3 * (soh6(theta, c, x) - fine(soh6).simulate(theta, c, x))[0, :, 0]
    since = x[:, 0] - np.select([x[:, 0] > 460, x[:, 0] > 60], [460, 60], 0)
    assert np.all(np.isfinite(found))
    assert np.max(np.abs(found)) <= 0.3
    assert np.sqrt(np.mean(found[since > 10] ** 2)) <= 0.05


def test_a_long_rest_ends_at_the_open_circuit_voltage_of_the_mean() -> None:
    times = np.array([10.0, 600.0, 1e6])
    x = np.stack([times, [5.0, 5.0, 0.0]], axis=1)
    theta, c = soh6.space.pack(AGED), conditions(soh6)
    drawn = soh6.drawn(theta, c)
    mean_n = drawn.stoichiometry_n - 600 * 5 / 3600 / (drawn.active_n * LG_M50.electrode_capacity(LG_M50.negative))
    mean_p = drawn.stoichiometry_p + 600 * 5 / 3600 / (drawn.active_p * LG_M50.electrode_capacity(LG_M50.positive))
    rested = LG_M50.positive.open_circuit_potential(mean_p) - LG_M50.negative.open_circuit_potential(mean_n)
    assert soh6(theta, c, x)[-1, 0] == pytest.approx(rested, abs=1e-9)


@pytest.mark.parametrize("field", ["negative surface", "positive surface"])
def test_two_steps_of_equal_current_are_one(field: str) -> None:
    theta, c, times = soh6.space.pack(AGED), conditions(soh6), np.linspace(0, 2000, 50)
    one = soh6.exact(theta, c, Steps(np.array([0.0]), np.array([5.0])))
    two = soh6.exact(theta, c, Steps(np.array([0.0, 700.0]), np.array([5.0, 5.0])))
    known = soh6.exact(theta, conditions(soh6, c_rate=1.0))
    np.testing.assert_allclose(two[field](times), one[field](times), rtol=1e-13)
    np.testing.assert_allclose(known[field](times), one[field](times), rtol=1e-13)


@pytest.mark.parametrize("field", ["negative surface", "positive surface"])
def test_steps_superpose_linearly(field: str) -> None:
    theta, c, times = soh6.space.pack(AGED), conditions(soh6), np.linspace(0, 2000, 50)

    def change(starts: list[float], currents: list[float]) -> Floats:
        u = soh6.exact(theta, c, Steps(np.array(starts), np.array(currents)))[field]
        return np.asarray(u(times) - u(np.zeros(1)))

    both = change([0.0, 500.0], [3.0, -1.0])
    np.testing.assert_allclose(both, change([0.0], [3.0]) + change([0.0, 500.0], [0.0, -4.0]), atol=1e-14)


def test_the_constant_current_is_the_abscissa_with_one_current() -> None:
    times = np.linspace(0, 2400, 60)
    theta = soh6.space.pack(AGED)
    alone = soh6(theta, conditions(soh6, c_rate=0.8), times[:, None])
    logged = soh6(theta, conditions(soh6, c_rate=2.0), np.stack([times, np.full(60, 4.0)], axis=1))
    np.testing.assert_allclose(logged, alone, rtol=1e-13)


@pytest.mark.parametrize("key", ["negative", "positive"])
def test_charge_mirrors_discharge_in_the_particles(key: str) -> None:
    theta, times = kin4.space.nominal, np.linspace(0, 2000, 30)
    out, into = (kin4.exact(theta, conditions(kin4, c_rate=r, start_voltage=3.7)) for r in (1.3, -1.3))
    start = out[f"{key} surface"](np.zeros(1))
    away = out[f"{key} surface"](times) - start
    np.testing.assert_allclose(into[f"{key} surface"](times) - start, -away, atol=1e-14)
    assert np.all(away[1:] < 0 if key == "negative" else away[1:] > 0)


def standing(**changes: float) -> Draw:
    given = {"current": 5.0, "temperature": 300.0, "stoichiometry_n": 0.7, "stoichiometry_p": 0.5} | changes
    return Draw(**{name: np.asarray(value) for name, value in given.items()})


def test_the_overvoltage_is_odd_in_the_current_and_hysteresis_free() -> None:
    x, y = np.array([0.6]), np.array([0.55])
    draw = standing(resistance=0.02)
    out, into, rest = (terminal_voltage(LG_M50, draw, x, y, np.asarray(i)) for i in (5.0, -5.0, 0.0))
    np.testing.assert_allclose(out + into, 2 * rest, rtol=1e-14)
    assert out < rest < into
    open_circuit = LG_M50.positive.open_circuit_potential(y) - LG_M50.negative.open_circuit_potential(x)
    np.testing.assert_allclose(rest, open_circuit, rtol=1e-14)


def test_kinetics_are_butler_volmer_with_one_half() -> None:
    """F j = 2 i₀ sinh(F η/2RT), a = 3 ε/R, written out for each electrode."""
    x, y, current, temperature = np.array([0.6]), np.array([0.55]), 7.0, 310.0
    draw = standing(temperature=temperature, exchange_n=1.3, exchange_p=0.7, active_n=0.9)
    eta = []
    for electrode, s, active, factor in ((LG_M50.negative, x, 0.9, 1.3), (LG_M50.positive, y, 1.0, 0.7)):
        area = 3 * electrode.active_fraction * active / electrode.particle_radius
        j = current / (LG_M50.area * electrode.thickness * area * FARADAY)
        i0 = factor * electrode.exchange_current_density(s, np.asarray(temperature))
        eta.append(2 * GAS * temperature / FARADAY * np.arcsinh(FARADAY * j / (2 * i0)))
    open_circuit = LG_M50.positive.open_circuit_potential(y) - LG_M50.negative.open_circuit_potential(x)
    found = terminal_voltage(LG_M50, draw, x, y, np.asarray(current))
    np.testing.assert_allclose(found, open_circuit - eta[0] - eta[1], rtol=1e-13)


def test_series_resistance_costs_exactly_current_times_resistance() -> None:
    x, c = np.linspace(0, 2000, 20)[:, None], conditions(soh6, c_rate=1.4)
    without, with_it = (soh6(soh6.space.pack(AGED | {"R0": r}), c, x) for r in (0.0, 0.03))
    np.testing.assert_allclose(without - with_it, 1.4 * 5.0 * 0.03, rtol=1e-12)


def test_pybamms_contact_resistance_is_the_same_loss() -> None:
    theta = np.stack([soh6.space.pack(AGED | {"R0": r}) for r in (1e-9, 0.03)])
    y = soh6.simulate(theta, conditions(soh6, c_rate=1.4), np.linspace(0, 1000, 20)[:, None])[..., 0]
    np.testing.assert_allclose(y[0] - y[1], 1.4 * 5.0 * 0.03, atol=1e-6)


@functools.cache
def radial() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(120)
    r = (nodes + 1) / 2
    return r, 3 * weights / 2 * r**2


@pytest.mark.parametrize("key", ["negative", "positive"])
def test_the_profiles_satisfy_diffusion_conserve_lithium_and_carry_the_flux(key: str) -> None:
    theta, c = soh7.space.pack(AGED | {"sDn": 0.6}), conditions(soh7, c_rate=1.0)
    electrode = LG_M50.negative if key == "negative" else LG_M50.positive
    drawn = soh7.drawn(theta, c)
    scale, active, start = (
        (drawn.diffusivity_n, drawn.active_n, drawn.stoichiometry_n)
        if key == "negative"
        else (drawn.diffusivity_p, drawn.active_p, drawn.stoichiometry_p)
    )
    diffusivity = scale * electrode.diffusivity(start, drawn.temperature)
    u, radius = soh7.exact(theta, c)[key], electrode.particle_radius
    times, xi, h = np.array([600.0, 2400.0]), np.array([0.2, 0.5, 0.9]), 1e-3
    in_time = (u(times + 1e-2, xi) - u(times - 1e-2, xi)) / 2e-2
    slope = (u(times, xi + h) - u(times, xi - h)) / (2 * h)
    curvature = (u(times, xi + h) - 2 * u(times, xi) + u(times, xi - h)) / h**2
    np.testing.assert_allclose(in_time, diffusivity / radius**2 * (curvature + 2 / xi * slope), rtol=1e-4)

    area = 3 * electrode.active_fraction * active / radius
    j = (1 if key == "negative" else -1) * 5.0 / (LG_M50.area * electrode.thickness * area * FARADAY)
    edge = u(times, np.array([1.0, 1 - 1e-4, 1 - 2e-4]))
    steep = (3 * edge[:, 0] - 4 * edge[:, 1] + edge[:, 2]) / 2e-4 / radius * electrode.max_concentration
    np.testing.assert_allclose(-diffusivity * steep, j, rtol=1e-4)

    r, volume = radial()
    passed = 5.0 * times / 3600 / (active * LG_M50.electrode_capacity(electrode))
    np.testing.assert_allclose(u(times, r) @ volume, start - np.sign(j) * passed, rtol=1e-12)
    np.testing.assert_allclose(u(np.zeros(1), xi), start, rtol=1e-14)


def test_a_trial_draw_that_empties_a_particle_keeps_a_finite_voltage() -> None:
    theta = soh6.space.pack(AGED | {"LAM_n": 0.4})
    voltage = soh6(theta, conditions(soh6, c_rate=1.0), np.array([[3000.0], [5000.0]]))
    assert np.all(np.isfinite(voltage))
    x = np.array([-1.0, -1e-6, 0.0, 0.3])
    np.testing.assert_allclose(soft_floor(x)[1:], x[1:], atol=1e-12)
    assert -0.051 < soft_floor(x)[0] < 0


def test_the_cut_off_masks_all_that_follows() -> None:
    voltage = np.array([3.0, 2.6, 2.4, 2.6])[:, None]
    np.testing.assert_array_equal(soh6.valid(voltage), [True, True, False, False])


def test_a_draws_diffusivity_multiplier_is_a_shift_of_time_scale() -> None:
    """Twice the diffusivity at twice the rate gives the same profiles in half the time."""
    times = np.linspace(0, 1500, 20)
    slow = kin4.exact(kin4.space.pack({"sDp": 0.5, "sDn": 0.5}), conditions(kin4, c_rate=0.5))
    fast = kin4.exact(kin4.space.nominal, conditions(kin4, c_rate=1.0))
    for key in ("negative surface", "positive surface"):
        np.testing.assert_allclose(slow[key](2 * times), fast[key](times), rtol=1e-12)


def test_the_difference_to_pybamm_is_its_mesh_error_and_falls_with_the_square_of_the_mesh() -> None:
    theta, x = kin4.space.nominal[None], np.linspace(200, 2400, 200)[:, None]
    ours = kin4(theta, CN, x)
    rms = [np.sqrt(np.mean((fine(kin4, n).simulate(theta, CN, x) - ours) ** 2)) for n in (30, 60, 120)]
    assert rms[0] / rms[1] == pytest.approx(4, rel=0.15)
    assert rms[1] / rms[2] == pytest.approx(4, rel=0.15)
