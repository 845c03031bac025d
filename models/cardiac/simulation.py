"""The reference solver's answer as all that is measured of a beat."""

from collections.abc import Mapping

import numpy as np
from scipy.interpolate import CubicSpline

from twin.models.cardiac.clinic import OBSERVABLES
from twin.models.cardiac.indices import Beat, Indices, indices
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.reference import Cycle, limit_cycle
from twin.space import Floats


def simulate(loop: Loop, how: Mapping[str, float], times: Floats, speed: float | None = None) -> Floats:
    """All of ``clinic.OBSERVABLES`` at times [s] (n,): (n, q), NaN where there is no limit cycle.

    With an assist pump where a ``speed`` [rpm] is given; CO is then the total flow, through valve and pump.
    """
    cycle = limit_cycle(loop, speed=speed)
    if not cycle.settled:
        return np.full((len(times), len(OBSERVABLES)), np.nan)
    found = indices_of(cycle, float(loop.V0))
    bias = {"SBP": how["cuff_SBP"], "DBP": how["cuff_DBP"]}
    numbers = [value + bias.get(name, 0.0) for name, value in found._asdict().items()]
    beat = float(loop.beat)
    phase = np.linspace(0.0, 1.0, len(cycle.t))
    volume = CubicSpline(phase, _closed(cycle.state.x), bc_type="periodic")
    pressure = CubicSpline(phase, _closed(low_pass(cycle.state.P_ao, how["catheter"] / beat)), bc_type="periodic")
    curves = [
        how["volume_scale"] * (loop.V0 + volume(times / beat % 1.0)),
        how["pressure_offset"] + pressure((times - how["delay"]) / beat % 1.0),
    ]
    return np.stack([*np.broadcast_to(np.array(numbers)[:, None], (len(numbers), len(times))), *curves], axis=-1)


def indices_of(cycle: Cycle, V0: float) -> Indices:
    """The numbers of a reference cycle on equal steps that include both ends of the beat."""
    weight = np.full(len(cycle.t), 1.0 / (len(cycle.t) - 1))
    weight[[0, -1]] *= 0.5
    s = cycle.state
    return indices(Beat(s.x + V0, cycle.P_lv, s.P_la, s.P_s, s.P_ao, s.Q, weight))


def low_pass(values: Floats, time_constant: float) -> Floats:
    """A periodic signal (n,), both ends given, behind a filter 1/(1 + iωT); T in periods."""
    spectrum = np.fft.rfft(values[:-1])
    omega = 2 * np.pi * np.arange(len(spectrum))
    filtered = np.fft.irfft(spectrum / (1 + 1j * omega * time_constant), len(values) - 1)
    return np.append(filtered, filtered[0])


def _closed(values: Floats) -> Floats:
    """The same with the last value equal to the first."""
    return np.append(values[:-1], values[0])
