"""Lean methane flames of several laboratories: the rate of one step, and a laboratory that was left out.

``python -m twin.case_studies.flame_laboratories [--richest 0.96] [--seed 0]``

The sets of ``data/flame`` for methane in air at 298 K and 1 atm. One of them stands there twice, read from a figure by
two people; only one reading is taken. Readings of a laboratory k are off by an offset of its own, τ ξ_k with
ξ_k ~ N(0, 1) and τ ~ LogNormal(1 cm/s, 0.5), by which they differ where it is lean. Single points are off by the
error of φ, 0.01 times the slope of S_L over φ, by 0.5 cm/s of reading, and by noise that is sampled. A laboratory that
was left out is predicted with an offset that is not known. One step is wrong on the rich side, whatever its constants:
``--richest`` shows it.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table as Shown

from twin.arrays import Array, to_numpy
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.model import Coordinate, Forward, Observable
from twin.models.flame_free import MODEL
from twin.priors import LogNormal, Normal, Uniform
from twin.space import Floats, Parameter, Space
from twin.table import read_table

FILE = "flame/burning_velocity.csv"
LABORATORIES = ("CH4-Bosschaart", "CH4-Vagelopoulos1994", "CH4-Vagelopoulos1998", "CH4-Wu")
"""The second and third may have their years swapped; ``CH4-Vagelopoulos1998-redigitised`` is the third once more."""
RICHEST = 0.96
PHI_ERROR, READING = 0.01, 0.5
"""Standard deviations of equivalence ratios, and of readings of a figure [cm/s]."""
DRAWS = 1000


@dataclass(frozen=True)
class WithOffsets:
    """A forward map of one observable whose readings are off by what a laboratory adds.

    The condition ``laboratory`` says which one measured. The map's own error, 0.002 cm/s, is left out.
    """

    forward: Forward
    laboratories: tuple[str, ...]

    @property
    def space(self) -> Space:
        """The map's parameters, then τ and the offsets over τ."""
        source = "spread of five laboratories at lean conditions, 0.8 to 1 cm/s"
        spread = Parameter("tau", "cm/s", LogNormal(1.0, 0.5), 1.0, "by what laboratories differ", source, 0.05, 10.0)
        offsets = (
            Parameter(f"offset_{name}", "1", Normal(0.0, 1.0), 0.0, f"what {name} reads too much, over tau", source)
            for name in self.laboratories
        )
        return self.forward.space + Space((spread, *offsets))

    @property
    def conditions(self) -> Space:
        """The map's conditions, then the laboratory."""
        which = Parameter(
            "laboratory", "1", Uniform(-0.5, len(self.laboratories) - 0.5), 0.0, "who measured", "known input"
        )
        return self.forward.conditions + Space((which,))

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Those of the map."""
        return self.forward.coordinates

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Those of the map."""
        return self.forward.observables

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 1)."""
        p, given = len(self.forward.space), to_numpy(c)
        offset = theta[..., p] * theta[..., p + 1 + round(float(given[-1]))]
        return self.forward(theta[..., :p], given[:-1], x) + offset[..., None, None]

    def error(self, c: Array, x: Array) -> None:
        """None: it is far below what readings differ by."""


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


def calibrated(of: Sequence[Experiment], seed: int) -> tuple[Likelihood, Sample]:
    """The posterior of some laboratories together."""
    names = tuple(one.name for one in of)
    own = [replace(one, conditions={**one.conditions, "laboratory": float(k)}) for k, one in enumerate(of)]
    likelihood = Likelihood(WithOffsets(forward_of(MODEL), names), own)
    return likelihood, sample_ladder(density_of(likelihood), seed=seed)


def left_out(of: Sequence[Experiment], which: int, seed: int) -> Left:
    """One laboratory predicted from the others."""
    other = of[which]
    likelihood, sample = calibrated([one for k, one in enumerate(of) if k != which], seed)
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    draws = flat[:: max(1, len(flat) // DRAWS)]
    rng = np.random.default_rng(seed)
    c = MODEL.conditions.pack(dict(other.conditions))
    clean = to_numpy(forward_of(MODEL)(draws[:, : len(MODEL.space)], c, other.x))[..., 0]
    noise = draws[:, likelihood.scales.names.index("noise_S_L"), None]
    assert other.sd is not None
    scale = np.sqrt(noise**2 + other.sd[:, 0] ** 2)
    tau = draws[:, likelihood.scales.names.index("tau"), None]
    told = clean + tau * rng.standard_normal(tau.shape) + scale * rng.standard_normal(clean.shape)
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    y = other.y[:, 0]
    return Left(
        other.name, len(y), float(np.mean(clean.mean(axis=0) - y)), float(np.mean((y >= low) & (y <= high))),
        _quantiles(likelihood, flat),
    )  # fmt: skip


def _quantiles(likelihood: Likelihood, flat: Floats) -> dict[str, Floats]:
    return {name: np.quantile(flat[:, i], [0.05, 0.5, 0.95]) for i, name in enumerate(likelihood.scales.names)}


def main() -> None:
    """Prints the posterior of all, and each laboratory predicted from the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--richest", type=float, default=RICHEST, help="largest equivalence ratio that is used")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not 0.7 < options.richest <= 1.5:
        parser.error(f"--richest {options.richest:g}: expected more than 0.7 and at most 1.5")
    try:
        of = measured(options.richest)
    except DataNotFoundError as absent:
        parser.error(str(absent))
    likelihood, sample = calibrated(of, options.seed)
    say(f"{sum(len(one.x) for one in of)} points of {len(of)} laboratories; {sample.rung}: {sample.reason}")
    for name, (low, middle, high) in _quantiles(likelihood, sample.theta.reshape(-1, sample.theta.shape[-1])).items():
        say(f"{name:>28}  {middle:8.4g}  [{low:.4g}, {high:.4g}]")
    table = Shown("left out", "points", "mean error, cm/s", "90 % bands hold", "Ea of the others, kcal/mol")
    held = 0.0
    for k in range(len(of)):
        one = left_out(of, k, options.seed)
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
