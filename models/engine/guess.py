"""What the network of a step sees and says.

It sees the step's start, speed, fuel and effective areas at the step's first and last stage, the other constants and
the air. An area that wears and a vane that closes are the same to it: what it must know of A_egrmax and A_vgtmax it
learns from the commands. It says by which factors the states change up to each stage, in logarithms.
"""

import math
from collections.abc import Callable

from twin.arrays import Array, namespace
from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Ambient, Engine
from twin.models.engine.path import Guess

INPUTS = 24
OUTPUTS = 9
SIZE = 0.1
"""Logarithm of a factor that one output stands for."""


def guess_by(network: Callable[[Array], Array], engine: Engine, air: Ambient) -> Guess:
    """The guess of stages by a network (…, 24) -> (…, 9)."""

    def guess(start: Array, drive: Drive) -> Array:
        xp = namespace(start)
        logs = SIZE * xp.moveaxis(network(features(start, drive, engine, air)), -1, 0)
        return start[:, None] * xp.exp(xp.reshape(logs, (3, 3, *logs.shape[1:])))

    return guess


def features(start: Array, drive: Drive, engine: Engine, air: Ambient) -> Array:
    """Inputs (*batch, 24) of a start (3, *batch) and a drive (3, *batch), of the order of 1."""
    xp = namespace(start)
    bias = engine.extensions.fuel_bias
    fuel = drive.u_delta if bias is None else drive.u_delta * (1 + bias)
    valve, vanes = drive.f_egr * engine.A_egrmax / 2e-4, drive.f_vgt * engine.A_vgtmax / 7e-4
    columns = [
        xp.log(start[0] / 1.7) / 0.3,
        xp.log(start[1] / 1.8) / 0.3,
        xp.log(start[2] / 1.3) / 0.3,
        (start[1] - start[0]) / 0.3,
    ]
    for signal, middle, width in ((drive.n_e, 1300.0, 350.0), (fuel, 110.0, 60.0), (valve, 0.5, 0.5)):
        columns += [(signal[0] - middle) / width, 4 * (signal[-1] - signal[0]) / width]
    columns += [(vanes[0] - 1.0) / 0.25, 4 * (vanes[-1] - vanes[0]) / 0.25]
    columns += [(engine.eta_sc - 1.1) / 0.1]
    for constant, nominal, width in (
        (engine.h_tot, 96.0, 0.4), (engine.k_eta_c, 0.97, 0.08), (engine.k_eta_t, 0.97, 0.08),
        (engine.k_Wc, 1.0, 0.08), (engine.k_vol, 1.0, 0.05), (engine.V_im, 0.022, 0.2), (engine.J_t, 2e-4, 0.3),
    ):  # fmt: skip
        columns.append(_log(constant / nominal) / width)
    columns += [(air.p_amb - 0.95e5) / 1e4, (air.T_amb - 290.0) / 20.0, (air.T_im - 310.0) / 25.0]
    columns += [xp.log(drive.u_delta[-1] * drive.n_e[-1] / 1.4e5) / 0.6]
    return xp.stack([column + 0 * start[0] for column in columns], axis=-1)


def _log(x: Array) -> Array:
    return math.log(x) if isinstance(x, float) else namespace(x).log(x)
