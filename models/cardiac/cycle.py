"""The limit cycles of many patients at once under PyTorch, with derivatives by all parameters.

One step from t to t + h is that of the stiffly accurate SDIRK method of order 2 (Alexander 1977, SIAM J. Numer. Anal.
14, 1006, DOI 10.1137/0714068), γ = 1 - 1/√2,

    y = x + h γ f(t + γh, y),      x(t + h) = x + h (1 - γ) f(t + γh, y) + h γ f(t + h, x(t + h)),

which keeps the stressed volume to rounding. Beats are repeated without derivatives until they close. Then, with Φ the
beat map, M = ∂Φ/∂x and c the volume's row (cᵀM = cᵀ, so that I - M is singular), the implicit function theorem gives

    (I - M + e₁cᵀ) dx₀ = dΦ + e₁ (dSBV - dcᵀ x₀),

and one more beat from x₀ carries it around. Valves are smooth (``valves.py``), else Newton's method and gradients fail.
"""

import itertools
from dataclasses import dataclass, fields

import torch

from twin.models.cardiac.activation import peak_phase, periodic_activation
from twin.models.cardiac.loop import START_PRESSURE, Loop, State, rates
from twin.models.cardiac.valves import smoothstep, smoothstep_slope

GAMMA = 1 - 0.5**0.5
VALVE_WIDTH = 0.2
"""[mmHg]"""
ITERATIONS = 3
"""Of Newton's method per stage."""
CLOSED = 1e-6
"""Largest |Δx|/(1 + |x|) from beat to beat."""
MOST = 60
"""Beats."""
COARSE = 50
"""Steps of the mesh on which the first beats are taken."""


@dataclass(frozen=True, eq=False)
class Cycles:
    """Phases (n + 1,) of the mesh, states (N, n + 1) and ventricular pressures there; which of the N have closed."""

    phase: torch.Tensor
    state: State
    P_lv: torch.Tensor
    closed: torch.Tensor


def graded_mesh() -> torch.Tensor:
    """251 phases: 120 steps to 0.2, where the aortic valve opens, 80 to 0.6, 50 to the end."""
    pieces = ((0.0, 0.2, 120), (0.2, 0.6, 80), (0.6, 1.0, 50))
    parts = [torch.linspace(low, high, steps + 1, dtype=torch.float64)[:-1] for low, high, steps in pieces]
    return torch.cat([*parts, torch.ones(1, dtype=torch.float64)])


