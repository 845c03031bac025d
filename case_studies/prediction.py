"""``twin predict``: the same draws through a changed condition, with intervals of the paired difference."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from twin.atomic import replaced_folder, require_writable
from twin.case_studies.console import Exit, console
from twin.case_studies.forwards import forward_of, with_fixed
from twin.forward import in_chunks
from twin.inference.posterior import Posterior
from twin.inference.posterior_file import load
from twin.model import Forward, Model, until_end
from twin.models import catalogue
from twin.space import Floats, Space, nearest

POINTS = 200
DRAWS = 1000
LEVELS = (0.05, 0.5, 0.95)
BEYOND = 0.02
"""Most draws that a factor may move out of a parameter's range."""


@dataclass(frozen=True)
class Change:
    """Conditions and parameters set to ``values``, parameters multiplied by ``factors``."""

    values: Mapping[str, float]
    factors: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Scenario:
    """Predictions (draws, n, q) at the abscissa (n, d), NaN where the experiment had ended."""

    conditions: Mapping[str, float]
    x: Floats
    y: Floats


@dataclass(frozen=True, eq=False)
class Comparison:
    """Baseline and changed scenario of the same draws on a common abscissa."""

    baseline: Scenario
    changed: Scenario


def run(
    path: Path,
    changes: dict[str, float],
    factors: dict[str, float],
    out: Path,
    experiment: str | None,
    *,
    as_json: bool,
) -> Exit:
    """Reads a posterior, predicts, writes the folder. ValueError if nothing is changed."""
    if not changes and not factors:
        raise ValueError("nothing is changed; say what, as --set name=value or --scale name=factor")
    require_writable(out.parent)
    posterior = load(path)
    model, forward = forward_behind(posterior)
    compared = compare(
        posterior, model, forward, Change(changes, factors), baseline_conditions(posterior, forward, experiment)
    )
    table = tabulate(model, compared)
    summary = summarise(model, compared, Change(changes, factors), path)
    with replaced_folder(out) as folder:
        table.to_csv(folder / "prediction.csv", index=False)
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        draw(model, compared).savefig(folder / "prediction.svg")
    if as_json:
        console().print_json(json.dumps(summary))
    else:
        for name, entry in summary["observables"].items():
            low, middle, high = entry["mean_difference"]
            console().print(
                f"{name}: changed minus baseline, averaged over the experiment: {middle:.4g} "
                f"[{low:.4g}, {high:.4g}] {entry['unit']} (90 %)",
                markup=False,
            )
        console().print(f"written: {out}", markup=False)
    return Exit.DONE


def forward_behind(posterior: Posterior) -> tuple[Model, Forward]:
    """Model and forward map that a posterior was sampled with."""
    about = posterior.metadata
    if "model" not in about:
        raise ValueError(
            "this posterior does not say which model it belongs to; it was not written by 'twin calibrate'"
        )
    model = catalogue.model(about["model"], about["preset"])
    surrogate = about["study"].get("surrogate")
    forward = forward_of(model, None if surrogate is None else Path(surrogate))
    return model, with_fixed(forward, about["fixed"])


def baseline_conditions(posterior: Posterior, forward: Forward, experiment: str | None) -> dict[str, float]:
    """Conditions of one experiment of the posterior, the first unless named."""
    known = {e["name"]: e["conditions"] for e in posterior.metadata["experiments"]}
    if experiment is not None and experiment not in known:
        raise ValueError(f"no experiment {experiment!r}{nearest(experiment, tuple(known))}")
    chosen = known[experiment] if experiment else next(iter(known.values()))
    return dict(zip(forward.conditions.names, forward.conditions.pack(chosen).tolist(), strict=True))


def compare(
    posterior: Posterior, model: Model, forward: Forward, change: Change, baseline: Mapping[str, float]
) -> Comparison:
    """Both scenarios at thinned draws; the abscissa is the shorter of the two. ValueError for an unknown name."""
    names = forward.space.names
    conditions = {k: v for k, v in change.values.items() if k in forward.conditions.names}
    parameters = {k: v for k, v in change.values.items() if k not in conditions}
    for name in parameters:
        if name not in names:
            raise ValueError(
                f"--set {name}: neither condition nor parameter{nearest(name, forward.conditions.names + names)}"
            )
    changed = {**baseline, **conditions}
    forward.conditions.require_inside(changed, "--set")
    forward.space.require_inside(parameters, "--set")
    theta = thinned(posterior, len(names))
    moved = theta.copy()
    for name, value in parameters.items():
        moved[:, names.index(name)] = value
    for name, factor in change.factors.items():
        scale(moved, forward.space, name, factor)
    packed = [forward.conditions.pack(c) for c in (baseline, changed)]
    x = min((model.abscissa(c, POINTS) for c in packed), key=lambda grid: float(grid[-1, 0]))
    scenarios = [
        Scenario(c, x, until_end(model, in_chunks(forward, draws, vector, x)))
        for c, draws, vector in zip((baseline, changed), (theta, moved), packed, strict=True)
    ]
    return Comparison(*scenarios)


