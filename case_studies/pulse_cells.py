"""Pulses of 24 LG M50 cells: how much do cells of one type differ, and what does each learn from the others?

``python -m twin.case_studies.pulse_cells --out runs/pulse_cells [--soc 0.5] [--without 9] [--two-stage]``

Data: W. D. Widanage, Simscape Battery Library (MIT): a pulse of 10 s with its relaxation, six cells at each of four
temperatures. Each cell is calibrated alone (``battery_circuit``, two pairs), then all are pooled: a mean for every
temperature, a spread common to all. The story is told in docs/hierarchical.md.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twin.atomic import require_writable
from twin.case_studies.benchmarks.table import Row, show
from twin.case_studies.console import say
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.inference.pooling.checks import check_pooled
from twin.inference.pooling.hierarchical import pool_units
from twin.inference.pooling.law import Pooling
from twin.inference.pooling.pooled import Pooled
from twin.inference.pooling.two_stage import pool_answers
from twin.inference.units.door import unit_data
from twin.inference.units.solve import Units, solve_units
from twin.models.battery_circuit import PRESETS
from twin.space import Floats
from twin.table import read_table

FILE = "battery/lgm50_pulses.csv.gz"
TEMPERATURES = ("0", "10", "25", "45")
"""[°C], as the file has them."""
MODEL = PRESETS["pulse_two_pairs"]
POOLED = (*MODEL.space.names, "noise_voltage")
LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Cells:
    """Experiments, cells' names and temperatures."""

    experiments: list[Experiment]
    names: list[str]
    temperatures: list[str]


def cells_of(path: Path, soc: str, without: tuple[str, ...]) -> Cells:
    """The pulses at a nominal state of charge."""
    whole = read_table(path).select("soc_nominal", [soc])
    found = Cells([], [], [])
    for temperature in TEMPERATURES:
        for label, part in whole.select("T_amb_C", [temperature]).by("cell"):
            cell = str(label).rpartition("=")[2]
            if cell not in without:
                found.experiments.append(MODEL.experiments(part, {}))
                found.names.append(cell)
                found.temperatures.append(temperature)
    return found


def pooled_of(cells: Cells, seed: int, *, two_stage: bool) -> Pooled:
    """Every cell alone, then all together, from their own answers in two stages."""
    units = Units(Likelihood(MODEL, cells.experiments[:1]), seed=seed)
    data = [unit_data(MODEL, cells.experiments)]
    answers = list(solve_units(units, data))
    for answer in answers:
        say(f"cell {cells.names[answer.unit]}: {answer.rung}, {answer.reason}")
    groups = [f"{t} °C" for t in cells.temperatures]
    if two_stage:
        return pool_answers(units, answers, Pooling(POOLED), seed=seed, groups=groups)
    return pool_units(units, data, answers, Pooling(POOLED), seed=seed, groups=groups)


def table_of(pooled: Pooled) -> list[Row]:
    """Population median by temperature, relative spread with its 90 % interval, shrinkage."""
    rows: list[Row] = []
    factor = {"Ohm": 1e3, "V": 1e3}
    median = np.median(pooled.median, axis=0)
    # in θ's own units the spread differs between temperatures; relative to the median it is one number
    spread = 100 * np.quantile((pooled.spread / pooled.median)[:, 0], LEVELS, axis=0)
    for k, j in enumerate(pooled.law.pooled):
        p = pooled.law.space.parameters[j]
        unit = {"Ohm": "mOhm", "V": "mV"}.get(p.unit, p.unit)
        low, middle, high = spread[:, k]
        medians = {g: f"{factor.get(p.unit, 1.0) * median[i, k]:.3g}" for i, g in enumerate(pooled.law.groups)}
        share = {"spread %": f"{middle:.1f} ({low:.1f} to {high:.1f})", "shrinkage": f"{pooled.shrinkage[k]:.2f}"}
        moved = np.abs(pooled.shift[:, j])
        narrow = np.median(pooled.narrowing[:, j])
        rows.append(
            {"parameter": f"{p.name} [{unit}]"} | medians | share
            | {"sd ratio": f"{narrow:.2f}", "largest shift [sd]": f"{moved.max():.1f}"}
        )  # fmt: skip
    return rows


