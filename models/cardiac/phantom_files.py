"""Phantoms written as a folder in the layout of EchoNet-Dynamic."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from twin.models.cardiac.avi import write_avi
from twin.models.cardiac.echonet import FILES, TRACES
from twin.models.cardiac.phantom import Phantom
from twin.models.cardiac.tracing import Tracing
from twin.models.cardiac.ventricle_shape import MM3


@dataclass(frozen=True, eq=False)
class Named:
    """A phantom with its name and split."""

    name: str
    split: str
    phantom: Phantom


def traced_volume(tracing: Tracing, scale: float) -> float:
    """[mL] of a phantom's outline, ``scale`` in mm/px: of a bullet, without error."""
    return tracing.area_length_volume * scale**3 / MM3


def write_library(root: Path, phantoms: Iterable[Named]) -> None:
    """Writes both tables and the videos; volumes and EF are those of the outlines."""
    (root / "Videos").mkdir(parents=True, exist_ok=True)
    with (
        (root / "FileList.csv").open("w", newline="") as files,
        (root / "VolumeTracings.csv").open("w", newline="") as traces,
    ):
        listed, drawn = csv.writer(files), csv.writer(traces)
        listed.writerow(FILES)
        drawn.writerow(TRACES)
        for named in phantoms:
            phantom = named.phantom
            write_avi(root / "Videos" / f"{named.name}.avi", phantom.frames, phantom.fps)
            EDV, ESV = (traced_volume(t, phantom.scale) for t in (phantom.diastole, phantom.systole))
            n, height, width = phantom.frames.shape
            numbers = (100 * (EDV - ESV) / EDV, ESV, EDV)
            listed.writerow([named.name, *(f"{v:.6f}" for v in numbers), height, width, phantom.fps, n, named.split])
            for tracing in (phantom.diastole, phantom.systole):
                for line in (tracing.axis, *tracing.chords):
                    drawn.writerow([f"{named.name}.avi", *(f"{v:.6f}" for v in line), tracing.frame])
