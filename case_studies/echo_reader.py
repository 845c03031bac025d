"""From videos to volume curves: the reader trained on two traced frames per video, and what it says of all frames.

What a folder in the layout of EchoNet-Dynamic tells is two volumes per video and at which frames they were traced. Half
of the training clips keep the order of time (or reverse it), the others shuffle it: a reader that knew the ends of
systole and diastole by their place in time would learn nothing of the frames in between, which nobody traced.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize

from twin.models.cardiac.avi import Frames, UndecodableError
from twin.models.cardiac.clip import clip_by_time, shrunk
from twin.models.cardiac.echonet import Video, decoded, read_library
from twin.reading import CurveReader, Reading, negative_log_likelihood
from twin.space import Floats
from twin.training.first_order import Adam
from twin.training.minibatch import Fitted, fit_module
from twin.video import VideoEncoder

LENGTH = 12
"""Frames of a training clip."""
STRIDES = (1.0, 3.0)
RATE, FRAMES = 15.0, 40
"""Frames a second, and of a clip, in which curves are read: 2.6 s."""
MEMORY = 0.07
"""Correlation time [s] of the reader's own errors."""
BATCH = 32
SHIFT = 3
"""Pixels by which training images are moved."""
SHUFFLED = 0.5
SIMPLEX = np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.3]])
"""Where the search for the factors' logarithms starts."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """Decoded videos, and mean and standard deviation of the training set's grey levels."""

    videos: tuple[Video, ...]
    frames: tuple[Frames, ...]
    mean: float
    sd: float
    notes: tuple[str, ...]

    def of(self, split: str) -> "Shelf":
        """The videos of one split."""
        kept = [i for i, video in enumerate(self.videos) if video.split == split]
        videos, frames = (tuple(part[i] for i in kept) for part in (self.videos, self.frames))
        return Shelf(videos, frames, self.mean, self.sd, self.notes)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Curves:
    """Logarithms of volumes (n, T) with σ_s (n,) and σ_k (n, T), times (n, T) [s], where there are frames (n, T)."""

    names: tuple[str, ...]
    times: Floats
    mask: npt.NDArray[np.bool_]
    mean: Floats
    common: Floats
    own: Floats
    short: npt.NDArray[np.bool_]


def load_shelf(root: Path, size: int, *, like: Shelf | None = None) -> Shelf:
    """All videos of a folder that decode; the notes count and name the others. Grey levels as ``like``'s if given."""
    library = read_library(root)
    videos, frames, bad = [], [], []
    for video, found in decoded(library):
        if isinstance(found, UndecodableError):
            bad.append(str(found))
        else:
            videos.append(video)
            frames.append(shrunk(found, size))
    notes = (*library.notes(), *((f"{len(bad)} do not decode: {'; '.join(bad[:5])}",) if bad else ()))
    if not videos:
        raise ValueError(f"{root}: no usable video; {'; '.join(notes)}")
    known = [f for f, v in zip(frames, videos, strict=True) if v.split == "TRAIN"][:200] or frames[:200]
    grey = np.concatenate([f[::8].ravel() for f in known])
    mean, sd = (like.mean, like.sd) if like else (float(grey.mean()), float(grey.std()))
    return Shelf(tuple(videos), tuple(frames), mean, sd, notes)


