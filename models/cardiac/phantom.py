"""Echo videos of a ventricle whose volume is known.

A bullet (``ventricle_shape.py``) of dark blood in a bright wall, seen from the apex in a sector, with speckle: the
envelope of a circular complex Gaussian field seen through a point-spread function is Rayleigh-distributed (Wagner et
al. 1983, IEEE Trans. Sonics Ultrason. 30, 156, DOI 10.1109/T-SU.1983.31404). The field changes from frame to frame as a
first-order autoregression; the image is log-compressed. Looks like an echocardiogram from afar only: what is learned
from phantoms is validated on phantoms.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, signal

from twin.models.cardiac.avi import Frames
from twin.models.cardiac.tracing import Tracing
from twin.models.cardiac.ventricle_shape import Bullets, Placement, bullets, traced
from twin.space import Floats

DEPTH = 160.0
"""Side of the image [mm], the same in all phantoms as the layout states no scale."""
OPENING = np.pi / 4
"""Half the sector's angle [rad]."""
BLOOD, WALL, TISSUE, VALVE = 0.06, 1.0, 0.3, 0.8
"""Amplitudes of the echo."""
SPREAD = (0.7, 1.1)
"""Standard deviations of the point-spread function along and across the beam [px at 56 px]."""
EDGE = 1.2
"""Width of the blood-wall border [mm]."""


@dataclass(frozen=True)
class Look:
    """All of a phantom that is not the volume: drawn by ``draw_look``, 1 and 0 where nothing is disturbed.

    ``foreshortening`` is the seen length over the true one, so that volumes read off the image are as much too small.
    """

    aspect: float = 1.8
    shortening: float = 0.25
    wall: float = 10.0
    angle: float = 0.0
    apex: tuple[float, float] = (0.0, 20.0)
    gain: float = 0.0
    fading: float = 0.0
    span: float = 50.0
    memory: float = 0.6
    foreshortening: float = 1.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """Frames (n, size, size), frames a second, and what an observer traces at frames ED and ES."""

    frames: Frames
    fps: float
    diastole: Tracing
    systole: Tracing
    scale: float
    """[mm/px]"""


def draw_look(rng: np.random.Generator) -> Look:
    """A random look. Lengths in mm, gain and dynamic range in dB, fading in dB over the depth."""
    return Look(
        aspect=rng.uniform(1.6, 2.0),
        shortening=rng.uniform(0.2, 0.3),
        wall=rng.uniform(8.0, 12.0),
        angle=rng.uniform(-0.2, 0.2),
        apex=(rng.uniform(-8.0, 8.0), rng.uniform(14.0, 26.0)),
        gain=rng.uniform(-5.0, 5.0),
        fading=rng.uniform(-8.0, 8.0),
        span=rng.uniform(45.0, 60.0),
        memory=rng.uniform(0.3, 0.8),
        foreshortening=float(np.clip(np.exp(rng.normal(*FORESHORTENING)), 0.8, 1.05)),
    )


FORESHORTENING = (-0.04, 0.03)
"""Mean and standard deviation of its logarithm."""


def make_phantom(
    volume: Floats,
    fps: float,
    diastole: int,
    systole: int,
    look: Look,
    *,
    size: int = 56,
    misread: tuple[float, float] = (1.0, 1.0),
    seed: int,
) -> Phantom:
    """The video of volumes (n,) [mL]; ``misread`` multiplies the two traced volumes (an observer's error)."""
    rng = np.random.default_rng(seed)
    at = Placement(look.apex, look.angle, DEPTH / size, size)
    true = bullets(volume, float(volume.max()), look.aspect, look.shortening)
    seen = replace(true, length=true.length * look.foreshortening)
    frames = _image(_echo(seen, at, look), _speckle(len(volume), size, look.memory, rng), at, look)
    ends = []
    for frame, factor in zip((diastole, systole), misread, strict=True):
        read = Bullets(seen.radius * factor ** (1 / 3), seen.length * factor ** (1 / 3))
        ends.append(traced(read, at, frame, frame))
    return Phantom(frames, fps, ends[0], ends[1], DEPTH / size)


def _echo(seen: Bullets, at: Placement, look: Look) -> Floats:
    """Amplitudes (n, size, size) of what scatters."""
    z, across = at.local()
    z, across = z[None], np.abs(across)[None]
    thick = look.wall * (seen.radius.max() / seen.radius) ** 0.7  # the wall thickens as the ventricle narrows
    outer = Bullets(seen.radius + thick, seen.length + 2 * thick)
    base = seen.length[:, None, None]
    within = _soft(seen.half_width(z) - across) * _soft(base - z)
    wall = _soft(outer.half_width(z + thick[:, None, None]) - across) * _soft(base - z)
    atrium = _soft(0.9 * seen.radius[:, None, None] - np.hypot(across, 0.8 * (z - base - seen.radius[:, None, None])))
    valve = np.exp(-0.5 * ((z - base) / 1.5) ** 2) * (across < seen.radius[:, None, None])
    amplitude = TISSUE + (WALL - TISSUE) * wall
    amplitude = amplitude + (BLOOD - amplitude) * np.maximum(within, atrium)
    return np.asarray(np.maximum(amplitude, VALVE * valve))


def _speckle(n: int, size: int, memory: float, rng: np.random.Generator) -> Floats:
    """Rayleigh-distributed envelope (n, size, size) of mean square 1, correlated in time as memory^lag."""
    white = rng.standard_normal((2, n, size, size), dtype=np.float32)
    white[:, 1:] *= np.float32(np.sqrt(1 - memory**2))
    moving = signal.lfilter([1.0], np.array([1.0, -memory], dtype=np.float32), white, axis=1).astype(np.float32)
    frequency = [fft.fftfreq(size), fft.rfftfreq(size)]
    widths = [spread * size / 56.0 for spread in SPREAD]
    gauss = [np.exp(-2 * (np.pi * width * f) ** 2) for width, f in zip(widths, frequency, strict=True)]
    response = np.outer(*gauss).astype(np.float32)
    full = np.outer(gauss[0], np.exp(-2 * (np.pi * widths[1] * fft.fftfreq(size)) ** 2))
    field = fft.irfft2(fft.rfft2(moving) * response, s=(size, size)) / np.sqrt(np.mean(full**2))
    return np.asarray(np.sqrt(0.5 * (field[0] ** 2 + field[1] ** 2)))


def _image(echo: Floats, speckle: Floats, at: Placement, look: Look) -> Frames:
    """Log-compressed grey levels inside the sector."""
    x, y = at.grid()
    radius, angle = np.hypot(x, y), np.arctan2(x, y)
    sector = (np.abs(angle) < OPENING) & (radius < 0.98 * DEPTH)
    decibel = 20 * np.log10(np.maximum(echo * speckle, 1e-4)) + look.gain + look.fading * (radius / DEPTH - 0.5)
    grey = 255 * np.clip(1 + (decibel - 5.0) / look.span, 0.0, 1.0)
    return np.asarray(np.where(sector, grey, 0.0), dtype=np.uint8)


def _soft(distance: Floats) -> Floats:
    """0 outside and 1 inside, over EDGE."""
    return np.asarray(np.clip(0.5 + distance / EDGE, 0.0, 1.0))
