"""What is measured on an engine, and how it follows from the core states."""

from collections.abc import Mapping

from twin.arrays import Array, namespace
from twin.model import Coordinate, Observable
from twin.models.engine.air_path import Drive, flows
from twin.models.engine.constants import RPM, Ambient, Engine
from twin.models.engine.core import state_of
from twin.priors import HalfNormal

COORDINATES = (
    Coordinate("time", "s", "time since the record began"),
    Coordinate("n_e", "rpm", "engine speed"),
    Coordinate("u_delta", "mg", "injected fuel per cycle and cylinder"),
    Coordinate("u_egr", "%", "command of the EGR valve, 0 closed"),
    Coordinate("u_vgt", "%", "command of the turbine's vanes, 100 open"),
)
OBSERVABLES = (
    Observable("p_im", "kPa", "pressure in the intake manifold", HalfNormal(6.0)),
    Observable("p_em", "kPa", "pressure in the exhaust manifold", HalfNormal(6.0)),
    Observable("n_t", "rpm", "speed of the turbocharger", HalfNormal(1000.0)),
    Observable("W_egr", "kg/s", "flow of recirculated exhaust", HalfNormal(0.003)),
    Observable("T_em", "K", "temperature in the exhaust manifold", HalfNormal(10.0)),
    Observable("T_c", "K", "temperature behind the compressor", HalfNormal(5.0)),
    Observable("W_c", "kg/s", "flow through the compressor", HalfNormal(0.01)),
)
"""Noise of 3 % of usual pressures, 1 % of speed and temperatures, 10 % of EGR flow, 3 % of air flow."""


def measured(y: Array, drive: Drive, engine: Engine, air: Ambient, values: Mapping[str, Array]) -> Array:
    """Readings (*batch, n, 7) at scaled states (3, n, *batch) under a drive (n, …)."""
    xp = namespace(y)
    state = state_of(y)
    at = flows(state, drive, engine, air)
    columns = {
        "p_im": state.p_im / 1e3,
        "p_em": state.p_em / 1e3,
        "n_t": state.w_t / RPM,
        "W_egr": at.W_egr,
        "T_em": at.cylinders.T_em,
        "T_c": at.compressor.T_c,
        "W_c": at.compressor.W_c,
    }
    read = [values.get(f"gain_{k}", 1.0) * v + values.get(f"offset_{k}", 0.0) for k, v in columns.items()]
    return xp.moveaxis(xp.stack(read, axis=-1), 0, -2)
