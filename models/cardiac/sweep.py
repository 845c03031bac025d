"""From residuals of the limit cycle to the errors that cause them.

Linearised about the fields y = (v, p_s, p_ao, q) at hand, M e' + J e = r along the beat. Implicit Euler from point to
point,

    (M/h_j + J_j) e_j = M/h_j e_{j-1} + r_j,

twice around, since what a beat begins with is forgotten by a factor of 20 until the next.
"""

from dataclasses import dataclass

import torch

from twin.models.cardiac.groups import Groups
from twin.models.cardiac.observation import atrial
from twin.models.cardiac.valves import smoothstep, smoothstep_slope

SWEEPS = 2


@dataclass(frozen=True, eq=False)
class Linearised:
    """Residual (N, S, 4), matrices M and J (N, S, 4, 4), steps h (N, S) of the phase."""

    residual: torch.Tensor
    mass: torch.Tensor
    slope: torch.Tensor
    step: torch.Tensor


def linearised(
    groups: Groups, eps: torch.Tensor, y: torch.Tensor, dy: torch.Tensor, step: torch.Tensor, width: float
) -> Linearised:
    """The equations of ``limit_cycle.py`` at values and slopes by phase (N, S, 4) of the fields."""
    g = groups[..., None]
    v, p_s, p_ao, q = y.unbind(-1)
    dv, dp_s, dp_ao, dq = dy.unbind(-1)
    p_la, p_lv = atrial(groups, v, p_s, p_ao), eps * v
    residual = [
        dv + q + g.g_a * dp_ao - smoothstep(p_la - p_lv, width) / g.r_m,
        g.g_s * dp_s - (p_la - p_s) - q,
        g.r_a * (g.g_a * dp_ao + q) - smoothstep(p_lv - p_ao, width),
        g.l * dq - (p_ao - p_s - g.r_c * q),
    ]
    mitral = smoothstep_slope(p_la - p_lv, width) / g.r_m
    aortic = smoothstep_slope(p_lv - p_ao, width)
    one, none = torch.ones_like(v), torch.zeros_like(v)
    mass = [
        [one, none, g.g_a * one, none],
        [none, g.g_s * one, none, none],
        [none, none, g.r_a * g.g_a * one, none],
        [none, none, none, g.l * one],
    ]
    slope = [
        [mitral * (1 / g.g_r + eps), mitral * g.g_s / g.g_r, mitral * g.g_a / g.g_r, one],
        [one / g.g_r, one + g.g_s / g.g_r, one * g.g_a / g.g_r, -one],
        [-aortic * eps, none, aortic, g.r_a * one],
        [none, one, -one, g.r_c * one],
    ]
    return Linearised(torch.stack(residual, dim=-1), _matrix(mass), _matrix(slope), step)


def errors(at: Linearised, rows: torch.Tensor) -> torch.Tensor:
    """Errors (N, S, 4) that rows (N, S, 4) stand for."""
    mass = at.mass / at.step[..., None, None]
    inverse = torch.linalg.inv(mass + at.slope)
    carried = (inverse @ mass).unbind(1)
    driven = (inverse @ rows[..., None])[..., 0].unbind(1)
    error = torch.zeros_like(rows[:, 0])
    found: list[torch.Tensor] = []
    for _ in range(SWEEPS):
        found = []
        for matrix, source in zip(carried, driven, strict=True):
            error = (matrix @ error[..., None])[..., 0] + source
            found.append(error)
    return torch.stack(found, dim=1)


def _matrix(rows: list[list[torch.Tensor]]) -> torch.Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
