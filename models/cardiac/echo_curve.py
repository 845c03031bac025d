"""The logarithm of the ventricle's volume over a video, whose beats and start nobody stated.

    y(t) = log V(t + d; θ, HR),     t since the beginning of systole as it was guessed from the video

The heart rate and the guess's error d are parameters. Impedances times k leave V unchanged (``groups.py``): a video
tells nothing of pressures. The prior includes stenosis of the mitral valve, as nobody says who has it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from twin.arrays import Array, like, namespace
from twin.error import ForwardError
from twin.model import Coordinate, Fields, Observable
from twin.models.cardiac.clinic import TIME
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.observation import SHARES
from twin.models.cardiac.parameters import NARROW, circulation
from twin.models.cardiac.piecewise import PiecewiseField, pieces_of
from twin.priors import LogNormal, Normal
from twin.space import Parameter, Space

CONTRACTILITY = LogNormal(1.5, 0.45)
"""E_max: from failing hearts to healthy ones."""
MITRAL = LogNormal(0.015, 0.9)
"""R_m: from 0.006 in health to 0.1 in stenosis."""
HEALTHY, STENOTIC = 0.006, 0.1
"""R_m [mmHg s/mL]: the median of the loop's prior, and stenosis (Simaan et al. 2009)."""

PATIENTS = circulation(NARROW, Emax=CONTRACTILITY, Rm=MITRAL)
TIMING = Space(
    (
        Parameter("HR", "1/min", LogNormal(75.0, 0.2), 75.0, "heart rate", "adults at rest", 42.0, 140.0),
        Parameter("delay", "s", Normal(0.0, 0.05), 0.0, "true less guessed start of systole", "about a frame",
                  -0.25, 0.25),
    )
)  # fmt: skip
LEAST_VOLUME = 1.0
"""[mL]; below it the logarithm is held."""

Beat = Callable[[Loop], Fields]
"""Patients (*batch,) -> fields of a beat (``limit_cycle.py``), of which the volume over SBV is used."""


@dataclass(frozen=True, eq=False)
class EchoCurve:
    """log V [log mL] as a function of the circulation, the heart rate and the delay. No error of its own is stated."""

    beat: Beat
    patients: Space = PATIENTS

    @cached_property
    def space(self) -> Space:
        """Circulation, heart rate, delay."""
        return self.patients + TIMING

    @property
    def conditions(self) -> Space:
        """None: all is read off the video."""
        return Space(())

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Time [s]."""
        return (TIME,)

    @property
    def observables(self) -> tuple[Observable, ...]:
        """log V."""
        return (Observable("log_volume", "1", "logarithm of the volume in mL", noise=None, sd=0.05),)

    def loop(self, theta: Array) -> Loop:
        """The patients of θ (*batch, p)."""
        names = (*self.patients.names, "HR")
        return Loop(**{name: theta[..., self.space.index(name)] for name in names})

    def stressed(self, loop: Loop) -> PiecewiseField:
        """Stressed volume over SBV as a function of the phase."""
        return pieces_of(self.beat(loop))["volume"]

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """log V (*batch, n, 1) at times x (n, 1)."""
        xp = namespace(theta)
        loop = self.loop(theta)
        times = like(x, theta)[:, 0] + theta[..., self.space.index("delay")][..., None]
        V = loop.V0[..., None] + loop.SBV[..., None] * self.stressed(loop)(times / loop.beat[..., None])
        return xp.log(xp.maximum(V, xp.full_like(V, LEAST_VOLUME)))[..., None]

    def extremes(self, theta: Array) -> tuple[Array, Array]:
        """EDV and ESV [mL] (*batch,)."""
        xp = namespace(theta)
        loop = self.loop(theta)
        V = loop.V0[..., None] + loop.SBV[..., None] * self.stressed(loop).on(SHARES)
        return xp.max(V, axis=-1), xp.min(V, axis=-1)

    def error(self, c: Array, x: Array) -> ForwardError | None:
        """None: the surrogate's error is part of the evidence's covariance."""
        return None
