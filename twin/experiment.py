"""One measured data set, as every model and likelihood sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from twin.space import Floats


@dataclass(frozen=True)
class Source:
    """Where numbers come from: file, its SHA-256 and how many rows of it were used."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True, eq=False)
class Experiment:
    """Measurements ``y`` at the abscissa ``x`` under known conditions, all in the model's units.

    ``x`` (n, d) has one column per name in ``coordinates``, ``y`` (n, q) one per name in ``observables``.
    ``mask`` (n, q) is True where a value was measured (default: where y is finite); ``sd`` (n, q) is the
    measurement's own standard deviation where the source states one. ``notes`` are remarks for the report (rows
    dropped, defaults taken).
    """

    name: str
    conditions: Mapping[str, float]
    coordinates: tuple[str, ...]
    x: Floats
    observables: tuple[str, ...]
    y: Floats
    units: Mapping[str, str]
    source: Source | None = None
    sd: Floats | None = None
    mask: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=bool))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mask.size == 0:
            object.__setattr__(self, "mask", np.isfinite(self.y))
        n = len(self.x)
        expected = (n, len(self.observables))
        for label, array in (("y", self.y), ("sd", self.sd), ("mask", self.mask)):
            if array is not None and array.shape != expected:
                raise ValueError(f"{self.name}: {label} must have shape {expected}, got {array.shape}")
        if self.x.shape != (n, len(self.coordinates)):
            raise ValueError(
                f"{self.name}: x must have one column per coordinate {self.coordinates}, got {self.x.shape}"
            )
        if not np.any(self.mask):
            raise ValueError(f"{self.name}: no measured value")
