"""Steady maps of two car diesels: torque, air and exhaust temperature of operating points that were not fitted.

``python -m twin.case_studies.engine_maps [--gaussian] [--seed 0]`` calibrates ``engine_steady_map`` on the VW 1.9 TDI
and on the Mercedes 1.7 CDI, blocks of speeds left out, and predicts these blocks. The files' grids are interpolated, so
of neighbours only one is used. The VW's exhaust is told to be far hotter at 3500 to 3800 rpm than before and after:
errors follow Student's t, which lets such rows go; ``--gaussian`` shows what they do otherwise.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table as Shown

from twin.arrays import to_numpy
from twin.case_studies.console import console, say
from twin.data import DataNotFoundError, find_data
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.noise import Gaussian, Noise, StudentT
from twin.inference.sample import Sample
from twin.models.engine_steady_map import MODEL
from twin.space import Floats
from twin.table import read_table

SPEEDS = (1200.0, 4000.0)
"""[rpm] between which there are measured points at load."""
EVERY_SPEED, TORQUE_STEP, EVERY_TORQUE = 200.0, 6.779, 3
"""[rpm], [N m] of the grid, and of how many of its torques one is used."""
HELD_OUT = ((1600.0, 1800.0), (2400.0, 2600.0), (3200.0, 3400.0))
"""Blocks of speeds [rpm], with their ends, that are not fitted."""
DRAWS = 400


@dataclass(frozen=True)
class Car:
    """An engine and its file."""

    title: str
    file: str
    displacement: float


CARS = (
    Car("VW 1.9 TDI", "engine/vw_1p9_tdi_steady_map.csv", 1.896),
    Car("Mercedes 1.7 CDI", "engine/mercedes_1p7_cdi_steady_map.csv", 1.689),
)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Of one reading at points that were not fitted: points, errors' median size and root mean square, coverage."""

    count: int
    median: float
    rmse: float
    coverage90: float


@dataclass(frozen=True, eq=False)
class Result:
    """The posterior of one car, and how its held-out points were predicted."""

    sample: Sample
    quantiles: Mapping[str, Floats]
    predictions: Mapping[str, Prediction]


def measured(car: Car) -> Experiment:
    """The thinned map; DataNotFoundError where the file is not there."""
    table = read_table(find_data(car.file)).select("attainable", ["1"])
    whole = MODEL.experiments(table, {"displacement": car.displacement})
    n_e, torque = whole.x[:, 0], whole.y[:, whole.observables.index("torque")]
    own = (n_e >= SPEEDS[0]) & (n_e <= SPEEDS[1]) & (n_e % EVERY_SPEED == 0)
    return replace(whole, mask=whole.mask & (own & (np.round(torque / TORQUE_STEP) % EVERY_TORQUE == 0))[:, None])


def parts(record: Experiment) -> tuple[Experiment, Experiment]:
    """The points to be fitted, and those of the blocks that are not."""
    n_e = record.x[:, 0]
    out = np.any([(n_e >= low) & (n_e <= high) for low, high in HELD_OUT], axis=0)[:, None]
    return replace(record, mask=record.mask & ~out), replace(record, mask=record.mask & out)


def study(record: Experiment, noise: Noise, seed: int = 0) -> Result:
    """Calibrates on one part and predicts the other."""
    fitted, rest = parts(record)
    likelihood = Likelihood(MODEL, [fitted], noise)
    sample = sample_ladder(density_of(likelihood), seed=seed)
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    draws = flat[:: max(1, len(flat) // DRAWS)]
    clean = to_numpy(MODEL(draws[:, : len(MODEL.space)], MODEL.conditions.pack(dict(record.conditions)), record.x))
    scale = draws[:, [likelihood.scales.names.index(f"noise_{o.name}") for o in MODEL.observables]]
    told = clean + scale[:, None, :] * noise.draw(clean.shape, np.random.default_rng(seed))
    seen, fuel = rest.mask.all(axis=1), record.x[:, 1]
    ours = {o.name: (clean[..., j], told[..., j], record.y[:, j]) for j, o in enumerate(MODEL.observables)}
    air, air_told, air_read = (flow / fuel - 1 for flow in ours["W_exh"])
    ours["AFR"] = (air, air_told, air_read)
    return Result(
        sample,
        {name: np.quantile(flat[:, i], [0.05, 0.5, 0.95]) for i, name in enumerate(likelihood.scales.names)},
        {name: predicted(*(part[..., seen] for part in three)) for name, three in ours.items()},
    )


def predicted(clean: Floats, told: Floats, y: Floats) -> Prediction:
    """Of draws (S, n) without and with noise, against readings (n,)."""
    low, high = np.quantile(told, [0.05, 0.95], axis=0)
    off = clean.mean(axis=0) - y
    inside = np.mean((y >= low) & (y <= high))
    return Prediction(len(y), float(np.median(np.abs(off))), float(np.sqrt(np.mean(off**2))), float(inside))


def main() -> None:
    """Prints posteriors and predictions of both cars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gaussian", action="store_true", help="errors without heavy tails")
    options = parser.parse_args()
    units = {o.name: o.unit for o in MODEL.observables} | {"AFR": "1"}
    try:
        maps = [measured(car) for car in CARS]
    except DataNotFoundError as absent:
        parser.error(str(absent))
    for car, record in zip(CARS, maps, strict=True):
        found = study(record, Gaussian() if options.gaussian else StudentT(), options.seed)
        say(f"{car.title}: {found.sample.rung}: {found.sample.reason}")
        for name, (low, middle, high) in found.quantiles.items():
            say(f"{name:>16}  {middle:8.4g}  [{low:.4g}, {high:.4g}]")
        table = Shown("held out", "points", "median error", "rmse", "90 % bands hold", title=car.title)
        for name, one in found.predictions.items():
            what = f"{name}, {units[name]}"
            table.add_row(what, str(one.count), f"{one.median:.3g}", f"{one.rmse:.3g}", f"{one.coverage90:.0%}")
        console().print(table)


if __name__ == "__main__":
    main()
