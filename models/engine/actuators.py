"""From commands to positions: delays and first-order lags, exactly.

    τ_egr1 du_1/dt = u_egr(t - τ_degr) - u_1,   τ_egr2 du_2/dt = u_egr(t - τ_degr) - u_2,   ũ = K u_1 - (K - 1) u_2
    τ_vgt dv/dt = u_vgt(t - τ_dvgt) - v

Commands are linear between their rows, or jump where two rows have the same time. Over a stretch h with the command
going from c_0 at slope s, and a = exp(-h/τ),

    x(h) = a x_0 + (1 - a) c_0 + s (h - τ (1 - a)).

Before the first row everything is at rest. A delay is a shift of the command in time. Positions depend on no unknown
parameter, so this is NumPy's.
"""

from typing import NamedTuple

import numpy as np

from twin.models.engine.air_path import Drive
from twin.models.engine.constants import Engine
from twin.models.engine.orifice import valve_opening
from twin.models.engine.turbine import vane_opening
from twin.space import Floats

LIMITS = {"n_e": (500.0, 2000.0), "u_delta": (1.0, 250.0), "u_egr": (0.0, 100.0), "u_vgt": (20.0, 100.0)}
"""To which the release clips commands: rpm, mg per cycle and cylinder, %, %."""


class Commands(NamedTuple):
    """Rows (n,): time [s] that never falls, engine speed [rpm], fuel [mg], commands of EGR valve and vanes [%]."""

    time: Floats
    n_e: Floats
    u_delta: Floats
    u_egr: Floats
    u_vgt: Floats


def clipped(commands: Commands) -> Commands:
    """Within ``LIMITS``."""
    return commands._replace(**{name: np.clip(getattr(commands, name), *limits) for name, limits in LIMITS.items()})


def drive_at(commands: Commands, at: Floats, engine: Engine) -> Drive:
    """Speed, fuel and openings at times ``at`` of any shape; commands are clipped first."""
    rows = clipped(commands)
    t = rows.time
    late = at - engine.tau_degr
    fast = lagged(t, rows.u_egr, engine.tau_egr1, late)
    slow = lagged(t, rows.u_egr, engine.tau_egr2, late)
    valve = engine.K_egr * fast - (engine.K_egr - 1) * slow
    vanes = lagged(t, rows.u_vgt, engine.tau_vgt, at - engine.tau_dvgt)
    return Drive(
        np.interp(at, t, rows.n_e),
        np.interp(at, t, rows.u_delta),
        np.asarray(valve_opening(valve, engine)),
        np.asarray(vane_opening(vanes, engine)),
    )


def lagged(time: Floats, command: Floats, tau: float, at: Floats) -> Floats:
    """x at times ``at`` of τ dx/dt = command - x."""
    h = np.diff(time)
    moving = h > 0
    slope = np.where(moving, np.diff(command) / np.where(moving, h, 1.0), 0.0)
    a = np.exp(-h / tau)
    added = np.where(moving, (1 - a) * command[:-1] + slope * (h - tau * (1 - a)), 0.0)
    knots = np.empty(len(time))
    knots[0] = command[0]
    for i, (share, more) in enumerate(zip(a.tolist(), added.tolist(), strict=True)):
        knots[i + 1] = share * knots[i] + more
    left = np.clip(np.searchsorted(time, at, side="right") - 1, 0, len(time) - 1)
    since = np.maximum(at - time[left], 0.0)
    a = np.exp(-since / tau)
    rising = np.append(slope, 0.0)[left]
    return a * knots[left] + (1 - a) * command[left] + rising * (since - tau * (1 - a))