def draw(pooled: Pooled, cells: Cells) -> Figure:
    """Each cell alone and pooled (90 %), over the band (90 %) in which a new cell of its temperature lies."""
    names = [pooled.law.space.names[j] for j in pooled.law.pooled]
    figure = Figure(figsize=(11.0, 1.9 * len(names)), layout="constrained")
    band = np.quantile(pooled.new_unit(0), LEVELS, axis=0)
    theta = pooled.theta.reshape(-1, *pooled.theta.shape[2:])
    own = [np.asarray(pooled.density.theta(u)) for u in pooled.alone.u]
    alone = np.stack([_quantiles(t, w) for t, w in zip(own, pooled.alone.log_weights, strict=True)], axis=1)
    together = np.quantile(theta, LEVELS, axis=0)
    panels = figure.subplots(len(names), 1, sharex=True)
    for k, (j, panel) in enumerate(zip(pooled.law.pooled, panels, strict=True)):
        _panel(panel, alone[..., j], together[..., j], band[:, pooled.groups, k])
        panel.set_ylabel(f"{names[k]} [{pooled.law.space.parameters[j].unit}]")
    labels = [f"{cells.names[i]}\n{cells.temperatures[i]} °C" for i in pooled.rows]
    panels[-1].set_xticks(range(len(labels)), labels, fontsize=7)
    panels[0].legend(frameon=False, fontsize=8, ncols=3)
    panels[-1].set_xlabel("cell, temperature")
    return figure


def _panel(panel: Axes, alone: Floats, together: Floats, band: Floats) -> None:
    """Quantiles (3, U) of one parameter."""
    at = np.arange(alone.shape[1])
    panel.bar(at, band[2] - band[0], bottom=band[0], width=1.0, color="0.9", label="a new cell, 90 %")
    for side, (low, middle, high), colour, label in (
        (-0.15, alone, "#D55E00", "alone"),
        (0.15, together, "#0072B2", "pooled"),
    ):
        panel.errorbar(at + side, middle, [middle - low, high - middle], fmt="o", ms=3, lw=1, color=colour, label=label)
    panel.set_yscale("log")


def _quantiles(theta: Floats, log_weights: Floats) -> Floats:
    """LEVELS of weighted draws (n, p): (3, p)."""
    order = np.argsort(theta, axis=0)
    share = np.exp(log_weights)[order]
    middle = np.cumsum(share, axis=0) - 0.5 * share
    ordered = np.take_along_axis(theta, order, axis=0)
    return np.stack([np.interp(LEVELS, middle[:, j], ordered[:, j]) for j in range(theta.shape[1])], axis=-1)


def main() -> None:
    """Calibrates, pools, prints the table of docs/hierarchical.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/pulse_cells"))
    parser.add_argument("--soc", default="0.5", help="nominal state of charge, 0.1 to 0.9")
    parser.add_argument("--without", default="", help="cells to leave out, by commas")
    parser.add_argument("--two-stage", action="store_true", help="pool the cells' own answers, without NUTS on all")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        path = find_data(FILE)
    except DataNotFoundError as error:
        say(f"not run: {error}")
        return
    require_writable(options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    cells = cells_of(path, options.soc, tuple(options.without.split(",")))
    pooled = pooled_of(cells, options.seed, two_stage=options.two_stage)
    draw(pooled, cells).savefig(options.out / "cells.png", dpi=110)
    rows, checks = table_of(pooled), check_pooled(pooled)
    told: dict[str, Any] = {
        "rows": [dict(row) for row in rows],
        "checks": {c.name: {"value": c.value, "limit": c.limit, "pass": c.passed} for c in checks},
        "refused": pooled.refused,
    }
    (options.out / "study.json").write_text(json.dumps(told, indent=1) + "\n")
    show(f"{len(pooled.rows)} cells at state of charge {options.soc}", rows, as_json=False)
    show("checks", [{"check": c.name, "value": c.value, "passed": c.passed, "meaning": c.meaning} for c in checks],
         as_json=False)  # fmt: skip


if __name__ == "__main__":
    main()
