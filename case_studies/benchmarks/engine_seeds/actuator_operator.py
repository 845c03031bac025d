"""DeepONet of the actuators: from the last commands to the lagged positions, trained once before any window.

    u_j(t) = Σ_p b_jp(c_1 … c_8) h_p(t)

The branch b sees the last ``HISTORY`` commands, 0.2 s apart, the trunk h the time t since the last but one. Lu et al.
2021, DOI 10.1038/s42256-021-00302-5. Training commands are random, of any course between 0 and 100 %; their responses
are those of the exact filter (``models/engine/actuators.py``), which is also what a test holds the operator against.
The filter costs less and is exact: an operator is justified for actuators whose law is not known.
"""

from dataclasses import dataclass

import numpy as np
import torch

from twin.models.engine.actuators import Commands, clipped, lagged
from twin.models.engine.orifice import valve_opening
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.transient import INTERVAL
from twin.models.engine.turbine import vane_opening
from twin.networks import MLP, Weights
from twin.space import Floats
from twin.training.first_order import Adam
from twin.training.loop import Trained, train
from twin.training.problem import Problem, TorchRows, TorchWeights

HISTORY = 8
OFFSETS = 21
"""Times within the last interval at which it is trained."""
STATES = ("u_egr1", "u_egr2", "u_vgt")
LAGS = ((NOMINAL.tau_egr1, NOMINAL.tau_degr), (NOMINAL.tau_egr2, NOMINAL.tau_degr), (NOMINAL.tau_vgt, NOMINAL.tau_dvgt))
"""Lag and delay [s] of each."""
STEEPEST = 20.0
"""[%] by which a training command changes in 0.2 s, at most."""
EPOCHS = 6000


@dataclass(frozen=True)
class DeepONet:
    """Branch and trunk with ``terms`` products for each of three positions, all of them over 100 %."""

    branch_hidden: tuple[int, ...] = (64,)
    trunk_hidden: tuple[int, ...] = (32,)
    terms: int = 24
    inputs: int = HISTORY + 1
    outputs: int = len(STATES)

    @property
    def branch(self) -> MLP:
        """Differences from the last command (…, 8) -> (…, 3 terms)."""
        return MLP(HISTORY, self.branch_hidden, self.outputs * self.terms)

    @property
    def trunk(self) -> MLP:
        """Time (…, 1) of [0, 1] -> (…, terms)."""
        return MLP(1, self.trunk_hidden, self.terms)

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh weights."""
        parts = {"branch": self.branch, "trunk": self.trunk}
        return {f"{part}.{k}": w for part, net in parts.items() for k, w in net.init(generator).items()}

    def __call__(self, weights: Weights, x: torch.Tensor) -> torch.Tensor:
        """Positions (N, 3) over 100 % of commands over 100 % and time (N, 9).

        Commands are told by their difference from the last, which is added again: a command at rest is followed.
        """
        last = x[:, HISTORY - 1 : HISTORY]
        b = self.branch(_part(weights, "branch"), 4 * (x[:, :HISTORY] - last))
        h = self.trunk(_part(weights, "trunk"), 2 * x[:, HISTORY:] - 1)
        return last + torch.sum(b.reshape(len(x), self.outputs, self.terms) * h[:, None], dim=-1)


def _part(weights: Weights, name: str) -> Weights:
    return {k.removeprefix(f"{name}."): w for k, w in weights.items() if k.startswith(f"{name}.")}


def responses(offsets: Floats) -> Floats:
    """What each command of the history adds to each position at times (J,) of [0, 1]: (J, 3, 8)."""
    time: Floats = INTERVAL * np.arange(HISTORY, dtype=np.float64)
    at: Floats = np.asarray(time[-2] + INTERVAL * offsets, dtype=np.float64)
    unit: Floats = np.eye(HISTORY)
    found = [[lagged(time, row, tau, at - delay) for row in unit] for tau, delay in LAGS]
    return np.moveaxis(np.array(found), 2, 0)


def trained_operator(seed: int, epochs: int = EPOCHS) -> Trained:
    """Weights of a ``DeepONet`` by random commands."""
    network, kernel = DeepONet(), torch.as_tensor(responses(np.linspace(0, 1, OFFSETS)))

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        steps = STEEPEST / 100 * (2 * points[:, 1:HISTORY] - 1)
        commands = torch.cat([points[:, :1], points[:, :1] + torch.cumsum(steps, dim=1)], dim=1).clamp(0, 1)
        which = (points[:, HISTORY] * OFFSETS).long().clamp(max=OFFSETS - 1)
        truth = torch.einsum("njk,nk->nj", kernel.to(points)[which], commands)
        time = which[:, None].to(points) / (OFFSETS - 1)
        return {"positions": 100 * (network(weights, torch.cat([commands, time], dim=1)) - truth)}

    problem = Problem(network, HISTORY + 1, rows=rows)
    return train(problem, (Adam(epochs, rate=5e-3, batch=512, dtype=torch.float64),), seed=seed)


def positions(weights: TorchWeights, time: Floats, command: Floats) -> Floats:
    """The three positions (3, n) [%] that one command (n,), every 0.2 s, leads to."""
    if not np.allclose(np.diff(time), INTERVAL):
        raise ValueError(f"commands: expected rows every {INTERVAL} s, got steps of {np.diff(time).max():g} s")
    padded = np.concatenate([np.full(HISTORY - 1, command[0]), command]) / 100
    histories = np.lib.stride_tricks.sliding_window_view(padded, HISTORY)
    x = torch.as_tensor(np.column_stack([histories, np.ones(len(command))]))
    return 100 * np.asarray(DeepONet()(weights, x)).T


def openings(weights: TorchWeights, commands: Commands) -> tuple[Floats, Floats]:
    """Openings of valve and vanes (n,) at the rows of a window, by the operator alone."""
    rows = clipped(commands)
    fast, slow, _ = positions(weights, rows.time, rows.u_egr)
    vanes = positions(weights, rows.time, rows.u_vgt)[2]
    valve = NOMINAL.K_egr * fast - (NOMINAL.K_egr - 1) * slow
    return np.asarray(valve_opening(valve, NOMINAL)), np.asarray(vane_opening(vanes, NOMINAL))
