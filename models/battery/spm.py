"""Single-particle model in closed form: constant diffusivities, piecewise-constant current.

Each electrode is one sphere; superposition of step responses gives its surface stoichiometry,

    x_s(t) = x₀ - Σ_k (Δq̇_k/3κ) G(κ (t - t_k)),   κ = D/R²,   Δq̇_k = step of 3 j/(R c_max)

(Atlung, West, Jacobsen 1979, J. Electrochem. Soc. 126, 1311). Voltage as in ``voltage.py``. The map is exact and
differentiable: it is its own likelihood, no network is trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.battery import measurement, pybamm_reference
from twin.models.battery.cell import Cell, Draw, Electrode, Rule, draw_at, flux_ratio
from twin.models.battery.protocol import Steps, current_at, current_steps
from twin.models.battery.sphere import profile_response
from twin.models.battery.voltage import above_cut_off, over_time, surface_change, terminal_voltage
from twin.space import Floats, Space
from twin.table import Table

SURFACE = np.array([1.0])
EMPTY_WIDTH = 0.05
"""Depth to which a surface stoichiometry may fall below zero where a trial draw empties the particle."""


@dataclass(frozen=True)
class ClosedFormSPM:
    """A cell whose parameters θ and conditions c a preset turns into a ``Draw``."""

    name: str
    preset: str
    source: str
    cell: Cell
    space: Space
    conditions: Space
    draw: Rule
    reference: pybamm_reference.Reference
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]

    def drawn(self, theta: Array, c: Array) -> Draw:
        """The cell that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        return draw_at(self.draw, self.cell, self.space, self.conditions, theta, c)

    def exact(self, theta: Array, c: Array, steps: Steps | None = None) -> Fields:
        """Stoichiometries: ``negative`` and ``positive`` over (t, r/R), ``… surface`` over t."""
        drawn = self.drawn(theta, c)
        fields = {}
        for electrode, key in ((self.cell.negative, "negative"), (self.cell.positive, "positive")):
            particle = _particle(electrode, self.cell, over_time(drawn), key == "negative", steps)
            fields[key] = ExactField(("t", "r"), particle.profile)
            fields[f"{key} surface"] = ExactField(("t",), particle.surface)
        return fields

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1)."""
        drawn = over_time(self.drawn(theta, c))
        times = like(x, theta)[..., 0]
        steps = self.steps(x)
        current = drawn.current if steps is None else like(current_at(steps, np.asarray(x)[:, 0]), theta)
        x_surface = soft_floor(u["negative surface"](times))
        y_surface = soft_floor(u["positive surface"](times))
        return terminal_voltage(self.cell, drawn, x_surface, y_surface, current)[..., None]

    def steps(self, x: Array) -> Steps | None:
        """The protocol in the abscissa, None for the constant current of the conditions."""
        return current_steps(x) if x.shape[-1] == 2 else None

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1) at the abscissa (n, 1) or, with measured currents, (n, 2)."""
        return self.observe(self.exact(theta, c, self.steps(x)), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """PyBaMM's SPM at a converged mesh (b, n, 1); NaN after the cut-off."""
        return pybamm_reference.simulate(self.reference, self.drawn(theta, c), x, self.steps(x))

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.cell.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over 95 % of the nominal discharge."""
        c_rate = abs(float(c[self.conditions.index("c_rate")]))
        if c_rate == 0.0:
            raise ValueError("c_rate is 0: a cell at rest has no discharge to follow; give a current")
        return np.linspace(0.0, 0.95 * 3600.0 / c_rate, n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured discharge, charge or pulse as an experiment."""
        return measurement.read(self, self.cell, table, given)


@dataclass(frozen=True, eq=False)
class _Particle:
    start: Array
    sign: float
    rates: tuple[tuple[float, Array], ...]
    tau_rate: Array

    def surface(self, times: Array) -> Array:
        change = [surface_change(self.tau_rate, rate, times - begun if begun else times) for begun, rate in self.rates]
        return self.start + self.sign * sum(change)

    def profile(self, times: Array, r: Floats) -> Array:
        total = 0.0
        for begun, rate in self.rates:
            response = profile_response(self.tau_rate * (times - begun), r)
            total = total + (rate / (3 * self.tau_rate) + 0 * times)[..., None] * response
        return (self.start + 0 * times)[..., None] + self.sign * total


def _particle(electrode: Electrode, cell: Cell, drawn: Draw, negative: bool, steps: Steps | None) -> _Particle:
    active = drawn.active_n if negative else drawn.active_p
    start = drawn.stoichiometry_n if negative else drawn.stoichiometry_p
    multiplier = drawn.diffusivity_n if negative else drawn.diffusivity_p
    diffusivity = multiplier * electrode.diffusivity(start, drawn.temperature)
    if steps is None:
        rates: tuple[tuple[float, Array], ...] = ((0.0, flux_ratio(electrode, cell, active, drawn.current)),)
    else:
        changes = np.diff(steps.current, prepend=0.0)
        rates = tuple(
            (float(t), flux_ratio(electrode, cell, active, float(change)))
            for t, change in zip(steps.start, changes, strict=True)
        )
    tau_rate = diffusivity / electrode.particle_radius**2 + 0 * drawn.current
    return _Particle(start, -1.0 if negative else 1.0, rates, tau_rate)


def soft_floor(stoichiometry: Array) -> Array:
    """The stoichiometry itself where positive, bent to EMPTY_WIDTH tanh(x/EMPTY_WIDTH) below.

    Keeps the exponential in the open-circuit potential finite, with a slope, where a trial draw is emptied.
    """
    xp = namespace(stoichiometry)
    zero = xp.zeros_like(stoichiometry)
    below = xp.minimum(stoichiometry, zero)
    bent = EMPTY_WIDTH * xp.tanh(below / EMPTY_WIDTH)
    return xp.where(stoichiometry < 0, bent, stoichiometry)
