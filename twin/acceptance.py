"""Held-out errors of a forward map against the reference solver: what a surrogate is accepted or refused on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.arrays import to_numpy
from twin.error import ErrorModel, uncorrelated
from twin.error_fit import CENTRAL, Errors, fit_error, reach_of, standardised
from twin.model import Model, until_end
from twin.space import Floats
from twin.training.build import Solves, Trainable


@dataclass(frozen=True, eq=False)
class Differences:
    """Forward map minus reference (N, n, q) on held-out points, NaN where the reference had ended.

    ``slide`` (N, n, q) is what a relative error of the abscissa is worth there, None where errors do not slide.
    """

    solves: Solves
    values: Floats
    slide: Floats | None = None


def reference_solves(
    model: Model, *, n: int, points: int, seed: int, progress: Callable[[int], None] | None = None
) -> Solves:
    """n reference solutions at scrambled Sobol draws of parameters and conditions, ``points`` abscissae each."""
    return solves_at(model, (model.space + model.conditions).sobol(n, seed), points=points, progress=progress)


def solves_at(model: Model, joint: Floats, *, points: int, progress: Callable[[int], None] | None = None) -> Solves:
    """Reference solutions at parameters and conditions side by side, ``joint`` (n, p + k)."""
    p = len(model.space)
    theta, c = joint[:, :p], joint[:, p:]
    x = np.stack([model.abscissa(row, points) for row in c])
    y = []
    for i in range(len(joint)):
        y.append(until_end(model, model.simulate(theta[i : i + 1], c[i], x[i]))[0])
        if progress is not None:
            progress(i + 1)
    return Solves(theta, c, x, np.stack(y))


Map = Callable[[Floats, Floats, Floats], Floats]


def differences(forward: Map, solves: Solves, *, slide: Map | None = None) -> Differences:
    """The map minus the reference on every solve; ``slide`` (``Surrogate.slide``) where errors do."""
    predicted = [
        to_numpy(forward(theta[None], c, x))[0] for theta, c, x in zip(solves.theta, solves.c, solves.x, strict=True)
    ]
    values = np.stack(predicted) - solves.y
    return Differences(solves, values, None if slide is None else _slides(slide, solves, values))


def _slides(slide: Map, solves: Solves, values: Floats) -> Floats:
    """(N, n, q), of each curve as far as its reference goes, as a measured one would be; NaN elsewhere."""
    found = np.full(values.shape, np.nan)
    known = np.isfinite(values)
    for i in range(len(values)):
        counted = known[i].any(axis=1)
        if counted.any():
            found[i, counted] = to_numpy(slide(solves.theta[i : i + 1], solves.c[i], solves.x[i, counted]))[0]
    return found


def error_model(model: Model, found: Differences) -> ErrorModel:
    """The error as a random function of parameters, conditions and abscissa, fitted to the held-out points.

    Where a model's recipe says that errors are stationary, one bias and one standard deviation of each observable.
    ValueError where it says that they slide, and the differences do not know how far.
    """
    if isinstance(model, Trainable) and model.recipe.stationary:
        return stationary_errors(found, len(model.space) + len(model.conditions))
    if isinstance(model, Trainable) and model.recipe.sliding and found.slide is None:
        raise ValueError(f"errors of {model.name} slide: expected differences(..., slide=surrogate.slide), got none")
    return fit_error(_errors(found), *reach_of(model.space + model.conditions))


def stationary_errors(found: Differences, d: int) -> ErrorModel:
    """Independent errors of the pooled mean and standard deviation, whatever the d parameters and conditions are."""
    bias, sd = (f(found.values, axis=(0, 1)) for f in (np.nanmean, np.nanstd))
    m = found.values.shape[1]
    return uncorrelated(np.linspace(0.0, 1.0, m), np.tile(bias, (m, 1)), np.tile(sd, (m, 1)), d)


def error_calibration(model: Model, errors: ErrorModel, found: Differences) -> dict[str, dict[str, float]]:
    """Whether the error model holds on points that it was not fitted to, by observable.

    ``coverage90``: share of errors inside their central 90 %, 0.9 for a calibrated model; ``mean_square``: of the
    standardised errors, 1 for a calibrated one; ``median_square``: 0.455 for a normal law.
    """
    z = standardised(errors, _errors(found), len(model.space))
    table = {}
    for j, observable in enumerate(model.observables):
        square = z[..., j][np.isfinite(z[..., j])] ** 2
        table[observable.name] = {
            "coverage90": float(np.mean(square <= CENTRAL**2)),
            "mean_square": float(np.mean(square)),
            "median_square": float(np.median(square)),
        }
    return table


def _errors(found: Differences) -> Errors:
    return Errors(np.concatenate([found.solves.theta, found.solves.c], axis=1), found.values, found.slide)


def error_table(model: Model, found: Differences) -> dict[str, dict[str, Any]]:
    """By observable: unit, and median, p95, p99 and maximum of the rms error per curve, mean bias, largest error."""
    table = {}
    for j, observable in enumerate(model.observables):
        values = found.values[..., j]
        solved = np.any(np.isfinite(values), axis=1)
        rms = np.sqrt(np.nanmean(values[solved] ** 2, axis=1))
        table[observable.name] = {
            "unit": observable.unit,
            "n": int(solved.sum()),
            "median": float(np.median(rms)),
            "p95": float(np.percentile(rms, 95)),
            "p99": float(np.percentile(rms, 99)),
            "max": float(rms.max()),
            "bias": float(np.nanmean(values)),
            "largest": float(np.nanmax(np.abs(values))),
        }
    return table


def gradient_error(forward: Map, model: Model, *, n: int, seed: int, step: float = 1e-3) -> dict[str, float]:
    """Error of dy/dθ against central differences of the reference, relative to their size, by parameter.

    Both sides are differenced with the same step (a share of each parameter's range), so that the truncation
    error cancels: the figure is sqrt(mean (Δ_map - Δ_reference)²/mean Δ_reference²).
    """
    solves = reference_solves(model, n=n, points=50, seed=seed)
    bounds = np.stack([model.space.from_unit(np.full((1, len(model.space)), u))[0] for u in (0.05, 0.95)])
    errors = {}
    for j, name in enumerate(model.space.names):
        shift = np.zeros(len(model.space))
        shift[j] = step * (bounds[1, j] - bounds[0, j])
        squared, size = 0.0, 0.0
        for theta, c, x in zip(solves.theta, solves.c, solves.x, strict=True):
            inside = np.clip(theta, bounds[0], bounds[1])
            pair = np.stack([inside + shift, inside - shift])
            ours, reference = (np.diff(f(pair, c, x), axis=0) for f in (forward, model.simulate))
            solved = np.isfinite(reference)
            squared += float(np.sum((ours - reference)[solved] ** 2))
            size += float(np.sum(reference[solved] ** 2))
        errors[name] = float(np.sqrt(squared / size))
    return errors