def train_reader(
    shelf: Shelf,
    *,
    steps: int,
    label_sd: float,
    seed: int,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> tuple[CurveReader, Fitted]:
    """The reader of the training split. ``label_sd`` is the relative error of a traced volume."""
    torch.manual_seed(seed)
    volumes = np.array([[v.EDV, v.ESV] for v in shelf.videos])
    logs = np.log(volumes)
    reader = CurveReader(VideoEncoder(), centre=float(logs.mean()), spread=float(logs.std()), memory=MEMORY)

    def loss(k: int) -> torch.Tensor:
        rng = np.random.default_rng((seed, k))
        rows = rng.integers(len(shelf.videos), size=BATCH)
        clips, times, labelled = batch_of(shelf, rows, rng)
        found = reader(clips, torch.ones(times.shape), times).at(labelled)
        return negative_log_likelihood(found, torch.as_tensor(volumes[rows]), label_sd).mean()

    fitted = fit_module(
        reader, loss, Adam(steps=steps, rate=2e-3, batch=BATCH), what=f"reader {len(shelf.videos)} {seed}", decay=0.02,
        checkpoint=checkpoint, progress=progress,
    )  # fmt: skip
    return reader.eval(), fitted


def batch_of(
    shelf: Shelf, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Clips (B, T, H, W), times (B, T) [s] and the places (B, 2) of the traced frames, diastole first."""
    clips, times, labelled = [], [], []
    for row in rows:
        video, frames = shelf.videos[row], shelf.frames[row]
        chosen, places = chosen_frames(video.diastole, video.systole, len(frames), rng)
        moved = np.roll(frames[chosen], tuple(rng.integers(-SHIFT, SHIFT + 1, size=2)), axis=(1, 2))
        clips.append((moved.astype(np.float32) - shelf.mean) / shelf.sd * rng.uniform(0.85, 1.15))
        times.append(chosen / video.fps)
        labelled.append(places)
    stacked = torch.as_tensor(np.stack(clips), dtype=torch.float32)
    return stacked, torch.as_tensor(np.stack(times), dtype=torch.float32), torch.as_tensor(np.stack(labelled))


def chosen_frames(
    diastole: int, systole: int, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Frames (T,) of a training clip that holds both traced ones, and the places (2,) of these in it."""
    first, last = sorted((diastole, systole))
    stride = max(rng.uniform(*STRIDES), (last - first) / (LENGTH - 2))
    apart = max(1, round((last - first) / stride))
    place = int(rng.integers(0, LENGTH - apart))
    chosen = np.clip(np.round(first + (np.arange(LENGTH) - place) * stride).astype(np.int64), 0, count - 1)
    chosen[place], chosen[place + apart] = first, last
    order = rng.permutation(LENGTH) if rng.random() < SHUFFLED else np.arange(LENGTH)[:: rng.choice([-1, 1])]
    where = np.argsort(order)[[place, place + apart]]
    return chosen[order], where if diastole <= systole else where[::-1].copy()


def read_curves(reader: CurveReader, shelf: Shelf) -> Curves:
    """What the reader says of the first 2.6 s of every video."""
    clips = [clip_by_time(f, v.fps, rate=RATE, length=FRAMES) for f, v in zip(shelf.frames, shelf.videos, strict=True)]
    found: list[Reading] = []
    with torch.no_grad():
        for i in range(0, len(clips), BATCH):
            part = clips[i : i + BATCH]
            grey = (np.stack([c.frames for c in part]).astype(np.float32) - shelf.mean) / shelf.sd
            mask, times = (np.stack([getattr(c, name) for c in part]) for name in ("mask", "times"))
            inputs = (torch.as_tensor(a, dtype=torch.float32) for a in (grey, mask, times))
            found.append(reader(*inputs))
    mean, common, own = (np.concatenate([np.asarray(getattr(r, n), dtype=np.float64) for r in found]) for n in
                         ("mean", "common", "own"))  # fmt: skip
    times, mask, short = (np.stack([getattr(c, name) for c in clips]) for name in ("times", "mask", "short"))
    return Curves(tuple(v.name for v in shelf.videos), times, mask, mean, common, own, short)


def calibrate(
    reader: CurveReader, shelf: Shelf, label_sd: float, *, rounds: int = 4, seed: int = 0
) -> tuple[float, float]:
    """Factors of σ_s and σ_k that make a held-out set's labels most likely: training knows its own labels too well."""
    parts = []
    for k in range(rounds):
        rng = np.random.default_rng((seed, k))
        for i in range(0, len(shelf.videos), BATCH):
            rows = np.arange(i, min(i + BATCH, len(shelf.videos)))
            clips, times, labelled = batch_of(shelf, rows, rng)
            with torch.no_grad():
                found = reader(clips, torch.ones(times.shape), times).at(labelled)
            volumes = torch.as_tensor([[shelf.videos[r].EDV, shelf.videos[r].ESV] for r in rows])
            parts.append((found, volumes))

    def cost(logs: Floats) -> float:
        scaled = [(found.scaled(*np.exp(logs).tolist()), volumes) for found, volumes in parts]
        return float(sum(negative_log_likelihood(f, v, label_sd).sum() for f, v in scaled))

    best = minimize(
        cost, np.zeros(2), method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.1, "initial_simplex": SIMPLEX}
    )
    return float(np.exp(best.x[0])), float(np.exp(best.x[1]))
