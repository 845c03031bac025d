"""A map of one parameter as a table: its values and slopes, and what it refuses."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest

from twin.arrays import Array, namespace
from twin.forward import Fixed
from twin.models.battery.lgm50 import esoh4
from twin.tabulated import tabulate

CLOSED = Fixed(esoh4, {"x100": 0.9, "eps_n": 1.0, "eps_p": 1.0})
C = CLOSED.conditions.nominal
X = np.linspace(0.0, 100.0, 5)[:, None]


@dataclass(frozen=True, eq=False)
class Broken:
    """A forward map with an edge, or with no answer beyond it."""

    beyond: float
    forward: Any = CLOSED

    def __getattr__(self, name: str) -> Any:
        return getattr(self.forward, name)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        found, one = self.forward(theta, c, x), theta[..., :1, None]
        return namespace(found).where(one > 0.3, found + self.beyond, found)


def test_values_and_slopes_are_those_of_the_map() -> None:
    table = tabulate(CLOSED, C, X)
    low, high = CLOSED.space.bounds[0]
    theta = np.random.default_rng(0).uniform(low, high, (40, 1))
    np.testing.assert_allclose(table(theta, C, X), CLOSED(theta, C, X), atol=1e-6)
    with jax.enable_x64(True):
        at = jax.numpy.array([0.27])
        found, expected = (np.asarray(jax.jacfwd(lambda t, of=of: of(t, C, X))(at)) for of in (table, CLOSED))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_other_places_and_rough_maps_are_refused() -> None:
    table = tabulate(CLOSED, C, X)
    with pytest.raises(ValueError, match="for no others"):
        table(np.array([0.3]), C, X[:3])
    with pytest.raises(ValueError, match="last terms"):
        tabulate(Broken(0.5), C, X)
    with pytest.raises(ValueError, match="no answer at y100"):
        tabulate(Broken(np.nan), C, X)
    with pytest.raises(ValueError, match="fix the others"):
        tabulate(esoh4, C, X)
