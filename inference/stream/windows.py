"""Windows of data on their way into a stream, and the likelihood of each on its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from twin.arrays import Array, namespace
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.split_t import Rows
from twin.inference.units.density import STRIP, UnitDensity, evaluate
from twin.inference.units.door import UnitData, admit
from twin.inference.units.likelihood import Row, one_unit
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Window:
    """Data of one window at a time: a row per experiment with a leading axis of 1, none where it was refused."""

    time: float
    data: tuple[Row, ...]
    reason: str = ""


@dataclass(frozen=True, eq=False)
class WindowLikelihood(UnitDensity):
    """log p(window | u) over prior-whitened u (*batch, P), without the prior."""

    def __call__(self, u: Array, data: Sequence[Row]) -> Array:
        """Log likelihood (*batch,), -∞ where it is no finite number."""
        xp = namespace(u)
        likelihood, measured = one_unit(self.likelihood, data)
        value = likelihood.log_prob(self.theta(u), measured)
        return xp.where(xp.isfinite(value), value, xp.full_like(value, -xp.inf))


def windows(
    likelihood: Likelihood, times: Sequence[float], measured: Sequence[UnitData | tuple[Array, Array]]
) -> list[Window]:
    """A window for each of the times (W,); ``measured`` holds W units, per experiment, as for ``solve_units``.

    A window whose data cannot be used carries the reason. ValueError where shapes are not the likelihood's.
    """
    parts = [UnitData(*part) for part in measured]
    admitted = admit(likelihood, parts)
    if len(parts[0].y) != len(times):
        raise ValueError(f"windows: expected a time for each of {len(parts[0].y)} windows, got {len(times)}")
    usable = set(admitted.rows.tolist())
    return [
        Window(float(time), *_opened(admitted.data, i) if i in usable else ((), admitted.refused[i]))
        for i, time in enumerate(times)
    ]


def _opened(data: Sequence[Row], i: int) -> tuple[tuple[Row, ...], str]:
    """A window's data and what is wrong with them."""
    own = tuple(jax.tree.map(lambda a: np.asarray(a)[i : i + 1], Row(*part)) for part in data)
    if not any(part.mask.any() for part in own):
        return (), "no measured value"
    wrong = sum(int((~np.isfinite(part.y[part.mask])).sum()) for part in own)
    return ((), f"{wrong} measured values are no finite numbers; mask them") if wrong else (own, "")


def joined(kept: Sequence[Row], new: Sequence[Row]) -> tuple[Row, ...]:
    """Data of kept windows and of new ones behind. ValueError where these are padded to another length."""
    for old, own in zip(kept, new, strict=True):
        if own.y.shape[1:] != old.y.shape[1:] or jax.tree.structure(own) != jax.tree.structure(old):
            raise ValueError(
                f"windows: expected values (n, q) = {old.y.shape[1:]} and what the kept windows have of their own, got "
                f"{own.y.shape[1:]}; pad all windows of a stream to one length"
            )
    pairs = zip(kept, new, strict=True)
    return tuple(jax.tree.map(lambda a, b: np.concatenate([a, b]), old, own) for old, own in pairs)


def log_likelihoods(density: WindowLikelihood, data: Sequence[Row], u: Floats) -> Floats:
    """log p(window s | u) (S, N) of positions u (S, N, P), N a multiple of STRIP, under S windows of data."""
    count, n, p = u.shape
    rows: Rows = np.repeat(np.arange(count), n // STRIP)
    return evaluate(density, data, u.reshape(-1, STRIP, p), rows).reshape(count, n)


def misfit(density: WindowLikelihood, data: Sequence[Row], u: Floats) -> float:
    """Mean square of standardised residuals of a window (leading axis 1) at u (P,), about 1 where it fits."""
    one = tuple(jax.tree.map(lambda a: a[0], part) for part in data)
    likelihood, _ = one_unit(density.likelihood, one)
    theta = np.asarray(density.theta(u))
    fitted = zip(one, likelihood.predict(theta, discrepancy=False), likelihood.scale(theta), strict=True)
    squares = [(((part.y - mean) / scale) ** 2)[part.mask] for part, mean, scale in fitted]
    return float(np.mean(np.concatenate(squares)))
