"""Premixed flames between opposed jets with one step, as a model to calibrate: profiles over the axis.

    r = A_0 e^κ exp(-Ea/R (1/T - 1/T*)) exp(-Ea_0/(R T*)) c_F c_O^½,        T* = 1650 K

κ = ln k at T*, relative to the published mechanism 1S_CH4_MP1. A network guesses the unknowns (``opposed.py``) as
differences to a closed form, and Newton's method improves them once. L, p and A enter through the closed form and the
equations alone: flames whose m L and A L² p^(3/2) are alike are the same flame, drawn larger.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from twin.arrays import Array, detached, namespace, to_numpy
from twin.experiment import Experiment
from twin.model import Coordinate, Fields, Mask, Observable, Rows
from twin.models.flame.flames import (
    COUNT,
    INPUTS,
    OUTPUTS,
    SIZE,
    STRONGEST,
    WEAKEST,
    Flames,
    as_numpy,
    burns,
    flames_of,
    problem_of,
    seen_of,
)
from twin.models.flame.fronts import BAR, GAS, STEP
from twin.models.flame.gas import R
from twin.models.flame.kinetics import CAL, Kinetics
from twin.models.flame.measured_profile import read_profile
from twin.models.flame.opposed import fields_of, improved, residual, unknowns
from twin.models.flame.opposed_solve import solve
from twin.models.flame.published import PUBLISHED, T_STAR
from twin.models.flame.streams import Streams, sheets, streams
from twin.priors import HalfNormal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import Table
from twin.training.recipe import Recipe

FINE = 120
"""Intervals of the reference."""
SPECIES = GAS.names
MM = 1e-3


@dataclass(frozen=True)
class Counterflow:
    """The unknowns of a preset, trained as ``sibling``; without ``ln_k`` among them A is the published one."""

    preset: str
    space: Space
    recipe: Recipe
    sibling: "Counterflow | None" = None
    corrections: int = 1

    name = "flame_counterflow"
    source = "similarity form of opposed jets: Kee, Coltrin and Glarborg 2003, DOI 10.1002/0471461296"
    conditions = Space(
        (
            Parameter("phi", "1", Uniform(0.59, 1.21), 0.8, "equivalence ratio of the fresh jet", "known input"),
            Parameter("T_u", "K", Uniform(285.0, 325.0), 300.0, "temperature of both jets", "known input"),
            Parameter("p", "bar", Uniform(0.9, 1.15), 1.01325, "pressure of the gas", "known input"),
            Parameter("flux_fresh", "kg/(m^2*s)", Uniform(0.8, 1.25), 1.0, "mass flux of the fresh jet", "known input"),
            Parameter("flux_N2", "kg/(m^2*s)", Uniform(0.8, 1.25), 1.0, "mass flux of the nitrogen jet", "known input"),
            Parameter("distance", "mm", Uniform(18.0, 22.0), 20.0, "distance of the jets' exits", "known input"),
        )
    )  # fmt: skip
    coordinates: tuple[Coordinate, ...] = (Coordinate("x", "mm", "distance from the exit of the fresh jet"),)
    observables: tuple[Observable, ...] = (
        Observable("u", "m/s", "axial velocity", HalfNormal(0.05)),
        Observable("V", "1/s", "radial velocity over radius", HalfNormal(5.0)),
        Observable("T", "K", "temperature", HalfNormal(40.0)),
        *(Observable(f"Y_{name}", "1", f"mass fraction of {name}", HalfNormal(0.004)) for name in SPECIES),
    )
    inputs = INPUTS
    outputs = OUTPUTS
    dimension = 6

    @property
    def trained_as(self) -> "Counterflow":
        """The preset whose network this one shares."""
        return self if self.sibling is None else self.sibling

    def as_trained(self, theta: Array) -> Array:
        """θ of ``trained_as``: κ and Ea."""
        Ea = theta[..., self.space.index("Ea")]
        if "ln_k" in self.space.names:
            ln_k = theta[..., self.space.index("ln_k")]
        else:
            ln_k = -(1e3 * CAL * Ea - PUBLISHED.Ea) / (R * T_STAR)
        return namespace(theta).stack([ln_k, Ea], axis=-1)

    def kinetics(self, theta: Array) -> Kinetics:
        """The law (*batch,) of θ (*batch, p)."""
        found = self.as_trained(theta)
        ln_k, Ea = found[..., 0], 1e3 * CAL * found[..., 1]
        ln_A = float(np.log(PUBLISHED.A)) + ln_k + (Ea - PUBLISHED.Ea) / (R * T_STAR)
        return Kinetics(ln_A, 0 * Ea, Ea, tuple(order + 0 * Ea for order in PUBLISHED.orders), 1 + 0 * Ea)

    def lift(self, network: Callable[[Array], Array], theta: Array, c: Array) -> Fields:
        """Flames whose unknowns a network guesses."""
        return {"flame": Flames(self.kinetics(theta), streams_of(as_numpy(c)), network, self.corrections)}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 8) at x (n, 1) [mm]."""
        return u["flame"](MM * to_numpy(x)[..., 0])

    def eigenvalue(self, u: Fields) -> Array:
        """Λ [Pa/m²] (*batch,)."""
        flames = flames_of(u)
        problem = flames.problem
        return fields_of(problem, flames.unknowns(problem)).eigenvalue[..., 0]

    def collocate(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """θ (N, 2), c (N, 6) and x (N, 1) of flames that the closed form takes for neither extinct nor attached."""
        low, high = (torch.as_tensor(side).to(points) for side in self.space.bounds.T)
        theta = low + (high - low) * points[:, 4:6]
        names = self.conditions.names
        c = torch.as_tensor(self.conditions.nominal).to(points).repeat(len(points), 1)
        for i, name in enumerate(("phi", "T_u", "flux_fresh", "flux_N2")):
            column = names.index(name)
            first, last = self.conditions.bounds[column].tolist()
            c[:, column] = first + (last - first) * points[:, i]
        flux = sheets(streams_of(as_numpy(c)), self.kinetics(theta * torch.tensor([0.0, 1.0]).to(points))).flux
        fresh = c[:, names.index("flux_fresh")]
        least, most = (2 * torch.log(share * fresh / flux) for share in (1.01 * WEAKEST, 0.99 * STRONGEST))
        theta[:, 0] = torch.minimum(torch.maximum(theta[:, 0], least), most).clamp(low[0], high[0])
        return theta, c, 0.5 * c[:, names.index("distance"), None]

    def residuals(self, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """What is left of the equations (N, M) at the guess."""
        flames = flames_of(u)
        problem = flames.problem
        return {"flame": residual(problem, flames.guess(problem))}

    def precondition(self, rows: Rows, u: Fields, theta: Array, c: Array, x: Array) -> Rows:
        """Errors (N, M) of the guess by one iteration of Newton's method, in units of the network's outputs.

        The improved flame is held fixed, so training is a regression on targets that the equations give anew.
        """
        flames = flames_of(u)
        problem = flames.problem
        guess = flames.guess(problem)
        return {"flame": (guess - detached(improved(problem, guess))) / SIZE}

    def targets(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """Outputs (N, M) that make the network's guess the solved flame, NaN where none burns."""
        found = [
            solve(problem_of(self.kinetics(one), streams_of(given), COUNT)) / SIZE
            for one, given in zip(theta, c, strict=True)
        ]
        return np.stack(found)

    def guessed(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """What the network says (N, M)."""
        flames = flames_of(u)
        return flames.guess(flames.problem) / SIZE

    def require_covered(self, c: Array, x: Array) -> None:
        """ValueError for places that are not between the jets."""
        values, most = to_numpy(x)[..., 0], float(np.max(to_numpy(c)[..., self.conditions.index("distance")]))
        if values.min() < 0 or values.max() > most:
            raise ValueError(
                f"x from {values.min():g} to {values.max():g} mm: the jets are {most:g} mm apart, and the flame is "
                f"known only to {most:g} mm, from 0 mm on"
            )

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """Readings (b, n, 8) of flames with half as many points more, solved to the end; NaN where none burns, or the
        closed form says so.
        """
        rows = []
        for draw in theta:
            problem = problem_of(self.kinetics(draw), streams_of(as_numpy(c)), FINE)
            q = solve(problem) if burns(problem) else np.full(unknowns(problem), np.nan)
            seen = seen_of(problem, fields_of(problem, q), MM * x[:, 0])
            rows.append(np.concatenate([np.stack([seen.u, seen.V, seen.T], axis=-1), seen.Y], axis=-1))
        found = np.stack(rows)
        return np.where(np.isfinite(found).all(axis=(1, 2))[:, None, None], found, np.nan)

    def valid(self, y: Floats) -> Mask:
        """True everywhere: flames do not end."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n places (n, 1) from jet to jet."""
        return np.linspace(0.0, float(c[self.conditions.index("distance")]), n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """A measured profile."""
        return read_profile(self, table, given)


def streams_of(c: Floats) -> Streams:
    """Jets under conditions (*batch, 6)."""
    c = np.ascontiguousarray(c)
    return _streams(c.tobytes(), c.shape)


@lru_cache(maxsize=32)
def _streams(c: bytes, shape: tuple[int, ...]) -> Streams:
    phi, T_u, p, m_u, m_n, L = np.moveaxis(np.array(np.frombuffer(c)).reshape(shape), -1, 0)
    return streams(GAS, STEP, phi, T_u, BAR * p, (m_u, m_n), MM * L)
