"""The windows that still count, and the law of a path under them.

    log p(path) = log p₀(x at the first window) + Σ_s log N(w_{s+1} - w_s; 0, q² Δt) + Σ_s a_s log p(window s | x_s)

x_s is where the parameters were at window s, w_s the walking ones among them, a_s the power that forgetting has left to
the window. p₀ is the prior; where older windows were let go it is N(m, R Rᵀ), the moments that the stream had before it
saw the first of those that are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np

from twin.inference.stream.path import Paths
from twin.inference.stream.windows import WindowLikelihood, joined
from twin.inference.units.likelihood import Row
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Kept:
    """S windows: ``data`` with a leading axis S, ``times`` and ``powers`` (S,).

    ``mean`` (S, P) and ``root`` (S, P, P) are what the stream believed before it saw each. ``summed`` says that there
    were windows before the first.
    """

    data: tuple[Row, ...]
    times: Floats
    powers: Floats
    mean: Floats
    root: Floats
    summed: bool

    def __len__(self) -> int:
        return len(self.times)

    def since(self, first: int, *, summed: bool) -> "Kept":
        """The windows from ``first`` on."""
        data = tuple(jax.tree.map(lambda a: a[first:], part) for part in self.data)
        times, powers, mean, root = (a[first:] for a in (self.times, self.powers, self.mean, self.root))
        return Kept(data, times, powers, mean, root, self.summed or summed)


def beside(kept: Kept | None, data: Sequence[Row], time: float, believed: tuple[Floats, Floats]) -> Kept:
    """The kept windows and a new one, of which nothing is believed yet: its power is 0."""
    mean, root = believed
    new = Kept(tuple(data), np.array([time]), np.zeros(1), mean[None], root[None], summed=False)
    if kept is None:
        return new
    times, powers, mean, root = (
        np.concatenate(pair)
        for pair in (
            (kept.times, new.times),
            (kept.powers, new.powers),
            (kept.mean, new.mean),
            (kept.root, new.root),
        )
    )
    return Kept(joined(kept.data, new.data), times, powers, mean, root, kept.summed)


def under(kept: Kept, powers: Floats) -> Kept:
    """The same windows with other powers."""
    return replace(kept, powers=powers)


def log_law(density: WindowLikelihood, walk: Floats, kept: Kept, paths: Paths) -> Floats:
    """log p (N,) of paths, without what the windows say, up to a constant; ``walk`` q (k,) per √time."""
    first = paths.u.copy()
    first[:, list(paths.walking)] = paths.walked[:, 0]
    if kept.summed:
        value = -0.5 * np.sum(np.linalg.solve(kept.root[0], (first - kept.mean[0]).T) ** 2, axis=0)
    else:
        with np.errstate(all="ignore"):
            value = np.asarray(density.prior(first))
    if paths.walking:
        sd = walk * np.sqrt(np.diff(kept.times))[:, None]
        value = value - 0.5 * np.sum((np.diff(paths.walked, axis=1) / sd) ** 2, axis=(1, 2))
    return np.where(np.isfinite(value), value, -np.inf)
