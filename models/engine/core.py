"""The three core states as one array in units of their scale, for solvers."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from array_api_compat import is_array_api_obj

from twin.arrays import Array, detached, namespace
from twin.models.engine.air_path import Drive, State, flows, rates
from twin.models.engine.constants import Ambient, Engine

SCALE = (1e5, 1e5, 5e3)
"""[Pa, Pa, rad/s]"""
START = (1.5, 1.6, 1.2)
"""Where the search for a steady state begins."""


def state_of(y: Array) -> State:
    """The state [SI] of scaled components (3, …)."""
    return State(*(scale * y[i] for i, scale in enumerate(SCALE)))


def scaled(state: State) -> Array:
    """The inverse of it."""
    xp = namespace(*state)
    return xp.stack([part / scale for part, scale in zip(state, SCALE, strict=True)], axis=0)


def rate_of(drive: Drive, engine: Engine, air: Ambient) -> Callable[[Array], Array]:
    """Scaled states (3, …) -> their rates [1/s] (3, …)."""

    def rate(y: Array) -> Array:
        state = state_of(y)
        return scaled(rates(state, flows(state, drive, engine, air), engine))

    return rate


def frozen(record: Any) -> Any:
    """The same record of constants, through which no derivative flows."""
    changes = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if is_array_api_obj(value):
            changes[field.name] = detached(value)
        elif is_dataclass(value):
            changes[field.name] = frozen(value)
    return replace(record, **changes)
