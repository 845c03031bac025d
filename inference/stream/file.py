"""Streams on disk: one NumPy archive of arrays, from which tomorrow goes on as if there had been no night.

Random numbers follow from the seed and the count of windows, so that a stream that was saved and loaded gives the very
numbers of one that was not. What the stream was made with stands beside it and is compared.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from twin.arrays import Array
from twin.atomic import replaced
from twin.inference.stream.advance import Stream, Streaming
from twin.inference.stream.kept import Kept
from twin.inference.stream.path import Paths
from twin.inference.stream.swarm import Swarm
from twin.inference.units.likelihood import Row, Tables
from twin.slide import Ahead

FORMAT = "twincal stream 1"
KEPT = ("times", "powers", "mean", "root")


def save(streaming: Streaming, stream: Stream, path: str | Path) -> None:
    """Writes the file in one move: a reader finds the old one or the new one, never half of it."""
    swarm, kept = stream.swarm, stream.kept
    arrays = {
        "format": np.array(FORMAT),
        "settings": np.array(json.dumps(_settings(streaming))),
        "u": swarm.paths.u,
        "walked": swarm.paths.walked,
        "fits": swarm.fits,
        "log_weights": swarm.log_weights,
        "time": np.array(stream.time),
        "count": np.array(stream.count),
        "log_evidence": np.array(stream.log_evidence),
    }
    if kept is not None:
        arrays |= {f"kept.{name}": getattr(kept, name) for name in KEPT} | {"kept.summed": np.array(kept.summed)}
        for i, row in enumerate(kept.data):
            arrays |= {f"data.{i}.{name}": array for name, array in _arrays(row).items()}
    with replaced(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load(streaming: Streaming, path: str | Path) -> Stream:
    """The stream that ``save`` wrote. ValueError for another file, and for one that was made with other settings."""
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (OSError, ValueError, EOFError, BadZipFile) as problem:
        raise ValueError(f"{path}: expected a stream that was saved, cannot be read ({problem})") from problem
    if str(arrays.get("format")) != FORMAT:
        raise ValueError(f"{path}: expected format {FORMAT!r}, got {str(arrays.get('format'))!r}")
    _require_settings(path, json.loads(str(arrays["settings"])), _settings(streaming))
    paths = Paths(arrays["u"], arrays["walked"], streaming.walking)
    swarm = Swarm(paths, arrays["fits"], arrays["log_weights"])
    count, time, evidence = (arrays[name].item() for name in ("count", "time", "log_evidence"))
    return Stream(swarm, _kept(streaming, arrays), time, count, evidence)


def _settings(streaming: Streaming) -> dict[str, Any]:
    space = streaming.likelihood.space
    return {
        "parameters": [[p.name, repr(p.prior), *map(float, p.bounds)] for p in space.parameters],
        "walk": dict(sorted(streaming.walk.items())),
        "forgetting": streaming.forgetting,
        "horizon": streaming.horizon,
        "particles": streaming.particles,
        "seed": streaming.seed,
    }


def _require_settings(path: str | Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ValueError(
                f"{path}: expected a stream with {name} = {value}, got {found.get(name)}; go on with the settings that "
                "it began with, or begin anew"
            )


def _kept(streaming: Streaming, arrays: Mapping[str, Array]) -> Kept | None:
    if "kept.times" not in arrays:
        return None
    data = tuple(_row(arrays, f"data.{i}.") for i in range(len(streaming.likelihood.blocks)))
    times, powers, mean, root = (arrays[f"kept.{name}"] for name in KEPT)
    return Kept(data, times, powers, mean, root, bool(arrays["kept.summed"]))


def _arrays(row: Row) -> dict[str, Array]:
    """A row's arrays by name, those of records in it as record.name."""
    found: dict[str, Array] = {}
    for name, value in row._asdict().items():
        if isinstance(value, Tables | Ahead):
            found |= {f"{name}.{part}": array for part, array in value._asdict().items()}
        elif value is not None:
            found[name] = value
    return found


def _row(arrays: Mapping[str, Array], prefix: str) -> Row:
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    tables, ahead = (
        {part: own.pop(f"{group}.{part}") for part in parts if f"{group}.{part}" in own}
        for group, parts in (("tables", Tables._fields), ("ahead", Ahead._fields))
    )
    return Row(**own, tables=Tables(**tables) if tables else None, ahead=Ahead(**ahead) if ahead else None)
