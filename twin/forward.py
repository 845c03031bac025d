"""Forward maps made of forward maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.arrays import Array, namespace
from twin.error import ForwardError
from twin.model import Coordinate, Forward, Observable
from twin.space import Floats, Space


@dataclass(frozen=True, eq=False)
class Wrapped:
    """A forward map around another one, which answers wherever nothing else is said."""

    forward: Forward

    @property
    def space(self) -> Space:
        """Parameters of the forward map."""
        return self.forward.space

    @property
    def conditions(self) -> Space:
        """Known inputs of the forward map."""
        return self.forward.conditions

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Columns of x."""
        return self.forward.coordinates

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Columns of y."""
        return self.forward.observables

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Predicted observables (*batch, n, q)."""
        return self.forward(theta, c, x)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """The forward map's own."""
        return self.forward.error(c, x)


@dataclass(frozen=True, eq=False)
class Fixed(Wrapped):
    """A forward map with some parameters held at given values; the others remain, in their order.

    ValueError for an unknown parameter or a value outside its bounds.
    """

    values: Mapping[str, float]

    def __post_init__(self) -> None:
        self.forward.space.require_inside(self.values, "fixed value")
        if len(self.values) == len(self.forward.space):
            raise ValueError("every parameter is fixed, none is left to calibrate")

    @property
    def space(self) -> Space:
        """The parameters that are not fixed."""
        return self._left

    @cached_property
    def _left(self) -> Space:
        return self.forward.space.without(tuple(self.values))

    def complete(self, theta: Array) -> Array:
        """All parameters (*batch, p) of the free ones."""
        xp = namespace(theta)
        columns = [
            theta[..., self.space.index(name)] if name not in self.values else 0 * theta[..., 0] + self.values[name]
            for name in self.forward.space.names
        ]
        return xp.stack(columns, axis=-1)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Predicted observables (*batch, n, q)."""
        return self.forward(self.complete(theta), c, x)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """The forward map's own."""
        found = self.forward.error(c, x)
        return None if found is None else found.seen_through(self.complete)


def in_chunks(forward: Forward, theta: Floats, c: Floats, x: Floats, *, size: int = 500) -> Floats:
    """The forward map at many θ (n, p) under NumPy, ``size`` at a time to bound memory: (n, m, q)."""
    parts = [np.asarray(forward(theta[i : i + size], c, x)) for i in range(0, len(theta), size)]
    return np.concatenate(parts)
