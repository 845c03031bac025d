"""Networks of time fitted to one window: readings and equations at the readings' times, all of them soft.

    loss = Σ_channels mean(ω_i (reading - prediction)²/sd²) + Σ_rows mean(residual²/tolerance²)

Rows of equations: the three states' rates; with networks of their own, the actuators' lags after delayed commands and
the fixed point of T_1 and x_r. The record begins at rest, so all rates vanish at its first time. Actuators may be given
by openings of valve and vanes; without networks of their own T_1 and x_r are four sweeps of the fixed point.
Nath et al. 2023, DOI 10.1038/s41598-023-39989-4. The physics sees what the networks say, never the truth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from twin.case_studies.benchmarks.engine_seeds.adaptive import Climbing
from twin.case_studies.benchmarks.engine_seeds.networks_of_time import THETA, Signals, Tensor, TimeNetworks, tau_of
from twin.case_studies.benchmarks.engine_seeds.task import AIR, CHANNELS, Task, engine_at
from twin.models.engine.actuators import clipped
from twin.models.engine.air_path import Drive, State, flows, rates
from twin.models.engine.core import SCALE
from twin.models.engine.orifice import valve_opening
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.turbine import vane_opening
from twin.space import Floats
from twin.training.first_order import Adam
from twin.training.lbfgs import LBFGS
from twin.training.loop import Progress, Trained, train
from twin.training.problem import Problem, TorchRows, TorchWeights
from twin.training.stage import Stage

TOLERANCES: Mapping[str, float] = {
    "rate of p_im": 0.05, "rate of p_em": 0.1, "rate of w_t": 0.005,
    "lag of u_egr1": 0.3, "lag of u_egr2": 0.3, "lag of u_vgt": 0.3,
    "T_1": 1.0, "x_r": 3e-4, "rest": 0.05, "actuators at rest": 0.3,
}  # fmt: skip
"""Of scaled rates [1/s], positions [%], T_1 [K], x_r [-]: what counts as much as an error of one sd in a reading."""


@dataclass(frozen=True)
class Schedule:
    """Epochs of Adam, steps of L-BFGS (of 20 iterations each), and the climb of adaptive weights (0 steps: none)."""

    epochs: int
    polish: int
    rate: float = 2e-3
    climb: int = 500
    climb_rate: float = 4e-3

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What training runs through, in float64."""
        adam = Adam(self.epochs, rate=self.rate, resample=10**9, dtype=torch.float64)
        return tuple(s for s in (adam, LBFGS(self.polish, resample=10**9)) if s.steps)

    @property
    def passes(self) -> int:
        """Evaluations of loss and gradient at least."""
        return self.epochs + 20 * self.polish


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs at the readings (n,): n_e, u_delta, delayed commands of both actuators; openings if they are given."""

    n_e: Tensor
    u_delta: Tensor
    late_egr: Tensor
    late_vgt: Tensor
    openings: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True, eq=False)
class Window:
    """A task as tensors, and the networks that shall follow it."""

    task: Task
    networks: TimeNetworks
    inputs: Inputs
    tolerances: Mapping[str, float] = field(default_factory=lambda: TOLERANCES)

    def problem(self) -> Problem:
        """Rows as training wants them: those of a fixed set."""
        return Problem(self.networks, 0, anchors=self.rows)

    def rows(self, weights: TorchWeights) -> TorchRows:
        """Scaled rows (n, 1) of readings and equations, by name."""
        tau, half = tau_of(self.task.time)
        values, slopes = self.networks.along(weights, tau, half)
        return rows_at(values, slopes, weights[THETA], self)


def inputs_of(task: Task, openings: tuple[Floats, Floats] | None = None) -> Inputs:
    """Commands are clipped, and arrive late by a shift in time."""
    rows, t = clipped(task.commands), task.time
    late_egr = np.interp(t - NOMINAL.tau_degr, rows.time, rows.u_egr)
    late_vgt = np.interp(t - NOMINAL.tau_dvgt, rows.time, rows.u_vgt)
    n_e, u_delta, egr, vgt = (torch.as_tensor(a) for a in (rows.n_e, rows.u_delta, late_egr, late_vgt))
    known = None if openings is None else (torch.as_tensor(openings[0]), torch.as_tensor(openings[1]))
    return Inputs(n_e, u_delta, egr, vgt, known)


def rows_at(values: Signals, slopes: Signals, z: Tensor, window: Window) -> dict[str, Tensor]:
    """Readings, rates, lags, fixed point and rest, each over its tolerance."""
    task, engine = window.task, engine_at(list(z))
    scaled = (values["p_im"], values["p_em"], values["w_t"])
    state = State(*(scale * part for scale, part in zip(SCALE, scaled, strict=True)))
    drive, lags = drive_of(values, slopes, window.inputs)
    cycle = (values["T_1"], values["x_r"]) if "T_1" in values else None
    at = flows(state, drive, engine, AIR) if cycle is None else flows(state, drive, engine, AIR, sweeps=1, cycle=cycle)
    f = [rate / scale for rate, scale in zip(rates(state, at, engine), SCALE, strict=True)]
    predicted = dict(zip(CHANNELS, (*scaled, at.W_egr), strict=True))
    rows = {
        name: (predicted[name] - torch.as_tensor(task.readings[:, i])) / float(task.sd[i])
        for i, name in enumerate(CHANNELS)
    }
    left = {f"rate of {name}": slopes[name] - f[i] for i, name in enumerate(CHANNELS[:3])}
    left["rest"] = torch.stack([part[0] for part in f])
    if lags:
        left |= {f"lag of {name}": lag for name, lag in lags.items()}
        left["actuators at rest"] = torch.stack([values[name][0] - _command(window.inputs, name)[0] for name in lags])
    if cycle is not None:
        left |= {"T_1": cycle[0] - at.cylinders.T_1, "x_r": cycle[1] - at.cylinders.x_r}
    rows |= {name: row / window.tolerances[name] for name, row in left.items()}
    return {name: row[:, None] for name, row in rows.items()}


def drive_of(values: Signals, slopes: Signals, inputs: Inputs) -> tuple[Drive, dict[str, Tensor]]:
    """The drive by the networks' own actuators, and what is left of their lags [%]; or the drive given, and nothing."""
    if inputs.openings is not None:
        return Drive(inputs.n_e, inputs.u_delta, *inputs.openings), {}
    valve = NOMINAL.K_egr * values["u_egr1"] - (NOMINAL.K_egr - 1) * values["u_egr2"]
    openings = valve_opening(valve, NOMINAL), vane_opening(values["u_vgt"], NOMINAL)
    taus = {"u_egr1": NOMINAL.tau_egr1, "u_egr2": NOMINAL.tau_egr2, "u_vgt": NOMINAL.tau_vgt}
    lags = {name: tau * slopes[name] + values[name] - _command(inputs, name) for name, tau in taus.items()}
    return Drive(inputs.n_e, inputs.u_delta, *openings), lags


def _command(inputs: Inputs, name: str) -> Tensor:
    return inputs.late_vgt if name == "u_vgt" else inputs.late_egr


def fit(window: Window, schedule: Schedule, *, seed: int, weights: TorchWeights | None = None,
        progress: Callable[[Progress], None] | None = None) -> Trained:  # fmt: skip
    """Trained networks of a window, from ``weights`` or a fresh start."""
    weighting = Climbing(CHANNELS, schedule.climb_rate, schedule.climb) if schedule.climb else None
    return train(window.problem(), schedule.stages, seed=seed, weights=weights, weighting=weighting, progress=progress)


def found_by(window: Window, weights: TorchWeights) -> tuple[Floats, Floats]:
    """z (4,) and scaled states (3, n) of trained networks."""
    tau, half = tau_of(window.task.time)
    values, _ = window.networks.along(weights, tau, half)
    return weights[THETA].numpy(), np.stack([values[name].numpy() for name in CHANNELS[:3]])
