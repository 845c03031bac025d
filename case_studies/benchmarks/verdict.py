"""Verified posteriors against the reference solver's own, for two cells, with and without a deliberate bias.

``python -m twin.case_studies.benchmarks.verdict [--quick] [--json]``

NREL cell: synthetic 2C discharges, the exact posterior integrated on a grid of PyBaMM's voltages (``pinnstripes2.py``).
LG M50: the demo's synthetic cell, and the measured one at 0.1C and 0.5C where the file is at hand; the posterior by
random-walk Metropolis whose every step is decided by PyBaMM, with no surrogate involved (half an hour each).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from twin.arrays import Array
from twin.case_studies import calibration
from twin.case_studies.benchmarks import pinnstripes2 as nrel
from twin.case_studies.benchmarks.table import Row, options, remark, show
from twin.case_studies.forwards import forward_of
from twin.case_studies.sampling import likelihood_of
from twin.case_studies.study import Study
from twin.case_studies.verification import Solver, finished_store, solve_for, verified
from twin.case_studies.workers import workers
from twin.data import DataNotFoundError, find_data
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference import _arviz
from twin.inference.comparison import true_log_likelihood
from twin.inference.density import LogDensity, density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.inference.treatment import Treatment
from twin.inference.verdict import Diligence, Solve
from twin.inference.verdict_record import Verdict
from twin.model import Coordinate, Forward, Model, Observable
from twin.models import catalogue
from twin.space import Floats, Space

DRAWS = 200
BIASES = (0.0, 0.0005, 0.002, -0.002, 0.010)
"""[V]"""
NOISE = 0.003
"""[V]"""
FILE = "battery/lgm50_rate_discharge.csv"


@dataclass(frozen=True, eq=False)
class Biased:
    """A forward map with a constant added that it does not know of."""

    inner: Forward
    bias: float

    @property
    def space(self) -> Space:
        """The inner map's parameters."""
        return self.inner.space

    @property
    def conditions(self) -> Space:
        """The inner map's conditions."""
        return self.inner.conditions

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Columns of x."""
        return self.inner.coordinates

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Columns of y."""
        return self.inner.observables

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """The inner map's answer plus the bias."""
        return self.inner(theta, c, x) + self.bias

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """What the inner map knows of its error, which is not the bias."""
        return self.inner.error(c, x)


def judge(model: Model, likelihood: Likelihood, seed: int) -> tuple[Verdict, Sample, float]:
    """The verdict, the sample before it, and the seconds that the verdict took."""
    sample = sample_ladder(density_of(likelihood), seed=seed)
    begin = time.perf_counter()
    diligence = Diligence(draws=DRAWS)
    verdict = verified(model, likelihood, sample, sample_ladder, diligence=diligence, seed=seed, say=remark)
    return verdict, sample, time.perf_counter() - begin


def against(sample: Sample, mean: Floats, sd: Floats) -> tuple[float, float, float]:
    """Largest shift of a mean in sds, and smallest and largest ratio of sds, over the first parameters."""
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])[:, : len(mean)]
    ratio = flat.std(axis=0) / sd
    return float(np.max(np.abs(flat.mean(axis=0) - mean) / sd)), float(ratio.min()), float(ratio.max())


def row_of(what: str, verdict: Verdict, before: Sample, seconds: float, mean: Floats, sd: Floats) -> Row:
    """One line of the table; "by weights" is how far the first solves alone say that a mean is off, with its error."""
    shift, _, _ = against(before, mean, sd)
    told = max(verdict.record["steps"][0]["parameters"].values(), key=lambda found: abs(found["shift"]))
    after, low, high = against(verdict.sample, mean, sd)
    last = [step["khat"] for step in verdict.record["steps"] if "khat" in step]
    return {
        "posterior": what, "verdict": verdict.name, "mean off before, sd": shift,
        "by weights": f"{abs(told['shift']):.3f} ± {told['shift_error']:.3f}", "after": after,
        "sd ratio after": f"{low:.3f} to {high:.3f}", "k-hat": " → ".join(f"{k:.2f}" for k in last if k is not None),
        "solves": verdict.record["solves"], "failed": verdict.record["failed"], "verdict s": seconds,
    }  # fmt: skip


def nrel_rows(truths: int, biases: tuple[float, ...]) -> list[Row]:
    """The NREL cell at random truths, with every bias."""
    model = catalogue.model("battery_spm", "pinnstripes2")
    forward, reference = forward_of(model), nrel.reference_grid(model)
    theta = model.space.draw(truths, 1)
    clean = model.simulate(theta, model.conditions.nominal, nrel.times())[..., 0]
    rng = np.random.default_rng(1)
    conditions = model.conditions.unpack(model.conditions.nominal)
    rows = []
    for i, row in enumerate(clean):
        y = row + NOISE * rng.standard_normal(len(row))
        experiment = Experiment("2C", conditions, ("time",), nrel.times(), ("voltage",), y[:, None], {"voltage": "V"})
        mean, sd, _ = nrel.exact_posterior(reference, y, forward.observables[0].noise)
        for bias in biases:
            treatment = Treatment.NONE if bias else Treatment.MARGINALISED
            likelihood = Likelihood(Biased(forward, bias), [experiment], surrogate_error=treatment)
            name = f"NREL ({theta[i, 0]:.2f}, {theta[i, 1]:.2f}), bias {1e3 * bias:+g} mV"
            rows.append(row_of(name, *judge(model, likelihood, seed=i), mean, sd))
            remark(str(rows[-1]))
    return rows


