"""The calibration study of the PINNSTRIPES papers, judged: surrogate posterior against PyBaMM's own likelihood.

``python -m twin.case_studies.benchmarks.pinnstripes2 [--model battery_dfn] [--truths 20] [--noise-mV 3] [--json]``

For random truths of (i0_a, ds_c), PyBaMM simulates the 2C discharge of the NREL cell, as single particles or as a
porous cell, and noise is added. The posterior through the shipped physics-only surrogate is compared with the
posterior under PyBaMM's voltages, integrated on a dense grid over both parameters and the noise scale. The grid's
voltages are the Chebyshev interpolant of PyBaMM solves (its error is printed), so no surrogate of ours enters the
reference.
"""

import argparse
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from twin.case_studies.console import console
from twin.case_studies.forwards import forward_of
from twin.case_studies.verification import finished_store
from twin.case_studies.workers import workers
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.nuts_numpyro import sample_nuts
from twin.model import Forward, Model
from twin.models import catalogue
from twin.solves import Job, solve_all
from twin.space import Floats

NODES = 20
"""Chebyshev nodes per parameter, in its logarithm."""
GRID = 300
"""Cells per parameter of the reference posterior, equal in prior probability."""
SIGMAS = 80
DRAWS = 4000
"""Per chain: the sds of skewed posteriors need many."""
POINTS = 100
FIRST, LAST = 10.0, 1350.0
"""[s], the papers' window"""


@dataclass(frozen=True, eq=False)
class Reference:
    """PyBaMM's voltages over the box: values at cell centres (GRID², n) and their parameters (GRID², 2)."""

    theta: Floats
    voltage: Floats
    interpolation_error: float


def times() -> Floats:
    """The papers' 100 uniform times (n, 1) [s]."""
    return np.linspace(FIRST, LAST, POINTS)[:, None]


def solved(model: Model, theta: Floats) -> Floats:
    """PyBaMM's voltages (N, n) [V] of the nominal discharge, in parallel; each is kept as it finishes."""
    jobs = [Job(row, model.conditions.nominal, times()) for row in theta]
    with workers() as executor:
        return np.stack(solve_all(model, jobs, executor=executor, store=finished_store("solves")))[..., 0]


def reference_grid(model: Model, seed: int = 0, nodes: int = NODES) -> Reference:
    """The interpolant of ``nodes``² solves on a GRID x GRID mesh, and its largest error [V] at fresh points."""
    bounds = np.log(model.space.bounds)
    z = chebyshev.chebpts1(nodes)
    axes = [low + (high - low) * (z + 1) / 2 for low, high in bounds]
    at_nodes = np.exp(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)).reshape(-1, 2)
    known = solved(model, at_nodes).reshape(nodes, nodes, -1)
    inverse = np.linalg.inv(chebyshev.chebvander(z, nodes - 1))
    coefficients = np.einsum("ai,bj,ijn->abn", inverse, inverse, known)

    def at(theta: Floats) -> Floats:
        scaled = 2 * (np.log(theta) - bounds[:, 0]) / (bounds[:, 1] - bounds[:, 0]) - 1
        basis = [chebyshev.chebvander(scaled[:, i], nodes - 1) for i in range(2)]
        values: Floats = np.einsum("ka,kb,abn->kn", *basis, coefficients, optimize=True)
        return values

    fresh = model.space.sobol(16, seed)
    error = np.abs(at(fresh) - solved(model, fresh)).max()
    centres = (np.arange(GRID) + 0.5) / GRID
    unit = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1).reshape(-1, 2)
    theta = model.space.from_unit(unit)
    return Reference(theta, at(theta), float(error))


def exact_posterior(reference: Reference, y: Floats, noise: Any) -> tuple[Floats, Floats, Floats]:
    """Mean, sd and width of the 90 % interval, each (2,), under PyBaMM's voltages; the noise scale is integrated
    out over its prior.
    """
    squares = np.sum((reference.voltage - y) ** 2, axis=1)
    best = np.sqrt(squares.min() / len(y))
    sigma = best * np.exp(np.linspace(-0.6, 0.8, SIGMAS))
    log_prior = noise.log_prob(sigma) + np.log(sigma)
    log_joint = log_prior - len(y) * np.log(sigma) - 0.5 * squares[:, None] / sigma**2
    weights = np.exp(log_joint - log_joint.max()).sum(axis=1)
    weights /= weights.sum()
    mean = weights @ reference.theta
    sd = np.sqrt(weights @ (reference.theta - mean) ** 2)
    width = np.array([_width(column, weights) for column in reference.theta.T])
    return mean, np.asarray(sd), width