def scale(theta: Floats, space: Space, name: str, factor: float) -> None:
    """Multiplies a parameter in all draws (n, p) in place; the few draws that would leave its range stop at its edge.

    ValueError for an unknown name, or if more than ``BEYOND`` of the draws would leave.
    """
    if name not in space.names:
        raise ValueError(f"--scale {name}: no parameter of this posterior{nearest(name, space.names)}")
    column = space.index(name)
    low, high = space.parameters[column].bounds
    moved = theta[:, column] * factor
    outside = float(np.mean((moved < low) | (moved > high)))
    if outside > BEYOND:
        raise ValueError(
            f"--scale {name}={factor:g}: {100 * outside:.0f} % of the draws would leave [{low:g}, {high:g}], where the "
            "model is valid; choose a factor nearer to 1"
        )
    theta[:, column] = np.clip(moved, low, high)


def thinned(posterior: Posterior, p: int) -> Floats:
    """At most ``DRAWS`` draws (n, p) of the model's own parameters, evenly over all chains."""
    flat = posterior.theta.reshape(-1, posterior.theta.shape[-1])[:, :p]
    return np.asarray(flat[:: max(1, len(flat) // DRAWS)][:DRAWS])


def tabulate(model: Model, compared: Comparison) -> pd.DataFrame:
    """Abscissa, quantiles of both scenarios and of the paired difference; blank where most draws have ended."""
    x = compared.baseline.x
    columns: dict[str, Floats] = {f"{c.name}_{c.unit}": x[:, i] for i, c in enumerate(model.coordinates[: x.shape[1]])}
    kinds = {
        "baseline": compared.baseline.y,
        "changed": compared.changed.y,
        "difference": compared.changed.y - compared.baseline.y,
    }
    for j, observable in enumerate(model.observables):
        for kind, y in kinds.items():
            for level, values in zip(LEVELS, quantiles(y[..., j]), strict=True):
                columns[f"{observable.name}_{kind}_q{100 * level:02.0f}_{observable.unit}"] = values
    return pd.DataFrame(columns)


def quantiles(y: Floats) -> Floats:
    """5, 50 and 95 % over draws (n_draws, n) -> (3, n), NaN where fewer than half of the draws go on."""
    going_on = np.mean(np.isfinite(y), axis=0) >= 0.5
    result = np.full((len(LEVELS), y.shape[1]), np.nan)
    result[:, going_on] = np.nanquantile(y[:, going_on], LEVELS, axis=0)
    return result


def summarise(model: Model, compared: Comparison, change: Change, path: Path) -> dict[str, Any]:
    """Conditions and, per observable, the interval of the mean paired difference."""
    both = compared.changed.y - compared.baseline.y
    observables = {}
    for j, o in enumerate(model.observables):
        counted = np.isfinite(both[..., j])
        means = np.nansum(both[..., j], axis=1) / np.maximum(counted.sum(axis=1), 1)
        observables[o.name] = {"unit": o.unit, "mean_difference": [float(q) for q in np.quantile(means, LEVELS)]}
    return {
        "posterior": str(path),
        "set": dict(change.values),
        "scale": dict(change.factors),
        "baseline": dict(compared.baseline.conditions),
        "changed": dict(compared.changed.conditions),
        "levels": list(LEVELS),
        "observables": observables,
    }


def draw(model: Model, compared: Comparison) -> Figure:
    """Both scenarios and their difference with 90 % bands."""
    figure = Figure(figsize=(7.0, 3.0 * len(model.observables)), layout="constrained")
    axes = np.atleast_2d(figure.subplots(len(model.observables), 2))
    x, first = compared.baseline.x[:, 0], model.coordinates[0]
    for row, o, j in zip(axes, model.observables, range(len(model.observables)), strict=True):
        shown = (("baseline", compared.baseline.y, "C0"), ("changed", compared.changed.y, "C1"))
        for label, y, colour in shown:
            low, middle, high = quantiles(y[..., j])
            row[0].fill_between(x, low, high, color=colour, alpha=0.3, linewidth=0)
            row[0].plot(x, middle, color=colour, label=label)
        low, middle, high = quantiles((compared.changed.y - compared.baseline.y)[..., j])
        row[1].fill_between(x, low, high, color="C2", alpha=0.3, linewidth=0)
        row[1].plot(x, middle, color="C2")
        row[0].legend(frameon=False)
        row[0].set(xlabel=f"{first.name} [{first.unit}]", ylabel=f"{o.name} [{o.unit}]")
        row[1].set(xlabel=f"{first.name} [{first.unit}]", ylabel=f"change of {o.name} [{o.unit}]")
    return figure
