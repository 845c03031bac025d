"""Intensive-care arterial pressure beat by beat: what pressure alone tells, and what it does not.

``python -m twin.case_studies.cardiac_icu --out runs/icu``

Data: PhysioNet's MIMIC waveforms as distributed with wfdb-python (docs/windkessel.md). Every recording is cut into
beats, artefacts are set aside and counted, and each remaining beat's diastolic decay gets a posterior of its own by the
batched ladder: time constant R C and asymptote. Resistance and compliance are never told apart: no flow was measured.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from twin.atomic import require_writable
from twin.case_studies.console import console, say
from twin.data import find_data
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood, Measured
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.models.cardiac.beats import Beat, Beats, find_beats
from twin.models.cardiac.diastole import Decay, decays, pressures
from twin.models.cardiac.waveform import regular
from twin.models.cardiac_decay import MODEL
from twin.table import read_table

LEVELS = np.array([0.05, 0.5, 0.95])


@dataclass(frozen=True)
class Record:
    """A recording and what it is good for."""

    name: str
    file: str
    remark: str


RECORDS = (
    Record("3975656", "cardiac/icu_abp_3975656.csv", "clean, 8 bit"),
    Record("mixedsignals", "cardiac/icu_abp_ppg_mixedsignals.csv.gz", "ectopic beats"),
    Record("041s", "cardiac/icu_abp_pap_041s.csv", "2 x 8 s"),
    Record("03700181", "cardiac/icu_abp_03700181_lowpressure.csv.gz", "doubtful scale: robustness only"),
)


def beats_of(record: Record) -> Beats:
    """The beats of a recording, segment by segment where it has several."""
    table = read_table(find_data(record.file))
    parts = [part for _, part in table.by("segment")] if table.has("segment") else [table]
    return find_beats([regular(part.increasing("time", "s"), part.number("ABP", "mmHg")) for part in parts])


def numbers(beats: Beats, beat: Beat) -> dict[str, Any]:
    """Onset [s], rate [1/min] and pressures [mmHg] of a beat; only the onset where an artefact touches it."""
    row: dict[str, Any] = {
        "recording": beat.recording,
        "time_s": float(beats.recordings[beat.recording].time[beat.start]),
        "set_aside": beat.artefact or beat.irregular,
    }
    if beat.artefact:
        return row
    p = beats.pressure(beat)
    high, low = float(p.max()), float(p.min())
    levels = {"SBP_mmHg": high, "DBP_mmHg": low, "PP_mmHg": high - low, "MAP_mmHg": float(p.mean())}
    return row | {"HR_1_min": 60.0 / beat.period} | levels


def shared_likelihood(step: float, length: int, *, following: bool) -> Likelihood:
    """The likelihood of decays of up to ``length`` samples, ``step`` [s] apart; behind a decay's end is a mask."""
    time = step * np.arange(length, dtype=np.float64)
    whole = Experiment(
        name="decay",
        conditions={"duration": float(time[-1])},
        coordinates=("time",),
        x=time[:, None],
        observables=("pressure",),
        y=np.zeros((length, 1)),
        units={"time": "s", "pressure": "mmHg"},
    )
    return Likelihood(MODEL, [whole], autoregressive=("pressure",) if following else ())


def measured_of(beats: Beats, found: tuple[Decay, ...], *, following: bool) -> tuple[Likelihood, Measured]:
    """The likelihood that all decays share, and their own data behind masks."""
    rows = pressures(beats, found)
    likelihood = shared_likelihood(beats.recordings[0].step, rows.shape[1], following=following)
    mask = np.isfinite(rows)
    return likelihood, ((np.where(mask, rows, 0.0)[..., None], mask[..., None]),)


def posteriors(beats: Beats, found: tuple[Decay, ...], seed: int, *, following: bool) -> list[UnitAnswer]:
    """A posterior per decay, in their order; ``following`` lets its errors follow one another."""
    likelihood, measured = measured_of(beats, found, following=following)
    answers = {answer.unit: answer for answer in solve_units(Units(likelihood, seed=seed), measured)}
    return [answers[i] for i in range(len(found))]


def told(answer: UnitAnswer) -> dict[str, Any]:
    """Quantiles of τ [s] and P_∞ [mmHg], and how narrow and how entangled their posterior is."""
    row: dict[str, Any] = {"rung": answer.rung, "converged": float(answer.converged)}
    kept = answer.log_weights > -np.inf
    weights, theta = np.exp(answer.log_weights[kept]), answer.theta[kept]
    if not len(theta):
        return row
    for level, values in zip(LEVELS, answer.quantile(LEVELS), strict=True):
        row |= {f"tau_q{round(100 * level):02d}_s": values[0], f"P_inf_q{round(100 * level):02d}_mmHg": values[1]}
    log_tau = np.log(theta[:, 0]) - weights @ np.log(theta[:, 0])
    asymptote = theta[:, 1] - weights @ theta[:, 1]
    sds = np.sqrt(weights @ log_tau**2), np.sqrt(weights @ asymptote**2)
    correlation = weights @ (log_tau * asymptote) / (sds[0] * sds[1])
    return row | {"sd_log_tau": sds[0], "sd_P_inf_mmHg": sds[1], "correlation": correlation}


def joined(beats: Beats, found: tuple[Decay, ...], answers: list[UnitAnswer]) -> pd.DataFrame:
    """A row per beat: ``numbers``, and ``told`` where its diastole was long enough."""
    by_beat = {decay.beat: answer for decay, answer in zip(found, answers, strict=True)}
    return pd.DataFrame([numbers(beats, beat) | (told(by_beat[beat]) if beat in by_beat else {}) for beat in beats.all])