def _width(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    mass = np.cumsum(weights[order])
    low, high = np.interp([0.05, 0.95], mass, values[order])
    return float(high - low)


def one(
    forward: Forward, reference: Reference, truth: Floats, y: Floats, seed: int, draws: int = DRAWS
) -> dict[str, Any]:
    """Both posteriors of one data set; ``draws`` are those of a chain."""
    conditions = forward.conditions.unpack(forward.conditions.nominal)
    experiment = Experiment("2C", conditions, ("time",), times(), ("voltage",), y[:, None], {"voltage": "V"})
    likelihood = Likelihood(forward, [experiment])
    sample = sample_nuts(density_of(likelihood), seed=seed, draws=draws)
    theta = sample.theta[..., :2].reshape(-1, 2)
    mean, sd, width = exact_posterior(reference, y, forward.observables[0].noise)
    low, high = (np.asarray(np.quantile(theta, level, axis=0)) for level in (0.05, 0.95))
    return {
        "truth": truth.tolist(),
        "mean_shift": ((theta.mean(axis=0) - mean) / sd).tolist(),
        "sd_ratio": (theta.std(axis=0) / sd).tolist(),
        "width_ratio": ((high - low) / width).tolist(),
        "inside90": ((low <= truth) & (truth <= high)).tolist(),
        "correlation": float(np.asarray(np.corrcoef(theta.T))[0, 1]),
        "sd": sd.tolist(),
        "divergences": int(np.sum(sample.stats["diverging"])),
    }


def study(model: Model, truths: int, noise: float, seed: int) -> dict[str, Any]:
    """All data sets; sixteen or more truths make the coverage mean something."""
    forward, reference = forward_of(model), reference_grid(model)
    theta = model.space.draw(truths, seed)
    clean = solved(model, theta)
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(truths):
        y = clean[i] + noise * rng.standard_normal(POINTS)
        rows.append(one(forward, reference, theta[i], y, seed + i))
    shift, ratio, width = (np.array([row[key] for row in rows]) for key in ("mean_shift", "sd_ratio", "width_ratio"))
    return {
        "noise_V": noise,
        "interpolation_error_V": reference.interpolation_error,
        "largest_mean_shift": np.abs(shift).max(axis=0).tolist(),
        "sd_ratio_range": [ratio.min(axis=0).tolist(), ratio.max(axis=0).tolist()],
        "width_ratio_range": [width.min(axis=0).tolist(), width.max(axis=0).tolist()],
        "inside90": np.mean([row["inside90"] for row in rows], axis=0).tolist(),
        "truths": rows,
    }


def main() -> None:
    """Prints one line per truth and the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="battery_spm", choices=("battery_spm", "battery_dfn"))
    parser.add_argument("--truths", type=int, default=20)
    parser.add_argument("--noise-mV", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = catalogue.model(options.model, "pinnstripes2")
    result = study(model, options.truths, options.noise_mV / 1000, options.seed)
    out = console()
    if options.json:
        out.print_json(json.dumps(result))
        return
    for row in result["truths"]:
        text = "  ".join(
            f"{name} {t:5.2f}: shift {s:+.3f} sd, sd ratio {r:.3f}, width ratio {w:.3f}, {'in' if i else 'OUT'}"
            for name, t, s, r, w, i in zip(
                ("i0_a", "ds_c"),
                row["truth"],
                row["mean_shift"],
                row["sd_ratio"],
                row["width_ratio"],
                row["inside90"],
                strict=True,
            )
        )
        out.print(f"{text}; correlation {row['correlation']:+.2f}, divergences {row['divergences']}")
    for key in ("interpolation_error_V", "largest_mean_shift", "sd_ratio_range", "width_ratio_range", "inside90"):
        out.print(f"{key}: {result[key]}")


if __name__ == "__main__":
    main()
