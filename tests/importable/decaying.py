"""A tiny forward map, and fleets of it, that processes other than the test's can import, too."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from twin.arrays import Array, like, namespace
from twin.error import ForwardError, constant_error
from twin.experiment import Experiment
from twin.inference.fleet.piece import Piece
from twin.inference.fleet.solve import Fleet
from twin.inference.likelihood import Likelihood
from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space


@dataclass(frozen=True, eq=False)
class Decay:
    """voltage = a exp(-t c/τ) [V] and heat = 1000 voltage² + offset [mW]."""

    bias: float | None = None
    sd: float = 0.0
    space: Space = field(
        default=Space(
            (
                Parameter("amplitude", "V", LogNormal(1.0, 0.5), 1.0, "start", "test", 0.01, 20.0),
                Parameter("tau", "s", Uniform(0.1, 5.0), 1.0, "time constant", "test"),
                Parameter("offset", "mW", Normal(0.0, 50.0), 0.0, "background", "test"),
            )
        )
    )

    @property
    def conditions(self) -> Space:
        return Space((Parameter("rate", "1", Uniform(0.1, 3.0), 1.0, "speed", "test"),))

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        return (Coordinate("time", "s", "time"),)

    @property
    def observables(self) -> tuple[Observable, ...]:
        return (
            Observable("voltage", "V", "voltage", HalfNormal(0.1)),
            Observable("heat", "mW", "heat", LogNormal(10.0, 1.0)),
        )

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        xp, c, x = namespace(theta), like(c, theta), like(x, theta)
        voltage = theta[..., 0, None] * xp.exp(-x[:, 0] * c[0] / theta[..., 1, None])
        return xp.stack([voltage, 1000.0 * voltage**2 + theta[..., 2, None]], axis=-1)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        if self.bias is None:
            return None
        scale = np.array([1.0, 1000.0])
        return constant_error(np.ones((len(x), 2)) * self.bias * scale, np.ones((len(x), 2)) * self.sd * scale)


@dataclass(frozen=True, eq=False)
class Voltage(Decay):
    """The voltage alone."""

    @property
    def observables(self) -> tuple[Observable, ...]:
        return super().observables[:1]

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        c, x = like(c, theta), like(x, theta)
        return (theta[..., 0, None] * namespace(theta).exp(-x[:, 0] * c[0] / theta[..., 1, None]))[..., None]

    def error(self, c: Array, x: Array) -> ForwardError | None:
        both = super().error(c, x)
        return None if both is None else both.of((0,))


def cell(unit: int, *, n: int = 20, rate: float = 1.0, seed: int = 0) -> Experiment:
    """n voltages of a decay of its own."""
    rng = np.random.default_rng((seed, unit))
    x = np.linspace(0.0, 3.0, n)[:, None]
    forward = Voltage(space=Decay().space.without(("offset",)))
    y = forward(rng.uniform([0.8, 0.6], [1.6, 1.4]), np.array([rate]), x) + 0.02 * rng.standard_normal((n, 1))
    return Experiment(f"cell {unit}", {"rate": rate}, ("time",), x, ("voltage",), y, {"voltage": "V"})


def pieces(units: Sequence[int]) -> list[Piece]:
    """Cells that share rate and times."""
    return [Piece(f"cell {unit}", [cell(unit)]) for unit in units]


def own_pieces(units: Sequence[int]) -> list[Piece]:
    """Cells of unequal lengths and rates."""
    return [Piece(f"cell {unit}", [cell(unit, n=10 + 3 * (unit % 4), rate=0.5 + unit % 3)]) for unit in units]


def spoiled(piece: Piece) -> Piece:
    """The piece with a reading that is no number."""
    (own,) = piece.experiments
    y = own.y.copy()
    y[3] = np.nan
    return Piece(piece.unit, [replace(own, y=y, mask=np.ones(y.shape, dtype=bool))], piece.time)


def likelihood() -> Likelihood:
    """Of one cell."""
    return Likelihood(Voltage(space=Decay().space.without(("offset",))), [cell(0)])


def fleet(seed: int = 0, draws: int = 0) -> Fleet:
    """What the cells share."""
    return Fleet(partial(likelihood), {"model": "decay", "preset": "test"}, seed=seed, draws=draws)
