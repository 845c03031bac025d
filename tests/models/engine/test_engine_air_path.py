"""The engine's algebra, steady states, responses and actuators against figures of independent implementations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from twin.models.engine.actuators import Commands, drive_at, lagged
from twin.models.engine.air_path import (
    Drive,
    Flows,
    Oxygen,
    State,
    flows,
    oxygen_left,
    oxygen_rates,
    oxygen_ratio,
    rates,
)
from twin.models.engine.constants import RPM, Ambient, Engine, Extensions
from twin.models.engine.core import rate_of, state_of
from twin.models.engine.fixed_step import runge_kutta
from twin.models.engine.orifice import valve_opening
from twin.models.engine.path import Solver, follow, grid_of, hold
from twin.models.engine.reference import solve
from twin.models.engine.steady import steady_state
from twin.models.engine.torque import torque
from twin.models.engine.transient import transient
from twin.models.engine.turbine import vane_opening
from twin.space import Floats

ENGINE, AIR = Engine(), Ambient()
STATE = State(np.array([180e3, 105e3, 150e3]), np.array([200e3, 103e3, 260e3]), np.array([7000.0, 2500.0, 6000.0]))
OXYGEN = Oxygen(np.array([0.20, 0.22, 0.18]), np.array([0.11, 0.15, 0.09]))
POSITION = 1.8 * np.array([40.0, 60.0, 100.0]) - 0.8 * np.array([40.0, 50.0, 90.0])
DRIVE = Drive(
    np.array([1400.0, 700.0, 1800.0]), np.array([120.0, 20.0, 200.0]), np.asarray(valve_opening(POSITION, ENGINE)),
    np.asarray(vane_opening(np.array([45.0, 30.0, 25.0]), ENGINE)),
)  # fmt: skip
"""Three points: usual; no flow through the EGR valve; EGR choked, too little oxygen, turbine at its floor."""


def values(at: Flows, engine: Engine = ENGINE) -> dict[str, Floats]:
    pressures = rates(STATE, at, engine)
    oxygen = oxygen_rates(OXYGEN, STATE, at, engine, AIR)
    ratio = oxygen_ratio(OXYGEN, at, engine, AIR)
    return {
        "eta_vol": at.cylinders.eta_vol, "W_ei": at.cylinders.W_ei, "lambda_O": ratio,
        "X_Oe": oxygen_left(OXYGEN, at, engine, AIR), "T_e": at.cylinders.T_e, "T_1": at.cylinders.T_1,
        "x_r": at.cylinders.x_r, "T_em": at.cylinders.T_em, "f_egr": DRIVE.f_egr, "Psi_egr": at.Psi_egr,
        "W_egr": at.W_egr, "f_vgt": DRIVE.f_vgt, "W_t": at.turbine.W_t, "BSR": at.turbine.BSR, "c_m": at.turbine.c_m,
        "eta_tm": at.turbine.eta_tm, "P_tm": at.turbine.P_tm, "W_c": at.compressor.W_c, "eta_c": at.compressor.eta_c,
        "T_c": at.compressor.T_c, "P_c": at.compressor.P_c, "Phi_c": at.compressor.Phi_c,
        "M_e": torque(STATE.p_im, STATE.p_em, DRIVE.n_e, DRIVE.u_delta, ratio, engine), "dp_im": pressures.p_im,
        "dp_em": pressures.p_em, "dw_t": pressures.w_t, "dX_Oim": oxygen.X_Oim, "dX_Oem": oxygen.X_Oem,
    }  # fmt: skip


ANCHORS = {
    "eta_vol": (0.93242785, 0.99106231, 0.92285640), "W_ei": (0.28913872, 0.089635238, 0.30661145),
    "lambda_O": (2.0418981, 8.3556552, 0.90942201), "X_Oe": (0.099170826, 0.19216979, 0.0),
    "T_e": (786.59080, 448.45526, 1383.5590), "T_1": (314.61262, 307.05242, 329.59295),
    "x_r": (0.028795987, 0.043519963, 0.026755280), "T_em": (717.49392, 389.19021, 1241.8916),
    "f_egr": (0.53355668, 0.69562167, 0.71177818), "Psi_egr": (0.48980064, 0.0, 1.0),
    "W_egr": (0.046152770, 0.0, 0.12420902), "f_vgt": (0.82605286, 0.63942582, 0.56271248),
    "W_t": (0.28611050, 0.038094537, 0.20069563), "BSR": (0.54870088, 1.5595093, 0.30798202),
    "c_m": (1.4744649, 0.0, 1.4704942), "eta_tm": (0.54939233, 0.81800273, 0.2),
    "P_tm": (20465.913, 64.063625, 12187.361), "W_c": (0.22931212, 0.099318876, 0.20541228),
    "eta_c": (0.72883248, 0.33561432, 0.69115718), "T_c": (371.30985, 308.04195, 349.62429),
    "P_c": (16888.274, 961.77269, 10624.629), "Phi_c": (0.13802970, 0.16739226, 0.14425097),
    "M_e": (887.70477, 118.73696, 1247.3398), "dp_im": (-53624.725, 37976.382, 90237.873),
    "dp_em": (-356279.5, 290741.44, -5206.9723), "dw_t": (2555.4567, -1795.4181, 1302.2761),
    "dX_Oim": (0.066378171, 0.042288509, -0.016225950), "dX_Oem": (-0.16529628, 0.20583506, -1.9955046),
}  # fmt: skip
FLOW_TERMS = {"dp_im": 1e6, "dp_em": 5e6, "dw_t": 1e4, "dX_Oim": 1.0, "dX_Oem": 5.0}
"""Rates are differences of large flows, against which they are measured."""


@pytest.mark.parametrize("name", ANCHORS)
def test_the_algebra_gives_the_tabulated_values(name: str) -> None:
    exact = values(flows(STATE, DRIVE, ENGINE, AIR, sweeps=7))[name]
    size = FLOW_TERMS.get(name, 0.0)
    np.testing.assert_allclose(exact, ANCHORS[name], rtol=1e-6, atol=1e-6 * size)
    usual = values(flows(STATE, DRIVE, ENGINE, AIR))[name]
    for i, bound in enumerate((1e-6, 5e-6, 5e-5)):
        np.testing.assert_allclose(usual[i], ANCHORS[name][i], rtol=bound, atol=bound * size)


def test_each_sweep_brings_the_exhaust_temperature_ten_times_nearer() -> None:
    found = [flows(STATE, DRIVE, ENGINE, AIR, sweeps=n).cylinders.T_e for n in (1, 2, 3, 12)]
    errors = [np.abs(T - found[-1])[0] for T in found[:3]]
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 10


def test_smooth_clips_tend_to_the_exact_ones() -> None:
    hard = values(flows(STATE, DRIVE, ENGINE, AIR))
    differences = []
    for width in (1e-3, 1e-5):
        soft = values(flows(STATE, DRIVE, replace(ENGINE, softness=width), AIR))
        differences.append(
            max(np.abs(soft[k] - hard[k]).max() / np.abs(hard[k]).max() for k in ("W_c", "T_em", "P_tm"))
        )
    assert differences[1] < 0.02 * differences[0] < 0.02


def test_extensions_act_the_way_they_should() -> None:
    def of(**changes: float) -> Flows:
        return flows(STATE, DRIVE, replace(ENGINE, extensions=Extensions(**changes)), AIR)

    sound = of()
    assert np.all(rates(STATE, of(boost_leak=1e-5), ENGINE).p_im < rates(STATE, sound, ENGINE).p_im)
    assert np.all(rates(STATE, of(exhaust_leak=1e-5), ENGINE).p_em < rates(STATE, sound, ENGINE).p_em)
    assert np.all(of(back_pressure=2e4).turbine.P_tm < sound.turbine.P_tm)
    assert np.all(of(intake_loss=2e3).compressor.W_c < sound.compressor.W_c)
    assert np.all(of(fuel_bias=0.05).cylinders.T_e > sound.cylinders.T_e)
    np.testing.assert_allclose(of(intercooler=1.0).T_im, AIR.T_amb)
    for name in ("boost_leak", "exhaust_leak", "back_pressure", "intake_loss", "fuel_bias"):
        np.testing.assert_array_equal(rates(STATE, of(**{name: 0.0}), ENGINE).p_em, rates(STATE, sound, ENGINE).p_em)


TABLE = """
20 191243 240679 68080 .19955 .12703 699.7 .735 .494
25 188783 225181 68453 .22027 .10232 692.7 .735 .527
30 184986 212412 68292 .23454 .08187 690.8 .731 .550
40 175646 191904 66902 .24905 .05213 695.4 .717 .581
50 166396 176516 64840 .25237 .03366 705.0 .700 .599
65 155125 160661 61633 .24863 .01886 720.7 .674 .617
75 149592 153648 59779 .24447 .01390 729.9 .658 .624
100 141674 144308 56764 .23621 .00904 744.9 .633 .635
"""


def constant(n_e: float, u_delta: float, u_egr: float, u_vgt: Floats) -> Drive:
    same = 0 * u_vgt
    opening = np.asarray(valve_opening(u_egr + same, ENGINE))
    return Drive(n_e + same, u_delta + same, opening, np.asarray(vane_opening(u_vgt, ENGINE)))


def test_steady_states_are_the_tabulated_ones_and_balance() -> None:
    rows = np.array([[float(cell) for cell in line.split()] for line in TABLE.strip().splitlines()])
    drive = constant(1500.0, 110.0, 80.0, rows[:, 0])
    y = steady_state(drive, ENGINE, AIR, rows[:, 0])
    assert np.abs(rate_of(drive, ENGINE, AIR)(y)).max() < 1e-10
    state = state_of(y)
    at = flows(state, drive, ENGINE, AIR)
    for column, value, digit in (
        (1, state.p_im, 1.0), (2, state.p_em, 1.0), (3, state.w_t / RPM, 1.0), (4, at.compressor.W_c, 1e-5),
        (5, at.W_egr, 1e-5), (6, at.cylinders.T_em, 0.1), (7, at.compressor.eta_c, 1e-3), (8, at.turbine.eta_tm, 1e-3),
    ):  # fmt: skip
        np.testing.assert_allclose(value, rows[:, column], rtol=0, atol=0.51 * digit)
    np.testing.assert_allclose(at.compressor.W_c + at.W_egr, at.cylinders.W_ei, rtol=1e-10)
    np.testing.assert_allclose(at.turbine.W_t + at.W_egr, at.cylinders.W_eo, rtol=1e-10)
    assert rows[np.argmax(at.compressor.W_c), 0] == 50.0, "the vanes' gain changes its sign"


def stepped(u_egr: tuple[float, float], u_vgt: tuple[float, float]) -> tuple[State, Flows]:
    """The response to a jump at 1 s, every 10 ms."""
    time = np.array([0.0, 1.0, 1.0, 9.0])
    commands = Commands(time, 1500.0 + 0 * time, 110.0 + 0 * time, *(np.repeat(u, 2) for u in (u_egr, u_vgt)))
    first = Drive(*(float(column[0]) for column in drive_at(commands, time[:1], ENGINE)))
    start = State(*(float(part) for part in state_of(steady_state(first, ENGINE, AIR, np.zeros(())))))
    found = solve(commands, start, np.linspace(0.0, 8.0, 801), ENGINE, AIR)
    return found.state, flows(found.state, found.drive, ENGINE, AIR)


TIMES = np.array([110, 120, 150, 200, 300, 800])


def test_closing_the_vanes_from_75_to_65_is_not_of_minimum_phase() -> None:
    state, at = stepped((80.0, 80.0), (75.0, 65.0))
    W_c = at.compressor.W_c
    assert np.argmin(W_c) == pytest.approx(121, abs=1)
    np.testing.assert_allclose(W_c[[0, 121]], (0.24447, 0.23965), atol=1e-5)
    np.testing.assert_allclose(W_c[TIMES], (0.241779, 0.239657, 0.241038, 0.243234, 0.245929, 0.248554), rtol=1e-4)
    np.testing.assert_allclose(state.p_im[TIMES], (149980, 150653, 151509, 152550, 153833, 155086), rtol=1e-4)
    np.testing.assert_allclose(state.p_em[TIMES], (155845, 157074, 157791, 158614, 159632, 160630), rtol=1e-4)


def test_closing_them_from_30_to_25_overshoots_with_the_other_sign() -> None:
    state, at = stepped((80.0, 80.0), (30.0, 25.0))
    W_c = at.compressor.W_c
    assert np.argmin(W_c) == pytest.approx(131, abs=1)
    np.testing.assert_allclose(W_c[TIMES], (0.226332, 0.218424, 0.217813, 0.218523, 0.219389, 0.220238), rtol=1e-4)
    np.testing.assert_allclose(state.p_im[TIMES], (185431, 186179, 186735, 187327, 188050, 188760), rtol=1e-4)
    np.testing.assert_allclose(state.p_em[TIMES], (218122, 222201, 223135, 223727, 224449, 225158), rtol=1e-4)


def test_opening_the_egr_valve_first_raises_the_boost() -> None:
    state, _ = stepped((20.0, 60.0), (30.0, 30.0))
    assert np.argmax(state.p_im) == pytest.approx(115, abs=1)
    np.testing.assert_allclose(state.p_im[[0, 115]], (210389, 215065), rtol=1e-4)
    assert state.p_im[-1] < 187_100


def test_the_egr_valve_overshoots_by_a_sixth_144_ms_after_its_delay() -> None:
    time = np.array([0.0, 1.0, 1.0, 5.0])
    at = np.linspace(0.0, 5.0, 50001)
    step = np.array([0.0, 0.0, 1.0, 1.0])
    position = 1.8 * lagged(time, step, 0.05, at - 0.065) - 0.8 * lagged(time, step, 0.13, at - 0.065)
    assert position.max() == pytest.approx(1.163, abs=1e-3)
    assert at[np.argmax(position)] - 1.065 == pytest.approx(0.144, abs=1e-3)
    assert np.all(position[at < 1.065] == 0.0), "a delay shifts the command"


def test_the_exact_lag_solves_its_equation() -> None:
    commands = transient(3, 10.0)
    exact = lagged(commands.time, commands.u_vgt, 0.13, commands.time)

    def rate(t: float, x: Floats) -> Floats:
        return np.asarray((np.interp(t, commands.time, commands.u_vgt) - x) / 0.13)

    found = solve_ivp(rate, (0, 10), commands.u_vgt[:1], t_eval=commands.time, rtol=1e-9, atol=1e-9, max_step=0.05)
    np.testing.assert_allclose(exact, found.y[0], rtol=1e-6)


def test_the_standard_transient_has_the_tabulated_states_by_all_three_solvers() -> None:
    commands = transient()
    first = Drive(*(float(column[0]) for column in drive_at(commands, commands.time[:1], ENGINE)))
    start = State(*(float(part) for part in state_of(steady_state(first, ENGINE, AIR, np.zeros(())))))
    exact = solve(commands, start, commands.time, ENGINE, AIR)
    rows = {0: (189626.8, 195073.0, 7652.189), 150: (180383.2, 181026.6, 7459.550), 300: (178879.0, 193141.8, 7370.220)}
    for row, expected in rows.items():
        np.testing.assert_allclose([part[row] for part in exact.state], expected, rtol=5e-6)
    at = flows(exact.state, exact.drive, ENGINE, AIR)
    np.testing.assert_allclose(at.W_egr[[0, 150, 300]], (0.0033177, 0.0018468, 0.0321719), atol=1e-6)
    np.testing.assert_allclose(at.cylinders.T_em[[0, 150, 300]], (761.004, 672.262, 771.965), atol=2e-3)
    np.testing.assert_allclose(at.compressor.T_c[[0, 150, 300]], (380.517, 375.160, 373.677), atol=2e-3)
    nothing = np.zeros(())
    steps = follow(grid_of(commands, ENGINE), ENGINE, AIR, Solver(hold, 3), nothing)
    explicit = runge_kutta(transient(1, 60.0), ENGINE, AIR, nothing)
    for y, bound in ((steps, 2e-4), (explicit, 5e-5)):
        for own, theirs in zip(state_of(y), exact.state, strict=True):
            assert np.abs(own - theirs).max() / theirs.mean() < bound


def test_an_explicit_step_that_is_not_stable_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 0\.02 s"):
        runge_kutta(transient(1, 1.0), ENGINE, AIR, np.zeros(()), h=0.04)
