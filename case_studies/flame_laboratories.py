"""Lean methane flames of several laboratories: the rate of one step, and a laboratory that was left out.

``python -m twin.case_studies.flame_laboratories [--richest 0.96] [--no-discrepancy] [--verify 100] [--seed 0]``

The sets of ``data/flame`` for methane in air at 298 K and 1 atm. One of them stands there twice, read from a figure by
two people; only one reading is taken. At φ laboratory k reads

    S_L(φ; θ) + δ(φ) + τ ξ_k + ε,        ξ_k ~ N(0, 1).

τ is what laboratories differ by. δ is what one step cannot follow and all laboratories see: a smooth Gaussian process
over φ, of unknown size (``inference/discrepancy.py``). Single points are off by the error of φ, 0.01 times the slope of
S_L over φ, by 0.5 cm/s of reading, and by noise that is sampled. A laboratory that is left out is predicted with an
offset that is not known, and with the δ that the others have. The network answers alone, without Newton's method: its
0.05 % is nothing here, and ``--verify`` asks the reference solver.

Without δ one step is confidently wrong where it is rich: ``--richest 1.5 --no-discrepancy`` shows it.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from rich.table import Table as Shown

from twin.arrays import Array, like, to_numpy
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.forward import Wrapped
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy, SquaredExponential
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.inference.verdict import Case, Diligence, verify
from twin.inference.verdict_record import Verdict
from twin.model import Coordinate, Forward
from twin.models.flame_free import MODEL
from twin.priors import LogNormal, Normal
from twin.space import Floats, Parameter, Space
from twin.surrogate import Surrogate
from twin.table import read_table

FILE = "flame/burning_velocity.csv"
LABORATORIES = ("CH4-Bosschaart", "CH4-Vagelopoulos1994", "CH4-Vagelopoulos1998", "CH4-Wu")
"""The second and third may have their years swapped; ``CH4-Vagelopoulos1998-redigitised`` is the third once more."""
RICHEST = 0.96
KERNEL, MISSED = SquaredExponential(lengthscale=0.3), 3.0
"""How smooth δ is, as a share of the span of φ; and how large it may be [cm/s]."""
PHI_ERROR, READING = 0.01, 0.5
"""Standard deviations of equivalence ratios, and of readings of a figure [cm/s]."""
DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Laboratories(Wrapped):
    """A forward map of one observable, with what a laboratory adds: the last column of x says which."""

    names: tuple[str, ...]

    @cached_property
    def offsets(self) -> Space:
        """τ and the offsets over τ."""
        source = "spread of five laboratories at lean conditions, 0.8 to 1 cm/s"
        spread = Parameter("tau", "cm/s", LogNormal(1.0, 0.5), 1.0, "by what laboratories differ", source, 0.05, 10.0)
        each = (
            Parameter(f"offset_{name}", "1", Normal(0.0, 1.0), 0.0, f"what {name} reads too much, over tau", source)
            for name in self.names
        )
        return Space((spread, *each))

    @property
    def space(self) -> Space:
        """The map's parameters, then the others."""
        return self.forward.space + self.offsets

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The map's, then the laboratory."""
        return (*self.forward.coordinates, Coordinate("laboratory", "1", "who measured, counted from 0"))

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 1)."""
        p, rows = len(self.forward.space), to_numpy(x)
        chosen = like(np.eye(len(self.names))[:, np.round(rows[:, -1]).astype(int)], theta)
        added = theta[..., p, None] * (theta[..., p + 1 :] @ chosen)
        return self.forward(theta[..., :p], c, rows[:, :-1]) + added[..., None]

    def error(self, c: Array, x: Array) -> None:
        """None: it is far below what readings differ by."""


@dataclass(frozen=True, eq=False)
class Solver(Wrapped):
    """The model's reference solver as a forward map, under NumPy."""

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Burning velocities (b, n, 1), solved to the end."""
        return MODEL.simulate(np.asarray(theta), np.asarray(c), np.asarray(x))


@dataclass(frozen=True, eq=False)
class Left:
    """How a laboratory that was left out was predicted: points, mean error [cm/s], and how many the 90 % bands hold."""

    laboratory: str
    points: int
    mean: float
    coverage90: float
    quantiles: Mapping[str, Floats]


def measured(richest: float = RICHEST) -> list[Experiment]:
    """The laboratories' readings up to an equivalence ratio; DataNotFoundError where the file is not there."""
    table = read_table(find_data(FILE))
    return [_lean(replace(MODEL.experiments(table.select("dataset", [name]), {}), name=name), richest)
            for name in LABORATORIES]  # fmt: skip


def _lean(whole: Experiment, richest: float) -> Experiment:
    order = np.argsort(whole.x[:, 0])
    x, y = whole.x[order], whole.y[order]
    slope = np.abs(np.gradient(y[:, 0], x[:, 0]))
    lean = x[:, 0] <= richest
    sd = np.sqrt(READING**2 + (PHI_ERROR * slope) ** 2)[:, None]
    return replace(whole, x=x[lean], y=y[lean], sd=sd[lean], mask=np.isfinite(y[lean]))


