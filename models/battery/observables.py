"""What else a constant-current discharge tells: V(Q), capacity, dV/dQ, dQ/dV and concentrations inside.

Everything stands on the fields of a forward map, a closed form or a trained surrogate, at θ (*batch, p) and c (k,).
A discharge ends where the voltage reaches the cell's cut-off or, before that, where a surface has no lithium left
(x_s = 0) or no room for it (y_s = 1): its overpotential diverges there. Nothing is given beyond that end, nor for
draws whose start is impossible (x₀ >= 1 or y₀ <= 0).
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from twin.arrays import Array, like, namespace, to_numpy
from twin.model import Fields
from twin.models.battery.cell import Cell, Draw
from twin.models.battery.spm import ClosedFormSPM
from twin.models.battery.voltage import over_time
from twin.space import Floats, Space
from twin.surrogate import Surrogate

INTERVALS, SEARCHES = 64, 3
"""The end of a discharge is searched three times over, each time among 64 intervals of the one that holds it."""
NEWTON_STEPS = 2
STEP = 1e-4
"""Half the interval of difference quotients over the charge, as a share of the nominal capacity."""


@runtime_checkable
class SingleParticle(Protocol):
    """What of a single-particle model these functions need."""

    @property
    def cell(self) -> Cell:
        """Geometry and materials."""
        ...

    @property
    def conditions(self) -> Space:
        """Known inputs, ``c_rate`` among them."""
        ...

    def drawn(self, theta: Array, c: Array) -> Draw:
        """The cell that θ and c describe."""
        ...

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1)."""
        ...


@dataclass(frozen=True, eq=False)
class Discharge:
    """One forward map under one constant current; ``end`` [s] is how far the map is valid."""

    model: SingleParticle
    fields: Fields
    theta: Array
    c: Array
    end: float

    @property
    def current(self) -> float:
        """I [A]."""
        rate = to_numpy(self.c)[self.model.conditions.index("c_rate")]
        return float(rate) * self.model.cell.capacity


def closed_form(model: ClosedFormSPM, theta: Array, c: Array) -> Discharge:
    """The discharge in closed form; ValueError if the current does not discharge."""
    return _discharging(Discharge(model, model.exact(theta, c), theta, c, np.inf))


def trained(surrogate: Surrogate, theta: Array, c: Array) -> Discharge:
    """The discharge by a surrogate; ValueError if the current does not discharge or its model is no such cell."""
    model = surrogate.model
    if not isinstance(model, SingleParticle):
        raise ValueError(f"expected a surrogate of a single-particle model, got one of {model.name}/{model.preset}")
    end = float(surrogate.model.abscissa(to_numpy(c), 2)[-1, 0])
    return _discharging(Discharge(model, surrogate.fields(theta, c), theta, c, end))


def voltage(run: Discharge, times: Array) -> Array:
    """V(t) [V] (*batch, n) at times [s] (n,) or (*batch, n), as the formula has it, also beyond the end."""
    return run.model.observe(run.fields, run.theta, run.c, times[..., None])[..., 0]


def margin(run: Discharge, times: Array) -> Array:
    """The least of V - V_cut [V], x_s and 1 - y_s (*batch, n): positive until the discharge ends."""
    xp = namespace(run.theta)
    left = xp.minimum(run.fields["negative surface"](times), 1 - run.fields["positive surface"](times))
    return xp.minimum(voltage(run, times) - run.model.cell.cut_off, left)


def until_cut_off(run: Discharge, times: Array, values: Array) -> Array:
    """``values`` (*batch, n) at rising ``times``, NaN from the first one on at which the discharge has ended."""
    xp = namespace(values)
    at = like(times, run.theta)
    over = (margin(run, at) <= 0) | (at > run.end) | ~_possible(run)
    ended = xp.cumulative_sum(xp.astype(over, values.dtype), axis=-1) > 0
    return xp.where(ended, like(np.nan, values), values)


def voltage_of_charge(run: Discharge, charge: Array) -> Array:
    """V(Q) [V] (*batch, n) at rising charges passed Q = I t/3600 [A h] (n,), NaN after the cut-off."""
    times = _times(run, charge)
    return until_cut_off(run, times, voltage(run, times))


