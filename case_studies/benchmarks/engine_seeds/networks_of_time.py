"""Networks of time for one window, with maps that keep their outputs positive and of the right size.

    N1 -> p_im, p_em    N2 -> x_r    N3 -> T_1    N4 -> u_egr1, u_egr2    N5 -> ω_t    N6 -> u_vgt

each a tanh network of τ = 2 t/60 s - 1; pressures, speed, x_r and T_1 by softplus and a scale, positions by a sigmoid.
The first layer's weights are uniform up to ``FREQUENCY`` and its biases spread the units over the window: with a usual
start networks of one slow variable take very long to follow changes within seconds (spectral bias, Rahaman et al. 2019,
arXiv 1806.08734). Derivatives by time are carried forward through the layers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from twin.networks import MLP
from twin.space import Floats

FREQUENCY = 30.0
Tensor = torch.Tensor
Signals = Mapping[str, Tensor]
"""Tensors (n,) by name."""


@dataclass(frozen=True)
class Output:
    """A quantity s softplus(o), or s sigmoid(o), that starts near ``begin``."""

    name: str
    scale: float
    begin: float
    bounded: bool = False

    def __call__(self, o: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        """Value and derivative of an output and its derivative."""
        s = torch.sigmoid(o)
        if self.bounded:
            return self.scale * s, self.scale * s * (1 - s) * rate
        return self.scale * torch.nn.functional.softplus(o), self.scale * s * rate

    @property
    def bias(self) -> float:
        """The output that gives ``begin``."""
        share = self.begin / self.scale
        return math.log(share / (1 - share)) if self.bounded else math.log(math.expm1(share))


PRESSURES = (Output("p_im", 1.0, 1.6), Output("p_em", 1.0, 1.8))
SPEED = (Output("w_t", 1.0, 1.3),)
GAS: Mapping[str, tuple[Output, ...]] = {"N1": PRESSURES, "N5": SPEED}
"""In scaled units."""
CYCLE: Mapping[str, tuple[Output, ...]] = {"N2": (Output("x_r", 0.03, 0.03),), "N3": (Output("T_1", 300.0, 315.0),)}
ACTUATORS: Mapping[str, tuple[Output, ...]] = {
    "N4": (Output("u_egr1", 100.0, 40.0, True), Output("u_egr2", 100.0, 40.0, True)),
    "N6": (Output("u_vgt", 100.0, 55.0, True),),
}
ALL = dict(GAS) | dict(CYCLE) | dict(ACTUATORS)
THETA = "z"
"""The name of the weight that holds the parameters."""


@dataclass(frozen=True, eq=False)
class TimeNetworks:
    """The networks of a window and its parameters, as one thing to be trained; the weights' names begin with N1, …."""

    groups: Mapping[str, tuple[Output, ...]]
    hidden: tuple[int, ...] = (64, 64)
    parameters: int = 4
    inputs: int = 1

    @property
    def outputs(self) -> int:
        """Quantities of all networks."""
        return sum(len(group) for group in self.groups.values())

    def init(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Fresh weights, float64, and z = 0."""
        weights = {THETA: torch.zeros(self.parameters, dtype=torch.float64)}
        for name, group in self.groups.items():
            own = MLP(1, self.hidden, len(group), output_scale=0.3).init(generator)
            spread = 2 * torch.rand(2, self.hidden[0], generator=generator, dtype=torch.float64) - 1
            own["w0"] = FREQUENCY * spread[:1]
            own["b0"] = -own["w0"][0] * spread[1]
            own[f"b{len(self.hidden)}"] = torch.tensor([output.bias for output in group], dtype=torch.float64)
            weights |= {f"{name}.{key}": value for key, value in own.items()}
        return weights

    def __call__(self, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """All quantities (n, outputs) at τ (n, 1)."""
        values, _ = self.along(weights, x[:, 0], 1.0)
        return torch.stack(list(values.values()), dim=-1)

    def along(self, weights: Mapping[str, Tensor], tau: Tensor, half: float) -> tuple[Signals, Signals]:
        """Values and derivatives by time at τ (n,) of a window of twice ``half`` [s]."""
        values, rates = {}, {}
        for name, group in self.groups.items():
            out, slope = features(weights, name, len(self.hidden), tau)
            last = len(self.hidden)
            w, b = weights[f"{name}.w{last}"], weights[f"{name}.b{last}"]
            for i, output in enumerate(group):
                o, rate = out @ w[:, i] + b[i], slope @ w[:, i] / half
                values[output.name], rates[output.name] = output(o, rate)
        return values, rates


def features(weights: Mapping[str, Tensor], name: str, layers: int, tau: Tensor) -> tuple[Tensor, Tensor]:
    """The last hidden layer (n, width) of a network at τ (n,), and its derivative by τ."""
    h, slope = tau[:, None], torch.ones_like(tau)[:, None]
    for i in range(layers):
        w = weights[f"{name}.w{i}"]
        h = torch.tanh(h @ w + weights[f"{name}.b{i}"])
        slope = (1 - h * h) * (slope @ w)
    return h, slope


def tau_of(time: Floats) -> tuple[Tensor, float]:
    """τ (n,) in [-1, 1] and half the window's length [s]."""
    half = float(time[-1] - time[0]) / 2
    return torch.as_tensor(np.asarray((time - time[0]) / half - 1)), half