def forward() -> Forward:
    """The shipped network alone."""
    shipped = forward_of(MODEL)
    assert isinstance(shipped, Surrogate)
    return replace(shipped, model=replace(MODEL, corrections=0))


def likelihood_of(of: Sequence[Experiment], *, discrepancy: bool, without: str = "") -> Likelihood:
    """All laboratories as one experiment, so that they share δ; the readings of one of them may count for nothing."""
    which = np.concatenate([np.full(len(one.x), float(k)) for k, one in enumerate(of)])
    x, y, sd = (np.concatenate([getattr(one, key) for one in of]) for key in ("x", "y", "sd"))
    counted = np.concatenate([np.full(one.y.shape, one.name != without) for one in of])
    joint = replace(
        of[0], name="laboratories", x=np.column_stack([x, which]), y=y, sd=sd, mask=counted,
        coordinates=(*of[0].coordinates, "laboratory"), units={**of[0].units, "laboratory": "1"},
    )  # fmt: skip
    missed = Discrepancy({"S_L": MISSED}, KERNEL, source="misfit of one-step mechanisms") if discrepancy else None
    return Likelihood(Laboratories(forward(), tuple(one.name for one in of)), [joint], discrepancy=missed)


def left_out(of: Sequence[Experiment], which: int, *, discrepancy: bool, seed: int) -> Left:
    """One laboratory predicted from the others."""
    name = of[which].name
    likelihood = likelihood_of(of, discrepancy=discrepancy, without=name)
    sample = sample_ladder(density_of(likelihood), seed=seed)
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    draws = flat[:: max(1, len(flat) // DRAWS)]
    rows = ~likelihood.blocks[0].mask[:, 0]
    told = likelihood.replicate(draws, seed)[0][:, rows, 0]
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    y = of[which].y[:, 0]
    return Left(
        name, len(y), float(np.mean(told.mean(axis=0) - y)), float(np.mean((y >= low) & (y <= high))),
        _quantiles(likelihood, flat),
    )  # fmt: skip


def verified(likelihood: Likelihood, sample: Sample, draws: int) -> Verdict:
    """The posterior against the reference solver."""
    of = likelihood.forward
    assert isinstance(of, Laboratories)
    true = replace(of, forward=Solver(of.forward))

    def solve(theta: Floats) -> tuple[Floats, ...]:
        return tuple(np.asarray(true(theta, block.c, block.x)) for block in likelihood.blocks)

    return verify(likelihood, sample, Case(solve, sample_ladder, Diligence(draws=draws), sample.seed, say))


def _quantiles(likelihood: Likelihood, flat: Floats) -> dict[str, Floats]:
    return {name: np.quantile(flat[:, i], [0.05, 0.5, 0.95]) for i, name in enumerate(likelihood.scales.names)}


def main() -> None:
    """Prints the posterior of all, and each laboratory predicted from the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--richest", type=float, default=RICHEST, help="largest equivalence ratio that is used")
    parser.add_argument("--no-discrepancy", action="store_true", help="take one step for the truth")
    parser.add_argument("--verify", type=int, default=0, help="draws for the reference solver, 25 or more")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not 0.7 < options.richest <= 1.5:
        parser.error(f"--richest {options.richest:g}: expected more than 0.7 and at most 1.5")
    try:
        of = measured(options.richest)
    except DataNotFoundError as absent:
        parser.error(str(absent))
    discrepancy = not options.no_discrepancy
    likelihood = likelihood_of(of, discrepancy=discrepancy)
    sample = sample_ladder(density_of(likelihood), seed=options.seed)
    say(f"{sum(len(one.x) for one in of)} points of {len(of)} laboratories; {sample.rung}: {sample.reason}")
    for name, (low, middle, high) in _quantiles(likelihood, sample.theta.reshape(-1, sample.theta.shape[-1])).items():
        say(f"{name:>28}  {middle:8.4g}  [{low:.4g}, {high:.4g}]")
    if options.verify:
        verdict = verified(likelihood, sample, options.verify)
        say(f"verdict against the reference solver: {verdict.name}, {verdict.record['solves']} solves")
    table = Shown("left out", "points", "mean error, cm/s", "90 % bands hold", "Ea of the others, kcal/mol")
    held = 0.0
    for k in range(len(of)):
        one = left_out(of, k, discrepancy=discrepancy, seed=options.seed)
        held += one.coverage90 * one.points
        low, middle, high = one.quantiles["Ea"]
        table.add_row(
            one.laboratory, str(one.points), f"{one.mean:+.2f}", f"{one.coverage90:.0%}",
            f"{middle:.1f} [{low:.1f}, {high:.1f}]",
        )  # fmt: skip
    console().print(table)
    say(f"in all, {held / sum(len(one.x) for one in of):.0%} of the points of left-out laboratories are held")


if __name__ == "__main__":
    main()
