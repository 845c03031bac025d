"""The report's sections that are figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.inference.checks import covered
from twin.inference.posterior import Posterior, Series
from twin.inference.report.drawing import embed
from twin.inference.report.figures_chains import BINS, STEPS, draw_chains, draw_energy, shown
from twin.inference.report.figures_draws import draw_pairs, paired
from twin.inference.report.figures_fit import MOST_POINTS, draw_fit, has_discrepancy
from twin.inference.report.numbers import number, percent, unit_text
from twin.inference.report.tables import Section

Summary = Mapping[str, Any]

MOST_SERIES = 10
"""Series drawn; beyond that those whose bands or residuals are worst. The table has all."""


def reported(posterior: Posterior) -> tuple[str, ...]:
    """Names of the parameters that are reported one by one."""
    return tuple(name for name in posterior.space.names if name not in posterior.latent)


def fit(posterior: Posterior, summary: Summary) -> Section:
    """Numbers of every series; points, bands and residuals of those drawn."""
    entries = {(e["experiment"], e["observable"]): e for e in summary["fit"]}
    rows = [_fit_row(s, entries[s.experiment, s.observable]) for s in posterior.series]
    drawn = _worst(posterior.series)
    figures = [_fit_figure(posterior, i) for i in drawn]
    content = {
        "rows": rows,
        "figures": figures,
        "left_out": len(rows) - len(figures),
        "discrepancy": any(has_discrepancy(s) for s in posterior.series),
    }
    return Section("Data and fit", "fit", "fit.html.j2", content)


def _fit_row(series: Series, entry: Mapping[str, Any]) -> dict[str, str]:
    alone = float(np.sqrt(np.mean((series.model - series.y) ** 2)))
    return {
        "experiment": series.experiment,
        "observable": series.observable,
        "unit": unit_text(series.unit),
        "n": str(entry["n"]),
        "rmse": number(entry["rmse"]),
        "alone": number(alone),
        "noise": number(float(np.sqrt(np.mean(series.noise**2)))),
        "coverage": percent(entry["coverage90"]),
    }


def _worst(series: tuple[Series, ...]) -> list[int]:
    """Positions of the series to draw, in their order."""
    if len(series) <= MOST_SERIES:
        return list(range(len(series)))
    excess = [abs(float(np.mean(covered(s))) - 0.9) for s in series]
    return sorted(np.argsort(-np.asarray(excess), kind="stable")[:MOST_SERIES].tolist())


def _fit_figure(posterior: Posterior, i: int) -> dict[str, Any]:
    series = posterior.series[i]
    unit = str(posterior.metadata.get("units", {}).get(series.coordinates[0], ""))
    law = str(posterior.metadata.get("noise", ""))
    alt = f"{series.observable} of {series.experiment}: measurements, predictive bands and residuals"
    remarks = []
    if len(series.y) > MOST_POINTS:
        remarks.append(f"{MOST_POINTS} of {len(series.y)} points are drawn, evenly spaced; the numbers use all.")
    if len(series.coordinates) > 1:
        others = ", ".join(series.coordinates[1:])
        remarks.append(f"Drawn over {series.coordinates[0]}; {others} varies along with it.")
    return {
        "title": f"{series.observable}, {series.experiment}",
        "svg": embed(lambda: draw_fit(series, law, unit), f"fit{i}", alt),
        "remarks": remarks,
    }


def pairs(posterior: Posterior, summary: Summary) -> Section | None:
    """Regions and correlations of pairs; nothing for a single parameter."""
    names = reported(posterior)
    if len(names) < 2:
        return None
    chosen = paired(posterior, names)
    svg = embed(lambda: draw_pairs(posterior, chosen), "pairs", "pairs of parameters: 50 % and 90 % regions")
    content = {"svg": svg, "left_out": len(names) - len(chosen), "count": len(chosen)}
    return Section("Parameters in pairs", "pairs", "pairs.html.j2", content)


def chains(posterior: Posterior, summary: Summary) -> Section:
    """Traces, ranks and energies; a sentence where the draws are re-weighted and have no order."""
    if posterior.khat is not None:
        return Section("Chains", "chains", "chains.html.j2", {"svg": None, "energy": None})
    names = reported(posterior)
    chosen = shown(posterior, names)
    energy = posterior.stats.get("energy")
    content = {
        "svg": embed(lambda: draw_chains(posterior, chosen), "chains", "traces and rank histograms per chain"),
        "energy": None if energy is None else embed(lambda: draw_energy(energy), "energy", "energy and its steps"),
        "left_out": len(names) - len(chosen),
        "count": len(chosen),
        "chains": posterior.theta.shape[0],
        "bins": BINS,
        "steps": min(STEPS, posterior.theta.shape[1]),
    }
    return Section("Chains", "chains", "chains.html.j2", content)
