"""An LG M50 cell from its measured discharges: calibrated at 0.1C and 0.5C, asked for the 1C it has not seen.

``python -m twin.case_studies.battery_lgm50 --out runs/lgm50``

Data: W. D. Widanage, Simscape Battery Library (MIT), 25 °C; cell and parameters: Chen et al. 2020. Three readings of
the same curves are compared: the preset ``soh6`` alone, with a discrepancy for what an isothermal single-particle
model leaves out, and ``soh7``, which frees the negative diffusivity too. The story is told in docs/lgm50.md.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from twin.atomic import require_writable
from twin.case_studies import calibration
from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.case_studies.study import Study
from twin.data import find_data
from twin.experiment import Experiment
from twin.forward import in_chunks
from twin.inference.noise import Gaussian
from twin.models import catalogue
from twin.models.battery.lgm50 import soh6
from twin.space import Floats

FILE = "battery/lgm50_rate_discharge.csv"
FITTED = ("0.1", "0.5")
UNSEEN = "1"
MODEL_ERROR = {"voltage": 0.010}
"""Prior scale [V] of the discrepancy, from the size of the open-circuit curves' own errors."""


@dataclass(frozen=True)
class Reading:
    """One way to read the data."""

    name: str
    preset: str
    discrepancy: bool = False
    orthogonal: bool = False


READINGS = (
    Reading("soh6", "soh6"),
    Reading("soh6 + discrepancy", "soh6", discrepancy=True),
    Reading("soh6 + orthogonal discrepancy", "soh6", discrepancy=True, orthogonal=True),
    Reading("soh7", "soh7"),
)


@dataclass(frozen=True, eq=False)
class Unseen:
    """Prediction of a curve that was not fitted: noise-free draws (n, m) and new measurements (n, m) [V]."""

    experiment: Experiment
    mean: Floats
    replicated: Floats


def study_of(reading: Reading, out: Path, rates: tuple[str, ...], seed: int) -> Study:
    """The calibration as the command line would run it."""
    return Study(
        model="battery_spm",
        preset=reading.preset,
        data=(find_data(FILE),),
        select={"T_amb_C": ("25",), "c_rate": rates, "step": ("discharge",)},
        by="c_rate",
        discrepancy=dict(MODEL_ERROR) if reading.discrepancy else {},
        orthogonal=reading.orthogonal,
        sampler="nuts",
        seed=seed,
        out=out / reading.name.replace(" + ", "-").replace(" ", "-"),
    )


def predict_unseen(done: calibration.Calibration, study: Study, seed: int) -> Unseen:
    """The posterior's draws pushed through the conditions of the curve left out, which ``study`` selects."""
    model = catalogue.model(study.model, study.preset)
    (experiment,), _ = calibration.experiments_of(study, model)
    forward = forward_of(model)
    flat = done.posterior.theta.reshape(-1, done.posterior.theta.shape[-1])[::4]
    c = forward.conditions.pack(experiment.conditions)
    mean = in_chunks(forward, flat[:, : len(forward.space)], c, experiment.x)[..., 0]
    sigma = flat[:, done.posterior.space.index("noise_voltage")][:, None]
    replicated = mean + sigma * Gaussian().draw(mean.shape, np.random.default_rng(seed))
    return Unseen(experiment, mean, replicated)


def score(unseen: Unseen) -> dict[str, float]:
    """Rmse of the mean prediction [V], share of points inside 90 % bands, and the worst residual [V]."""
    y = unseen.experiment.y[:, 0]
    low, high = (np.quantile(unseen.replicated, level, axis=0) for level in (0.05, 0.95))
    residual = unseen.mean.mean(axis=0) - y
    return {
        "rmse": float(np.sqrt(np.mean(residual**2))),
        "coverage90": float(np.mean((low <= y) & (y <= high))),
        "worst": float(residual[np.argmax(np.abs(residual))]),
    }


def literature(out: Path) -> dict[str, float]:
    """Rmse [V] of the untouched literature parameters on every curve."""
    study = study_of(READINGS[0], out, (*FITTED, UNSEEN), 0)
    found = {}
    for e in calibration.experiments_of(study, soh6)[0]:
        theta = soh6.space.pack({"R0": 0.0})[None]
        y = soh6(theta, soh6.conditions.pack(e.conditions), e.x)[0]
        found[e.name] = float(np.sqrt(np.mean((y - e.y) ** 2)))
    return found


