"""The inverse problems of FlamePINN-1D with posteriors: what ten points of a flame say of its transport and kinetics.

``python -m twin.case_studies.flame_inverse [--case simple|counterflow] [--seeds 50] [--first 0]``

*simple*, case 1: T and u at ten places over 1.5 mm, each reading off by 2 % of itself; the conductivity, the activation
energy and the place of the flame are sought, and the burning velocity follows. Readings and predictions are compared as
logarithms, in which such errors have one size; it is sampled.

*counterflow*, case 3: all fields, or T and u, at sixteen places over 20 mm, each off by 1 % of its largest value; the
activation energy is sought with A as published, and the eigenvalue Λ follows. The data are those of the reference
solver, not of the network. With one unknown all seeds share a table of the flame over it (``twin/tabulated.py``).

For each noise seed there is a posterior, and the point that fits best, which is what a network trained on the data
would give. Printed are spreads beside the Cramér-Rao bound, errors of the best fits, and how often 90 % intervals hold.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import Chebyshev as Polynomial
from rich.table import Table
from scipy.optimize import least_squares

from twin.arrays import Array, namespace, to_numpy
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.experiment import Experiment
from twin.forward import Wrapped
from twin.inference.likelihood import Likelihood
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.model import Forward, Observable
from twin.models import flame_counterflow, flame_simple
from twin.models.flame.counterflow import Counterflow
from twin.priors import HalfNormal
from twin.space import Floats
from twin.surrogate import Surrogate
from twin.tabulated import tabulate

PLACES, NOISE = 10, 0.02
PLACES_3, NOISE_3 = 16, 0.01
DRAWS = 400
STEP = 1e-4
TERMS = 32
"""Of the eigenvalue over the activation energy: 1e-4 of it and better."""


@dataclass(frozen=True, eq=False)
class InLogs(Wrapped):
    """A forward map of positive observables as their logarithms, whose errors are relative."""

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Logarithms: one noise for each, a few percent."""
        return tuple(
            Observable(o.name, "1", f"logarithm of {o.meaning} in {o.unit}", HalfNormal(0.03))
            for o in self.forward.observables
        )

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """ln y (*batch, n, q)."""
        found = self.forward(theta, c, x)
        return namespace(found).log(found)

    def error(self, c: Array, x: Array) -> None:
        """None: what is compared here is exact."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A forward map, its truth θ (p,), conditions, places x (n, 1), true readings (n, q) and the sizes of their errors.

    ``derived`` turns draws (m, p) into what follows from them, (m,); ``name`` of it.
    """

    forward: Forward
    truth: Floats
    c: Floats
    x: Floats
    y: Floats
    sd: Floats
    derived: Callable[[Floats], Floats]
    name: str
    logarithmic: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Answer:
    """Of one noise seed, over parameters and the derived quantity: mean and sd of the posterior, whether the 90 %
    interval holds the truth, and the best fit; in logarithms where that is how they are reported.
    """

    mean: Floats
    sd: Floats
    held: Floats
    best: Floats


def simple(places: int = PLACES, observed: tuple[str, ...] = ("T", "u")) -> Problem:
    """Case 1."""
    model = flame_simple.MODEL
    c, truth = model.conditions.nominal, model.space.nominal
    x = np.linspace(0.0, 1.5, places)[:, None]
    forward = InLogs(model)
    y = np.asarray(forward(truth, c, x))
    y[:, [o.name not in observed for o in model.observables]] = np.nan

    def burning_velocity(draws: Floats) -> Floats:
        return to_numpy(model.burning_velocity(draws, c))

    return Problem(
        forward, truth, c, x, y, np.full(y.shape, NOISE), burning_velocity, "S_L", (True, True, False, True)
    )  # fmt: skip


def counterflow(observed: tuple[str, ...] = ()) -> Problem:
    """Case 3; all fields unless some are named."""
    model = flame_counterflow.activation
    surrogate = forward_of(model)
    assert isinstance(surrogate, Surrogate)
    c, truth = model.conditions.nominal, model.space.nominal
    x = np.linspace(0.0, 20.0, PLACES_3)[:, None]
    y = model.simulate(truth[None], c, x)[0]
    sd = NOISE_3 * np.abs(y).max(axis=0) + 0 * y
    if observed:
        y[:, [o.name not in observed for o in model.observables]] = np.nan

    def eigenvalue(Ea: Floats) -> Floats:
        assert isinstance(surrogate.model, Counterflow)
        return -to_numpy(surrogate.model.eigenvalue(surrogate.fields(Ea[:, None], c)))

    over_Ea = Polynomial.interpolate(eigenvalue, TERMS, domain=list(model.space.bounds[0]))

    def derived(draws: Floats) -> Floats:
        return np.asarray(over_Ea(draws[..., 0]))

    return Problem(tabulate(surrogate, c, x), truth, c, x, y, sd, derived, "-Lambda", (True, True))


def experiment_of(problem: Problem, seed: int) -> Experiment:
    """Readings with errors."""
    noisy = problem.y + problem.sd * np.random.default_rng(seed).standard_normal(problem.y.shape)
    observables = problem.forward.observables
    kept = np.asarray(np.isfinite(noisy).any(axis=0))
    names = tuple(o.name for o, keep in zip(observables, kept, strict=True) if keep)
    return Experiment(
        name=f"seed {seed}", conditions=problem.forward.conditions.unpack(problem.c),
        coordinates=("x",), x=problem.x, observables=names, y=noisy[:, kept],
        units={o.name: o.unit for o in observables} | {"x": "mm"},
    )  # fmt: skip


