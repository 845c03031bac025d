"""The law of particles' paths, as a Gauss-Markov chain that is fitted to them.

A path is where a particle is now, u (P,), and where its k walking coordinates were at each of the earlier windows. In a
linear Gaussian model paths obey, backwards in time,

    u ~ N(m, L Lᵀ),     w_s = b_s + B_sᵀ x_{s+1} + C_s ξ_s,     ξ_s ~ N(0, I)

with x_{s+1} (P,) the whole position one window later. m, L, b, B and C are the regressions of the particles' own
positions: no derivatives are asked of the model. Whitened paths ξ are standard normal under it. Without walking
coordinates it is the particles' mean and covariance.
"""

from dataclasses import dataclass

import numpy as np

from twin.inference.split_t import Rows
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
class Chain:
    """``mean`` (P,) and ``factor`` (P, P) of now; ``offset`` (S-1, k), ``slope`` (S-1, P, k), ``noise`` (S-1, k, k)."""

    mean: Floats
    factor: Floats
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


def chain_of(paths: Paths, weights: Floats) -> Chain:
    """The chain of weighted particles."""
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
    return Chain(*moments(paths.u, weights), offset, slope, noise, paths.walking)


def whitened(chain: Chain, paths: Paths) -> Floats:
    """ξ (N, P + (S-1) k) of paths."""
    parts = [_solved(chain.factor, paths.u - chain.mean)]
    later = paths.u.copy()
    for s in chain.backwards:
        own = paths.walked[:, s]
        parts.append(_solved(chain.noise[s], own - chain.offset[s] - later @ chain.slope[s]))
        later[:, list(chain.walking)] = own
    return np.concatenate(parts, axis=1)


def coloured(chain: Chain, xi: Floats) -> Paths:
    """The paths of ξ; inverse of ``whitened``."""
    p, k, earlier = len(chain.mean), len(chain.walking), len(chain.offset)
    u = chain.mean + xi[:, :p] @ chain.factor.T
    walked = np.zeros((len(xi), earlier + 1, k))
    walked[:, -1] = u[:, list(chain.walking)]
    later, first = u.copy(), p
    for s in chain.backwards:
        drawn = xi[:, first : first + k] @ chain.noise[s].T
        walked[:, s] = chain.offset[s] + later @ chain.slope[s] + drawn
        later[:, list(chain.walking)] = walked[:, s]
        first += k
    return Paths(u, walked, chain.walking)


def _root(covariance: Floats) -> Floats:
    """Cholesky factor, with a little more variance so that it exists."""
    spread = np.diagonal(covariance)
    return np.asarray(np.linalg.cholesky(covariance + np.diag(RIDGE * spread + 1e-30)))


def _solved(factor: Floats, rows: Floats) -> Floats:
    return np.asarray(np.linalg.solve(factor, rows.T).T)