def one(reading: Reading, out: Path, seed: int) -> tuple[dict[str, Any], calibration.Calibration, Unseen]:
    """Calibrates, predicts, writes the result folder."""
    say(f"--- {reading.name}")
    study = study_of(reading, out, FITTED, seed)
    done = calibration.calibrate(study, say)
    calibration.write(done, study)
    unseen = predict_unseen(done, study_of(reading, out, (UNSEEN,), seed), seed)
    fits = done.summary["fit"]
    together = np.sqrt(sum(f["rmse"] ** 2 * f["n"] for f in fits) / sum(f["n"] for f in fits))
    row = {
        "reading": reading.name,
        "seconds": done.summary["seconds"],
        "rmse_together": float(together),
        "fit": fits,
        "unseen_1C": score(unseen),
        "checks": done.summary["checks"],
        "parameters": done.summary["parameters"],
    }
    return row, done, unseen


def draw(results: list[tuple[dict[str, Any], calibration.Calibration, Unseen]]) -> Figure:
    """Residuals of the fitted curves and of the unseen one, a column per reading."""
    figure = Figure(figsize=(11.0, 7.0), layout="constrained")
    axes = figure.subplots(3, len(results), sharey="row", sharex="row")
    for column, (row, done, unseen) in zip(axes.T, results, strict=True):
        column[0].set_title(row["reading"])
        for panel, series in zip(column[:2], done.posterior.series, strict=True):
            hours = series.x[:, 0] / 3600
            panel.plot(hours, 1e3 * (series.y - series.model), ".", ms=3, color="#0072B2", label="without discrepancy")
            panel.plot(hours, 1e3 * (series.y - series.fitted), ".", ms=3, color="#D55E00", label="with discrepancy")
            panel.axhline(0, color="0.6", lw=0.8)
            panel.set_xlabel("time [h]")
        y, hours = unseen.experiment.y[:, 0], unseen.experiment.x[:, 0] / 3600
        middle = unseen.mean.mean(axis=0)
        low, high = (np.quantile(unseen.replicated, level, axis=0) for level in (0.05, 0.95))
        column[2].fill_between(hours, 1e3 * (low - middle), 1e3 * (high - middle), color="0.85", lw=0)
        column[2].plot(hours, 1e3 * (y - middle), ".", ms=3, color="#009E73")
        column[2].set_xlabel("time [h]")
        column[2].set_ylim(-150, 150)
    for panel, label in zip(axes[:, 0], ("0.1C, fitted", "0.5C, fitted", "1C, not seen"), strict=True):
        panel.set_ylabel(f"{label}\nmeasured - model [mV]")
    axes[0, 1].legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Runs the three readings and prints the table of docs/lgm50.md."""
    parser = argparse.ArgumentParser(description="LG M50: calibrate at 0.1C and 0.5C, predict 1C")
    parser.add_argument("--out", type=Path, default=Path("runs/lgm50"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    require_writable(options.out)
    results = [one(reading, options.out, options.seed) for reading in READINGS]
    draw(results).savefig(options.out / "residuals.png", dpi=110)
    rows = [row for row, _, _ in results]
    summary = {"literature_rmse": literature(options.out), "readings": rows}
    (options.out / "study.json").write_text(json.dumps(summary, indent=1) + "\n")
    out = console()
    out.print(f"untouched literature parameters, rmse [V]: {summary['literature_rmse']}", markup=False)
    for row in rows:
        fit = ", ".join(f"{1e3 * f['rmse']:.1f} mV ({100 * f['coverage90']:.0f} %)" for f in row["fit"])
        unseen, checks = row["unseen_1C"], row["checks"]
        out.print(
            f"{row['reading']}: together {1e3 * row['rmse_together']:.1f} mV; {fit}; 1C unseen "
            f"{1e3 * unseen['rmse']:.1f} mV ({100 * unseen['coverage90']:.0f} %); R-hat "
            f"{checks['rhat_max']['value']:.3f}, ESS {checks['ess_min']['value']:.0f}, divergences "
            f"{checks['divergences']['value']:.0f}; {row['seconds']:.0f} s",
            markup=False,
        )


if __name__ == "__main__":
    main()
