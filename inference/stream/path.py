"""Particles' paths, and how a position follows from the one after it.

A path is where a particle is now, u (P,), and where its k walking coordinates were at each of the earlier windows. In a
linear Gaussian model paths obey, backwards in time,

    w_s = b_s + B_sᵀ x_{s+1} + C_s ξ_s,     ξ_s ~ N(0, I)

with x_{s+1} (P,) the whole position one window later. b, B and C are regressions over the particles' own positions: no
derivatives are asked of the model.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.rungs.split_t import Rows
from twin.space import Floats

RIDGE = 1e-9
"""Share of each variance that is added to it."""


@dataclass(frozen=True, eq=False)
class Paths:
    """N particles: ``u`` (N, P) now, and ``walked`` (N, S, k), the walking coordinates ``walking`` at S windows.

    The last window is now.
    """

    u: Floats
    walked: Floats
    walking: tuple[int, ...]

    def at(self, windows: Rows) -> Floats:
        """Where the particles were at some windows (s, N, P)."""
        whole = np.repeat(self.u[None], len(windows), axis=0)
        whole[:, :, list(self.walking)] = np.swapaxes(self.walked[:, windows], 0, 1)
        return whole

    def of(self, rows: Rows) -> "Paths":
        """Some of the particles."""
        return Paths(self.u[rows], self.walked[rows], self.walking)


@dataclass(frozen=True, eq=False)
class Links:
    """b (S-1, k), B (S-1, P, k) and C (S-1, k, k)."""

    offset: Floats
    slope: Floats
    noise: Floats
    walking: tuple[int, ...]

    @property
    def backwards(self) -> range:
        """The earlier windows, last first; none where nothing walks."""
        return range(len(self.offset) - 1 if self.walking else -1, -1, -1)


def moments(u: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean (P,) and Cholesky factor of the covariance (P, P) of weighted points (N, P)."""
    mean = np.asarray(weights @ u)
    return mean, _root((u - mean).T @ ((u - mean) * weights[:, None]))


def links_of(paths: Paths, weights: Floats) -> Links:
    """The regressions of weighted particles."""
    earlier, k, p = paths.walked.shape[1] - 1, len(paths.walking), paths.u.shape[1]
    offset, slope, noise = np.zeros((earlier, k)), np.zeros((earlier, p, k)), np.zeros((earlier, k, k))
    for s in range(earlier if k else 0):
        later, own = paths.at(np.array([s + 1]))[0], paths.walked[:, s]
        centre, target = weights @ later, weights @ own
        weighted = (later - centre).T * weights
        within = weighted @ (later - centre)
        slope[s] = np.linalg.solve(within + RIDGE * np.diag(np.diagonal(within)), weighted @ (own - target))
        offset[s] = target - centre @ slope[s]
        rest = own - offset[s] - later @ slope[s]
        noise[s] = _root(rest.T @ (rest * weights[:, None]))
    return Links(offset, slope, noise, paths.walking)


def whitened(links: Links, paths: Paths) -> Floats:
    """ξ (N, (S-1) k) of paths, the last window's first; none where nothing walks."""
    parts, later = [np.zeros((len(paths.u), 0))], paths.u.copy()
    for s in links.backwards:
        own = paths.walked[:, s]
        rest = own - links.offset[s] - later @ links.slope[s]
        parts.append(np.linalg.solve(links.noise[s], rest.T).T)
        later[:, list(links.walking)] = own
    return np.concatenate(parts, axis=1)


def path_of(links: Links, u: Floats, xi: Floats) -> Paths:
    """The paths that end at ``u`` (N, P) with ξ (N, (S-1) k); inverse of ``whitened``."""
    k, which = len(links.walking), list(links.walking)
    walked = np.zeros((len(u), len(links.offset) + 1, k))
    walked[:, -1] = u[:, which]
    later = u.copy()
    for i, s in enumerate(links.backwards):
        drawn = xi[:, i * k : (i + 1) * k] @ links.noise[s].T
        walked[:, s] = links.offset[s] + later @ links.slope[s] + drawn
        later[:, which] = walked[:, s]
    return Paths(u, walked, links.walking)


def _root(covariance: Floats) -> Floats:
    """Cholesky factor, with a little more variance so that it exists."""
    spread = np.diagonal(covariance)
    return np.asarray(np.linalg.cholesky(covariance + np.diag(RIDGE * spread + 1e-30)))
