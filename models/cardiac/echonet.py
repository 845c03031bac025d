"""Echo videos in the folder layout of EchoNet-Dynamic (Ouyang et al. 2020, DOI 10.1038/s41586-020-2145-8).

    ROOT/FileList.csv          FileName, EF [%], ESV [mL], EDV [mL], FrameHeight, FrameWidth, FPS, NumberOfFrames, Split
    ROOT/VolumeTracings.csv    FileName, X1, Y1, X2, Y2, Frame: the first line of a frame is the long axis
    ROOT/Videos/<FileName>.avi

Names may lack ``.avi``, splits come in any case. The data set is not part of this package and nothing here fetches
it; whoever has it has it under its own terms.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.models.cardiac.avi import Frames, UndecodableError, read_avi
from twin.models.cardiac.tracing import Tracing

FILES = ("FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split")
TRACES = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
SPLITS = ("TRAIN", "VAL", "TEST")
LEAST_CHORDS = 2
"""A traced frame needs its axis and two chords."""


@dataclass(frozen=True, eq=False)
class Video:
    """One video: volumes [mL], EF [%], frames a second, split, and traced frames, the largest outline first."""

    name: str
    path: Path
    EDV: float
    ESV: float
    EF: float
    fps: float
    frames: int
    split: str
    tracings: tuple[Tracing, ...]

    @property
    def diastole(self) -> int:
        """The traced frame of the largest outline."""
        return self.tracings[0].frame

    @property
    def systole(self) -> int:
        """The traced frame of the smallest outline."""
        return self.tracings[-1].frame


@dataclass(frozen=True, eq=False)
class Library:
    """The usable videos of a folder, and the names of those left out, by reason."""

    videos: tuple[Video, ...]
    dropped: Mapping[str, tuple[str, ...]]

    def of(self, split: str) -> tuple[Video, ...]:
        """The videos of one split."""
        return tuple(video for video in self.videos if video.split == split)

    def notes(self) -> tuple[str, ...]:
        """A line for each reason to leave videos out."""
        return tuple(f"{len(names)} dropped: {reason}: {_few(names)}" for reason, names in self.dropped.items())


def read_library(root: Path) -> Library:
    """What the folder holds. ValueError with file and line where a table is not what it should be."""
    traced = _tracings(root / "VolumeTracings.csv")
    videos: list[Video] = []
    dropped: dict[str, list[str]] = {}
    for where, row in _rows(root / "FileList.csv", FILES):
        name = _stem(row["FileName"])
        video = _video(root, where, name, row, traced.get(name, ()))
        reason = objection(video)
        if reason:
            dropped.setdefault(reason, []).append(name)
        else:
            videos.append(video)
    return Library(tuple(videos), {reason: tuple(names) for reason, names in dropped.items()})


def objection(video: Video) -> str:
    """Why a video cannot be used, or the empty string."""
    if len(video.tracings) < 2:
        return "fewer than two traced frames"
    if max(t.frame for t in video.tracings) >= video.frames:
        return "a traced frame lies beyond the video's end"
    if not video.path.is_file():
        return "no such file in Videos"
    return ""


def decoded(library: Library) -> Iterator[tuple[Video, Frames | UndecodableError]]:
    """Every video with its frames (n, h, w), or with the error that says why there are none."""
    for video in library.videos:
        try:
            frames = read_avi(video.path)
        except UndecodableError as error:
            yield video, error
            continue
        missing = max(t.frame for t in video.tracings) >= len(frames)
        short = UndecodableError(f"{video.path}: {len(frames)} frames, traced is frame {video.diastole}")
        yield video, short if missing else frames


def _video(root: Path, where: str, name: str, row: Mapping[str, str], traced: tuple[Tracing, ...]) -> Video:
    split = row["Split"].strip().upper()
    if split not in SPLITS:
        raise ValueError(f"{where}: Split must be one of {', '.join(SPLITS)} in any case, got {row['Split']!r}")
    fps, frames = _number(where, row, "FPS"), _number(where, row, "NumberOfFrames")
    if fps <= 0:
        raise ValueError(f"{where}: FPS must be positive, got {fps:g}")
    EDV, ESV = _number(where, row, "EDV"), _number(where, row, "ESV")
    if not 0 < ESV <= EDV:
        raise ValueError(f"{where}: expected 0 < ESV <= EDV, got ESV {ESV:g} and EDV {EDV:g} mL")
    path = root / "Videos" / f"{name}.avi"
    return Video(name, path, EDV, ESV, _number(where, row, "EF"), fps, int(frames), split, traced)


def _tracings(path: Path) -> dict[str, tuple[Tracing, ...]]:
    """Traced frames by video, the largest outline first."""
    lines: dict[tuple[str, int], list[list[float]]] = {}
    for where, row in _rows(path, TRACES):
        key = (_stem(row["FileName"]), int(_number(where, row, "Frame")))
        lines.setdefault(key, []).append([_number(where, row, column) for column in ("X1", "Y1", "X2", "Y2")])
    found: dict[str, list[Tracing]] = {}
    for (name, frame), drawn in lines.items():
        if len(drawn) > LEAST_CHORDS:
            found.setdefault(name, []).append(Tracing(frame, np.array(drawn[0]), np.array(drawn[1:])))
    return {name: tuple(sorted(t, key=lambda tracing: -tracing.area)) for name, t in found.items()}


def _rows(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lines of a table by column, with "file:line"."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected the layout FileList.csv, VolumeTracings.csv, Videos/")
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        missing = [name for name in wanted if name not in (table.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: column {missing[0]!r} is missing, got {', '.join(table.fieldnames or ())}")
        for row in table:
            yield f"{path}:{table.line_num}", row


def _number(where: str, row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{where}: {column} must be a number, got {row[column]!r}")
    return value


def _stem(name: str) -> str:
    return name.strip().removesuffix(".avi")


def _few(names: tuple[str, ...], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