def summary(record: Record, beats: Beats, table: pd.DataFrame) -> dict[str, Any]:
    """Medians over the beats, and how far the posteriors are narrower than the prior."""
    levels = {name: _median(table, name) for name in ("HR_1_min", "SBP_mmHg", "DBP_mmHg", "PP_mmHg", "MAP_mmHg")}
    row: dict[str, Any] = {
        "record": record.name,
        "remark": record.remark,
        "beats": len(beats.all),
        "typical": len(beats.typical),
    }
    row |= {"set_aside": beats.counts, **levels}
    if "rung" not in table:
        return row | {"decays": 0}
    solved = table[table["rung"].notna()]
    prior = MODEL.space.draw(20000, 0)
    return row | {
        "decays": len(solved),
        "rungs": {str(k): int(n) for k, n in solved["rung"].value_counts().items()},
        "converged": float(solved["converged"].mean()),
        "tau_s": [_median(solved, f"tau_q{q}_s") for q in ("05", "50", "95")],
        "tau_between_beats_s": np.nanquantile(solved["tau_q50_s"], LEVELS).tolist(),
        "P_inf_mmHg": [_median(solved, f"P_inf_q{q}_mmHg") for q in ("05", "50", "95")],
        "contraction_log_tau": 1.0 - _median(solved, "sd_log_tau") / float(np.log(prior[:, 0]).std()),
        "contraction_P_inf": 1.0 - _median(solved, "sd_P_inf_mmHg") / float(prior[:, 1].std()),
        "correlation": _median(solved, "correlation"),
    }


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Pressures and the decay's time constant with its 90 % interval over time, a column per record."""
    figure = Figure(figsize=(3.2 * len(tables), 5.0), layout="constrained")
    axes = figure.subplots(2, len(tables), sharex="col", squeeze=False)
    for column, (name, table) in zip(axes.T, tables.items(), strict=True):
        part = table[table["recording"] == 0]
        odd = part[(part["set_aside"] != "") & part["SBP_mmHg"].notna()]
        for level, colour in (("SBP", "#D55E00"), ("MAP", "0.3"), ("DBP", "#0072B2")):
            column[0].plot(part["time_s"], part[f"{level}_mmHg"], lw=0.8, color=colour, label=level)
        column[0].plot(odd["time_s"], odd["SBP_mmHg"], "x", ms=3, color="0.6", label="irregular")
        if "tau_q50_s" in part:
            low, middle, high = (part[f"tau_q{q}_s"] for q in ("05", "50", "95"))
            column[1].vlines(part["time_s"], low, high, lw=0.6, color="#56B4E9")
            column[1].plot(part["time_s"], middle, ".", ms=2, color="0.2")
        column[1].set_yscale("log")
        column[1].set_ylim(0.1, 10)
        column[0].set_title(name)
        column[1].set_xlabel("time [s]")
    axes[0, 0].set_ylabel("pressure [mmHg]")
    axes[1, 0].set_ylabel("R C [s], 90 % intervals")
    axes[0, 0].legend(frameon=False, fontsize=7)
    return figure


def lines(rows: list[dict[str, Any]]) -> str:
    """The table of docs/windkessel.md."""
    found = [
        "",
        "| record | errors | beats, typical, set aside | HR | SBP/DBP (MAP) | decays | R C [s], median 90 % interval | "
        "R C between beats [s] | P_inf [mmHg] | contraction log R C, P_inf | correlation |",
        "|" + "---|" * 11,
    ]
    for r in rows:
        aside = ", ".join(f"{n} {why}" for why, n in r["set_aside"].items()) or "none"
        tau, spread, asymptote = r["tau_s"], r["tau_between_beats_s"], r["P_inf_mmHg"]
        found.append(
            f"| {r['record']} | {r['errors']} | {r['beats']}, {r['typical']}, {aside} | {r['HR_1_min']:.0f} | "
            f"{r['SBP_mmHg']:.0f}/{r['DBP_mmHg']:.0f} ({r['MAP_mmHg']:.0f}) | {r['decays']} | "
            f"{tau[1]:.2f} [{tau[0]:.2f}, {tau[2]:.2f}] | {spread[0]:.2f} to {spread[2]:.2f} | "
            f"{asymptote[1]:.0f} [{asymptote[0]:.0f}, {asymptote[2]:.0f}] | "
            f"{100 * r['contraction_log_tau']:.0f} %, {100 * r['contraction_P_inf']:.0f} % | {r['correlation']:.2f} |"
        )
    return "\n".join(found)


def _median(table: pd.DataFrame, column: str) -> float:
    return float(np.nanmedian(table[column]))


def main() -> None:
    """Runs all records and prints the table."""
    parser = argparse.ArgumentParser(description="Arterial pressure beat by beat: numbers and diastolic decay")
    parser.add_argument("--out", type=Path, default=Path("runs/icu"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    require_writable(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    rows, tables = [], {}
    for record in RECORDS:
        beats = beats_of(record)
        found = decays(beats)
        say(f"{record.name}: {beats.note}; {len(found)} diastolic decays")
        for errors, following in (("independent", False), ("autoregressive", True)):
            table = joined(beats, found, posteriors(beats, found, options.seed, following=following))
            table.to_csv(options.out / f"{record.name}-{errors}.csv", index=False)
            rows.append(summary(record, beats, table) | {"errors": errors})
            tables[record.name] = table
    draw(tables).savefig(options.out / "trends.png", dpi=100)
    (options.out / "study.json").write_text(json.dumps(rows, indent=1) + "\n")
    console().print(lines(rows), markup=False)
    console().print("R and C stand in the decay as a product only: no flow was measured, neither is reported.")


if __name__ == "__main__":
    main()
