"""Equivalent circuit of a cell: open-circuit voltage, series resistance and one or more RC pairs, in closed form.

    V = U(q) - I R0 - Σ_k v_k,   dq/dt = I,   dv_k/dt = (I R_k - v_k)/τ_k,   q = v_k = 0 at t = 0

(Hu, Li, Peng 2012, J. Power Sources 198, 359, DOI 10.1016/j.jpowsour.2011.10.013.) The cell rests at a known voltage
until t = 0. Under a constant current q = I t and v_k = I R_k (1 - exp(-t/τ_k)), and a pulse is that current minus the
same current from the pulse's end on. A current that is constant between samples has an exact recursion
(``circuit_pairs.py``). U is one of ``circuit_curve.py``. No network is trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.battery import circuit_record, circuit_reference
from twin.models.battery.circuit_curve import Curve, Values
from twin.models.battery.circuit_pairs import recursion, step_response
from twin.models.battery.voltage import above_cut_off
from twin.space import Floats, Space
from twin.table import Table

HOUR = 3600.0
"""[s]"""
NOMINAL_SHARE = 0.95
"""Share of the nominal capacity that a discharge of nominal length passes."""


@dataclass(frozen=True)
class Circuit:
    """θ holds the curve's parameters, ``R0`` [Ω], and of each pair k its ``Rk`` [Ω] and ``tauk`` [s]."""

    name: str
    preset: str
    source: str
    curve: Curve
    pairs: int
    pulse: bool
    """Whether the experiment is a pulse and the relaxation behind it, not a discharge that ends with its load."""
    cut_off: float
    """lower voltage limit [V]"""
    space: Space
    conditions: Space
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]

    def values(self, theta: Array) -> Values:
        """Parameters by name, each (*batch, 1) to broadcast against times."""
        return {name: theta[..., i, None] for i, name in enumerate(self.space.names)}

    def known(self, theta: Array, c: Array) -> Values:
        """Conditions by name, each (*batch, 1) or (1,)."""
        return {name: like(c, theta)[..., i, None] for i, name in enumerate(self.conditions.names)}

    def exact(self, theta: Array, c: Array) -> Fields:
        """Under the current of the conditions: ``open circuit`` and ``pair 1``, … [V] over t [s]."""
        values, known = self.values(theta), self.known(theta, c)
        current, start, xp = known["current"], known["start_voltage"], namespace(theta)

        def rested(times: Array) -> Array:
            return self.curve.after(values, start, current * (times - self._relaxed(known, times)) / HOUR)

        def pair(resistance: Array, tau: Array) -> ExactField:
            def across(times: Array) -> Array:
                on, off = (step_response(resistance, tau, current, t) for t in (times, self._relaxed(known, times)))
                return on - off

            def slope(times: Array) -> Array:
                relaxed = self._relaxed(known, times)
                gone = xp.where(relaxed > 0, xp.exp(-relaxed / tau), 0 * tau)
                return current * resistance / tau * (xp.exp(-times / tau) - gone)

            return ExactField(("t",), across, {"t": ExactField(("t",), slope)})

        pairs = {f"pair {k}": pair(values[f"R{k}"], values[f"tau{k}"]) for k in self.numbers}
        return {"open circuit": ExactField(("t",), rested), **pairs}

    def _relaxed(self, known: Values, times: Array) -> Array:
        """For how long [s] the current of the conditions has been off: a pulse ends, a discharge does not."""
        if not self.pulse:
            return 0 * times
        past = times - known["duration"]
        return namespace(past).where(past > 0, past, 0 * past)

    @property
    def numbers(self) -> range:
        """Numbers k of the pairs, from 1."""
        return range(1, self.pairs + 1)

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1) at times (n, 1) under the current of the conditions."""
        times, known, xp = like(x, theta)[..., 0], self.known(theta, c), namespace(theta)
        current = xp.where(self._relaxed(known, times) > 0, 0 * known["current"], known["current"])
        lost = sum((u[f"pair {k}"](times) for k in self.numbers), start=current * self.values(theta)["R0"])
        return (u["open circuit"](times) - lost)[..., None]

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1) at the abscissa (n, 1) or, with measured currents, (n, 2)."""
        if x.shape[-1] == 1:
            return self.observe(self.exact(theta, c), theta, c, x)
        return self._recorded(theta, c, x)

    def _recorded(self, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1) under the currents in the second column of x."""
        values, xp = self.values(theta), namespace(theta)
        times, currents = like(x, theta)[..., 0], like(x, theta)[..., 1]
        passed = xp.cumulative_sum(currents * (times - xp.concat([0 * times[:1], times[:-1]]))) / HOUR
        resistance, tau = (xp.concat([values[f"{n}{k}"] for k in self.numbers], axis=-1) for n in ("R", "tau"))
        rested = self.curve.after(values, self.known(theta, c)["start_voltage"], passed)
        lost = currents * values["R0"] + recursion(resistance, tau, currents, times)
        return (rested - lost)[..., None]

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """SciPy's solution of the circuit's differential equations (b, n, 1); it goes on below the cut-off."""
        known, times = self.conditions.unpack(c), x[:, 0]
        if x.shape[1] == 2:
            grid, currents = times, x[:, 1]
        else:
            end = known.get("duration", np.inf)
            grid = np.union1d(times, end) if end < times[-1] else times
            currents = np.where(grid <= end, known["current"], 0.0)
        rows = np.searchsorted(grid, times)
        draws = [self.space.unpack(draw) for draw in theta]
        solved = [
            circuit_reference.solve(self.curve, self.pairs, draw, known["start_voltage"], grid, currents)[rows]
            for draw in draws
        ]
        return np.stack(solved)[..., None]

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over 95 % of the nominal capacity, or over a pulse and as long a relaxation."""
        known = self.conditions.unpack(c)
        if known["current"] == 0.0:
            raise ValueError("current is 0 A: a cell at rest has no discharge or pulse to follow; give a current")
        if self.pulse:
            return np.linspace(0.0, 2 * known["duration"], n)[:, None]
        length = NOMINAL_SHARE * float(self.space["Q"].nominal) * HOUR / abs(known["current"])
        return np.linspace(0.0, length, n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured discharge, charge or pulse as an experiment."""
        return circuit_record.read(self, table, given)
