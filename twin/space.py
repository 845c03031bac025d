"""Parameters and the space they span.

``theta`` is an array ``(*batch, p)`` whose last axis follows ``space.names``. Samplers move in the
unconstrained ``z`` of the same shape:

    (-∞, ∞): θ = z        (a, ∞): θ = a + eᶻ        (a, b): θ = a + (b - a) σ(z),   σ(z) = 1/(1 + e⁻ᶻ)

Known inputs (C-rate, temperature, equivalence ratio) are a second Space, the conditions.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from twin.arrays import Array, namespace
from twin.priors import Prior

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """A number of the model: what it is called, its unit, what is believed of it and where that comes from.

    ``lower`` and ``upper`` bound the domain in which the model or surrogate is valid; the prior is truncated
    to it. ``nominal`` is the reference value, used where nothing else is given.
    """

    name: str
    unit: str
    prior: Prior
    nominal: float
    meaning: str
    source: str
    lower: float = -math.inf
    upper: float = math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """The prior's support cut to the domain."""
        low, high = self.prior.support
        return (max(low, self.lower), min(high, self.upper))


@dataclass(frozen=True)
class Space:
    """An ordered set of parameters with their joint prior (independent, truncated to the bounds)."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        names = [p.name for p in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError(f"parameter names must differ, got {names}")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in the order of theta's last axis."""
        return tuple(p.name for p in self.parameters)

    @cached_property
    def nominal(self) -> Floats:
        """Reference values (p,)."""
        return np.array([p.nominal for p in self.parameters], dtype=np.float64)

    @cached_property
    def bounds(self) -> Floats:
        """Lower and upper bounds (p, 2); infinite where there is none."""
        return np.array([p.bounds for p in self.parameters], dtype=np.float64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.index(name)]

    def __add__(self, other: "Space") -> "Space":
        return Space(self.parameters + other.parameters)

    def index(self, name: str) -> int:
        """Position of ``name``; a ValueError names the nearest and lists all."""
        if name not in self.names:
            raise ValueError(f"no parameter {name!r}{nearest(name, self.names)}")
        return self.names.index(name)

    def pack(self, values: Mapping[str, float]) -> Floats:
        """Vector (p,) from values by name; what is missing takes its nominal value."""
        theta = self.nominal.copy()
        for name, value in values.items():
            theta[self.index(name)] = value
        return theta

    def unpack(self, values: Floats) -> dict[str, float]:
        """Values (p,) by name."""
        return dict(zip(self.names, np.asarray(values).tolist(), strict=True))

    def without(self, names: tuple[str, ...]) -> "Space":
        """The space of the parameters not named."""
        dropped = {self.index(name) for name in names}
        return Space(tuple(p for i, p in enumerate(self.parameters) if i not in dropped))

    def within(self, box: Mapping[str, tuple[float, float]]) -> "Space":
        """The same space with the domain of the named parameters narrowed to ``box``."""
        for name in box:
            self.index(name)
        narrowed = (
            replace(p, lower=max(p.lower, box[p.name][0]), upper=min(p.upper, box[p.name][1])) if p.name in box else p
            for p in self.parameters
        )
        return Space(tuple(narrowed))

    def log_prior(self, theta: Array) -> Array:
        """Sum of log densities, up to the constant of truncation (*batch,)."""
        xp = namespace(theta)
        terms = [p.prior.log_prob(theta[..., i]) for i, p in enumerate(self.parameters)]
        return xp.sum(xp.stack(terms, axis=-1), axis=-1)

    def constrain(self, z: Array) -> Array:
        """Theta (*batch, p) of unconstrained ``z``."""
        xp = namespace(z)
        columns = [_constrain(z[..., i], *p.bounds) for i, p in enumerate(self.parameters)]
        return xp.stack(columns, axis=-1)

    def unconstrain(self, theta: Array) -> Array:
        """``z`` of theta; the inverse of ``constrain``, finite strictly inside the bounds."""
        xp = namespace(theta)
        columns = [_unconstrain(theta[..., i], *p.bounds) for i, p in enumerate(self.parameters)]
        return xp.stack(columns, axis=-1)

    def log_jacobian(self, z: Array) -> Array:
        """log |det dθ/dz| (*batch,)."""
        xp = namespace(z)
        terms = [_log_derivative(z[..., i], *p.bounds) for i, p in enumerate(self.parameters)]
        return xp.sum(xp.stack(terms, axis=-1), axis=-1)

    def from_unit(self, u: Floats) -> Floats:
        """Truncated prior quantiles of ``u`` (n, p) in (0, 1): uniform points become prior draws."""
        columns = []
        for i, p in enumerate(self.parameters):
            law, (low, high) = p.prior.scipy(), p.bounds
            below, above = law.cdf(low), law.cdf(high)
            columns.append(np.clip(law.ppf(below + u[:, i] * (above - below)), low, high))
        return np.stack(columns, axis=-1)

    def sobol(self, n: int, seed: int) -> Floats:
        """Scrambled Sobol points of the prior (n, p); n is best a power of two."""
        engine = qmc.Sobol(len(self), seed=np.random.default_rng(seed), scramble=True)
        points = engine.random_base2(max(0, math.ceil(math.log2(n))))[:n]
        return self.from_unit(np.clip(points, 1e-12, 1 - 1e-12))

    def draw(self, n: int, seed: int) -> Floats:
        """Independent prior draws (n, p)."""
        return self.from_unit(np.random.default_rng(seed).uniform(1e-12, 1 - 1e-12, (n, len(self))))

    def require_inside(self, values: Mapping[str, float], what: str) -> None:
        """ValueError that states the box when a value lies outside its parameter's bounds."""
        for name, value in values.items():
            p = self[name]
            low, high = p.bounds
            if not low <= value <= high:
                raise ValueError(
                    f"{what}: {name} = {value:g} {p.unit} lies outside the valid range [{low:g}, {high:g}] {p.unit}"
                )


def nearest(name: str, known: tuple[str, ...]) -> str:
    """The end of an error message about a wrong name: the nearest one, and all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{guess} known: {', '.join(known) or '(none)'}"


def _constrain(z: Array, low: float, high: float) -> Array:
    xp = namespace(z)
    if math.isinf(low) and math.isinf(high):
        return z
    if math.isinf(high):
        return low + xp.exp(z)
    if math.isinf(low):
        return high - xp.exp(z)
    return low + (high - low) * xp.exp(-_softplus(-z))


def _unconstrain(x: Array, low: float, high: float) -> Array:
    xp = namespace(x)
    if math.isinf(low) and math.isinf(high):
        return x
    if math.isinf(high):
        return xp.log(x - low)
    if math.isinf(low):
        return xp.log(high - x)
    return xp.log(x - low) - xp.log(high - x)


def _log_derivative(z: Array, low: float, high: float) -> Array:
    if math.isinf(low) and math.isinf(high):
        return z * 0
    if math.isinf(high) or math.isinf(low):
        return z
    return math.log(high - low) - _softplus(z) - _softplus(-z)


def _softplus(z: Array) -> Any:
    xp = namespace(z)
    return xp.logaddexp(z, xp.zeros_like(z))
