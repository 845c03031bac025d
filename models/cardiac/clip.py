"""Clips of a video, cut by time and not by frames: a beat lasts as long as it lasts, whatever the camera's rate.

A clip holds the frames nearest to equally spaced times. Where the video ends before the clip does, the rest is padding
that the mask leaves out. Less than one beat does not show how the ventricle fills and empties: such a clip says so, and
what is inferred from it must be wider.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from twin.models.cardiac.avi import Frames
from twin.space import Floats

BEATS = 1.5
"""A clip covers at least this many."""
SLOWEST = 45.0
"""Heart rate [1/min] to count with where none is known."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames (n, h, w), where there are some (n,), and their times (n,) [s] from the video's start.

    ``short`` says that the clip covers less than one beat.
    """

    frames: Frames
    mask: npt.NDArray[np.bool_]
    times: Floats
    short: bool

    @property
    def note(self) -> str:
        """What a report says of a short clip, or the empty string."""
        covered = float(np.ptp(self.times[self.mask])) if self.mask.any() else 0.0
        return f"the clip covers {covered:.2f} s, less than one beat: read its posterior as wide" if self.short else ""


def clip_by_time(
    frames: Frames, fps: float, *, rate: float, length: int, start: float = 0.0, heart_rate: float | None = None
) -> Clip:
    """``length`` frames, ``rate`` [1/s] of them a second, from ``start`` [s] on.

    ValueError where so many cannot hold 1.5 beats at the heart rate [1/min] (45 if unknown).
    """
    beat = 60.0 / (heart_rate or SLOWEST)
    if (length - 1) / rate < BEATS * beat:
        raise ValueError(
            f"{length} frames at {rate:g} a second cover {(length - 1) / rate:.2f} s; {BEATS:g} beats last "
            f"{BEATS * beat:.2f} s: take at least {int(np.ceil(BEATS * beat * rate)) + 1}"
        )
    asked = np.round((start + np.arange(length) / rate) * fps).astype(int)
    mask = asked < len(frames)
    index = np.minimum(asked, len(frames) - 1)
    covered = float(np.ptp(index[mask])) / fps if mask.any() else 0.0
    kept = np.where(mask[:, None, None], frames[index], 0).astype(np.uint8)
    return Clip(kept, mask, asked / fps, covered < beat)


def shrunk(frames: Frames, size: int) -> Frames:
    """Frames (n, size, size): means over blocks of pixels, or an area filter where sizes do not divide."""
    n, height, width = frames.shape
    if (height, width) == (size, size):
        return frames
    if height % size == 0 and width % size == 0:
        blocks = frames.reshape(n, size, height // size, size, width // size)
        return np.asarray(np.rint(blocks.mean(axis=(2, 4))), dtype=np.uint8)
    images = [Image.fromarray(frame).resize((size, size), Image.Resampling.BOX) for frame in frames]
    return np.stack([np.asarray(image) for image in images])
