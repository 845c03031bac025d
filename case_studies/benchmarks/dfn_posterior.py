"""The posterior of a porous cell against Markov chains that PyBaMM decides, before verification and after.

``python -m twin.case_studies.benchmarks.dfn_posterior [--steps 400] [--seed 5] [--json]``

The aged cell of ``dfn_table.py``, whose discharges PyBaMM made. The chains propose by many steps on the surrogate's
density and PyBaMM accepts or refuses (``delayed_acceptance.py``), so their law is that of PyBaMM's likelihood, however
wrong the surrogate is. Every solve is kept in the store of reference solves.
"""

import argparse
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from twin.case_studies import calibration
from twin.case_studies.benchmarks import dfn_table
from twin.case_studies.benchmarks.table import Row, remark, show
from twin.case_studies.benchmarks.verdict import judge, row_of, true_density
from twin.case_studies.sampling import likelihood_of
from twin.case_studies.study import Study
from twin.case_studies.verification import Solver, finished_store, solve_for
from twin.case_studies.workers import workers
from twin.inference import _arviz
from twin.inference.delayed_acceptance import sample_delayed
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.inference.treatment import Treatment
from twin.models import catalogue

NO_END = 1e9
"""[s]"""
EVERY = 50


def likelihood_of_the_aged_cell(seed: int) -> Likelihood:
    """Of both discharges, with the surrogate's error."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "aged.csv"
        dfn_table.table(seed).to_csv(path, index=False)
        study = Study(
            model="battery_dfn", preset="soh6", data=(path,), by="c_rate", condition={"start_voltage": 4.18},
            out=Path("unused"),
        )  # fmt: skip
        model = catalogue.model(study.model, study.preset)
        return likelihood_of(study, model, calibration.experiments_of(study, model)[0])


def chains_of(likelihood: Likelihood, guide: Sample, steps: int) -> Sample:
    """So many decisions of PyBaMM in each of four chains."""

    def progress(done: int, total: int) -> None:
        if done % EVERY == 0:
            remark(f"{done} of {total} steps")

    model = catalogue.model("battery_dfn", "soh6")
    exact = Likelihood(likelihood.forward, likelihood.experiments, surrogate_error=Treatment.NONE)
    cheap = density_of(exact)
    with workers() as executor:
        solve = solve_for(exact, Solver(model, executor, finished_store("solves")))
        true = partial(true_density, exact, cheap, solve)
        return sample_delayed(cheap, true, guide, seed=7, seconds=NO_END, draws=steps, progress=progress)


def main() -> None:
    """Prints the table of docs/dfn.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    likelihood = likelihood_of_the_aged_cell(given.seed)
    guide = sample_ladder(density_of(likelihood), seed=1)
    chains = chains_of(likelihood, guide, given.steps)
    p = len(likelihood.scales)
    flat = chains.theta.reshape(-1, p)
    rhat = max(_arviz.rhat(chains.theta[..., i]) for i in range(p))
    ess = min(_arviz.ess_bulk(chains.theta[..., i]) for i in range(p))
    moved, noise = float(np.mean(chains.stats["acceptance_rate"])), ess**-0.5
    rows: list[Row] = [{
        "posterior": f"PyBaMM's own, {given.steps} steps x 4: R-hat {rhat:.3f}, least ESS {ess:.0f} (a mean's error is "
        f"{noise:.2f} sd), moved {moved:.0%}", "verdict s": chains.seconds,
    }]  # fmt: skip
    model = catalogue.model("battery_dfn", "soh6")
    judged = judge(model, likelihood, seed=2)
    rows.append(row_of("aged cell", *judged, flat.mean(axis=0), flat.std(axis=0)))
    show("the porous cell's posterior against PyBaMM's own", rows, as_json=given.as_json)


if __name__ == "__main__":
    main()
