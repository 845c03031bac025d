"""The volume over a beat by a network trained on solved limit cycles: the pretext task of the echo study.

With the groups g of ``groups.py`` and the straightened phase s of ``phase.py``,

    V(t) = V_0 + SBV v(s; g),    v = Σ_k a_k(log g) ψ_k(s),

so that periodicity and both symmetries of the loop hold whatever the weights are: a network of ten inputs serves
thirteen parameters. Trained on valves of any resistance from health to stenosis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from twin.arrays import Array, like
from twin.basis import Fourier
from twin.models.cardiac.cycle import graded_mesh, limit_cycles
from twin.models.cardiac.groups import groups_of
from twin.models.cardiac.loop import Loop
from twin.models.cardiac.parameters import CIRCULATION, LIMITS, MEDIAN, SPREAD
from twin.models.cardiac.phase import straightened
from twin.models.cardiac.reference import limit_cycle
from twin.models.cardiac.series import PeriodicField
from twin.networks import MLP
from twin.space import Floats
from twin.training.problem import Problem, TorchRows, TorchWeights

BASIS = Fourier(32)
NETWORK = MLP(inputs=10, hidden=(128, 128), outputs=BASIS.size, output_scale=0.1)
CENTRE = np.array([0.3, -3.0, -4.0, -6.2, -3.2, 0.6, -1.8, 1.8, -6.8, -0.9])
WIDTH = np.array([0.7, 0.6, 1.1, 0.7, 0.5, 0.6, 0.7, 0.6, 0.8, 0.2])
"""About the mean and the standard deviation of the logarithms of the groups over the patients trained on."""
RATES = (40.0, 145.0)
"""Heart rates [1/min]."""
SHARE = 0.85
"""Of the wide log-sds: beyond the study's priors, which have 0.6."""
SOLVED_AT_ONCE = 1500
"""Patients; few at a time cost nearly as much."""
FEW = 150
"""Patients up to which the reference solver is quicker."""

Numbers = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Beats:
    """Logarithms of the groups (n, 10), and the Fourier coefficients of v/max v (n, 2 K + 1) with max v (n,)."""

    groups: torch.Tensor
    coefficients: torch.Tensor
    largest: torch.Tensor


@dataclass(frozen=True, eq=False)
class VolumeEmulator:
    """v of a patient: weights of ``NETWORK`` by name."""

    weights: Mapping[str, Array]

    def __call__(self, loop: Loop) -> PeriodicField:
        """v(s) of patients (*batch,)."""
        logs = groups_of(loop).stack()
        weights = {name: like(w, logs) for name, w in self.weights.items()}
        return series(partial(NETWORK, weights), logs)


def series(network: partial[Array], logs: Array) -> PeriodicField:
    """The Fourier series of the logarithms of the groups (*batch, 10)."""
    start = 0.3 * np.eye(1, BASIS.size)[0]
    values = network((logs - like(CENTRE, logs)) / like(WIDTH, logs))
    return PeriodicField(values + like(start, logs), BASIS)


def training_patients(n: int, seed: int) -> dict[str, Floats]:
    """Parameters by name (n,): log-normal, but the mitral valve's resistance and the heart rate even."""
    rng = np.random.default_rng(seed)
    found = {"HR": rng.uniform(*RATES, n), "V0": np.zeros(n)}
    middle, spread = MEDIAN | {"Emax": 1.5}, {k: SHARE * v for k, v in SPREAD.items()} | {"Emax": 0.6}
    for name in CIRCULATION:
        if name == "Rm":
            low, high = LIMITS["Rm"]
            found[name] = low * (high / low) ** rng.uniform(size=n)
        elif name != "V0":
            drawn = middle[name] * np.exp(spread[name] * rng.standard_normal(n))
            found[name] = np.clip(drawn, *LIMITS[name])
    return found


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


def solved_beats(n: int, seed: int) -> Beats:
    """Beats to train on; patients without a limit cycle are left out."""
    patients = training_patients(n, seed)
    phase, volume, _ = solved(patients)
    good = np.isfinite(volume).all(axis=1)
    loop = Loop(**{name: torch.as_tensor(values[good]) for name, values in patients.items()})
    groups = groups_of(loop)
    phases = torch.as_tensor(phase[:-1]).expand(int(good.sum()), -1)
    s, _ = straightened(phases, groups.tau[:, None])
    v = torch.as_tensor(volume[good][:, :-1]) / loop.SBV[:, None]
    largest = v.amax(dim=1)
    return Beats(groups.stack(), fitted(s, v / largest[:, None]), largest)


def fitted(s: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Least-squares coefficients (n, 2 K + 1) of values at phases s (n, m) that are denser where more happens."""
    k = 2 * np.pi * torch.arange(1, BASIS.harmonics + 1, dtype=s.dtype)
    angle = s[..., None] * k
    waves = torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(-2)
    design = torch.cat([torch.ones_like(s)[..., None], waves], dim=-1)
    gap = (s.roll(-1, dims=1) - s.roll(1, dims=1)) % 1.0
    weight = gap.sqrt()[..., None]
    found: torch.Tensor = torch.linalg.lstsq(weight * design, weight * values[..., None]).solution[..., 0]
    return found


def problem(beats: Beats) -> Problem:
    """Coefficients of (v - v̂)/max v, scaled so that by Parseval's theorem their mean square is that over the beat.

    A point in [0, 1) picks a beat.
    """
    size = BASIS.size
    scale = torch.sqrt(torch.cat([torch.ones(1), torch.full((size - 1,), 0.5)]) * size)

    def rows(weights: TorchWeights, points: torch.Tensor) -> TorchRows:
        which = (points[:, 0] * len(beats.groups)).long()
        logs, largest, true = (part[which].to(points) for part in (beats.groups, beats.largest, beats.coefficients))
        found = series(partial(NETWORK, weights), logs).a
        return {"volume": (found / largest[:, None] - true) * scale.to(points)}

    return Problem(NETWORK, 1, rows=rows)