def limit_cycles(loop: Loop, mesh: torch.Tensor | None = None) -> Cycles:
    """The limit cycles of patients whose parameters are tensors (N,) or numbers."""
    phase = graded_mesh() if mesh is None else mesh
    patients = _as_tensors(loop)
    with torch.no_grad():
        x, _ = _settle(patients, _start(patients), phase[:: len(phase) // COARSE])
        x, closed = _settle(patients, x, phase)
        monodromy = _monodromy(patients, x, phase)
    volume = _volume_row(patients)
    closing = _path(patients, x, phase)[-1] - x
    missing = patients.SBV - (volume * x).sum(dim=-1)
    first = torch.zeros(5, dtype=x.dtype)
    first[0] = 1.0
    matrix = torch.eye(5, dtype=x.dtype) - monodromy + first[:, None] * volume.detach()[:, None, :]
    right = closing + first * missing[:, None]
    start = x + torch.linalg.solve(matrix, right[..., None])[..., 0]
    path = torch.stack(_path(patients, start, phase), dim=1)
    state = State(*path.unbind(-1))
    elastance = torch.stack([_elastance(patients, p) for p in phase], dim=1)
    return Cycles(phase, state, elastance * state.x, closed)


def _as_tensors(loop: Loop) -> Loop:
    values = [torch.as_tensor(getattr(loop, f.name), dtype=torch.float64) for f in fields(loop)]
    return Loop(*torch.broadcast_tensors(*[torch.atleast_1d(v) for v in values]))


def _elastance(loop: Loop, phase: torch.Tensor) -> torch.Tensor:
    activation = periodic_activation(phase, peak_phase(loop.beat))
    elastance: torch.Tensor = loop.Emin + (loop.Emax - loop.Emin) * activation
    return elastance


def _volume_row(loop: Loop) -> torch.Tensor:
    """c (N, 5)."""
    return torch.stack([torch.ones_like(loop.Cr), loop.Cr, loop.Cs, loop.Ca, torch.zeros_like(loop.Cr)], dim=-1)


def _start(loop: Loop) -> torch.Tensor:
    """A state (N, 5) with the stressed volume: part of it in the arteries at 75 mmHg, or at what there is."""
    arterial = torch.minimum(torch.full_like(loop.SBV, START_PRESSURE), 0.5 * loop.SBV / (loop.Cs + loop.Ca))
    x = (loop.SBV - arterial * (loop.Cs + loop.Ca)) / (1 + loop.Cr * loop.Emin)
    return torch.stack([x, loop.Emin * x, arterial, arterial, torch.zeros_like(x)], dim=-1)


def _settle(loop: Loop, x: torch.Tensor, phase: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Closed states (N, 5) from x on, and which are."""
    closed = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(MOST):
        after = _path(loop, x, phase)[-1]
        closed = ((after - x).abs() / (1 + x.abs())).amax(dim=-1) < CLOSED
        x = after
        if bool(closed.all()):
            break
    return x, closed


def _slopes(loop: Loop, x: torch.Tensor, elastance: torch.Tensor) -> torch.Tensor:
    """f (N, 5)."""
    state = State(*x.unbind(-1))
    found: torch.Tensor = torch.stack(rates(state, elastance * state.x, loop, _valve), dim=-1)
    return found


def _valve(drop: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = smoothstep(drop, VALVE_WIDTH)
    return found


def _jacobian(loop: Loop, x: torch.Tensor, elastance: torch.Tensor) -> torch.Tensor:
    """∂f/∂x (N, 5, 5)."""
    volume, P_la, _, P_ao, _ = x.unbind(-1)
    P_lv = elastance * volume
    mitral = smoothstep_slope(P_la - P_lv, VALVE_WIDTH) / loop.Rm
    aortic = smoothstep_slope(P_lv - P_ao, VALVE_WIDTH) / loop.Ra
    none = torch.zeros_like(volume)
    bed = 1 / loop.Rs + none
    rows = [
        [-elastance * (mitral + aortic), mitral, none, aortic, none],
        [elastance * mitral / loop.Cr, -(bed + mitral) / loop.Cr, bed / loop.Cr, none, none],
        [none, bed / loop.Cs, -bed / loop.Cs, none, 1 / loop.Cs + none],
        [elastance * aortic / loop.Ca, none, none, -aortic / loop.Ca, -1 / loop.Ca + none],
        [none, none, -1 / loop.Ls + none, 1 / loop.Ls + none, -loop.Rc / loop.Ls],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _stage(loop: Loop, known: torch.Tensor, guess: torch.Tensor, step: torch.Tensor, E: torch.Tensor) -> torch.Tensor:
    """y = known + step f(y) (N, 5); the last Newton step carries the derivative of the equation, the others none."""
    y = guess.detach()
    with torch.no_grad():
        for _ in range(ITERATIONS):
            y = y - _solve(loop, y, step, E, y - known - step[:, None] * _slopes(loop, y, E))
        matrix = _matrix(loop, y, step, E)
    remainder = y - known - step[:, None] * _slopes(loop, y, E)
    found: torch.Tensor = y - torch.linalg.solve(matrix, remainder[..., None])[..., 0]
    return found


def _matrix(loop: Loop, y: torch.Tensor, step: torch.Tensor, E: torch.Tensor) -> torch.Tensor:
    return torch.eye(5, dtype=y.dtype) - step[:, None, None] * _jacobian(loop, y, E)


def _solve(loop: Loop, y: torch.Tensor, step: torch.Tensor, E: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = torch.linalg.solve(_matrix(loop, y, step, E), right[..., None])[..., 0]
    return found


def _path(loop: Loop, x: torch.Tensor, phase: torch.Tensor) -> list[torch.Tensor]:
    """States (N, 5) at all phases."""
    path = [x]
    for begin, end in itertools.pairwise(phase):
        h = (end - begin) * loop.beat
        middle_E, end_E = _elastance(loop, begin + GAMMA * (end - begin)), _elastance(loop, end)
        y = _stage(loop, x, x, GAMMA * h, middle_E)
        known = x + ((1 - GAMMA) / GAMMA) * (y - x)
        x = _stage(loop, known, y, GAMMA * h, end_E)
        path.append(x)
    return path


def _monodromy(loop: Loop, x: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
    """∂Φ/∂x (N, 5, 5): the variational equation by the same method."""
    spread = torch.eye(5, dtype=x.dtype).expand(len(x), 5, 5)
    for begin, end in itertools.pairwise(phase):
        h = (end - begin) * loop.beat
        middle_E, end_E = _elastance(loop, begin + GAMMA * (end - begin)), _elastance(loop, end)
        y = _stage(loop, x, x, GAMMA * h, middle_E)
        moved = torch.linalg.solve(_matrix(loop, y, GAMMA * h, middle_E), spread)
        ratio = (1 - GAMMA) / GAMMA
        x = _stage(loop, x + ratio * (y - x), y, GAMMA * h, end_E)
        spread = torch.linalg.solve(_matrix(loop, x, GAMMA * h, end_E), spread + ratio * (moved - spread))
    return spread
