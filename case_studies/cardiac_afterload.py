"""The load of the left ventricle from one beat of aortic pressure and flow: a human's and a pig's.

``python -m twin.case_studies.cardiac_afterload --out runs/afterload``

Data: Stergiopulos et al. 1999 (human, digitised) and Pigot et al. 2021 (pig). Windkessels of two to five elements are
fitted by least squares and calibrated under several readings of the errors: independent, with a discrepancy, following
one another; with the clocks of pressure and flow as given, or with a delay between them. Told in docs/windkessel.md.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from twin.atomic import require_writable
from twin.case_studies import calibration
from twin.case_studies.afterload_tables import fits_table, intervals_table, models_table
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of, with_fixed
from twin.case_studies.point_fit import fit
from twin.case_studies.study import Study
from twin.data import find_data
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.loo import LeaveOneOut, difference, leave_one_out
from twin.inference.posterior import Posterior, assemble
from twin.models import catalogue
from twin.table import read_table

CIRCUITS = ("two_element", "three_element", "four_element", "five_element")
AS_GIVEN = {"flow_delay": 0.0}
"""Clocks of pressure and flow as the files have them."""
PLAIN = {"flow_offset": 0.0, "flow_delay": 0.0}
"""The flow as measured: what published least squares take."""


@dataclass(frozen=True)
class Subject:
    """A beat, and the presets whose priors suit its owner (``suffix`` of their names)."""

    name: str
    file: str
    suffix: str
    select: Mapping[str, str] = field(default_factory=dict)


SUBJECTS = (
    Subject("human", "cardiac/aortic_pressure_flow_human_1999.csv", ""),
    Subject("pig", "cardiac/aortic_pressure_flow_pig.csv", "_vague", {"preparation": "invivo"}),
)


@dataclass(frozen=True)
class Reading:
    """A law of the errors; ``fixed`` are held, ``discrepancy`` is the prior scale [mmHg] of a smooth error."""

    name: str
    fixed: Mapping[str, float] = field(default_factory=dict)
    discrepancy: float | None = None
    autoregressive: bool = False


INDEPENDENT = Reading("independent")
FOLLOWING = Reading("autoregressive", autoregressive=True)
READINGS = (
    Reading("independent, no delay", AS_GIVEN),
    INDEPENDENT,
    Reading("discrepancy", discrepancy=2.0),
    Reading("autoregressive, no delay", AS_GIVEN, autoregressive=True),
    FOLLOWING,
)
COMPARED = (INDEPENDENT, FOLLOWING)
"""Readings under which all circuits are compared."""


@dataclass(frozen=True, eq=False)
class Result:
    """A calibrated circuit under a reading."""

    subject: str
    circuit: str
    reading: str
    posterior: Posterior
    summary: dict[str, Any]
    loo: LeaveOneOut


def experiment_of(subject: Subject) -> Experiment:
    """The beat, as the reader of the model makes it."""
    table = read_table(find_data(subject.file))
    for column, value in subject.select.items():
        table = table.select(column, [value])
    return catalogue.model("cardiac_windkessel").experiments(table, {})


def point_fits(subject: Subject, experiment: Experiment) -> list[dict[str, Any]]:
    """Least squares of every circuit, with vague bounds: the flow as measured, and with a free delay."""
    rows = []
    for circuit in CIRCUITS:
        model = forward_of(catalogue.model("cardiac_windkessel", f"{circuit}_vague"))
        for fixed in (PLAIN, {"flow_offset": 0.0}):
            forward = with_fixed(model, dict(fixed))
            found = fit(forward, experiment)
            values = forward.space.unpack(found.theta)
            rows.append(
                {"subject": subject.name, "circuit": circuit, "rmse": found.rmse, "theta": values}
                | {"at_bound": list(found.at_bound)}
            )
    return rows


def posterior_of(subject: Subject, experiment: Experiment, circuit: str, reading: Reading, seed: int) -> Result:
    """Calibrates one circuit under one reading."""
    say(f"--- {subject.name}: {circuit}, {reading.name}")
    model = catalogue.model("cardiac_windkessel", circuit + subject.suffix)
    size = reading.discrepancy
    likelihood = Likelihood(
        with_fixed(forward_of(model), dict(reading.fixed)),
        [experiment],
        discrepancy=None if size is None else Discrepancy(scale={"pressure": size}, source="size of the misfit"),
        autoregressive=("pressure",) if reading.autoregressive else (),
    )
    sample = sample_ladder(density_of(likelihood), seed=seed)
    say(f"{sample.rung}: {sample.reason}")
    about = {"model": model.name, "preset": model.preset, "source": model.source, "fixed": dict(reading.fixed)}
    posterior = assemble(likelihood, sample, metadata=about)
    summary = calibration.summary_of(posterior)
    loo = leave_one_out(posterior.log_likelihood)
    return Result(subject.name, circuit, reading.name, posterior, summary, loo)


def save(result: Result, subject: Subject, out: Path, seed: int) -> None:
    """Posterior, summary and report of one result in a folder of its own."""
    folder = out / f"{result.subject}-{result.circuit}-{result.reading.replace(', ', '-').replace(' ', '-')}"
    study = Study(model="cardiac_windkessel", data=(find_data(subject.file),), out=folder, seed=seed)
    calibration.write(calibration.Calibration(result.posterior, result.summary), study)


def row_of(result: Result, best: Result) -> dict[str, Any]:
    """What the tables need of a result; ``best`` is the circuit it is compared with under the same reading."""
    series = result.posterior.series[0]
    behind, error = difference(result.loo, best.loo)
    return {
        "subject": result.subject,
        "circuit": result.circuit,
        "reading": result.reading,
        "rmse": float(np.sqrt(np.mean((series.model - series.y) ** 2))),
        "elpd": result.loo.elpd,
        "elpd_se": result.loo.se,
        "behind": behind,
        "behind_se": error,
        "unreliable": result.loo.unreliable,
        "rung": result.summary["rung"],
        "seconds": result.summary["seconds"],
        "parameters": result.summary["parameters"],
        "checks": result.summary["checks"],
    }


def rows_of(results: list[Result]) -> list[dict[str, Any]]:
    """A row per result, each compared with the five-element circuit under its own reading."""
    best = {(r.subject, r.reading): r for r in results if r.circuit == "five_element"}
    return [row_of(r, best[r.subject, r.reading]) for r in results]


def draw(results: list[Result]) -> Figure:
    """Measured and fitted pressure, and what is left, a column per subject."""
    figure = Figure(figsize=(10.0, 6.0), layout="constrained")
    axes = figure.subplots(2, len(SUBJECTS), sharex="col", sharey="row", height_ratios=(2, 1))
    for column, subject in zip(axes.T, SUBJECTS, strict=True):
        shown = [r for r in results if r.subject == subject.name and r.reading == INDEPENDENT.name]
        measured = shown[0].posterior.series[0]
        time = measured.x[:, 0]
        column[0].plot(time, measured.y, ".", ms=3, color="0.3", label="measured")
        for result, colour in zip(shown, ("#CC79A7", "#009E73", "#0072B2", "#D55E00"), strict=True):
            series = result.posterior.series[0]
            column[0].plot(time, series.model, lw=1.2, color=colour, label=result.circuit.replace("_", " "))
            column[1].plot(time, series.y - series.model, lw=1.0, color=colour)
        column[0].set_title(subject.name)
        column[1].axhline(0, color="0.6", lw=0.8)
        column[1].set_xlabel("time [s]")
    axes[0, 0].set_ylabel("aortic pressure [mmHg]")
    axes[1, 0].set_ylabel("measured - model [mmHg]")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Runs both subjects and prints the tables of docs/windkessel.md."""
    parser = argparse.ArgumentParser(description="Windkessels of two to five elements on measured beats")
    parser.add_argument("--out", type=Path, default=Path("runs/afterload"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    require_writable(options.out)
    fits: list[dict[str, Any]] = []
    results: list[Result] = []
    for subject in SUBJECTS:
        experiment = experiment_of(subject)
        say(f"{subject.name}: {'; '.join(experiment.notes)}")
        fits += point_fits(subject, experiment)
        wanted = [(c, r) for r in COMPARED for c in CIRCUITS]
        wanted += [("five_element", r) for r in READINGS if r not in COMPARED]
        for circuit, reading in wanted:
            result = posterior_of(subject, experiment, circuit, reading, options.seed)
            results.append(result)
            if circuit == "five_element":
                save(result, subject, options.out, options.seed)
    draw(results).savefig(options.out / "beats.png", dpi=100)
    rows = rows_of(results)
    readings = [asdict(reading) for reading in READINGS]
    (options.out / "study.json").write_text(
        json.dumps({"readings": readings, "point_fits": fits, "posteriors": rows}, indent=1) + "\n"
    )
    for table in (fits_table(fits), intervals_table(rows), models_table(rows)):
        console().print(table, markup=False)


if __name__ == "__main__":
    main()
