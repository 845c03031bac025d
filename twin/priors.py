"""Prior distributions as plain frozen data.

Each knows its support, its log density under any array namespace, and its SciPy twin for quantiles.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from scipy import stats

from twin.arrays import Array, namespace

LOG_SQRT_2PI = 0.5 * math.log(2.0 * math.pi)


@runtime_checkable
class Prior(Protocol):
    """A one-dimensional distribution over a parameter."""

    @property
    def support(self) -> tuple[float, float]:
        """Ends of the interval that carries the density."""
        ...

    def log_prob(self, x: Array) -> Array:
        """Log density at ``x``, which lies inside the support."""
        ...

    def scipy(self) -> Any:
        """The same distribution, frozen, of scipy.stats."""
        ...


@dataclass(frozen=True)
class Normal:
    """N(mean, sd²)."""

    mean: float
    sd: float

    @property
    def support(self) -> tuple[float, float]:
        """The real line."""
        return (-math.inf, math.inf)

    def log_prob(self, x: Array) -> Array:
        """-(x - mean)²/(2 sd²) - log(sd √(2π))."""
        return -0.5 * ((x - self.mean) / self.sd) ** 2 - math.log(self.sd) - LOG_SQRT_2PI

    def scipy(self) -> Any:
        """scipy.stats.norm."""
        return stats.norm(self.mean, self.sd)


@dataclass(frozen=True)
class LogNormal:
    """log x ~ N(log median, sd_log²)."""

    median: float
    sd_log: float

    @property
    def support(self) -> tuple[float, float]:
        """The positive half-line."""
        return (0.0, math.inf)

    def log_prob(self, x: Array) -> Array:
        """Normal log density of log x, minus log x."""
        log_x = namespace(x).log(x)
        z = (log_x - math.log(self.median)) / self.sd_log
        return -0.5 * z**2 - math.log(self.sd_log) - LOG_SQRT_2PI - log_x

    def scipy(self) -> Any:
        """scipy.stats.lognorm."""
        return stats.lognorm(s=self.sd_log, scale=self.median)


@dataclass(frozen=True)
class Uniform:
    """Constant on [low, high]."""

    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        """The interval itself."""
        return (self.low, self.high)

    def log_prob(self, x: Array) -> Array:
        """-log(high - low)."""
        return x * 0 - math.log(self.high - self.low)

    def scipy(self) -> Any:
        """scipy.stats.uniform."""
        return stats.uniform(self.low, self.high - self.low)


@dataclass(frozen=True)
class Beta:
    """Beta(a, b) on [0, 1]."""

    a: float
    b: float

    @property
    def support(self) -> tuple[float, float]:
        """The unit interval."""
        return (0.0, 1.0)

    def log_prob(self, x: Array) -> Array:
        """(a - 1) log x + (b - 1) log(1 - x) - log B(a, b)."""
        xp = namespace(x)
        log_norm = math.lgamma(self.a) + math.lgamma(self.b) - math.lgamma(self.a + self.b)
        return (self.a - 1) * xp.log(x) + (self.b - 1) * xp.log1p(-x) - log_norm

    def scipy(self) -> Any:
        """scipy.stats.beta."""
        return stats.beta(self.a, self.b)


@dataclass(frozen=True)
class HalfNormal:
    """|N(0, scale²)|."""

    scale: float

    @property
    def support(self) -> tuple[float, float]:
        """The positive half-line."""
        return (0.0, math.inf)

    def log_prob(self, x: Array) -> Array:
        """log 2 + log N(x; 0, scale²)."""
        return math.log(2.0) - 0.5 * (x / self.scale) ** 2 - math.log(self.scale) - LOG_SQRT_2PI

    def scipy(self) -> Any:
        """scipy.stats.halfnorm."""
        return stats.halfnorm(scale=self.scale)
