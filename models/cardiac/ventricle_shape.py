"""A left ventricle as a bullet: half an ellipsoid on a cylinder, each as long as the other.

With radius b [mm] and length L [mm] its volume is V = 5/6 π b² L, the area-length formula, without error. Over the beat

    L = L_0 (V/V_0)^κ,   b = √(6 V/(5 π L)),   L_0 = 2 a b_0

with the aspect a at the largest volume V_0: a ventricle shortens less than it narrows.
"""

from dataclasses import dataclass

import numpy as np

from twin.models.cardiac.tracing import Tracing
from twin.space import Floats

MM3 = 1000.0
"""In a millilitre."""
CHORDS = 20


@dataclass(frozen=True, eq=False)
class Bullets:
    """Radius b and length L (n,) [mm] at n times."""

    radius: Floats
    length: Floats

    def half_width(self, z: Floats) -> Floats:
        """Half the chord [mm] at the distance z [mm] from the apex (n, …): 0 before the apex."""
        half = 0.5 * _against(self.length, z)
        cap = np.clip((half - z) / half, 0.0, 1.0)
        return np.asarray(_against(self.radius, z) * np.sqrt(1.0 - cap**2) * (z > 0))


@dataclass(frozen=True)
class Placement:
    """Where the ventricle lies in the image.

    The apex [mm] from the middle of the image's top, the axis's angle to the vertical [rad], millimetres per pixel,
    pixels across the image.
    """

    apex: tuple[float, float]
    angle: float
    scale: float
    size: int

    @property
    def axis(self) -> Floats:
        """Unit vector from apex to base (2,), x to the right and y down."""
        return np.array([np.sin(self.angle), np.cos(self.angle)])

    def local(self) -> tuple[Floats, Floats]:
        """Distance along the axis from the apex, and across it, of every pixel (size, size) [mm]."""
        x, y = self.grid()
        dx, dy = x - self.apex[0], y - self.apex[1]
        along, right = self.axis, self.across
        return dx * along[0] + dy * along[1], dx * right[0] + dy * right[1]

    def grid(self) -> tuple[Floats, Floats]:
        """x and y of every pixel's centre (size, size) [mm] from the middle of the top."""
        place = (np.arange(self.size) + 0.5) * self.scale
        x, y = np.meshgrid(place - 0.5 * self.size * self.scale, place)
        return x, y

    @property
    def across(self) -> Floats:
        """Unit vector at a right angle to the axis (2,)."""
        return np.array([np.cos(self.angle), -np.sin(self.angle)])

    def pixels(self, along: Floats, across: Floats) -> Floats:
        """x, y [px] (n, 2) of points (n,) in the ventricle's own coordinates [mm]."""
        point = np.asarray(self.apex) + np.outer(along, self.axis) + np.outer(across, self.across)
        return np.asarray(point / self.scale + np.array([0.5 * self.size - 0.5, -0.5]))


def bullets(volume: Floats, largest: float, aspect: float, shortening: float) -> Bullets:
    """The ventricle at volumes (n,) [mL]; ``largest`` is V_0, ``shortening`` κ."""
    radius = (MM3 * largest / (5 / 3 * np.pi * aspect)) ** (1 / 3)
    length = 2 * aspect * radius * (volume / largest) ** shortening
    return Bullets(np.sqrt(6 * MM3 * volume / (5 * np.pi * length)), length)


def traced(shape: Bullets, at: Placement, frame: int, row: int) -> Tracing:
    """What an observer draws of the ventricle at time ``row``: the axis, and chords in the middle of equal discs."""
    length = shape.length[row]
    along = (np.arange(CHORDS) + 0.5) / CHORDS * length
    own = Bullets(shape.radius[row : row + 1], shape.length[row : row + 1])
    half = own.half_width(along[None])[0]
    axis = at.pixels(np.array([0.0, length]), np.zeros(2)).ravel()
    return Tracing(frame, axis, np.concatenate([at.pixels(along, -half), at.pixels(along, half)], axis=1))


def _against(values: Floats, z: Floats) -> Floats:
    return values.reshape(-1, *(1 for _ in range(z.ndim - 1)))
