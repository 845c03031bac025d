"""Limit cycles of many patients by the equations: few by the reference solver, many by the batched one."""

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

import numpy as np
import torch

from twin.models.cardiac.cycle import graded_mesh, limit_cycles
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.reference import limit_cycle
from twin.space import Floats

SOLVED_AT_ONCE = 1500
"""Patients; few at a time cost nearly as much."""
FEW = 150
"""Patients up to which the reference solver is quicker."""


class Solved(NamedTuple):
    """Phases (m,) of [0, 1], stressed volume [mL] and arterial pressure P_s [mmHg] (n, m); NaN where no beat closes."""

    phase: Floats
    volume: Floats
    pressure: Floats


def solved(patients: Mapping[str, Floats]) -> Solved:
    """Limit cycles of patients by name (n,): few by the reference solver, many by the batched one (``cycle.py``)."""
    phase = graded_mesh()
    n = len(patients["HR"])
    if n <= FEW:
        cycles = [limit_cycle(Loop(*row), phases=phase.numpy()) for row in zip(*_in_order(patients), strict=True)]
        found = [np.stack([c.state.x, c.state.P_s]) if c.settled else np.full((2, len(phase)), np.nan) for c in cycles]
        return Solved(phase.numpy(), *np.stack(found, axis=1))
    parts = []
    for i in range(0, n, SOLVED_AT_ONCE):
        part = [torch.as_tensor(values[i : i + SOLVED_AT_ONCE]) for values in _in_order(patients)]
        with torch.no_grad():
            many = limit_cycles(Loop(*part), phase)
        both = torch.stack([many.state.x, many.state.P_s])
        parts.append(torch.where(many.closed[:, None], both, torch.nan))
    return Solved(phase.numpy(), *torch.cat(parts, dim=1).numpy())


def _in_order(patients: Mapping[str, Floats]) -> list[Floats]:
    return [patients[f.name] for f in fields(Loop)]
