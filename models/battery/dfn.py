"""The pseudo-two-dimensional (Doyle-Fuller-Newman) cell as a model to calibrate: a network on top of the closed form.

``porous_form.py`` says what the network adds. It learns from discharges that ``porous_march.py`` finds from the
equations; no solution of PyBaMM, the reference, is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from twin.arrays import Array, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.battery import measurement, porous_form, pybamm_reference
from twin.models.battery.cell import Cell, Draw, Rule, draw_at
from twin.models.battery.porous import Porous
from twin.models.battery.porous_form import Form
from twin.models.battery.porous_lessons import Lessons, discharges, even_points, lithium_lost
from twin.models.battery.voltage import above_cut_off, over_time
from twin.space import Floats, Space
from twin.table import Table
from twin.training.build import Solves, sobol_points
from twin.training.recipe import Recipe

ABSENT = {"R0": 0.0}
"""What a preset without the parameter has, where it is not nominal."""
WALL = 0.02
"""Stoichiometries this near to 0 or 1 at the start are not answered: the exchange current density vanishes there, a
full negative electrode plates lithium, and the first reading is off by up to 0.1 V."""
AT_ONCE = 1024


@dataclass(frozen=True)
class Stretch:
    """Nominal charges that an experiment spans, and that a curve may be long."""

    span: float = 0.95
    longest: float = 1.3


@dataclass(frozen=True)
class PorousCell:
    """The unknowns of a preset, trained as ``sibling``."""

    preset: str
    source: str
    porous: Porous
    form: Form
    lessons: Lessons
    stretch: Stretch
    space: Space
    conditions: Space
    draw: Rule
    reference: pybamm_reference.Reference
    recipe: Recipe
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]
    features: Callable[[Cell, Draw], Array]
    inputs: int
    sibling: "PorousCell | None" = None

    name = "battery_dfn"

    @property
    def outputs(self) -> int:
        """Coefficients that the network gives."""
        return self.form.outputs

    @property
    def trained_as(self) -> "PorousCell":
        """The preset whose network this one shares."""
        return self if self.sibling is None else self.sibling

    def as_trained(self, theta: Array) -> Array:
        """θ of ``trained_as``: what this preset does not know of is as in the draw; s_ct is both kinetic factors."""
        mine = {name: theta[..., i] for i, name in enumerate(self.space.names)}
        if "s_ct" in mine:
            mine |= {"si0n": mine["s_ct"], "si0p": mine["s_ct"]}
        theirs = self.trained_as.space.parameters
        some = 0 * theta[..., 0]
        return namespace(theta).stack([mine.get(p.name, some + ABSENT.get(p.name, p.nominal)) for p in theirs], axis=-1)

    @property
    def dimension(self) -> int:
        """Coordinates of a collocation point."""
        return len(self.space) + len(self.conditions) + 1

    def drawn(self, theta: Array, c: Array) -> Draw:
        """The cell that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        return draw_at(self.draw, self.porous.cell, self.space, self.conditions, theta, c)

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Over t: temperature, mean surfaces and ``corrections`` by the network."""
        drawn, cell = self.drawn(theta, c), self.porous.cell
        return porous_form.fields(self.form, cell, drawn, network(self.features(cell, drawn)))

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V], and where it changes the cell's temperature [K] (*batch, n, q)."""
        drawn = self.drawn(theta, c)
        times = like(x, theta)[..., 0] + 0 * over_time(drawn).current
        columns = [porous_form.voltage(self.porous.cell, drawn, u, times), u["temperature"](times)]
        return namespace(times).stack(columns[: len(self.observables)], axis=-1)

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, k) and times (N, 1) of cells whose start is possible, factors even in their logarithm."""
        cube, p = to_numpy(points), len(self.space)
        values = even_points(self.space + self.conditions, cube[:, :-1])
        theta, c = values[:, :p], values[:, p:]
        if "LLI" in self.space.names:
            i = self.space.index("LLI")
            losses = (theta[:, self.space.index("LAM_n")], theta[:, self.space.index("LAM_p")])
            rested = c[:, self.conditions.index("start_voltage")]
            lost = lithium_lost(self.porous.cell, losses, rested, cube[:, i])
            theta[:, i] = np.clip(lost, *self.space.bounds[i])
        times = 3600 * self.stretch.longest / c[:, self.conditions.index("c_rate")] * cube[:, -1]
        found = tuple(torch.as_tensor(part).to(points) for part in (theta, c, times[:, None]))
        return found[0], found[1], found[2]

    def solved(self, n: int, seed: int) -> Solves:
        """n discharges at collocation points, by the equations alone."""
        theta, c, _ = sobol_points(self, n, seed)
        parts = [self._discharges(theta[i : i + AT_ONCE], c[i : i + AT_ONCE]) for i in range(0, n, AT_ONCE)]
        x, y, scale = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Solves(theta, c, x[..., None], y, scale)

    def _discharges(self, theta: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
        """Times [s] (b, n), observables (b, n, q) and by how much an error counts less where a curve is steep."""
        drawn = self.drawn(theta, c)
        t, y, steep = discharges(self.porous, drawn, self.lessons)
        y[..., 0] -= np.asarray(drawn.current * drawn.resistance + 0 * drawn.current)[:, None]
        scale = np.stack([steep, np.ones_like(steep)], axis=-1)
        return t, y[..., : len(self.observables)], scale[..., : len(self.observables)]

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError if an abscissa runs beyond what any cell of the trained box holds."""
        end, last = self.stretch.longest * self._charged(to_numpy(c)), float(np.max(to_numpy(x)[..., 0]))
        if last > end * (1 + 1e-9):
            raise ValueError(f"the data run to {last:g} s, the surrogate at this C-rate only to {end:g} s; cut them")

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """PyBaMM's DFN at the reference's mesh (b, n, q); NaN after the cut-off and for starts too near a wall."""
        drawn = self.drawn(theta, c)
        starts = [np.broadcast_to(v, len(theta)) for v in (drawn.stoichiometry_n, drawn.stoichiometry_p)]
        possible = np.all([(start > WALL) & (start < 1 - WALL) for start in starts], axis=0)
        found = np.full((len(theta), len(x), len(self.observables)), np.nan)
        if possible.any():
            found[possible] = pybamm_reference.solve(self.reference, self.drawn(theta[possible], c), x[:, 0], None)
        return found

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.porous.cell.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over the charge that an experiment spans."""
        return np.linspace(0.0, self.stretch.span * self._charged(c), n)[:, None]

    def _charged(self, c: Array) -> float:
        """Time [s] in which the nominal charge passes."""
        return 3600.0 / float(c[self.conditions.index("c_rate")])

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured constant-current discharge as an experiment."""
        return measurement.read(self, self.porous.cell, table, given, constant=True)
