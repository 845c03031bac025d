"""What a sonographer draws on a frame: the ventricle's long axis and chords across it.

With n chords d_i [px] at equal distances along the axis of length L [px], the method of discs gives

    V = π/4 · L/n · Σ d_i²

(Lang et al. 2015, J. Am. Soc. Echocardiogr. 28, 1, DOI 10.1016/j.echo.2014.10.003), and the area-length formula of a
bullet, a half ellipsoid on a cylinder of the same length, V = 5/6 A L with A = π/4 max d² (Folland et al. 1979,
Circulation 60, 760, DOI 10.1161/01.CIR.60.4.760). Both in cubic pixels: the layout states no scale.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Tracing:
    """A traced frame: ``axis`` (4,) and ``chords`` (n, 4), each x1, y1, x2, y2 [px]."""

    frame: int
    axis: Floats
    chords: Floats

    @cached_property
    def polygon(self) -> Floats:
        """The outline (2 n, 2): down one side of the chords and up the other; the axis is no part of it."""
        return np.concatenate([self.chords[:, :2], self.chords[::-1, 2:]])

    @property
    def area(self) -> float:
        """Enclosed by the outline [px²]."""
        x, y = self.polygon.T
        return float(0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))

    @property
    def length(self) -> float:
        """Of the long axis [px]."""
        return float(np.hypot(*(self.axis[2:] - self.axis[:2])))

    @property
    def widths(self) -> Floats:
        """Of the chords (n,) [px]."""
        return np.asarray(np.hypot(*(self.chords[:, 2:] - self.chords[:, :2]).T))

    @property
    def disc_volume(self) -> float:
        """By the method of discs [px³]."""
        return float(np.pi / 4 * self.length * np.mean(self.widths**2))

    @property
    def area_length_volume(self) -> float:
        """Of the bullet [px³]."""
        return float(5 / 6 * np.pi / 4 * self.widths.max() ** 2 * self.length)
