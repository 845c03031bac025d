"""The task of all ways: four parameters and three states of one window of 60 s, from four noisy channels.

The window is the standard transient or one of another seed, from rest; noise of 3, 3, 1 and 10 % of the means of p_im,
p_em, ω_t and W_egr, whose sizes are known. Parameters are told by z = ln(θ/θ_nominal): they stay positive and have one
scale. Nothing but readings, commands and the equations may enter an answer; the truth is for scoring.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twin.arrays import namespace
from twin.case_studies.engine_window import SENSORS, TRUTH, experiment_of, window
from twin.experiment import Experiment
from twin.models.engine.actuators import Commands
from twin.models.engine.constants import RPM, Ambient, Engine
from twin.models.engine.core import SCALE
from twin.models.engine.parameters import NOMINAL, engine_of
from twin.models.engine.transient import transient
from twin.models.engine_air_path import four
from twin.space import Floats

NAMES = four.space.names
NOMINAL_THETA = four.space.nominal
CHANNELS = ("p_im", "p_em", "w_t", "W_egr")
TO_SCALED = (1e3 / SCALE[0], 1e3 / SCALE[1], RPM / SCALE[2], 1.0)
"""From kPa, kPa, rpm and kg/s to scaled states and kg/s."""
AIR = Ambient()


@dataclass(frozen=True, eq=False)
class Task:
    """Commands, readings (n, 4) and their noise (4,), both scaled; true z (4,) and scaled states (3, n)."""

    experiment: Experiment
    commands: Commands
    readings: Floats
    sd: Floats
    truth: Floats
    states: Floats

    @property
    def time(self) -> Floats:
        """Times of the readings (n,) [s]."""
        return self.commands.time


@dataclass(frozen=True, eq=False)
class Answer:
    """What a way finds: z (4,), scaled states (3, n) at the readings, sd of z (4,) if it says so, and its cost.

    ``seconds`` of processor time are those of the window, ``offline`` those spent once before any window; ``epochs``
    are passes over the window's rows, by whatever optimiser.
    """

    way: str
    z: Floats
    states: Floats
    seconds: float
    offline: float = 0.0
    epochs: int = 0
    sd: Floats | None = None


def task_of(seed: int, commands: Commands | None = None, truth: Mapping[str, float] = TRUTH) -> Task:
    """A window with readings of noise seed ``seed``; the standard transient unless ``commands`` are given."""
    drive = transient() if commands is None else commands
    made = window(truth, drive)
    columns = [o.name for o in four.observables]
    which = [columns.index(sensor) for sensor in SENSORS]
    clean = made.clean[:, which] * TO_SCALED
    experiment = experiment_of(made, seed)
    z = np.log(np.array([truth[name] for name in NAMES]) / NOMINAL_THETA)
    return Task(experiment, drive, experiment.y * TO_SCALED, made.sd[which] * TO_SCALED, z, clean[:, :3].T)


def engine_at(z: Sequence[Any], softness: float = 0.0) -> Engine:
    """The engine of z, four numbers, arrays or dual numbers, with clips as soft as asked for."""
    parts = zip(NAMES, NOMINAL_THETA.tolist(), z, strict=True)
    values = {name: nominal * namespace(part).exp(part) for name, nominal, part in parts}
    return engine_of(values, replace(NOMINAL, softness=softness))


def score(answer: Answer, task: Task) -> dict[str, Any]:
    """Errors of the parameters [%], relative L2 errors of the states [%], and sd [%] where there is one."""
    wrong = 100 * (np.exp(answer.z - task.truth) - 1)
    distance = np.linalg.norm(answer.states - task.states, axis=1) / np.linalg.norm(task.states, axis=1)
    return {
        "way": answer.way,
        "error %": dict(zip(NAMES, wrong.tolist(), strict=True)),
        "sd %": None if answer.sd is None else (100 * answer.sd).tolist(),
        "relative L2 %": dict(zip(CHANNELS[:3], (100 * distance).tolist(), strict=True)),
        "epochs": answer.epochs,
        "seconds": answer.seconds,
        "offline seconds": answer.offline,
    }
