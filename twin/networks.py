"""Networks as functions of (weights, inputs), written against the array API.

A network is a frozen description; its weights are a flat mapping of names to arrays, so the same forward pass
runs under NumPy, PyTorch and JAX and a file of named tensors holds everything.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, runtime_checkable

import torch

from twin.arrays import Array, namespace

Weights = Mapping[str, Array]


@runtime_checkable
class Network(Protocol):
    """A parametrised function (…, inputs) -> (…, outputs)."""

    @property
    def inputs(self) -> int:
        """Length of the last axis going in."""
        ...

    @property
    def outputs(self) -> int:
        """Length of the last axis coming out."""
        ...

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh float64 weights."""
        ...

    def __call__(self, weights: Weights, x: Array) -> Array:
        """Outputs (…, outputs)."""
        ...


Activation = Callable[[Array], Array]


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return namespace(x).tanh(x)


def sine(x: Array) -> Array:
    """Sine (Sitzmann et al. 2020, arXiv 2006.09661, without its special initialisation)."""
    return namespace(x).sin(x)


@dataclass(frozen=True)
class MLP:
    """h_0 = x, h_{l+1} = act(h_l W_l + b_l), last layer affine. Glorot-normal start, zero biases."""

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    activation: Activation = tanh
    output_scale: float = 1.0

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh float64 weights; the last layer is scaled by ``output_scale``."""
        sizes = (self.inputs, *self.hidden, self.outputs)
        weights = {}
        for i, (m, n) in enumerate(itertools.pairwise(sizes)):
            gain = self.output_scale if i == len(self.hidden) else 1.0
            weights[f"w{i}"] = gain * glorot(m, n, generator)
            weights[f"b{i}"] = torch.zeros(n, dtype=torch.float64)
        return weights

    def __call__(self, weights: Weights, x: Array) -> Array:
        """Outputs (…, outputs)."""
        for i in range(len(self.hidden)):
            x = self.activation(x @ weights[f"w{i}"] + weights[f"b{i}"])
        last = len(self.hidden)
        return x @ weights[f"w{last}"] + weights[f"b{last}"]


@dataclass(frozen=True)
class ModifiedMLP:
    """MLP whose hidden layers mix two encodings of the input: h <- (1 - h) U + h V.

    Wang, Teng, Perdikaris 2021, SIAM J. Sci. Comput. 43, A3055, DOI 10.1137/20M1318043.
    """

    inputs: int
    width: int
    depth: int
    outputs: int
    activation: Activation = tanh

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh float64 weights."""
        layers = {"u": self.inputs, "v": self.inputs, "w0": self.inputs}
        layers |= {f"w{i}": self.width for i in range(1, self.depth)}
        weights = {}
        for name, m in layers.items():
            weights[name] = glorot(m, self.width, generator)
            weights[f"bias_{name}"] = torch.zeros(self.width, dtype=torch.float64)
        weights["out"] = glorot(self.width, self.outputs, generator)
        weights["bias_out"] = torch.zeros(self.outputs, dtype=torch.float64)
        return weights

    def __call__(self, weights: Weights, x: Array) -> Array:
        """Outputs (…, outputs)."""
        u = self.activation(x @ weights["u"] + weights["bias_u"])
        v = self.activation(x @ weights["v"] + weights["bias_v"])
        h = x
        for i in range(self.depth):
            gate = self.activation(h @ weights[f"w{i}"] + weights[f"bias_w{i}"])
            h = (1 - gate) * u + gate * v
        return h @ weights["out"] + weights["bias_out"]


@dataclass(frozen=True)
class ChebyshevKAN:
    """Kolmogorov-Arnold network: each edge is a Chebyshev series of tanh of its input.

    Shukla et al. 2024, Comput. Methods Appl. Mech. Eng. 431, 117290, arXiv 2406.02917.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    degree: int = 4

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh float64 weights, each of variance 1/(inputs of the layer · (degree + 1))."""
        sizes = (self.inputs, *self.hidden, self.outputs)
        terms = self.degree + 1
        return {
            f"w{i}": torch.randn(m * terms, n, generator=generator, dtype=torch.float64) / math.sqrt(m * terms)
            for i, (m, n) in enumerate(itertools.pairwise(sizes))
        }

    def __call__(self, weights: Weights, x: Array) -> Array:
        """Outputs (…, outputs)."""
        xp = namespace(x)
        for i in range(len(self.hidden) + 1):
            z = xp.tanh(x)
            terms = [xp.ones_like(z), z]
            while len(terms) <= self.degree:
                terms.append(2 * z * terms[-1] - terms[-2])
            x = xp.concat(terms[: self.degree + 1], axis=-1) @ weights[f"w{i}"]
        return x


@dataclass(frozen=True)
class Stack:
    """A frozen lower network plus a scaled correction: N(x) = parent(x) + scale · child(x).

    One mechanism for multi-fidelity hierarchies, multi-stage refinement (Wang and Lai 2023, arXiv 2307.08934)
    and transfer. Weights of the parent are named ``parent.*`` and are not trained.
    """

    parent: Network
    child: Network
    scale: float

    @property
    def inputs(self) -> int:
        """Inputs of the parent, which the child shares."""
        return self.parent.inputs

    @property
    def outputs(self) -> int:
        """Outputs of the parent, which the child shares."""
        return self.parent.outputs

    def init(self, generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Fresh weights of both; use ``on_top`` to keep the parent's."""
        both = {"parent.": self.parent, "child.": self.child}
        return {f"{prefix}{k}": v for prefix, net in both.items() for k, v in net.init(generator).items()}

    def on_top(self, weights: Weights, generator: torch.Generator) -> dict[str, Array]:
        """The parent's trained weights with a fresh child."""
        child = {f"child.{k}": v for k, v in self.child.init(generator).items()}
        return {f"parent.{k}": v for k, v in weights.items()} | child

    def __call__(self, weights: Weights, x: Array) -> Array:
        """Outputs (…, outputs)."""
        return self.parent(below(weights, "parent."), x) + self.scale * self.child(below(weights, "child."), x)


def onto(network: Callable[[Array], Array], matrix: Array) -> Callable[[Array], Array]:
    """x -> network(x) @ matrix (outputs, m). Where the network is ``partial(MLP, weights)`` the matrix goes into its
    last layer once, instead of being applied to every output.
    """
    if not (isinstance(network, partial) and isinstance(network.func, MLP)):
        return lambda x: network(x) @ matrix
    mlp, (weights,) = network.func, network.args
    last = len(mlp.hidden)
    folded = dict(weights) | {name: weights[name] @ matrix for name in (f"w{last}", f"b{last}")}
    return partial(replace(mlp, outputs=int(matrix.shape[-1])), folded)


def below(weights: Weights, prefix: str) -> dict[str, Array]:
    """The weights whose names start with ``prefix``, without it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def is_frozen(name: str) -> bool:
    """Whether a weight belongs to a stack's parent, at any depth."""
    return "parent." in name


def glorot(m: int, n: int, generator: torch.Generator) -> torch.Tensor:
    """Normal weights (m, n) of variance 2/(m + n) (Glorot and Bengio 2010)."""
    return torch.randn(m, n, generator=generator, dtype=torch.float64) * math.sqrt(2.0 / (m + n))
