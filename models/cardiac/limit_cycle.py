"""The loop's limit cycle for a network: what it has to learn is when the valves open and close.

Between those four instants the loop is linear, so the beat follows from them exactly (``between_valves.py``): periodic
and of constant blood volume whatever the network's weights are, with all derivatives by the parameters. The residuals
are what is left of the valves' own conditions at the instants (``switching.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from twin.arrays import Array, like
from twin.collocation import RadauIIA
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.cardiac import bedside
from twin.models.cardiac.between_valves import SCHEME, beat_between
from twin.models.cardiac.clinic import OBSERVABLES, TIME
from twin.models.cardiac.groups import groups_of
from twin.models.cardiac.instants import NAMES, instants, instants_at
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.observation import measured
from twin.models.cardiac.parameters import CIRCULATION, HEART_RATE, PUMP_SPEED, SIMAAN
from twin.models.cardiac.piecewise import pieces_of
from twin.models.cardiac.simulation import simulate
from twin.models.cardiac.switching import corrections, gaps
from twin.models.cardiac.training_box import CENTRE, WIDTH, patients
from twin.space import Floats, Space
from twin.table import Table
from twin.training.recipe import Recipe


def beat_by(network: Callable[[Array], Array], loop: Loop, *, scheme: RadauIIA = SCHEME) -> Fields:
    """The beat of patients (*batch,) between the instants that a network gives."""
    groups = groups_of(loop)
    logs = groups.stack()
    features = (logs - like(CENTRE, logs)) / like(WIDTH, logs)
    return beat_between(groups, instants(network(features), groups.tau), scheme)


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
    caution = (
        "Not a medical device: no diagnosis or treatment may rest on this page. The loop has no baroreflex, so answers "
        "of pressure to a change are open loop."
    )
    coordinates: tuple[Coordinate, ...] = (TIME,)
    observables: tuple[Observable, ...] = OBSERVABLES
    interventions = Space((PUMP_SPEED,))
    inputs = 10
    outputs = len(NAMES)
    dimension = len(CIRCULATION)

    @property
    def trained_as(self) -> "LimitCycle":
        """The preset whose network this one shares: the equations do not know the priors."""
        return self if self.sibling is None else self.sibling

    def as_trained(self, theta: Array) -> Array:
        """The same: presets differ by their priors alone."""
        return theta

    def loop(self, theta: Array, c: Array) -> Loop:
        """The patient that θ (*batch, p) and c (k,) or (*batch, k) describe."""
        values = self.named(theta)
        rate = like(c, theta)[..., 0] + values["HR_error"]
        return Loop(HR=rate, **{name: values[name] for name in CIRCULATION})

    def named(self, theta: Array) -> Mapping[str, Array]:
        """θ by name, each (*batch,)."""
        return {name: theta[..., i] for i, name in enumerate(self.space.names)}

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """The beat between the instants that a network gives."""
        return beat_by(network, self.loop(theta, c))

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Numbers and curves (*batch, n, q) at times x (n, 1)."""
        return measured(pieces_of(u), self.loop(theta, c), self.named(theta), x[..., 0])

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Patients θ (N, p), heart rates c (N, 1), and no points of time (N, 0): a beat is solved whole."""
        loop = patients(points)
        nominal = like(self.space.nominal, points)
        columns = [
            loop[name] if name in loop else 0 * points[:, 0] + nominal[i] for i, name in enumerate(self.space.names)
        ]
        return torch.stack(columns, dim=-1), loop["HR"][:, None], points[:, :0]

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Pressure drops across the valves as they open or close, in R_s SBV/T_c (N, 1)."""
        beat = pieces_of(u)
        gap, _ = gaps(groups_of(self.loop(theta, c)), beat)
        return {name: gap[:, i : i + 1] for i, name in enumerate(NAMES)}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors of the instants that the rows stand for, in T_max: pressure drops over their slopes.

        Their derivative is that of the instants: an error is instant minus solution, and the solution stands still. So
        training is a regression on targets that the equations give anew at every step, by Newton's method.
        """
        beat = pieces_of(u)
        groups = groups_of(self.loop(theta, c))
        when = instants_at(beat["volume"].knots)
        with torch.no_grad():
            right = when.stack() + corrections(groups, beat)
        errors = (when.stack() - right) / groups.tau[:, None]
        return {name: errors[:, i : i + 1] for i, name in enumerate(rows)}

    def require_covered(self, c: Array, x: Array) -> None:
        """Nothing: a beat is covered at all times, and the heart rate is bounded as a condition."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """LSODA's limit cycle (b, n, q) with ideal valves; NaN where it does not settle."""
        return np.stack([simulate(self.loop(row, c), self.named(row), x[:, 0]) for row in theta])

    def intervene(self, theta: Floats, c: Floats, x: Floats, what: Mapping[str, float]) -> Floats:
        """LSODA's limit cycle (b, n, q) with an assist pump at ``pump_speed`` [rpm], NaN where it does not settle."""
        speed = what["pump_speed"]
        return np.stack([simulate(self.loop(row, c), self.named(row), x[:, 0], speed) for row in theta])

    def valid(self, y: Floats) -> Mask:
        """True everywhere: a beat has no end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over a beat."""
        return np.linspace(0.0, 60.0 / float(c[0]), n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A patient's numbers, or a curve over a beat."""
        return bedside.read(self, table, given)
