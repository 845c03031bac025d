"""The pseudo-two-dimensional (Doyle-Fuller-Newman) cell as a model to calibrate: a network on top of the closed form.

Where diffusivities are constant, the mean over an electrode of its particles' surface stoichiometries is that of the
single-particle model, exactly, since particles answer linearly to the reaction and the reaction's mean is the current.
What is left is how far surfaces spread about their mean, and how much voltage the electrolyte and solids take,

    V = ½ Σ_± V_SPM(x̄ ± s_x, ȳ ± s_y) + W - I R₀
    s_x = C f₁(x̄),    s_y = C f₂(ȳ),    W = C (f₃(x̄) + f₄(ȳ) + f₅(t) - w)

V_SPM has potentials and kinetics of the closed form. Wiggles of a discharge stand at fixed stoichiometries, wherever
loss of lithium puts those along the curve: so f₁ … f₄ are Chebyshev series in x̄ and ȳ, f₅ decays in time, and the
network gives all coefficients from the draw, once per curve. It learns from discharges that ``porous_march.py`` finds
from the equations; no solution of PyBaMM, the reference, is needed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from twin.arrays import Array, like, namespace, to_numpy
from twin.basis import chebyshev_series
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.battery import measurement, pybamm_reference
from twin.models.battery.balance import fresh_lithium
from twin.models.battery.cell import Cell, Draw, Rule, draw_at
from twin.models.battery.layers import Layers
from twin.models.battery.porous import Porous
from twin.models.battery.porous_march import march
from twin.models.battery.spm import mean_surfaces, soft_floor
from twin.models.battery.voltage import above_cut_off, over_time, terminal_voltage
from twin.space import Floats, Space
from twin.table import Table
from twin.training.build import Solves, sobol_points
from twin.training.recipe import Recipe

TERMS = 32
"""Of each series."""
RANGES = ((0.0, 1.0), (0.2, 1.0))
"""Of x̄ and ȳ; beyond them series stay as they are at the end."""
DECAYS = (3.0, 15.0, 60.0, 240.0)
"""[s] of the terms of f₅."""
SIZES = (0.1, 0.03, 0.1)
"""Of f₁, f₂ and f₃ … f₅ for outputs of 1."""
MEAN_DROP = 0.05
"""w [V]: what electrolyte and solids take at 1C, typically."""
STARTS = (0.45, 0.995)
"""Negative stoichiometries at the start that the network is trained for."""
OVERRUN = 0.2
"""[V] below the cell's limit to which curves are learnt."""
STEEP = 4.0
"""[V] per nominal capacity: where a curve is steeper, an error counts as one of capacity."""
FACTORS = {"sDn", "sDp", "si0n", "si0p", "s_ct"}
"""Parameters that are drawn evenly in their logarithm."""
ABSENT = {"R0": 0.0}
"""What a preset without the parameter has, where it is not nominal."""
SPAN, STRETCH = 0.95, 1.3
"""Nominal charges that an experiment spans, and that a curve may be long."""
POINTS, AT_ONCE = 128, 1024
FINE = Layers(10, 5, 10)


