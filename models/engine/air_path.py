"""The air path: its flows at a state, and the rates of its five states.

    dp_im/dt = R_a T_im/V_im (W_c + W_egr - W_ei)              dp_em/dt = R_e T_em/V_em (W_eo - W_t - W_egr)
    dω_t/dt  = (P_tm - P_c)/(J_t ω_t)
    dX_Oim/dt = R_a T_im/(p_im V_im) ((X_Oem - X_Oim) W_egr + (X_Oc - X_Oim) W_c)
    dX_Oem/dt = R_e T_em/(p_em V_em) (X_Oe - X_Oem) W_eo

The oxygen never acts on pressures and speed, so three states are the core. Runs under NumPy, PyTorch and JAX; every
argument may be an array, and all broadcast.
"""

from typing import NamedTuple

from twin.arrays import Array
from twin.models.engine.clips import at_least, at_most, between
from twin.models.engine.compressor import Compressor, compressor
from twin.models.engine.constants import RPM, Ambient, Engine
from twin.models.engine.cylinder import SWEEPS, Cylinders, cylinders
from twin.models.engine.orifice import orifice
from twin.models.engine.tilts import tilted
from twin.models.engine.turbine import Turbine, turbine

MOST_EGR = 0.9


class State(NamedTuple):
    """Pressures [Pa] of intake and exhaust manifold, speed [rad/s] of the turbocharger."""

    p_im: Array
    p_em: Array
    w_t: Array


class Oxygen(NamedTuple):
    """Mass fractions of oxygen in intake and exhaust manifold."""

    X_Oim: Array
    X_Oem: Array


class Drive(NamedTuple):
    """What the engine is driven by: speed [rpm], fuel [mg per cycle and cylinder], openings of valve and vanes."""

    n_e: Array
    u_delta: Array
    f_egr: Array
    f_vgt: Array


class Flows(NamedTuple):
    """Everything algebraic; ``leaks`` [kg/s] are those of boost and exhaust."""

    cylinders: Cylinders
    compressor: Compressor
    turbine: Turbine
    W_egr: Array
    Psi_egr: Array
    T_im: Array
    leaks: tuple[Array, Array]


def flows(
    state: State, drive: Drive, engine: Engine, air: Ambient,
    *, sweeps: int = SWEEPS, cycle: tuple[Array, Array] | None = None,
) -> Flows:  # fmt: skip
    """All flows at a state; ``sweeps`` and ``cycle`` (T_1, x_r) are those of ``cylinders``."""
    p_im, p_em, w_t = state
    extensions = engine.extensions
    compressed = compressor(p_im, w_t, engine, air)
    T_im = air.T_im
    if extensions.intercooler is not None:
        T_im = compressed.T_c - extensions.intercooler * (compressed.T_c - air.T_amb)
    burnt = cylinders(p_im, p_em, T_im, drive.n_e, drive.u_delta, engine, air, sweeps, cycle)
    area = tilted(engine.A_egrmax * drive.f_egr, "tilt_egr", drive.f_egr, engine)
    W_egr, psi = orifice(area, p_em, p_im, engine.R_e, burnt.T_em, engine)
    expanded = turbine(p_em, w_t, burnt.T_em, drive.f_vgt, engine, air)
    boost = exhaust = 0.0 * p_im
    if extensions.boost_leak is not None:
        boost = orifice(extensions.boost_leak, p_im, air.p_amb, engine.R_a, T_im + 0 * p_im, engine)[0]
    if extensions.exhaust_leak is not None:
        exhaust = orifice(extensions.exhaust_leak, p_em, air.p_amb, engine.R_e, burnt.T_em, engine)[0]
    return Flows(burnt, compressed, expanded, W_egr, psi, T_im, (boost, exhaust))


def rates(state: State, at: Flows, engine: Engine) -> State:
    """Time derivatives [Pa/s, Pa/s, rad/s²]."""
    boost, exhaust = at.leaks
    into = at.compressor.W_c + at.W_egr - at.cylinders.W_ei - boost
    out_of = at.cylinders.W_eo - at.turbine.W_t - at.W_egr - exhaust
    return State(
        engine.R_a * at.T_im / engine.V_im * into,
        engine.R_e * at.cylinders.T_em / engine.V_em * out_of,
        (at.turbine.P_tm - at.compressor.P_c) / (engine.J_t * state.w_t),
    )


def oxygen_rates(oxygen: Oxygen, state: State, at: Flows, engine: Engine, air: Ambient) -> Oxygen:
    """Time derivatives [1/s]."""
    fresh = (oxygen.X_Oem - oxygen.X_Oim) * at.W_egr + (air.X_Oc - oxygen.X_Oim) * at.compressor.W_c
    burnt = (oxygen_left(oxygen, at, engine, air) - oxygen.X_Oem) * at.cylinders.W_eo
    return Oxygen(
        engine.R_a * at.T_im / (state.p_im * engine.V_im) * fresh,
        engine.R_e * at.cylinders.T_em / (state.p_em * engine.V_em) * burnt,
    )


def oxygen_left(oxygen: Oxygen, at: Flows, engine: Engine, air: Ambient) -> Array:
    """X_Oe = max(0, (W_ei X_Oim - W_f OFs)/W_eo) behind the cylinders, OFs = AFs X_Oc."""
    left = at.cylinders.W_ei * oxygen.X_Oim - at.cylinders.W_f * engine.AFs * air.X_Oc
    return at_least(left / at.cylinders.W_eo, 0.0, engine.softness)


def oxygen_ratio(oxygen: Oxygen, at: Flows, engine: Engine, air: Ambient) -> Array:
    """λ_O = W_ei X_Oim/(W_f OFs), oxygen that there is over oxygen that the fuel needs."""
    return at.cylinders.W_ei * oxygen.X_Oim / (at.cylinders.W_f * engine.AFs * air.X_Oc)


def egr_share(at: Flows) -> Array:
    """x_egr = min(0.9, W_egr/(W_c + W_egr))."""
    return at_most(at.W_egr / (at.compressor.W_c + at.W_egr), MOST_EGR)


def saturated(state: State, air: Ambient) -> State:
    """The state within the release's limits: far outside them the submodels mean nothing."""
    return State(
        between(state.p_im, 0.5 * air.p_amb, 10 * air.p_amb),
        between(state.p_em, 0.5 * air.p_amb, 20 * air.p_amb),
        between(state.w_t, 100 * RPM, 200_000 * RPM),
    )
