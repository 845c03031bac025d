"""Burning velocities of freely propagating flames with one step, as a model to calibrate.

    r = r_0 e^κ (c_F/c_F0)^a (c_O/c_O0)^b exp(-Ea/R (1/T - 1/T*)),        T* = 1650 K

κ = ln k at T*, relative to the published mechanism 1S_CH4_MP1, and at concentrations (c_F0, c_O0) of a flame there: so
that κ, Ea and the orders are hardly correlated where lean methane flames tell of them. All transport is multiplied by
``spread``. A network guesses the front's unknowns (``spectral.py``) as a correction of the closed-form start, and
Newton's method improves them once; A, p and the spread enter through the start and the equations alone, so that the
scaling laws S_L ∝ √(A spread) p^((a+b)/2 - 1) hold exactly, whatever the network says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from twin.arrays import Array, detached, like, namespace, to_numpy
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.flame.cold_start import cold_start
from twin.models.flame.fronts import GAS, INPUTS, NODES, OUTPUTS, SIZE, STEP, Fronts, fronts_of, problem_of
from twin.models.flame.gas import R, density
from twin.models.flame.kinetics import CAL, LEAST, Kinetics
from twin.models.flame.measured import read
from twin.models.flame.profiles import burning_velocity, solve
from twin.models.flame.published import PUBLISHED, T_STAR
from twin.models.flame.spectral import Problem, improved, residual
from twin.models.flame.unburnt import fresh
from twin.priors import HalfNormal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import Table
from twin.training.recipe import Recipe

UNBURNT = 0.3
"""Share of the reactants that is left where c_F0 and c_O0 are taken."""
FINE = 24
"""Nodes of the reference."""
BOX = ((0.5, 1.5), (285.0, 450.0))
"""φ and T_u [K] for which the network is trained."""


@dataclass(frozen=True)
class FreeFlame:
    """The unknowns of a preset, trained as ``sibling``."""

    preset: str
    space: Space
    recipe: Recipe
    sibling: "FreeFlame | None" = None
    corrections: int = 1

    name = "flame_free"
    source = "one-step kinetics 1S_CH4_MP1 (CERFACS); equations: Kee, Coltrin and Glarborg 2003, DOI 10.1002/0471461296"
    conditions = Space(
        (
            Parameter("T_u", "K", Uniform(*BOX[1]), 298.0, "temperature of the fresh mixture where no column says it",
                      "known input"),
            Parameter("p", "bar", Uniform(0.5, 25.0), 1.01325, "pressure where no column says it", "known input"),
        )
    )  # fmt: skip
    coordinates: tuple[Coordinate, ...] = (
        Coordinate("phi", "1", "equivalence ratio"),
        Coordinate("T_u", "K", "temperature of the fresh mixture"),
        Coordinate("p", "bar", "pressure"),
    )
    observables: tuple[Observable, ...] = (Observable("S_L", "cm/s", "laminar burning velocity", HalfNormal(1.5)),)
    inputs = INPUTS
    outputs = OUTPUTS
    dimension = 5

    @property
    def trained_as(self) -> "FreeFlame":
        """The preset whose network this one shares."""
        return self if self.sibling is None else self.sibling

    def as_trained(self, theta: Array) -> Array:
        """θ of ``trained_as``: what this preset does not know of is nominal."""
        mine, theirs = self.named(theta), self.trained_as.space
        columns = [mine.get(p.name, 0 * theta[..., 0] + p.nominal) for p in theirs.parameters]
        return namespace(theta).stack(columns, axis=-1)

    def named(self, theta: Array) -> Mapping[str, Array]:
        """θ by name, each (*batch,)."""
        return {name: theta[..., i] for i, name in enumerate(self.space.names)}

    def kinetics(self, theta: Array) -> Kinetics:
        """The law (*batch,) of θ (*batch, p)."""
        at = self.trained_as.named(self.as_trained(theta))
        Ea, a, b = 1e3 * CAL * at["Ea"], at["order_fuel"], at["order_O2"]
        ln_r0, fuel, oxygen = reference_state()
        ln_A = ln_r0 + at["ln_k"] + Ea / (R * T_STAR) - a * float(np.log(fuel)) - b * float(np.log(oxygen))
        return Kinetics(ln_A, 0 * Ea, Ea, (a, b), at["spread"])

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Fronts whose unknowns a network guesses."""
        return {"front": Fronts(self.kinetics(theta).over_points(), network, self.corrections)}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """S_L [cm/s] (*batch, n, 1) at rows x (n, 3)."""
        q = u["front"](x)
        rho = problem_of(to_numpy(x), NODES).of.density
        return (100 * namespace(q).exp(q[..., 0]) / like(rho, q))[..., None]

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, p), c (N, 2) and rows (N, 3): A, p and transport change nothing, so they are nominal."""
        nominal = self.space.unpack(self.space.nominal)
        columns = []
        for name in self.space.names:
            low, high = self.space.bounds[self.space.index(name)].tolist()
            place = MOVED.get(name)
            columns.append(0 * points[:, 0] + nominal[name] if place is None else low + (high - low) * points[:, place])
        rows = [low + (high - low) * points[:, i] for i, (low, high) in enumerate(BOX)]
        one = torch.ones_like(points[:, 0])
        c = torch.stack([rows[1], 1.01325 * one], dim=-1)
        return torch.stack(columns, dim=-1), c, torch.stack([*rows, 1.01325 * one], dim=-1)

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """What is left of the front's equations (N, 5 K) at the guess."""
        front, problem = self._paired(u, theta, x)
        return {"front": residual(problem, front.guess(problem), front.law)}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors (N, 5 K) of the guess by one iteration of Newton's method, in units of the network's outputs.

        The improved front is held fixed, so training is a regression on targets that the equations give anew.
        """
        front, problem = self._paired(u, theta, x)
        guess = front.guess(problem)
        return {"front": (guess - detached(improved(problem, guess, front.law))) / SIZE}

    def targets(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """Outputs (N, 5 K) that make the guess the solved front, less what the closed form gives."""
        law, problem = self.kinetics(theta), problem_of(x, NODES)
        return np.asarray((solve(problem, law) - cold_start(problem, law)) / SIZE)

    def guessed(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """What the network says (N, 5 K)."""
        front, problem = self._paired(u, theta, x)
        return (front.guess(problem) - cold_start(problem, front.law)) / SIZE

    def _paired(self, u: Fields, theta: Array, x: Array) -> tuple[Fronts, Problem]:
        """Fronts of θ (N, p), each at its own row (N, 3)."""
        front = fronts_of(u)
        return Fronts(self.kinetics(theta), front.network, front.corrections), problem_of(to_numpy(x), NODES)

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError for rows outside the box of the training."""
        for i, (what, unit) in enumerate((("phi", ""), ("T_u", " K"))):
            values, (low, high) = to_numpy(x)[:, i], BOX[i]
            if values.min() < low or values.max() > high:
                raise ValueError(
                    f"{what} from {values.min():g} to {values.max():g}{unit}: the surrogate is good only to "
                    f"{high:g}{unit}, from {low:g}{unit} on"
                )

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """S_L [cm/s] (b, n, 1) of fronts with twice the nodes, solved to the end; NaN where that fails."""
        problem, law = problem_of(np.asarray(x), FINE), self.kinetics(theta).over_points()
        return np.asarray(100 * burning_velocity(problem, solve(problem, law)))[..., None]

    def valid(self, y: Floats) -> Mask:
        """True everywhere: flames do not end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n equivalence ratios (n, 3) from lean to rich, under the conditions."""
        return np.stack([np.linspace(0.6, 1.3, n), np.full(n, c[0]), np.full(n, c[1])], axis=1)

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """Measured burning velocities, a row each."""
        return read(self, table, given)


MOVED = {"Ea": 2, "order_fuel": 3, "order_O2": 4}
"""Coordinates of a collocation point for the parameters that the network sees."""


@lru_cache(maxsize=1)
def reference_state() -> tuple[float, float, float]:
    """ln r_0 of the published law, c_F0 and c_O0 [kmol/m³] of a stoichiometric flame at T* and 1 atm."""
    of = fresh(GAS, STEP, np.array([1.0]), np.array([T_STAR]), np.array([101325.0]))
    c = (density(GAS, of.T, of.p, of.Y)[:, None] * of.Y / GAS.W)[0]
    fuel, oxygen = (UNBURNT * float(c[k]) + LEAST for k in STEP.reactants)
    a, b = PUBLISHED.orders
    ln_r0 = np.log(PUBLISHED.A) - PUBLISHED.Ea / (R * T_STAR) + a * np.log(fuel) + b * np.log(oxygen)
    return float(ln_r0), fuel, oxygen
