"""A road log of a Land Rover Td5: boost predicted, and the gain of its air-mass sensor.

``python -m twin.case_studies.engine_td5 [--seed 0] [--swap]`` calibrates ``engine_charge_air`` on the first half of the
record and predicts the intake pressure of the second from speed, fuel and ambient pressure alone.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from twin.arrays import to_numpy
from twin.case_studies.console import say
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.models.engine_charge_air import MODEL
from twin.space import Floats
from twin.table import read_table

FILE = "engine/td5_road_log.csv"
COLUMNS = {"fuel": "fuel_mg_stroke:mg", "W_air": "W_air_kg_h:kg/h"}
DRAWS = 400


@dataclass(frozen=True, eq=False)
class Result:
    """The posterior of one half, and how the other half's pressure was predicted [kPa]."""

    likelihood: Likelihood
    sample: Sample
    train_rmse: float
    rmse: float
    coverage90: float
    quantiles: Mapping[str, Floats]


def log() -> Experiment:
    """The whole record; DataNotFoundError where the file is not there."""
    return MODEL.experiments(read_table(find_data(FILE), COLUMNS), {})


def halves(record: Experiment) -> tuple[Experiment, Experiment]:
    """The record with the first half of its readings, and with the second."""
    early = (np.arange(len(record.x)) < len(record.x) // 2)[:, None]
    return replace(record, mask=record.mask & early), replace(record, mask=record.mask & ~early)


def study(record: Experiment, seed: int = 0, *, swapped: bool = False) -> Result:
    """Calibrates on the first half and predicts the second, or the other way round."""
    first, second = reversed(halves(record)) if swapped else halves(record)
    likelihood = Likelihood(MODEL, [first], autoregressive=("p_im", "W_air"))
    sample = sample_ladder(density_of(likelihood), seed=seed)
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    draws = flat[:: max(1, len(flat) // DRAWS)]
    c = MODEL.conditions.pack(dict(record.conditions))
    p = to_numpy(MODEL(draws[:, : len(MODEL.space)], c, record.x))[..., 0]
    noise = draws[:, likelihood.scales.names.index("noise_p_im"), None]
    told = p + noise * np.random.default_rng(seed).standard_normal(p.shape)
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    y, middle = record.y[:, record.observables.index("p_im")], p.mean(axis=0)
    late = second.mask[:, record.observables.index("p_im")]
    early = first.mask[:, record.observables.index("p_im")]
    return Result(
        likelihood, sample, train_rmse=float(np.sqrt(np.mean((middle - y)[early] ** 2))),
        rmse=float(np.sqrt(np.mean((middle - y)[late] ** 2))),
        coverage90=float(np.mean(((y >= low) & (y <= high))[late])),
        quantiles={
            name: np.quantile(flat[:, i], [0.05, 0.5, 0.95]) for i, name in enumerate(likelihood.scales.names)
        },
    )  # fmt: skip


def main() -> None:
    """Prints the posterior and the prediction."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--swap", action="store_true", help="calibrate on the second half, predict the first")
    options = parser.parse_args()
    try:
        record = log()
    except DataNotFoundError as absent:
        parser.error(str(absent))
    for note in record.notes:
        say(note)
    found = study(record, options.seed, swapped=options.swap)
    say(f"{found.sample.rung}: {found.sample.reason}")
    for name, (low, middle, high) in found.quantiles.items():
        say(f"{name:>16}  {middle:8.4g}  [{low:.4g}, {high:.4g}]")
    say(
        f"p_im: rmse {found.train_rmse:.2f} kPa on the half that was fitted, {found.rmse:.2f} kPa on the other; the "
        f"90 % bands hold {found.coverage90:.0%} of it"
    )


if __name__ == "__main__":
    main()
