"""A comparison of two scenarios as table, numbers and figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from twin.case_studies.scenarios import Change, Comparison
from twin.model import Cautioned, Model
from twin.space import Floats

LEVELS = (0.05, 0.5, 0.95)


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
    """Conditions and, per observable, intervals over draws of its mean in both scenarios and of the paired difference.

    Draws without an answer in either scenario are left out and counted. ValueError where none has one.
    """
    both = compared.changed.y - compared.baseline.y
    answered = np.isfinite(both).any(axis=(1, 2))
    if not answered.any():
        raise ValueError("no draw has an answer in both scenarios; choose a change nearer to the baseline")
    observables = {
        o.name: {
            "unit": o.unit,
            "mean_difference": _interval(both[answered, :, j]),
            "baseline": _interval(compared.baseline.y[answered, :, j]),
            "changed": _interval(compared.changed.y[answered, :, j]),
        }
        for j, o in enumerate(model.observables)
    }
    return {
        "posterior": str(path),
        "set": dict(change.values),
        "scale": dict(change.factors),
        "baseline": dict(compared.baseline.conditions),
        "changed": dict(compared.changed.conditions),
        "answered_by": compared.by,
        "draws": len(both),
        "draws_without_answer": int(np.sum(~answered)),
        "draws_at_edge": dict(compared.edge),
        "levels": list(LEVELS),
        "observables": observables,
        "caution": model.caution if isinstance(model, Cautioned) else None,
    }


def _interval(y: Floats) -> list[float]:
    """5, 50 and 95 % over draws of the mean over the experiment of predictions (draws, n), where it goes on."""
    means = np.array([np.mean(row[np.isfinite(row)]) for row in y if np.isfinite(row).any()])
    return [float(q) for q in np.quantile(means, LEVELS)] if len(means) else [float("nan")] * len(LEVELS)


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
