"""What moves a porous cell's posterior away from PyBaMM's own: the network's error, its stated mean, or counting it.

``python -m twin.case_studies.benchmarks.dfn_posterior_parts [--seed 5] [--json]``

The aged cell of ``dfn_table.py`` again. About the truth the posterior is linear in the data, with J the slopes of the
voltages, P the precision of the prior, Σ the errors' covariance and r what is left of the data,

    mean = (Jᵀ Σ⁻¹ J + P)⁻¹ Jᵀ Σ⁻¹ r

PyBaMM's own has its voltages at the truth and the noise's Σ. Then the network takes the place of PyBaMM, its stated
mean error is subtracted, and its stated covariance counts, one after the other.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from twin.case_studies.benchmarks import dfn_table
from twin.case_studies.benchmarks.dfn_posterior import likelihood_of_the_aged_cell
from twin.case_studies.benchmarks.table import Row, show
from twin.inference.blocks import Block
from twin.inference.likelihood import Likelihood
from twin.models.battery.lgm50_porous import soh6
from twin.space import Floats

STEP = 1e-3
"""Of the slopes, in standard deviations of the prior."""
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Parts:
    """At the truth, over all readings (N,): slopes (N, p), noise, the network less PyBaMM, its stated mean error, and
    its stated covariance (N, N); the prior's standard deviations (p,).
    """

    slopes: Floats
    noise: Floats
    network: Floats
    stated: Floats
    covariance: Floats
    prior: Floats


def parts_of(likelihood: Likelihood) -> Parts:
    """Of the cell whose truth is known."""
    truth = soh6.space.pack(dfn_table.TRUTH)
    prior = soh6.space.draw(DRAWS, seed=0).std(axis=0)
    sides = np.concatenate([truth + STEP * np.diag(prior), truth - STEP * np.diag(prior)])
    found = [_of_block(likelihood, block, truth, sides) for block in likelihood.blocks]
    slopes, noise, network, stated, covariances = zip(*found, strict=True)
    left, off, mean = (np.concatenate(part) for part in (noise, network, stated))
    return Parts(np.concatenate(slopes) / (2 * STEP * prior), left, off, mean, block_diag(*covariances), prior)


def _of_block(likelihood: Likelihood, block: Block, truth: Floats, sides: Floats) -> tuple[Floats, ...]:
    error, p = block.error, len(truth)
    assert error is not None
    curve = block.curve(likelihood.forward, truth[None])
    beside = block.curve(likelihood.forward, sides).y[..., 0]
    factor = error.factor(truth[None], curve.slide)[0, :, 0]
    true = soh6.simulate(truth[None], block.c, block.x)[0, :, 0]
    return (
        (beside[:p] - beside[p:]).T,
        block.y[:, 0] - true,
        curve.y[0, :, 0] - true,
        error.mean(truth[None], curve.slide)[0, :, 0],
        factor @ factor.T + np.diag(error.variance(truth[None])[0, :, 0]),
    )


def estimate(parts: Parts, left: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Mean less the truth and standard deviations (p,)."""
    weighted = parts.slopes.T @ np.linalg.inv(covariance)
    posterior = np.linalg.inv(weighted @ parts.slopes + np.diag(parts.prior**-2.0))
    return posterior @ weighted @ left, np.sqrt(np.diag(posterior))


def rows_of(parts: Parts) -> list[Row]:
    """By what was changed: means' moves in PyBaMM's own standard deviations, and ratios of standard deviations."""
    alone = np.eye(len(parts.noise)) * dfn_table.NOISE**2
    left = parts.noise - parts.network
    ways = {
        "the network for PyBaMM": (left, alone),
        "and its stated mean subtracted": (left + parts.stated, alone),
        "and its stated covariance counted": (left + parts.stated, alone + parts.covariance),
        "that covariance alone, voltages of PyBaMM": (parts.noise, alone + parts.covariance),
    }
    own, scale = estimate(parts, parts.noise, alone)
    rows: list[Row] = []
    for what, way in ways.items():
        mean, sd = estimate(parts, *way)
        moved, ratio = (mean - own) / scale, float((sd / scale).max())
        named = {name: f"{move:+.2f}" for name, move in zip(soh6.space.names, moved, strict=True)}
        rows.append({"what": what, **named, "largest": float(np.abs(moved).max()), "sd ratio": ratio})
    return rows


def main() -> None:
    """Prints the table of docs/dfn.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    parts = parts_of(likelihood_of_the_aged_cell(given.seed))
    off, stated = (1e3 * float(np.sqrt(np.mean(part))) for part in (parts.network**2, np.diag(parts.covariance)))
    show(
        f"moves of means, sd (the network is {off:.2f} mV off, {stated:.2f} stated)",
        rows_of(parts),
        as_json=given.as_json,
    )


if __name__ == "__main__":
    main()