def answers(problem: Problem, seeds: int, first: int = 0) -> list[Answer]:
    """The posteriors of so many noise seeds, in order."""
    every = [experiment_of(problem, first + seed) for seed in range(seeds)]
    likelihood = Likelihood(problem.forward, every[:1])
    y = np.stack([one.y for one in every])
    mask = np.isfinite(y)
    found = solve_units(Units(likelihood), ((np.where(mask, y, 0.0), mask),))
    told = {one.unit: _answer(problem, every[one.unit], one) for one in found}
    return [told[unit] for unit in range(seeds)]


def _answer(problem: Problem, experiment: Experiment, found: UnitAnswer) -> Answer:
    p = len(problem.truth)
    chosen = np.random.default_rng(found.unit).choice(len(found.theta), DRAWS, p=np.exp(found.log_weights))
    draws = found.theta[chosen, :p]
    told = _reported(problem, np.concatenate([draws, problem.derived(draws)[:, None]], axis=1))
    true = _true(problem)
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    best = _best(problem, experiment, draws)
    return Answer(told.mean(axis=0), told.std(axis=0), (true >= low) & (true <= high), best)


def cramer_rao(problem: Problem) -> Floats:
    """The least standard deviation of parameters and of what follows (p + 1,), priors left out."""
    steps = STEP * np.maximum(np.abs(problem.truth), 1.0)
    ends = [np.asarray(problem.forward(problem.truth + s * np.diag(steps), problem.c, problem.x)) for s in (1, -1)]
    J = ((ends[0] - ends[1]) / problem.sd / (2 * steps[:, None, None]))[:, np.isfinite(problem.y)]
    covariance = np.linalg.inv(J @ J.T)
    follows = [problem.derived(problem.truth + s * np.diag(steps)) for s in (1, -1)]
    slope = (follows[0] - follows[1]) / (2 * steps)
    sd = np.sqrt([*np.diag(covariance), slope @ covariance @ slope])
    value = np.append(problem.truth, problem.derived(problem.truth[None]))
    return np.asarray(np.where(problem.logarithmic, sd / np.where(value == 0, 1.0, value), sd), dtype=float)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--case", choices=("simple", "counterflow"), default="simple")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first noise seed")
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: expected 2 or more")
    if options.case == "simple":
        problem, variants = simple(), _variants_of_simple()
    else:
        problem, variants = counterflow(), {"all fields, 16": counterflow(), "T and u, 16": counterflow(("T", "u"))}
    names = (*problem.forward.space.names, problem.name)
    bounds = Table("Cramér-Rao", *(_label(n, log) for n, log in zip(names, problem.logarithmic, strict=True)))
    for title, variant in variants.items():
        bounds.add_row(title, *(f"{v:.3g}" for v in cramer_rao(variant)))
    console().print(bounds)
    console().print(_table(problem, names, answers(problem, options.seeds, options.first)))
    say(f"{options.seeds} noise seeds; every row in logarithms where it says ln")


def _table(problem: Problem, names: Sequence[str], found: Sequence[Answer]) -> Table:
    table = Table("", "sd of the posterior, mean", "Cramér-Rao", "error of the best fit, rms", "of the mean, rms",
                  "90 % intervals hold")  # fmt: skip
    bound, true = cramer_rao(problem), _true(problem)
    for i, name in enumerate(names):
        sd, mean, best, held = (
            np.array([getattr(one, key)[i] for one in found]) for key in ("sd", "mean", "best", "held")
        )
        table.add_row(
            _label(name, problem.logarithmic[i]), f"{sd.mean():.3g}", f"{bound[i]:.3g}",
            f"{np.sqrt(np.mean((best - true[i]) ** 2)):.3g}", f"{np.sqrt(np.mean((mean - true[i]) ** 2)):.3g}",
            f"{held.mean():.0%}",
        )  # fmt: skip
    return table


def _best(problem: Problem, experiment: Experiment, draws: Floats) -> Floats:
    """What fits best by least squares, from the draws' mean on, and what follows from it."""
    columns = [o.name in experiment.observables for o in problem.forward.observables]
    middle, size = draws.mean(axis=0), draws.std(axis=0)
    low, high = ((side - middle) / size for side in problem.forward.space.bounds.T)

    def misfit(z: Floats) -> Floats:
        told = np.asarray(problem.forward(middle + size * z, problem.c, problem.x))[:, columns]
        return np.asarray(((told - experiment.y) / problem.sd[:, columns]).ravel())

    found = least_squares(misfit, np.zeros(len(middle)), bounds=(low, high), diff_step=np.array(1e-3))
    chosen = (middle + size * found.x)[None]
    found_too = problem.derived(chosen)[:, None]
    return np.asarray(_reported(problem, np.concatenate([chosen, found_too], axis=1))[0])


def _true(problem: Problem) -> Floats:
    return np.asarray(_reported(problem, np.append(problem.truth, problem.derived(problem.truth[None]))[None])[0])


def _reported(problem: Problem, values: Floats) -> Floats:
    logs = np.log(np.where(problem.logarithmic, np.abs(values), 1.0))
    return np.where(problem.logarithmic, logs, values)


def _label(name: str, logarithmic: bool) -> str:
    return f"ln {name}" if logarithmic else name


def _variants_of_simple() -> dict[str, Problem]:
    found = {f"T and u, {n}": simple(n) for n in (5, 10, 25)}
    return found | {f"T, {n}": simple(n, ("T",)) for n in (10, 25)} | {
        "T and u, 10, 1 %": replace(simple(), sd=simple().sd / 2)
    }  # fmt: skip


if __name__ == "__main__":
    main()
