"""The main job: measurements in, posterior, summary and report out."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twin.atomic import replaced_folder
from twin.case_studies.forwards import forward_of, with_fixed
from twin.case_studies.study import Study
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.ladder import sample_ladder
from twin.inference.laplace import sample_laplace
from twin.inference.likelihood import Likelihood
from twin.inference.noise import Gaussian, Noise, StudentT
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.posterior import Posterior, assemble
from twin.inference.posterior_file import save
from twin.inference.pyro_engine import sample_pyro_nuts, sample_svi
from twin.inference.report import write_report
from twin.inference.sample import Sampler
from twin.inference.summary import summarise
from twin.model import Model
from twin.models import catalogue
from twin.space import nearest
from twin.table import Table, read_table

SAMPLERS: dict[str, Sampler] = {
    "ladder": sample_ladder,
    "nuts": sample_nuts,
    "laplace": sample_laplace,
    "svi": sample_svi,
    "pyro-nuts": sample_pyro_nuts,
}
NOISES: dict[str, Noise] = {"gaussian": Gaussian(), "student-t": StudentT(nu=4.0)}

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Calibration:
    """A posterior with its summary, as ``summary.json`` has it."""

    posterior: Posterior
    summary: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check["pass"] for check in self.summary["checks"].values())


def tables_of(study: Study) -> list[Table]:
    """The selected tables: one per file and value of ``--by``."""
    tables = []
    for path in study.data:
        table = read_table(path, study.column)
        for name, values in study.select.items():
            table = table.select(name, values)
        tables += [part for _, part in table.by(study.by)] if study.by else [table]
    return tables


def experiments_of(study: Study, model: Model) -> list[Experiment]:
    """The measured data as the model reads them."""
    return [model.experiments(table, study.condition) for table in tables_of(study)]


def likelihood_of(study: Study, model: Model, experiments: list[Experiment]) -> Likelihood:
    """Forward map, noise and discrepancy as the study wants them."""
    if study.noise not in NOISES:
        raise ValueError(f"no noise law {study.noise!r}{nearest(study.noise, tuple(NOISES))}")
    return Likelihood(
        forward=with_fixed(forward_of(model, study.surrogate), study.fix),
        experiments=experiments,
        noise=NOISES[study.noise],
        discrepancy=Discrepancy(scale=study.discrepancy) if study.discrepancy else None,
        surrogate_error=study.surrogate_error,
    )


def calibrate(study: Study, say: Say, *, disclaimer: str | None = None) -> Calibration:
    """Reads, samples, checks. ValueError for bad input before anything is computed.

    ``disclaimer`` is a line that the report shows, such as where synthetic data came from.
    """
    begin = time.perf_counter()
    if study.sampler not in SAMPLERS:
        raise ValueError(f"no sampler {study.sampler!r}{nearest(study.sampler, tuple(SAMPLERS))}")
    model = catalogue.model(study.model, study.preset)
    experiments = experiments_of(study, model)
    likelihood = likelihood_of(study, model, experiments)
    for e in experiments:
        known = ", ".join(f"{k} = {v:.4g}" for k, v in e.conditions.items())
        say(f"{e.name}: {int(e.mask.sum())} values; {known}")
        for note in e.notes:
            say(f"  {note}")
    say(f"sampling {len(likelihood.space)} parameters with {study.sampler}")
    sample = SAMPLERS[study.sampler](density_of(likelihood), seed=study.seed)
    say(f"{sample.rung}: {sample.reason}; checking")
    metadata = {
        "model": model.name,
        "preset": model.preset,
        "source": model.source,
        "study": json.loads(study.model_dump_json()),
        "fixed": dict(study.fix),
        "disclaimer": disclaimer,
        "command": shlex.join(["twin", *sys.argv[1:]]),
    }
    posterior = assemble(likelihood, sample, metadata=metadata)
    return Calibration(posterior, summary_of(posterior, time.perf_counter() - begin))


def summary_of(posterior: Posterior, seconds: float | None = None) -> dict[str, Any]:
    """All keys of summary.json. The verdict is "unchecked" until the reference solver has been asked."""
    sources = [e["source"] for e in posterior.metadata.get("experiments", []) if e["source"]]
    return {
        "model": posterior.metadata.get("model"),
        "preset": posterior.metadata.get("preset"),
        "sampler": posterior.sampler,
        "rung": posterior.rung,
        "reason": posterior.reason,
        "seed": posterior.seed,
        "seconds": posterior.seconds if seconds is None else seconds,
        "verdict": "unchecked",
        **summarise(posterior),
        "versions": dict(posterior.versions),
        "data": sources,
    }


def write(calibration: Calibration, study: Study) -> None:
    """The result folder, moved into place when it is complete."""
    with replaced_folder(study.out) as folder:
        save(calibration.posterior, folder / "posterior.nc")
        (folder / "summary.json").write_text(json.dumps(calibration.summary, indent=1) + "\n")
        write_report(calibration.posterior, calibration.summary, folder / "report.html")