def differential_voltage(run: Discharge, charge: Array) -> Array:
    """dV/dQ [V/A h] (*batch, n) at rising charges Q > 0 [A h] (n,), NaN after the cut-off.

    Central differences over ±h, with h a share STEP of the nominal capacity but at most Q/2.
    """
    xp = namespace(run.theta)
    at = like(charge, run.theta)
    half = xp.minimum(at / 2, like(STEP * run.model.cell.capacity, at))
    ahead, behind = (voltage(run, _times(run, at + side * half)) for side in (1, -1))
    return until_cut_off(run, _times(run, at), (ahead - behind) / (2 * half))


def incremental_capacity(run: Discharge, charge: Array) -> Array:
    """dQ/dV [A h/V] (*batch, n), the inverse of ``differential_voltage``."""
    return 1 / differential_voltage(run, charge)


def capacity(run: Discharge) -> Array:
    """Charge [A h] (*batch,) passed until the discharge ends; NaN where the map is not valid so far.

    The root of ``margin``, bracketed and polished by Newton's method: at the root a Newton step has zero derivative by
    its start, so what flows through the last steps is the derivative of the implicit function.
    """
    xp = namespace(run.theta)
    longest = _longest(run)
    shares = like(np.arange(1, INTERVALS + 1) / INTERVALS, longest)
    low, width = 0 * longest, 1.0
    reached = _possible(run)
    for _ in range(SEARCHES):
        over = xp.astype(margin(run, (low + width * shares) * longest) <= 0, longest.dtype)
        reached = reached & (xp.max(over, axis=-1, keepdims=True) > 0)
        width /= INTERVALS
        low = low + width * xp.astype(xp.argmax(over, axis=-1, keepdims=True), longest.dtype)
    times = (low + width / 2) * longest
    nodes = like(width / 2 * np.array([-1.0, 0.0, 1.0]), longest) * longest
    for _ in range(NEWTON_STEPS):
        m = margin(run, times + nodes)
        slope = (m[..., 2:] - m[..., :1]) / (nodes[..., 2:] - nodes[..., :1])
        times = times - m[..., 1:2] / xp.where(reached, slope, xp.ones_like(slope))
    return xp.where(reached, times, like(np.nan, times))[..., 0] * run.current / 3600


def surface_concentration(run: Discharge, electrode: str, times: Array) -> Array:
    """c(R, t) [mol/m³] (*batch, n) of the ``negative`` or ``positive`` particle, NaN after the cut-off."""
    at = like(times, run.theta)
    return until_cut_off(run, at, _maximum(run, electrode) * run.fields[f"{electrode} surface"](at))


def concentration(run: Discharge, electrode: str, times: Array, xi: Floats) -> Array:
    """c(ξ R, t) [mol/m³] (*batch, n, len(ξ)) at ξ = r/R in [0, 1], NaN after the cut-off."""
    at = like(times, run.theta)
    profile = _maximum(run, electrode) * run.fields[electrode](at, xi)
    return profile + until_cut_off(run, at, 0 * profile[..., 0])[..., None]


def _discharging(run: Discharge) -> Discharge:
    if not run.current > 0:
        raise ValueError(f"expected a discharge (c_rate > 0), got a current of {run.current:g} A")
    return run


def _possible(run: Discharge) -> Array:
    """Whether the start is possible: x₀ < 1 and y₀ > 0 (*batch, 1)."""
    drawn = over_time(run.model.drawn(run.theta, run.c))
    return (drawn.stoichiometry_n < 1) & (drawn.stoichiometry_p > 0)


def _times(run: Discharge, charge: Array) -> Array:
    return like(charge, run.theta) * 3600 / run.current


def _maximum(run: Discharge, electrode: str) -> float:
    sides = {"negative": run.model.cell.negative, "positive": run.model.cell.positive}
    if electrode not in sides:
        raise ValueError(f"no electrode {electrode!r}; known: negative, positive")
    return sides[electrode].max_concentration


def _longest(run: Discharge) -> Array:
    """Time [s] (*batch, 1) at which an electrode's mean would be exhausted, at most ``end``."""
    xp, cell = namespace(run.theta), run.model.cell
    drawn = over_time(run.model.drawn(run.theta, run.c))
    charge = xp.minimum(
        drawn.stoichiometry_n * drawn.active_n * cell.electrode_capacity(cell.negative),
        (1 - drawn.stoichiometry_p) * drawn.active_p * cell.electrode_capacity(cell.positive),
    )
    times = charge * 3600 / run.current + 0 * run.theta[..., :1]
    return xp.minimum(times, like(run.end, times))
