"""Checkpoints: plain tensors and numbers in one file, moved into place, refused where they do not belong."""

import json
import os
from pathlib import Path
from typing import Any

import torch

from twin.training.problem import Problem
from twin.training.residual import evaluate, require_rows
from twin.training.sampling import sobol
from twin.training.stage import State

_FORMAT = 1
_PROBES = 4


def fingerprint(problem: Problem, weights: dict[str, torch.Tensor], record: dict[str, Any]) -> State:
    """What makes a run this run: its record, and the rows at the start weights on a few points."""
    device = next(iter(weights.values())).device
    points = sobol(_PROBES, max(1, problem.dimension), (0, 0))[:, : problem.dimension]
    with torch.no_grad():
        residual = evaluate(problem, weights, points.to(device))
    require_rows(residual)
    rows = {name: r.to("cpu", torch.float64) for name, r in residual.terms.items()}
    return {"format": _FORMAT, "record": json.dumps(record, sort_keys=True), "rows": rows}


def write(path: Path, content: State) -> None:
    """Replaces ``path`` in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    torch.save(content, partial)
    os.replace(partial, path)


def read(path: Path, expected: State) -> State:
    """Content of ``path``; ValueError if that is not of the run with fingerprint ``expected``."""
    found: State = torch.load(path, map_location="cpu", weights_only=True)
    mark = found.get("fingerprint", {})
    remedy = f"{path}: resume with the arguments of the interrupted run, or train without resume"
    if mark.get("format") != _FORMAT:
        raise ValueError(f"expected a checkpoint of format {_FORMAT}, got {mark.get('format')}; {remedy}")
    if mark["record"] != expected["record"]:
        raise ValueError(
            f"checkpoint of another run: it has {mark['record']}, asked for is {expected['record']}; {remedy}"
        )
    if not _same(mark["rows"], expected["rows"]):
        raise ValueError(f"checkpoint of another problem or other start weights: the rows differ; {remedy}")
    return found


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(
        a[k].shape == b[k].shape and torch.allclose(a[k], b[k], rtol=1e-6, atol=1e-12, equal_nan=True) for k in a
    )