@dataclass(frozen=True)
class PorousCell:
    """The unknowns of a preset, trained as ``sibling``."""

    preset: str
    source: str
    porous: Porous
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
    outputs = 4 * TERMS + len(DECAYS)

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
        """Over t: mean surfaces, exact; ``corrections`` s_x, s_y and W [V] by the network."""
        drawn = self.drawn(theta, c)
        cell = self.porous.cell
        negative, positive = mean_surfaces(cell, over_time(drawn))
        outputs = network(self.features(cell, drawn))
        rate = (drawn.current / cell.capacity + 0 * outputs[..., 0])[..., None]
        series = namespace(outputs).stack([outputs[..., k * TERMS : (k + 1) * TERMS] for k in range(4)], axis=-2)

        def corrections(t: Array) -> Array:
            xp = namespace(t)
            at = [
                2 * (mean(t) - low) / (high - low) - 1
                for mean, (low, high) in zip((negative, positive), RANGES, strict=True)
            ]
            found = chebyshev_series(series, xp.stack([*at, *at], axis=-2))
            f = [found[..., k, :] for k in range(4)]
            for k, span in enumerate(DECAYS):
                f[3] = f[3] + outputs[..., 4 * TERMS + k : 4 * TERMS + k + 1] * xp.exp(-t / span)
            drop = rate * (SIZES[2] * (f[2] + f[3]) - MEAN_DROP)
            return xp.stack([SIZES[0] * rate * f[0], SIZES[1] * rate * f[1], drop], axis=-1)

        return {
            "negative surface": ExactField(("t",), negative),
            "positive surface": ExactField(("t",), positive),
            "corrections": ExactField(("t",), corrections),
        }

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Voltage [V] (*batch, n, 1)."""
        drawn = over_time(self.drawn(theta, c))
        times = like(x, theta)[..., 0] + 0 * drawn.current
        x_mean, y_mean, corrections = (
            u["negative surface"](times),
            u["positive surface"](times),
            u["corrections"](times),
        )
        volts = corrections[..., 2]
        for sign in (1.0, -1.0):
            x_s, y_s = soft_floor(x_mean + sign * corrections[..., 0]), y_mean + sign * corrections[..., 1]
            volts = volts + 0.5 * terminal_voltage(self.porous.cell, drawn, x_s, y_s, drawn.current)
        return volts[..., None]

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, k) and times (N, 1) of cells whose start is possible, C-rates even in their logarithm."""
        cube = to_numpy(points)
        low, high = np.concatenate([self.space.bounds, self.conditions.bounds]).T
        values = low + (high - low) * cube[:, :-1]
        p = len(self.space)
        theta, c = values[:, :p], values[:, p:]
        for name in FACTORS & set(self.space.names):
            i = self.space.index(name)
            theta[:, i] = low[i] * (high[i] / low[i]) ** cube[:, i]
        rate = self.conditions.index("c_rate")
        c[:, rate] = low[p + rate] * (high[p + rate] / low[p + rate]) ** cube[:, p + rate]
        if "LLI" in self.space.names:
            self._start(theta, c, cube[:, self.space.index("LLI")])
        times = 3600 * STRETCH / c[:, rate] * cube[:, -1]
        return tuple(torch.as_tensor(part).to(points) for part in (theta, c, times[:, None]))  # type: ignore[return-value]

    def _start(self, theta: Floats, c: Floats, share: Floats) -> None:
        """Writes the loss of lithium that lets each cell begin at a stoichiometry between ``STARTS``."""
        cell, i = self.porous.cell, self.space.index("LLI")
        x = STARTS[0] + (STARTS[1] - STARTS[0]) * share
        rested = c[:, self.conditions.index("start_voltage")]
        wanted = rested + cell.negative.open_circuit_potential(x)
        grid = np.linspace(0.1, 0.95, 4001)
        y = np.interp(-wanted, -cell.positive.open_circuit_potential(grid), grid)
        Q_n, Q_p = (
            (1 - theta[:, self.space.index(name)]) * cell.electrode_capacity(electrode)
            for name, electrode in (("LAM_n", cell.negative), ("LAM_p", cell.positive))
        )
        theta[:, i] = np.clip(1 - (x * Q_n + y * Q_p) / fresh_lithium(cell), *self.space.bounds[i])

    def solved(self, n: int, seed: int) -> Solves:
        """n discharges at collocation points, by the equations alone: ``POINTS`` of the march's times each."""
        theta, c, _ = sobol_points(self, n, seed)
        theta[:, self.space.index("R0")] = 0.0
        parts = [self._discharges(theta[i : i + AT_ONCE], c[i : i + AT_ONCE]) for i in range(0, n, AT_ONCE)]
        x, y, scale = (np.concatenate(part)[..., None] for part in zip(*parts, strict=True))
        return Solves(theta, c, x, y, scale)

    def _discharges(self, theta: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
        """Times [s], voltages [V] and by how much an error counts less where the curve is steep, each (b, POINTS)."""
        cell = self.porous.cell
        found = march(self.porous, self.drawn(theta, c), until=cell.cut_off - OVERRUN, layers=FINE)
        count = np.isfinite(found.time).sum(axis=1)[:, None]
        index = (np.linspace(0, 1, POINTS) * (count - 1)).round().astype(int)
        t, v = (np.take_along_axis(part, index, axis=1) for part in (found.time, found.voltage))
        rate = c[:, [self.conditions.index("c_rate")]]
        slope = np.gradient(found.voltage, axis=1) / np.gradient(found.time * rate / 3600, axis=1)
        steep = np.take_along_axis(slope, index, axis=1)
        return t, v, np.sqrt(1 + (np.nan_to_num(steep) / STEEP) ** 2)

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError if an abscissa runs beyond what any cell of the trained box holds."""
        end, last = STRETCH * self._charged(to_numpy(c)), float(np.max(to_numpy(x)[..., 0]))
        if last > end * (1 + 1e-9):
            raise ValueError(f"the data run to {last:g} s, the surrogate at this C-rate only to {end:g} s; cut them")

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """PyBaMM's DFN at the production mesh (b, n, 1); NaN after the cut-off and for starts that are not possible."""
        drawn = self.drawn(theta, c)
        starts = [np.broadcast_to(v, len(theta)) for v in (drawn.stoichiometry_n, drawn.stoichiometry_p)]
        possible = np.all([(start > 0) & (start < 1) for start in starts], axis=0)
        found = np.full((len(theta), len(x), 1), np.nan)
        if possible.any():
            found[possible] = pybamm_reference.simulate(self.reference, self.drawn(theta[possible], c), x, None)
        return found

    def valid(self, y: Floats) -> Mask:
        """True until the voltage first falls below the cut-off."""
        return above_cut_off(self.porous.cell.cut_off, y)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over 95 % of the nominal discharge."""
        return np.linspace(0.0, SPAN * self._charged(c), n)[:, None]

    def _charged(self, c: Array) -> float:
        """Time [s] in which the nominal charge passes."""
        return 3600.0 / float(c[self.conditions.index("c_rate")])

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured constant-current discharge as an experiment."""
        return measurement.read(self, self.porous.cell, table, given, constant=True)