def studies() -> dict[str, Study]:
    """The LG M50: the demo's synthetic table, and the measured one where it is at hand."""
    common: dict[str, Any] = {"model": "battery_spm", "preset": "soh6", "by": "c_rate", "out": Path("unused")}
    with as_file(files("twin.case_studies") / "data" / "lgm50_synthetic.csv") as path:
        found = {"LG M50, synthetic": Study(data=(path,), select={"step": ("discharge",)}, **common)}
    select = {"T_amb_C": ("25",), "c_rate": ("0.1", "0.5"), "step": ("discharge",)}
    try:
        found["LG M50, measured"] = Study(data=(find_data(FILE),), select=select, **common)
    except DataNotFoundError as error:
        remark(f"the measured cell is left out: {error}")
    return found


def lgm50_rows(name: str, study: Study, steps: int, biases: tuple[float, ...]) -> list[Row]:
    """The LG M50 against Metropolis chains on PyBaMM's likelihood."""
    model = catalogue.model(study.model, study.preset)
    likelihood = likelihood_of(study, model, calibration.experiments_of(study, model)[0])
    guide = sample_ladder(density_of(likelihood), seed=1)
    with workers() as executor:
        solve = solve_for(likelihood, Solver(model, executor, finished_store("solves")))
        chains = metropolis(likelihood, solve, guide, steps)
    p = len(likelihood.scales)
    flat = chains.theta.reshape(-1, p)
    mean, sd = flat.mean(axis=0), flat.std(axis=0)
    rhat = max(_arviz.rhat(chains.theta[..., i]) for i in range(p))
    ess = min(_arviz.ess_bulk(chains.theta[..., i]) for i in range(p))
    rows: list[Row] = [{
        "posterior": f"{name}, {steps} Metropolis steps x 4 on PyBaMM: R-hat {rhat:.3f}, least ESS {ess:.0f}",
        "verdict s": chains.seconds,
    }]  # fmt: skip
    for bias in biases:
        wrong = Likelihood(Biased(likelihood.forward, bias), likelihood.experiments)
        rows.append(row_of(f"{name}, bias {1e3 * bias:+g} mV", *judge(model, wrong, seed=2), mean, sd))
        remark(str(rows[-1]))
    return rows


def metropolis(likelihood: Likelihood, solve: Solve, guide: Sample, steps: int, chains: int = 4) -> Sample:
    """Random-walk Metropolis on the true solver's posterior; the guide gives starts and the steps' covariance."""
    begin, rng = time.perf_counter(), np.random.default_rng(7)
    density = density_of(likelihood)
    flat = density.space.unconstrain(guide.theta.reshape(-1, guide.theta.shape[-1]))
    true = partial(true_density, likelihood, density, solve)
    factor = 2.38 / np.sqrt(flat.shape[1]) * np.linalg.cholesky(np.cov(flat.T))
    z = flat[rng.choice(len(flat), chains, replace=False)]
    height, kept = true(z), []
    for k in range(steps):
        tried = z + rng.standard_normal(z.shape) @ factor.T
        value = true(tried)
        with np.errstate(invalid="ignore"):
            accepted = np.log(rng.uniform(size=chains)) < np.where(np.isnan(value), -np.inf, value) - height
        z, height = np.where(accepted[:, None], tried, z), np.where(accepted, value, height)
        if k >= steps // 10:
            kept.append(z)
        if k % 500 == 0:
            remark(f"Metropolis step {k} of {steps} after {time.perf_counter() - begin:.0f} s")
    theta = density.space.constrain(np.stack(kept, axis=1))
    return Sample("metropolis", "metropolis", theta, 7, time.perf_counter() - begin)


def true_density(likelihood: Likelihood, density: LogDensity, solve: Solve, z: Floats) -> Floats:
    """The true solver's log posterior (chains,) at unconstrained z (chains, p)."""
    theta = density.space.constrain(z)
    to: Callable[..., Any] = density.coordinates.log_prior
    solved = solve(theta[:, : len(likelihood.forward.space)])
    prior = np.asarray(to(theta)) + np.asarray(density.coordinates.log_jacobian(z))
    return np.asarray(true_log_likelihood(likelihood, theta, solved) + prior)


def main() -> None:
    """Prints the table of docs/verdict.md."""
    given = options(__doc__)
    cells = nrel_rows(1, (0.0, 0.002)) if given.quick else nrel_rows(4, BIASES)
    for name, study in studies().items():
        steps, biases = (200, (0.002,)) if given.quick else (15000, (0.0, 0.002, -0.002))
        cells += lgm50_rows(name, study, steps, biases)
    show("verified posteriors against the reference solver's own", cells, as_json=given.as_json)


if __name__ == "__main__":
    main()
