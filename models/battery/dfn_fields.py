"""The porous cell as a full-field, physics-only surrogate: what ``battery_dfn`` is compared with, not what it ships.

A network gives all fields (``porous_fields.py``), and the equations of ``porous_stage.py`` at random times teach it: no
solution of the march or of PyBaMM. At one time, in a stage of length h that began with ĉ - h ∂_t ĉ, they are

    r = [h (ε L ∂_t ĉ - inflow)/L_cell,   U ± η - (φ_s - φ_e),   ∫ J dξ - C],

and the rows of ``precondition`` are (∂r/∂(ĉ, J, φ))⁻¹ r: what one iteration of Newton's method would take from the
network's fields, particles answering to a change of J as to one that has lasted for h. So a row is an error of an
unknown, counted by what it does to the voltage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.battery.cell import Draw
from twin.models.battery.dfn import PorousCell
from twin.models.battery.porous_drawn import Stage, Unknowns, drawn_over_time
from twin.models.battery.porous_fields import Trunk, balanced, ending, fields, speed, unknowns
from twin.models.battery.porous_memory import implicit_gain
from twin.models.battery.porous_stage import equations, salt_masses, voltage
from twin.space import Floats, Space
from twin.table import Table
from twin.training.build import bent
from twin.training.recipe import Recipe

TIMES = 10
"""At which a cell's rows are taken."""
LONGEST = 300.0
"""h [s] at most."""
SALT, REACTION, POTENTIAL = 40.0, 25.0, 1000.0
"""[mV] that an error of 1 in ĉ, in J and of 1 V in a potential makes of the voltage, about."""


class Section(NamedTuple):
    """The cross-section of N cells at n times as the network has it, r and its Jacobian."""

    stage: Stage
    q: Unknowns
    rows: Array
    matrix: Array


@dataclass(frozen=True)
class FieldCell:
    """``cell`` with another surrogate over the same box."""

    cell: PorousCell
    trunk: Trunk
    recipe: Recipe
    newton: bool = True
    """Whether rows are preconditioned; else they are r, in mV."""
    lasts: float = 1.0
    """h over the time since rest."""
    crowding: float = 2.5
    """Power of an even number that times over the end are: the larger, the more of them are early."""

    name = "battery_dfn"
    preset = "fields"

    @property
    def source(self) -> str:
        """Of ``cell``."""
        return self.cell.source

    @property
    def space(self) -> Space:
        """Of ``cell``."""
        return self.cell.space

    @property
    def conditions(self) -> Space:
        """Of ``cell``."""
        return self.cell.conditions

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Of ``cell``."""
        return self.cell.coordinates

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Of ``cell``."""
        return self.cell.observables

    @property
    def inputs(self) -> int:
        """Of ``cell``."""
        return self.cell.inputs

    @property
    def outputs(self) -> int:
        """Coefficients that the network gives."""
        return self.trunk.outputs

    @property
    def trained_as(self) -> "FieldCell":
        """Itself."""
        return self

    def as_trained(self, theta: Array) -> Array:
        """The same."""
        return theta

    @property
    def dimension(self) -> int:
        """Coordinates of a collocation point, as of ``cell``."""
        return self.cell.dimension

    def drawn(self, theta: Array, c: Array) -> Draw:
        """The cell that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        return self.cell.drawn(theta, c)

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Salt, reactions and surfaces over t: state at rest, currents, lithium and salt hold for any weights."""
        drawn = self.drawn(theta, c)
        return fields(self.trunk, drawn, network(self.cell.features(self.cell.porous.cell, drawn)))

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, k) and ``TIMES`` times (N, n) [s] until a mean surface is at its wall, dense at the start."""
        theta, c, _ = self.cell.collocate(points)
        end = torch.as_tensor(ending(self.trunk, self.drawn(theta, c))).to(points)
        steps = torch.arange(TIMES).to(points)
        return theta, c, end[:, None] * ((steps + points[:, -1:]) / TIMES) ** self.crowding

    def section(self, u: Fields, theta: Array, c: Array, x: Array) -> Section:
        """The cross-section at times x (N, n), in a stage that lasts h."""
        draw = self.drawn(theta, c)
        drawn = drawn_over_time(self.cell.porous, draw, self.trunk.layers)
        q, surfaces = unknowns(self.trunk, u, x)
        length = self.stage_length(x)
        gains = [
            side.fill * implicit_gain(speed(self.trunk, draw, k)[..., None], length)[..., None]
            for k, side in enumerate(drawn.sides)
        ]
        offsets = [surface - gain * J for surface, gain, J in zip(surfaces, gains, q.reaction, strict=True)]
        before = q.salt - length[..., None] * u["salt"].d("t")(x)
        stage = Stage(length[..., None], before, (offsets[0], offsets[1]), (gains[0], gains[1]))
        rows, matrix = equations(drawn, stage, q)
        return Section(stage, *balanced(self.trunk, q, rows), matrix)

    def stage_length(self, t: Array) -> Array:
        """h [s] at times t."""
        return namespace(t).clip(self.lasts * t, None, LONGEST)

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """r of each time (N, n (M + N_n + N_p + 2))."""
        rows = self.section(u, theta, c, x).rows
        return {"equations": rows.reshape(len(rows), -1)}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors of salt, reactions and potentials, in mV of voltage, those above 1 by their size."""
        r = rows["equations"].reshape(*x.shape, -1)
        if self.newton:
            with torch.no_grad():
                matrix = self.section(u, theta, c, x).matrix
            r = torch.linalg.solve(matrix, r[..., None])[..., 0]
        error = r * like(self._units, r)
        M, n = self.trunk.layers.points, len(self.trunk.electrodes[0].xi) + 1
        parts = {"salt": error[..., :M], "negative": error[..., M : M + n], "positive": error[..., M + n :]}
        return {name: bent(part.reshape(len(part), -1)) for name, part in parts.items()}

    @cached_property
    def _units(self) -> Floats:
        """[mV] of each row, of the equations as they stand or of the unknowns."""
        porous, layers = self.cell.porous, self.trunk.layers
        shares = salt_masses(porous, layers) / sum(porous.thickness)
        parts = [np.full(layers.points, SALT) if self.newton else SALT / shares]
        for layer in self.trunk.electrodes:
            parts += [np.full(len(layer.xi), REACTION if self.newton else POTENTIAL), np.array([POTENTIAL])]
        return np.concatenate(parts)

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1)."""
        draw = self.drawn(theta, c)
        drawn = drawn_over_time(self.cell.porous, draw, self.trunk.layers)
        times = like(x, theta)[..., 0] + 0 * (draw.current + 0 * draw.stoichiometry_n)[..., None]
        q, surfaces = unknowns(self.trunk, u, times)
        none = 0 * q.start_n
        rows, _ = equations(drawn, Stage(none, q.salt, surfaces, (none, none)), q)
        volts = voltage(drawn, balanced(self.trunk, q, rows)[0])
        return (volts - (draw.current * draw.resistance + 0 * draw.current)[..., None])[..., None]

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """As of ``cell``."""
        return self.cell.simulate(theta, c, x)

    def valid(self, y: Floats) -> Mask:
        """As of ``cell``."""
        return self.cell.valid(y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """As of ``cell``."""
        return self.cell.abscissa(c, n)

    def require_covered(self, c: Array, x: Array) -> None:
        """As of ``cell``."""
        self.cell.require_covered(c, x)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """As of ``cell``."""
        return self.cell.experiments(table, given)
