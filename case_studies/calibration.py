"""The main job: measurements in, posterior, summary and report out."""

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from twin.atomic import replaced_folder
from twin.case_studies.sampling import Sampled, likelihood_of, require_names, sampled
from twin.case_studies.study import Study
from twin.case_studies.verification import require_reference
from twin.experiment import Experiment
from twin.inference.identifiability.design import Candidate
from twin.inference.identifiability.identify import identify
from twin.inference.outcomes import not_informed, outcomes
from twin.inference.posterior import Posterior, assemble
from twin.inference.posterior_file import save
from twin.inference.power_scaling import power_scaling
from twin.inference.report.page import write_report
from twin.inference.report.summary import summarise
from twin.model import Cautioned, Model
from twin.models import catalogue
from twin.table import Table, read_table, typed_table

Say = Callable[[str], None]

CANDIDATE_POINTS = 100
"""Values that a candidate experiment would measure."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A posterior with its summary, as ``summary.json`` has it."""

    posterior: Posterior
    summary: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check["pass"] for check in self.summary["checks"].values())


def tables_of(study: Study, model: Model) -> list[tuple[str, Table]]:
    """The selected tables with their value of ``--by`` (blank without it), one per file and value.

    Numbers that were typed (``--set``) are a table of their own, in the model's units.
    """
    tables = [("", typed_table(study.set, typed_units(model)))] if study.set else []
    for path in study.data:
        table = read_table(path, study.column)
        for name, values in study.select.items():
            table = table.select(name, values)
        tables += list(table.by(study.by)) if study.by else [("", table)]
    return tables


def typed_units(model: Model) -> dict[str, str]:
    """Units of what may be typed: single numbers, which have known errors, these errors, and conditions."""
    numbers = {o.name: o.unit for o in model.observables if o.noise is None}
    errors = {f"{name}_sd": unit for name, unit in numbers.items()}
    return numbers | errors | {p.name: p.unit for p in model.conditions.parameters}


def experiments_of(study: Study, model: Model) -> tuple[list[Experiment], list[Experiment]]:
    """The measured data as the model reads them: those to fit, and those held out."""
    tables = tables_of(study, model)
    values = tuple(dict.fromkeys(value for value, _ in tables))
    for value in study.hold_out:
        if value not in values:
            raise ValueError(
                f"--hold-out {value}: no experiment of {study.by} {value!r}; there are {', '.join(values)}"
            )
    fitted = [model.experiments(table, study.condition) for value, table in tables if value not in study.hold_out]
    held_out = [model.experiments(table, study.condition) for value, table in tables if value in study.hold_out]
    if not fitted:
        raise ValueError("--hold-out: every experiment is held out, none is left to fit")
    return fitted, held_out


def calibrate(study: Study, say: Say, *, disclaimer: str | None = None) -> Calibration:
    """Reads, samples, asks the reference solver, checks. ValueError for bad input before anything is computed.

    ``disclaimer`` is a line that the report shows, such as where synthetic data came from.
    """
    begin = time.perf_counter()
    require_names(study)
    model = catalogue.model(study.model, study.preset)
    candidates_of(study, model)
    experiments, held_out = experiments_of(study, model)
    likelihood = likelihood_of(study, model, experiments)
    for e in experiments:
        known = ", ".join(f"{k} = {v:.4g}" for k, v in e.conditions.items())
        say(f"{e.name}: {int(e.mask.sum())} values; {known}")
        for note in e.notes:
            say(f"  {note}")
    if study.verify:
        require_reference(model)
    found = sampled(study, model, likelihood, held_out, say)
    metadata = {
        "model": model.name,
        "preset": model.preset,
        "source": model.source,
        "study": json.loads(study.model_dump_json()),
        "fixed": dict(study.fix),
        "disclaimer": ". ".join(part for part in (disclaimer, caution_of(model)) if part) or None,
        "command": shlex.join(["twin", *sys.argv[1:]]),
        **found.told,
    }
    posterior = assemble(found.likelihood, found.sample, metadata=metadata)
    joint = np.asarray(found.likelihood.log_prob(found.sample.theta))
    unmeasured = outcomes(found.likelihood, posterior)
    if left := not_informed(unmeasured):
        say(f"not informed by your data: {', '.join(left)}")
    told: dict[str, Any] = {
        "sensitivity": power_scaling(posterior, joint),
        "outcomes": [asdict(outcome) for outcome in unmeasured],
    }
    if study.identify:
        told["identifiability"] = identified(study, model, found, say)
    posterior = replace(posterior, metadata={**posterior.metadata, **told})
    return Calibration(posterior, summary_of(posterior, time.perf_counter() - begin))


def caution_of(model: Model) -> str | None:
    """What a reader of the model's reports must be told, if anything."""
    return model.caution if isinstance(model, Cautioned) else None


def identified(study: Study, model: Model, found: Sampled, say: Say) -> dict[str, Any]:
    """What the data can tell apart, and which of the study's candidates would tell more."""
    flat = found.sample.theta.reshape(-1, found.sample.theta.shape[-1])
    height = np.asarray(found.likelihood.log_prob(flat)) + np.asarray(found.likelihood.space.log_prior(flat))
    at = flat[np.argmax(height)]
    told = identify(found.likelihood, seed=study.seed, candidates=candidates_of(study, model), at=at, valid=model.valid)
    for warning in told["warnings"]:
        say(f"warning: {warning}")
    return told


def candidates_of(study: Study, model: Model) -> tuple[Candidate, ...]:
    """Experiments that could be made: the nominal conditions, the study's, and each candidate's own on top."""
    found = []
    for changes in study.candidate:
        conditions = {
            **model.conditions.unpack(model.conditions.nominal),
            **study.condition,
            **changes,
        }
        model.conditions.require_inside(conditions, "--candidate")
        x = model.abscissa(model.conditions.pack(conditions), CANDIDATE_POINTS)
        name = ", ".join(f"{k} = {v:g}" for k, v in changes.items())
        found.append(Candidate(name, conditions, x, tuple(o.name for o in model.observables)))
    return tuple(found)


def summary_of(posterior: Posterior, seconds: float | None = None) -> dict[str, Any]:
    """All keys of summary.json. The verdict is "unchecked" where the reference solver was not asked."""
    sources = [e["source"] for e in posterior.metadata.get("experiments", []) if e["source"]]
    return {
        "model": posterior.metadata.get("model"),
        "preset": posterior.metadata.get("preset"),
        "sampler": posterior.sampler,
        "rung": posterior.rung,
        "reason": posterior.reason,
        "seed": posterior.seed,
        "seconds": posterior.seconds if seconds is None else seconds,
        "verdict": posterior.metadata.get("verification", {}).get("verdict", "unchecked"),
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
