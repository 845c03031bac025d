"""Synthetic windows of an engine: the reference solver on a seeded transient, read by noisy sensors.

``python -m twin.case_studies.engine_window [--seed 0] [--out DIR]`` makes one, writes it as a table and calibrates it.

What stands in for measurements in benchmarks and studies of coverage: no open record of a diesel engine has EGR and VGT
positions, exhaust pressure and turbocharger speed.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from twin.case_studies.calibration import calibrate, write
from twin.case_studies.commands import print_summary
from twin.case_studies.console import say
from twin.case_studies.study import Study
from twin.experiment import Experiment
from twin.models.engine.actuators import Commands
from twin.models.engine.identified import AirPath
from twin.models.engine.transient import transient
from twin.models.engine_air_path import everything
from twin.space import Floats

NOISE: Mapping[str, float] = {
    "p_im": 0.03, "p_em": 0.03, "n_t": 0.01, "W_egr": 0.10, "T_em": 0.01, "T_c": 0.01, "W_c": 0.03
}  # fmt: skip
"""Standard deviation as a share of the channel's mean."""
LEVELS: Mapping[str, float] = {
    "p_im": 169.0, "p_em": 180.0, "n_t": 63700.0, "W_egr": 0.0224, "T_em": 727.0, "T_c": 364.0, "W_c": 0.249
}  # fmt: skip
"""Means of the standard transient, in the observables' units."""
SENSORS = ("p_im", "p_em", "n_t", "W_egr")
"""What Nath et al. 2023 measure."""
TRUTH: Mapping[str, float] = {"A_egrmax": 3.6, "eta_sc": 1.1346, "h_tot": 105.9, "A_vgtmax": 8.118}
"""0.90, 1.03, 1.10 and 0.96 of the nominal values."""


@dataclass(frozen=True, eq=False)
class Window:
    """A record (n, 5), true readings (n, 7) and their noise (7,)."""

    record: Floats
    clean: Floats
    sd: Floats


def record_of(commands: Commands) -> Floats:
    """Commands as an abscissa (n, 5)."""
    return np.stack(list(commands), axis=1)


def window(truth: Mapping[str, float], commands: Commands | None = None, model: AirPath = everything) -> Window:
    """The reference solution for an engine whose other constants are nominal."""
    names = model.space.unpack(model.space.nominal) | dict(NEUTRAL) | dict(truth)
    record = record_of(transient() if commands is None else commands)
    theta = np.array([[names[name] for name in model.space.names]])
    clean = model.simulate(theta, model.conditions.nominal, record)[0]
    shares = np.array([NOISE[o.name] for o in model.observables])
    return Window(record, clean, shares * np.abs(clean).mean(axis=0))


NEUTRAL: Mapping[str, float] = {"boost_leak": 0.0, "exhaust_leak": 0.0}
"""A sound engine has no leaks, though the prior's nominal is some."""


def experiment_of(made: Window, seed: int, sensors: Sequence[str] = SENSORS, name: str = "window") -> Experiment:
    """Readings of some sensors with noise; the record starts at rest, so all of it counts."""
    model = everything
    columns = [model.observables[i].name for i in range(len(model.observables))]
    which = [columns.index(sensor) for sensor in sensors]
    noise = np.random.default_rng(seed).standard_normal((len(made.record), len(columns)))
    y = (made.clean + made.sd * noise)[:, which]
    conditions = model.conditions.unpack(model.conditions.nominal) | {"settle": 0.0}
    units = {o.name: o.unit for o in model.observables} | {c.name: c.unit for c in model.coordinates}
    coordinates = tuple(c.name for c in model.coordinates)
    return Experiment(name, conditions, coordinates, made.record, tuple(sensors), y, units)


def write_table(path: Path, experiment: Experiment) -> None:
    """The experiment as a table that ``twin calibrate engine_air_path`` reads."""
    names = [f"{n} [{experiment.units[n]}]" for n in (*experiment.coordinates, *experiment.observables)]
    body = np.concatenate([experiment.x, experiment.y], axis=1)
    lines = [",".join(names), *(",".join(f"{value:.7g}" for value in row) for row in body)]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Calibrates the standard window, and prints what was found beside the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/engine-window"))
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "st1.csv"
        write_table(path, experiment_of(window(TRUTH), options.seed))
        study = Study(
            model=everything.name, preset="four", data=(path,), condition={"settle": 0.0}, out=options.out,
            seed=options.seed, identify=False,
        )  # fmt: skip
        done = calibrate(study, say, disclaimer="SYNTHETIC data: LSODA's solution with noise")
        write(done, study)
    print_summary(done.summary)
    say(", ".join(f"{name} was {value:g}" for name, value in TRUTH.items()))


if __name__ == "__main__":
    main()
