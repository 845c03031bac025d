"""A discrepancy that leaves the parameters their meaning: kept out of the directions in which they move the data.

With J = ∂f/∂θ at one θ over all measured values, W the inverse squares of the observables' noise and B the basis,

    B_⊥ = (I - J (Jᵀ W J)⁻¹ Jᵀ W) B,     so that Jᵀ W δ = 0 for every δ = B_⊥ β

(Plumlee 2017, J. Am. Stat. Assoc. 112, 1274, with the L2 product taken over the data). To first order the fitted
parameters are then those of weighted least squares, whatever the discrepancy is.
"""

from collections.abc import Sequence

import numpy as np

from twin.inference.blocks import Block
from twin.model import Forward
from twin.space import Floats

STEP = 1e-4
"""Half-width of the differences for J in the unbounded coordinates."""
FLAT = 1e-8
"""Share of the largest singular value below which a direction moves nothing."""


def without_sensitivities(
    forward: Forward, blocks: Sequence[Block], theta: Floats, bases: Sequence[Floats]
) -> tuple[Floats, ...]:
    """The bases (N, R) of all experiments' values with the sensitivities at θ (p,) projected out."""
    weight = np.concatenate([_weights(forward, b).ravel() for b in blocks])
    jacobian = sensitivities(forward, blocks, theta)
    left, strength, _ = np.linalg.svd(weight[:, None] * jacobian, full_matrices=False)
    left = left[:, strength > FLAT * strength.max()]
    directions = np.linalg.lstsq(weight[:, None] * jacobian, left, rcond=FLAT)[0]
    return tuple(b - jacobian @ (directions @ (left.T @ (weight[:, None] * b))) for b in bases)


def sensitivities(forward: Forward, blocks: Sequence[Block], theta: Floats) -> Floats:
    """J (N, p) at θ (p,), by the unbounded coordinates, over all values of all experiments."""
    z = forward.space.unconstrain(theta)
    ends = [forward.space.constrain(z + side * STEP * np.eye(len(z))) for side in (1, -1)]
    parts = []
    for block in blocks:
        ahead, behind = (np.asarray(block.observed(forward(end, block.c, block.x))) for end in ends)
        parts.append((ahead - behind).reshape(len(z), -1).T / (2 * STEP))
    return np.concatenate(parts)


def _weights(forward: Forward, block: Block) -> Floats:
    """1/noise scale (n, q) where measured, 0 elsewhere; a sampled scale counts as the median of its prior."""
    sampled = np.array([j is not None for j in block.noise])
    usual = np.array([forward.observables[j].typical for j in block.columns])
    return np.asarray(block.mask / np.where(sampled, usual, np.sqrt(block.own)))
