"""A trained network that stands in for a model: a function of NumPy, PyTorch or JAX arrays, and a file.

The file is safetensors: named tensors and a JSON header, never a pickle. The header holds the format's version,
the model and preset it was trained for with a digest of their definition, the network, the record of training and
of the held-out error, and a SHA-256 over all of it and the tensors.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch

from twin.arrays import Array, concrete, like, to_numpy
from twin.atomic import replaced
from twin.error import ErrorModel, ForwardError, uncorrelated
from twin.model import Coordinate, Fields, Observable
from twin.networks import Network
from twin.slide import and_beyond, slide_of
from twin.space import Floats, Space
from twin.specification import network_from, specification_of
from twin.training.build import Trainable

VERSION, UNSLID = 3, 2
"""Of the format: the newest that is read, and the one of files whose errors do not slide, as older programs read it."""
HEADER = "twincal"
PROBES = 4
BOX_SLACK = 1e-3
"""Share of the box by which finite differences may reach over its edge."""
PROBE_TOLERANCE, NOTHING = 1e-8, 1e-5
"""Relative; of a probe's value that is less than a share of its observable's largest, that share counts."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """``surrogate(theta, c, x)`` as the model would answer, by the network.

    ``mode`` is "physics", "hybrid" or "data"; ``record`` describes training and held-out errors as plain data.
    """

    model: Trainable
    network: Network
    weights: Mapping[str, Floats]
    mode: str
    errors: ErrorModel | None
    record: Mapping[str, Any]

    @property
    def space(self) -> Space:
        """Parameters, bounded by the trained box."""
        return self.model.space

    @property
    def conditions(self) -> Space:
        """Known inputs, bounded by the trained box."""
        return self.model.conditions

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Columns of x."""
        return self.model.coordinates

    @property
    def observables(self) -> tuple[Observable, ...]:
        """Columns of y."""
        return self.model.observables

    def fields(self, theta: Array, c: Array) -> Fields:
        """The model's unknown functions by the network."""
        weights = {name: like(w, theta) for name, w in self.weights.items()}
        return self.model.lift(partial(self.network, weights), theta, c)

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Predicted observables (*batch, n, q); ValueError outside the trained box or stretch of the abscissa.

        θ can be looked at only as a NumPy array; samplers keep to the box by their transforms. Conditions and abscissae
        that are being traced were looked at before.
        """
        if concrete(c, x):
            self.model.require_covered(c, x)
        if isinstance(theta, np.ndarray):
            _require_box(self.space, theta)
        return self.model.observe(self.fields(theta, c), theta, c, x)

    def slide(self, theta: Array, c: Array, x: Floats) -> Array:
        """What a relative error of the first coordinate is worth (*batch, n, q): x ∂f/∂x, as ``slide.py`` has it."""
        places = and_beyond(x)
        return slide_of(self.model.observe(self.fields(theta, c), theta, c, places), places)

    def error(self, c: Array, x: Array) -> ForwardError:
        """The surrogate minus the reference solver, from held-out solves.

        ValueError if none were made: an unknown error is not taken for none.
        """
        if self.errors is None:
            raise ValueError("this surrogate's error was never measured; hold it against the reference solver first")
        end = self.model.abscissa(to_numpy(c), 2)[-1, 0]
        return self.errors.at(to_numpy(c), to_numpy(x)[:, 0] / end).seen_through(self.model.as_trained)


def digest_of(model: Trainable) -> str:
    """SHA-256 of what a surrogate depends on: names, bounds and priors of both spaces, sizes of the network."""
    definition = {
        "name": model.name,
        "preset": model.preset,
        "space": [[p.name, p.unit, repr(p.prior), *map(float, p.bounds)] for p in model.space.parameters],
        "conditions": [[p.name, p.unit, *map(float, p.bounds)] for p in model.conditions.parameters],
        "observables": [[o.name, o.unit] for o in model.observables],
        "network": [model.inputs, model.outputs],
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def probe_of(model: Trainable) -> Floats:
    """Observables under a network that answers zero, at a few points: changes when an equation or constant does."""
    theta = model.space.sobol(PROBES, 0)
    c = model.conditions.nominal

    def nothing(features: Array) -> Array:
        return features[..., :1] * np.zeros(model.outputs)

    x = model.abscissa(c, PROBES)[1:]
    return np.asarray(model.observe(model.lift(nothing, theta, c), theta, c, x)).reshape(-1)


def save(surrogate: Surrogate, path: Path) -> None:
    """Writes the file in one move; the same surrogate gives the same bytes."""
    tensors = {name: np.ascontiguousarray(w, dtype=np.float64) for name, w in surrogate.weights.items()}
    if surrogate.errors is not None:
        tensors |= {f"error.{key}": np.ascontiguousarray(v) for key, v in vars(surrogate.errors).items()}
    trained_as = surrogate.model.trained_as
    header = {
        "version": VERSION if surrogate.errors is not None and surrogate.errors.slides else UNSLID,
        "model": trained_as.name,
        "preset": trained_as.preset,
        "definition": digest_of(trained_as),
        "probe": probe_of(trained_as).tolist(),
        "network": specification_of(surrogate.network),
        "mode": surrogate.mode,
        "record": dict(surrogate.record),
    }
    header["sha256"] = _checksum(header, tensors)
    content = safetensors.numpy.save(tensors, metadata={HEADER: json.dumps(header, sort_keys=True)})
    with replaced(path) as temporary:
        temporary.write_bytes(content)


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header; ValueError if the file is none of ours or newer than this program."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a surrogate written by 'twin train'")
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(
            f"{path}: not a surrogate file (safetensors expected; pickles are never read): {error}"
        ) from error
    if HEADER not in metadata:
        raise ValueError(f"{path}: a safetensors file, but not a surrogate of twincal")
    try:
        header: dict[str, Any] = json.loads(metadata[HEADER])
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: damaged, its header cannot be read ({error}); fetch or train it again") from error
    if header.get("version", 0) > VERSION:
        raise ValueError(
            f"{path}: format version {header['version']} is newer than this program reads ({VERSION}); update twincal"
        )
    if json.dumps(header, sort_keys=True) != metadata[HEADER]:
        raise ValueError(f"{path}: damaged, its header is not as it was written; fetch or train it again")
    return header


def load(path: Path, model: Trainable) -> Surrogate:
    """The surrogate of ``model`` in a file; ValueError for a damaged file or one trained for another model.

    Presets that differ by their priors alone share a file (``Trainable.trained_as``).
    """
    header = read_header(path)
    tensors = safetensors.numpy.load_file(path)
    stated = header.pop("sha256", "")
    if stated != _checksum(header, tensors):
        raise ValueError(f"{path}: damaged, its content does not match its checksum; fetch or train it again")
    origin = model.trained_as
    theirs, ours = (header["model"], header["preset"]), (origin.name, origin.preset)
    if theirs != ours:
        raise ValueError(f"{path}: trained for {'/'.join(theirs)}, expected {'/'.join(ours)}")
    if header["definition"] != digest_of(origin) or not _same_physics(header["probe"], origin):
        raise ValueError(
            f"{path}: trained for another definition of {'/'.join(ours)} (parameters, bounds, equations or constants "
            f"changed since); train it again with 'twin train {origin.name} --preset {origin.preset}'"
        )
    errors = {name.removeprefix("error."): t for name, t in tensors.items() if name.startswith("error.")}
    weights = {name: t for name, t in tensors.items() if not name.startswith("error.")}
    return Surrogate(
        model=model,
        network=network_from(header["network"]),
        weights=weights,
        mode=header["mode"],
        errors=_error_model(errors, len(origin.space) + len(origin.conditions)) if errors else None,
        record=header["record"],
    )


def _error_model(tensors: dict[str, Floats], d: int) -> ErrorModel:
    """Files of version 1 tell bias and standard deviation of independent errors only."""
    if "sd" in tensors:
        return uncorrelated(tensors["fraction"], tensors["bias"], tensors["sd"], d)
    return ErrorModel(**tensors)


def _same_physics(stored: list[float], model: Trainable) -> bool:
    """Whether the probe is the same, values near 0 by what is usual of their observable."""
    ours = probe_of(model).reshape(-1, len(model.observables))
    if len(stored) != ours.size:
        return False
    size = np.max(np.abs(ours), axis=0)
    apart = np.abs(np.reshape(stored, ours.shape) - ours)
    return bool(np.all(apart <= PROBE_TOLERANCE * np.maximum(np.abs(ours), NOTHING * size)))


def _require_box(space: Space, theta: Floats) -> None:
    low, high = space.bounds.T
    slack = BOX_SLACK * (high - low)
    outside = np.any((theta < low - slack) | (theta > high + slack), axis=tuple(range(theta.ndim - 1)))
    if np.any(outside):
        names = ", ".join(
            f"{name} in [{p.bounds[0]:g}, {p.bounds[1]:g}] {p.unit}"
            for name, p, out in zip(space.names, space.parameters, outside, strict=True)
            if out
        )
        raise ValueError(f"parameters outside the box the surrogate was trained in; it holds for {names}")


def weights_to_numpy(weights: Mapping[str, torch.Tensor]) -> dict[str, Floats]:
    """Trained tensors as float64 NumPy arrays."""
    return {name: to_numpy(w).astype(np.float64) for name, w in weights.items()}


def _checksum(header: Mapping[str, Any], tensors: Mapping[str, Floats]) -> str:
    total = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        t = tensors[name]
        total.update(name.encode() + f"{t.dtype} {t.shape}".encode() + t.tobytes())
    return total.hexdigest()
