"""What a model and a forward map are.

A model is written once; training or a closed form turns it into a forward map θ, c, x -> y, which is all that
inference ever sees.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from twin.arrays import Array
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.field import Field
from twin.priors import Prior
from twin.space import Floats, Space
from twin.table import Table

Fields = Mapping[str, Field]
"""The unknown functions of a model, by name."""

Mask = npt.NDArray[np.bool_]

Rows = Mapping[str, Array]
"""Unreduced residuals by term, each (N, m): one row per sample. Nothing upstream of an optimiser reduces."""


@dataclass(frozen=True)
class Coordinate:
    """A column of the abscissa ``x``; optional ones stand last and may be left out."""

    name: str
    unit: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Observable:
    """A measured quantity, and what is known of the error of one reading, in the same unit.

    ``noise`` is the prior of the error's standard deviation, which is then sampled. None means that the error is known:
    experiments state it (``Experiment.sd``), and ``sd`` is what it is where nothing else is said, as in a simulation.
    ValueError unless exactly one of the two is given.
    """

    name: str
    unit: str
    meaning: str
    noise: Prior | None
    sd: float | None = None

    def __post_init__(self) -> None:
        known = self.sd is not None and 0 < self.sd < math.inf
        if known is (self.noise is not None) or (self.sd is not None and not known):
            raise ValueError(
                f"observable {self.name}: expected a prior of its noise, or noise=None and the known error of one "
                f"reading, sd > 0 {self.unit}; got noise={self.noise!r}, sd={self.sd!r}"
            )

    @property
    def typical(self) -> float:
        """A standard error of one reading to count with before there are data: the prior's median, or ``sd``."""
        return float(self.noise.scipy().median()) if self.noise is not None else float(self.sd or 0.0)


@runtime_checkable
class Forward(Protocol):
    """A function θ (*batch, p), c (k,), x (n, d) -> y (*batch, n, q), for NumPy, PyTorch and JAX arrays θ.

    Conditions and abscissa are data: NumPy arrays, whatever θ is, so that a map may look at them while a sampler
    traces or differentiates it.
    """

    @property
    def space(self) -> Space:
        """Parameters θ with priors, bounded by the domain in which the map is valid."""
        ...

    @property
    def conditions(self) -> Space:
        """Known inputs c, bounded by the domain in which the map is valid."""
        ...

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Columns of x."""
        ...

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Columns of y."""
        ...

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Predicted observables (*batch, n, q)."""
        ...

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """The map minus the true solution as a random function of θ; None if the map is exact."""
        ...


@runtime_checkable
class Model(Protocol):
    """A physical system: parameters, physics, reference solver. See ``models/`` for examples."""

    @property
    def name(self) -> str:
        """Module name in ``models/``, as the command line knows it."""
        ...

    @property
    def preset(self) -> str:
        """Which parameters are free, and of which cell, engine or patient."""
        ...

    @property
    def source(self) -> str:
        """Literature of equations and constants."""
        ...

    @property
    def space(self) -> Space:
        """Free parameters θ."""
        ...

    @property
    def conditions(self) -> Space:
        """Known inputs c with nominal values and valid ranges."""
        ...

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Columns of the abscissa x."""
        ...

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Columns of y."""
        ...

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Observables (*batch, n, q) of the fields ``u`` at the abscissa x (n, d)."""
        ...

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """Reference solution (b, n, q) of θ (b, p): NaN where the equations have none or the solver failed.

        It may go on past the end of the experiment, a cut-off say, so that a likelihood has no edge there; ``valid``
        says where it counts.
        """
        ...

    def valid(self, y: Floats) -> Mask:
        """Where predictions (…, n, q) count (…, n): False from the end of the experiment on, as at a cut-off."""
        ...

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n points (n, d) that span the experiment under conditions c."""
        ...

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """The experiment a table of measurements holds, with conditions ``given`` by the user on top."""
        ...


@runtime_checkable
class Exact(Model, Protocol):
    """A model with a closed form: no network is needed."""

    def exact(self, theta: Array, c: Array) -> Fields:
        """The solution."""
        ...


@runtime_checkable
class Cautioned(Protocol):
    """A model whose reports must tell their reader something."""

    @property
    def caution(self) -> str:
        """One or two sentences."""
        ...


@runtime_checkable
class Intervened(Protocol):
    """A model whose reference solver knows changes that no surrogate was trained for, such as an implanted pump."""

    @property
    def interventions(self) -> Space:
        """What may be changed, with valid ranges; the nominal is an example, and without a value nothing is done."""
        ...

    def intervene(self, theta: Floats, c: Floats, x: Floats, what: Mapping[str, float]) -> Floats:
        """Reference solution (b, n, q) of θ (b, p) with interventions by name; NaN where there is none."""
        ...


def known_errors(observables: Sequence[Observable], n: int) -> Floats:
    """Standard errors (n, q) of n readings where they are known, 0 where their scale is sampled."""
    return np.tile([0.0 if o.sd is None else o.sd for o in observables], (n, 1))


def until_end(model: Model, y: Floats) -> Floats:
    """Predictions (…, n, q) with NaN from the end of each draw's experiment on."""
    return np.where(model.valid(y)[..., None], y, np.nan)
