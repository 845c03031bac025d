"""A guide's answers refined by the ladder: each unit's mode, then the rungs of ``rungs/cheap.py``.

The guide's mean is where the search for the mode starts, which is what an amortised answer is good for. With J the
Jacobian of the outputs and D the prior's curvature, a step of the damped Gauss-Newton method is

    (Jᵀ Wᵀ W J + D + λ I) δ = -g.
"""

from dataclasses import dataclass

import numpy as np
import torch

from twin.field import load_forward_mode
from twin.inference.evidence import Evidence
from twin.inference.rungs.cheap import Effort, Peaks, climb_rungs
from twin.inference.rungs.split_t import Rows
from twin.inference.units.amortised import Decoder
from twin.inference.units.solve import UNIT_EFFORT, UnitAnswer
from twin.space import Floats

STEPS = 40
AT_REST = 1e-3
"""Newton decrement [nats] below which a point is one of rest."""
FLATTEST = 1e-3
"""Least curvature of the prior, which is 1 about its median."""
EVALUATIONS = 20_000
"""Points at a time, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Units:
    """The log densities of all units, as the rungs ask for them."""

    decoder: Decoder
    evidence: Evidence

    def target(self, u: Floats, rows: Rows) -> Floats:
        """Log density (k, n) of u (k, n, p) under the units ``rows`` (k,)."""
        size = max(1, EVALUATIONS // u.shape[1])
        with torch.no_grad():
            parts = [self._density(u[i : i + size], rows[i : i + size]) for i in range(0, len(u), size)]
        return np.concatenate(parts)

    def local(self, u: Floats, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Fisher curvature (k, p, p), gradient (k, p) and log density (k,) of u (k, p) under the units (k,)."""
        at = torch.as_tensor(u)
        outputs, jacobian = _outputs_and_jacobian(self.decoder, at)
        own = self.evidence.of(rows)
        whitening, target = torch.as_tensor(own.whitening), torch.as_tensor(own.target)
        white = (whitening @ outputs[..., None])[..., 0] - target
        steep = whitening @ jacobian
        prior, slope, curvature = _prior(self.decoder, at)
        gradient = slope - (steep.mT @ white[..., None])[..., 0]
        fisher = steep.mT @ steep + torch.diag_embed(curvature.clamp(min=FLATTEST))
        value = -0.5 * (white**2).sum(-1) + prior
        return np.asarray(fisher), np.asarray(gradient), np.asarray(value)

    def _density(self, u: Floats, rows: Rows) -> Floats:
        own = self.evidence.of(rows)
        return np.asarray(self.decoder.log_density(torch.as_tensor(u), own.whitening[:, None], own.target[:, None]))


def refine(
    decoder: Decoder, evidence: Evidence, start: Floats, *, seed: int, effort: Effort = UNIT_EFFORT
) -> list[UnitAnswer]:
    """The answer of every unit, searched from ``start`` (units, p) in prior-whitened coordinates.

    Units that both cheap rungs refuse come back as not converged, with the reason.
    """
    load_forward_mode()
    units = Units(decoder, evidence)
    peaks = find_peaks(units, start)
    found = climb_rungs(units.target, units.local, peaks, effort=effort, seed=seed)
    return [
        UnitAnswer(i, s.u, decoder.theta(s.u), s.log_weights, s.khat, s.ess, s.rung, s.reason, s.accepted)
        for i, s in enumerate(found)
    ]


def find_peaks(units: Units, start: Floats) -> Peaks:
    """The mode of every unit by damped Gauss-Newton steps (Levenberg 1944, Marquardt 1963), all units at once."""
    rows, u = np.arange(len(start)), start.copy()
    damping = np.full(len(u), 1e-2)
    fisher, gradient, value = units.local(u, rows)
    for _ in range(STEPS):
        step = _solved(fisher + damping[:, None, None] * np.eye(u.shape[1]), gradient)
        tried = units.local(u + step, rows)
        better = tried[2] > value
        u[better] += step[better]
        for old, new in zip((fisher, gradient, value), tried, strict=True):
            old[better] = new[better]
        damping = np.clip(np.where(better, 0.2 * damping, 5.0 * damping), 1e-9, 1e9)
    decrement = np.einsum("up,up->u", gradient, _solved(fisher, gradient))
    factor = np.linalg.cholesky(np.linalg.inv(fisher))
    return Peaks(u[:, None], factor[:, None], np.zeros((len(u), 1)), np.asarray(decrement < AT_REST))


def _solved(matrix: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])


def _outputs_and_jacobian(decoder: Decoder, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """f (k, m) and ∂f/∂u (k, m, p) by forward mode: units do not mix, so one direction serves all of them."""

    def along(direction: torch.Tensor) -> torch.Tensor:
        tangent: torch.Tensor = torch.func.jvp(decoder.outputs, (u,), (direction.expand_as(u),))[1]
        return tangent

    with torch.no_grad():
        outputs = decoder.outputs(u)
        columns: torch.Tensor = torch.func.vmap(along)(torch.eye(u.shape[-1], dtype=u.dtype))
    return outputs, columns.permute(1, 2, 0)


def _prior(decoder: Decoder, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log prior (k,), its gradient and minus its second derivatives (k, p): parameters are independent."""
    at = u.detach().clone().requires_grad_()
    value = decoder.log_prior(at)
    (slope,) = torch.autograd.grad(value.sum(), at, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), at)
    return value.detach(), slope.detach(), -second
