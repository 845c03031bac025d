"""Coordinates in which windows speak of a unit's parameters."""

from dataclasses import dataclass
from functools import cached_property

from twin.arrays import Array
from twin.inference.coordinates import Coordinates
from twin.inference.density import Whitening, prior_whitening
from twin.space import Floats, Space


@dataclass(frozen=True, eq=False)
class Frame:
    """Prior-whitened coordinates u of the parameters of ``space``: each depends on its own only, and rises with it."""

    space: Space

    @cached_property
    def coordinates(self) -> Coordinates:
        """Transforms of the space."""
        return Coordinates(self.space)

    @cached_property
    def scale(self) -> Whitening:
        """u -> z."""
        return prior_whitening(self.space)

    def theta(self, u: Array) -> Array:
        """θ (*batch, p) of u."""
        return self.coordinates.constrain(self.scale(u))

    def u(self, theta: Floats) -> Floats:
        """The inverse of it, (n, p)."""
        return self.scale.inverse(self.space.unconstrain(theta))
