"""One step of Newton's method for all flames, limited, so that a far guess is not thrown away."""

from twin.arrays import Array, detached, namespace


def stepped(q: Array, matrix: Array, residual: Array, longest: float) -> Array:
    """q - s J⁻¹ R (*batch, M) of residuals (*batch, M) and a matrix (*batch, M, M), none changed by more than
    ``longest``. No derivative flows through the matrix or the limit s.
    """
    xp = namespace(q)
    step = xp.linalg.solve(detached(matrix), residual[..., None])[..., 0]
    most = xp.max(xp.abs(detached(step)), axis=-1)[..., None]
    return q - step * xp.where(most > longest, longest / most, xp.ones_like(most))
