"""A forward map whose error was measured where it matters: at the draws of one posterior, for its experiments.

The map itself is the lower level, frozen; what stands on top is an error model over the posterior's own region
(``error.py``), whose mean a likelihood subtracts and whose spread it counts. With the quadratic in θ that the region
allows, a smooth error of any size is corrected to what the quadratic leaves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.arrays import Array, to_numpy
from twin.error import REACH, ForwardError
from twin.error_fit import Errors, fit_error
from twin.forward import Wrapped
from twin.model import Forward
from twin.space import Floats

WIDTH = 2.0
"""Standard deviations of the draws that make one unit of the error model's coordinates."""


@dataclass(frozen=True, eq=False)
class Place:
    """Conditions (k,) and abscissa (n, d) at which the error is known."""

    c: Floats
    x: Floats
    error: ForwardError

    def holds(self, c: Floats, x: Floats) -> bool:
        """Whether this is the place."""
        return bool(np.array_equal(self.c, c) and np.array_equal(self.x, x))


@dataclass(frozen=True, eq=False)
class Refined(Wrapped):
    """A forward map with an error of its own at some places; elsewhere it errs as it did."""

    places: tuple[Place, ...]

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """What was measured at this place, to be subtracted by who uses the map; else the forward map's own."""
        known = [place.error for place in self.places if place.holds(to_numpy(c), to_numpy(x))]
        return known[0] if known else self.forward.error(c, x)


def refine(
    forward: Forward,
    theta: Floats,
    places: Sequence[tuple[Floats, Floats]],
    differences: Sequence[Floats],
    *,
    around: Floats,
) -> Refined:
    """The map refined in the region of the draws ``around`` (M, p).

    ``differences`` (N, n, q) are those of the map to the true solution at θ (N, p), for each place (c, x); NaN where
    there is none. Solves far outside the region, and rows of NaN alone, are left out.
    """
    centre, width = around.mean(axis=0), WIDTH * around.std(axis=0)
    width = np.where(width > 0, width, 1.0)
    near = np.all(np.abs(theta - centre) <= REACH * width, axis=1)
    found = []
    for (c, x), values in zip(places, differences, strict=True):
        solved = near & np.isfinite(values).any(axis=(1, 2))
        model = fit_error(Errors(theta[solved], values[solved]), centre, width)
        found.append(Place(c, x, model.at(np.zeros(0), model.fraction)))
    return Refined(forward.forward if isinstance(forward, Refined) else forward, tuple(found))
