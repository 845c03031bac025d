"""Equivalent circuit of a cell: open-circuit voltage, series resistance and one or more RC pairs, in closed form.

    V = U(q) - I R0 - Σ_k v_k,   dq/dt = I,   dv_k/dt = (I R_k - v_k)/τ_k,   q = v_k = 0 at t = 0

(Hu, Li, Peng 2012, J. Power Sources 198, 359, DOI 10.1016/j.jpowsour.2011.10.013.) The cell rests at a known voltage
until t = 0. Under a constant current q = I t and v_k = I R_k (1 - exp(-t/τ_k)); a current that is constant between
samples has an exact recursion (``circuit_pairs.py``). U is one of ``circuit_curve.py``. No network is trained.
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
        """Under the constant current of the conditions: ``open circuit`` and ``pair 1``, … [V] over t [s]."""
        values, known = self.values(theta), self.known(theta, c)
        current, start, xp = known["current"], known["start_voltage"], namespace(theta)

        def rested(times: Array) -> Array:
            return self.curve.after(values, start, current * times / HOUR)

        def pair(resistance: Array, tau: Array) -> ExactField:
            slope = ExactField(("t",), lambda times: current * resistance / tau * xp.exp(-times / tau))
            return ExactField(("t",), lambda times: step_response(resistance, tau, current, times), {"t": slope})

        pairs = {f"pair {k}": pair(values[f"R{k}"], values[f"tau{k}"]) for k in self.numbers}
        return {"open circuit": ExactField(("t",), rested), **pairs}

    @property
    def numbers(self) -> range:
        """Numbers k of the pairs, from 1."""
        return range(1, self.pairs + 1)

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1) at times (n, 1) under the constant current of the conditions."""
        times, current = like(x, theta)[..., 0], self.known(theta, c)["current"]
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
        start = float(c[self.conditions.index("start_voltage")])
        currents = x[:, 1] if x.shape[1] == 2 else np.full(len(x), c[self.conditions.index("current")])
        draws = [self.space.unpack(draw) for draw in theta]
        solved = [circuit_reference.solve(self.curve, self.pairs, d, start, x[:, 0], currents) for d in draws]
        return np.stack(solved)[..., None]

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over 95 % of the nominal capacity; (n, 2) with currents of a pulse and as long a rest."""
        current = float(c[self.conditions.index("current")])
        if current == 0.0:
            raise ValueError("current is 0 A: a cell at rest has no discharge or pulse to follow; give a current")
        if not self.pulse:
            length = NOMINAL_SHARE * float(self.space["Q"].nominal) * HOUR / abs(current)
            return np.linspace(0.0, length, n)[:, None]
        length = float(c[self.conditions.index("duration")])
        times = np.linspace(0.0, 2 * length, n)
        return np.stack([times, np.where(times <= length, current, 0.0)], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured discharge, charge or pulse as an experiment."""
        return circuit_record.read(self, table, given)
