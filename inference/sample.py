"""What every sampler returns, before it is held against data and checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from twin.inference.density import LogDensity
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Sample:
    """Draws of one run.

    ``theta`` (chains, draws, p) is constrained; ``stats`` are (chains, draws) under ArviZ's names. ``khat`` and
    ``weight_ess`` are there when the draws came from importance weights; ``rung`` names the method that the
    answer rests on and ``reason`` says why that one.
    """

    sampler: str
    rung: str
    theta: Floats
    seed: int
    seconds: float
    stats: Mapping[str, Floats] = field(default_factory=dict)
    khat: float | None = None
    weight_ess: float | None = None
    reason: str = ""


class Sampler(Protocol):
    """Anything that draws from a density."""

    def __call__(self, density: LogDensity, *, seed: int) -> Sample:
        """Draws; the seed makes them repeatable."""
        ...
