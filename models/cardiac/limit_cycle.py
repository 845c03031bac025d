"""The loop's limit cycle for a network: periodic and of constant blood volume whatever its weights are.

With the groups of ``groups.py``, phase φ = t/T_c and D the valves' law,

    v' + q + g_a p_ao' = D(p_la - p_lv)/r_m        g_s p_s' = p_la - p_s + q
    r_a (g_a p_ao' + q) = D(p_lv - p_ao)           l q' = p_ao - p_s - r_c q
    p_la = (1 - v - g_s p_s - g_a p_ao)/g_r,       p_lv = ε(φ) v

v, p_s, p_ao and q are Fourier series in the straightened phase (``phase.py``), whose coefficients the network gives
from the logarithms of the groups: one period is as good as another, and the last line holds the stressed volume.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from twin.arrays import Array, like
from twin.basis import Fourier
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.cardiac import bedside, sweep
from twin.models.cardiac.clinic import OBSERVABLES, TIME
from twin.models.cardiac.groups import groups_of
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.observation import elastance, measured
from twin.models.cardiac.parameters import CIRCULATION, HEART_RATE, SIMAAN
from twin.models.cardiac.phase import phase_of
from twin.models.cardiac.series import PeriodicField
from twin.models.cardiac.simulation import simulate
from twin.models.cardiac.training_box import CENTRE, WIDTH, patients
from twin.space import Floats, Space
from twin.table import Table
from twin.training.recipe import Recipe

FIELDS = ("volume", "arterial", "aortic", "flow")
BASIS = Fourier(48)
POINTS = np.arange(128) / 128
"""Collocation points in s."""
VALVE_WIDTH = 5.66e-4
"""Of the smooth valves, in units of R_s SBV/T_c: 0.2 mmHg in a nominal patient."""
WEIGHT = {"volume": 1.0, "arterial": 1.0, "aortic": 1.0, "flow": 0.2}
"""Of the fields' errors: the flow is ten times the others, and only its mean is ever measured."""
TYPICAL = (
    (0.347, 0.113, -0.045, -0.012, 0.039, 0.002, 0.003, -0.013, -0.006),
    (0.273, -0.040, 0.004, -0.002, -0.016, 0.007, -0.003, 0.003, 0.003),
    (0.283, -0.037, 0.021, -0.015, -0.010, 0.000, -0.010, 0.005, -0.004),
    (0.244, 0.010, 0.415, -0.330, 0.035, -0.071, -0.221, 0.120, -0.108),
)
"""First coefficients of the fields of a patient with median parameters at 75 beats a minute, rounded: where a network
starts from. They carry no accuracy."""


@dataclass(frozen=True)
class LimitCycle:
    """The loop with the priors of a preset, whose network is trained as ``sibling``'s."""

    preset: str
    space: Space
    recipe: Recipe
    conditions: Space = Space((HEART_RATE,))  # noqa: RUF009, frozen data
    sibling: "LimitCycle | None" = None

    name = "cardiac_loop"
    source = f"left ventricle and five-element windkessel, {SIMAAN}"
    coordinates: tuple[Coordinate, ...] = (TIME,)
    observables: tuple[Observable, ...] = OBSERVABLES
    inputs = 10
    outputs = len(FIELDS) * BASIS.size
    dimension = len(CIRCULATION)

    @property
    def trained_as(self) -> "LimitCycle":
        """The preset whose network this one shares: the equations do not know the priors."""
        return self if self.sibling is None else self.sibling

    def loop(self, theta: Array, c: Array) -> Loop:
        """The patient that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        values = self.named(theta)
        rate = like(c, theta)[..., 0] + values["HR_error"]
        return Loop(HR=rate, **{name: values[name] for name in CIRCULATION})

    def named(self, theta: Array) -> Mapping[str, Array]:
        """θ by name, each (*batch,)."""
        return {name: theta[..., i] for i, name in enumerate(self.space.names)}

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """The four fields of a network."""
        features = (groups_of(self.loop(theta, c)).stack() - like(CENTRE, theta)) / like(WIDTH, theta)
        values = network(features) * like(self._sizes, theta)
        fields = {}
        for i, (name, start) in enumerate(zip(FIELDS, TYPICAL, strict=True)):
            base = np.pad(start, (0, BASIS.size - len(start)))
            part = values[..., i * BASIS.size : (i + 1) * BASIS.size]
            fields[name] = PeriodicField(part + like(base, theta), BASIS)
        return fields

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Numbers and curves (*batch, n, q) at times x (n, 1)."""
        return measured(u, self.loop(theta, c), self.named(theta), x[..., 0])

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Patients θ (N, p), heart rates c (N, 1) and all collocation points (N, 128)."""
        loop = patients(points)
        nominal = like(self.space.nominal, points)
        columns = [
            loop[name] if name in loop else 0 * points[:, 0] + nominal[i] for i, name in enumerate(self.space.names)
        ]
        grid = torch.as_tensor(POINTS).to(points).expand(len(points), -1)
        return torch.stack(columns, dim=-1), loop["HR"][:, None], grid

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """The four equations, left minus right, at ``POINTS`` (N, 128)."""
        at = self._linearised(u, theta, c)
        return dict(zip(FIELDS, at.residual.unbind(-1), strict=True))

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors of the fields that the rows stand for, by implicit Euler around the beat (``sweep.py``).

        Their derivative is that of the fields: an error is field minus solution, and the solution stands still. So
        training is a regression on targets that the equations give anew at every step, by Newton's method.
        """
        with torch.no_grad():
            stacked = torch.stack([rows[name] for name in FIELDS], dim=-1)
            errors = sweep.errors(self._linearised(u, theta, c), stacked)
        found = {}
        for name, error in zip(FIELDS, errors.unbind(-1), strict=True):
            values = u[name](POINTS)
            found[name] = WEIGHT[name] * (error + values - values.detach())
        return found

    def _linearised(self, u: Fields, theta: torch.Tensor, c: torch.Tensor) -> sweep.Linearised:
        groups = groups_of(self.loop(theta, c))
        phase, stretch = phase_of(like(POINTS, theta), groups.tau[..., None])
        values = torch.stack([u[name](POINTS) for name in FIELDS], dim=-1)
        slopes = torch.stack([u[name].d("s")(POINTS) for name in FIELDS], dim=-1) / stretch[..., None]
        return sweep.linearised(groups, elastance(groups, phase), values, slopes, stretch / len(POINTS), VALVE_WIDTH)

    def require_covered(self, c: Array, x: Array) -> None:
        """Nothing: a beat is covered at all times, and the heart rate is bounded as a condition."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """LSODA's limit cycle (b, n, q) with ideal valves; NaN where it does not settle."""
        return np.stack([simulate(self.loop(row, c), self.named(row), x[:, 0]) for row in theta])

    def valid(self, y: Floats) -> Mask:
        """True everywhere: a beat has no end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over a beat."""
        return np.linspace(0.0, 60.0 / float(c[0]), n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A patient's numbers, or a curve over a beat."""
        return bedside.read(self, table, given)

    @cached_property
    def _sizes(self) -> Floats:
        """About the size of each coefficient: high harmonics are small, those of the flow less so."""
        k = np.r_[0, np.repeat(np.arange(1, BASIS.harmonics + 1), 2)]
        slow, fast = 1 / (1 + (k / 3) ** 1.5), 1.5 / (1 + (k / 6) ** 1.5)
        return np.concatenate([0.15 * slow, 0.15 * slow, 0.2 * slow, fast])
