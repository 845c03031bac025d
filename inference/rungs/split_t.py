"""Mixtures of split Student t densities: the proposals of importance sampling.

A split t has its own scale on every half-axis (Geweke 1989, Econometrica 57, 1317, section 3). With u = c + A η and
s_i = q_i where η_i > 0, r_i elsewhere,

    log q(u) = const - log |det A| - Σ_i log ½(q_i + r_i) - ½(ν + p) log(1 + Σ_i (η_i/s_i)²/ν)

Half-axis i is chosen with a probability in proportion to its scale, so that the density has no jump (the two-piece
form of Villani and Larsson 2006, Commun. Stat. Theory Methods 35, 1123). q = r = 1 is the multivariate t. All arrays
have a leading axis over m targets, each with K components.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from twin.space import Floats

NU = 5.0
"""Degrees of freedom: tails heavier than any Gaussian posterior's."""
DISTANCES = (1.0, 2.0, 3.0, 4.5)
"""Where the drop of the log density is looked up, in standard deviations of Laplace's approximation."""
LEAST_DROP, SMALLEST = 0.5, 0.3
"""A drop below ½ nat counts as ½, so that no scale exceeds its distance; no half-axis is shorter than 0.3."""

Rows = npt.NDArray[np.int64]


class Target(Protocol):
    """Log densities of many targets."""

    def __call__(self, u: Floats, rows: Rows) -> Floats:
        """Log density (k, n) of the points ``u`` (k, n, p) under the targets ``rows`` (k,); -∞ or NaN where none."""
        ...


@dataclass(frozen=True, eq=False)
class Points:
    """n quasi-random numbers for each choice of a draw: component, half-axes (n, p), and √(ν/χ²) (n,)."""

    component: Floats
    axes: Floats
    radius: Floats


@dataclass(frozen=True, eq=False)
class Bend:
    """How the other axes move with the first: η_i = b_i(η₁) + e^(g_i(η₁)) ε_i, which has Jacobian Σ g_i.

    ``shift`` b and ``stretch`` g (m, K, D, p) are coefficients of t, t², …, 0 for the first axis. Beyond ``reach``
    (m, K, 2) b goes on straight and g stays what it is.
    """

    shift: Floats
    stretch: Floats
    reach: Floats

    def __call__(self, t: Floats) -> tuple[Floats, Floats]:
        """b and g (m, K, n, p) at t (m, K, n), by Horner's rule."""
        inside = np.clip(t, self.reach[..., :1], self.reach[..., 1:])[..., None]
        shift, slope, stretch = (np.zeros((*t.shape, self.shift.shape[-1])) for _ in range(3))
        for d in range(self.shift.shape[-2] - 1, -1, -1):
            slope = slope * inside + shift
            shift = shift * inside + self.shift[..., None, d, :]
            stretch = stretch * inside + self.stretch[..., None, d, :]
        slope = slope * inside + shift
        return shift * inside + slope * (t[..., None] - inside), stretch * inside


@dataclass(frozen=True, eq=False)
class SplitT:
    """``weight`` (m, K), ``centre`` (m, K, p), ``axes`` (m, K, p, p) in columns, ``plus`` and ``minus`` (m, K, p)."""

    weight: Floats
    centre: Floats
    axes: Floats
    plus: Floats
    minus: Floats
    bend: Bend | None = None

    def part(self, rows: npt.NDArray[Any]) -> "SplitT":
        """The proposals of some targets, by a mask or positions."""
        bend = self.bend and Bend(self.bend.shift[rows], self.bend.stretch[rows], self.bend.reach[rows])
        return SplitT(self.weight[rows], self.centre[rows], self.axes[rows], self.plus[rows], self.minus[rows], bend)


def points(n: int, p: int, seed: int) -> Points:
    """Scrambled Sobol points (Owen 1998); n is best a power of two."""
    engine = stats.qmc.Sobol(p + 2, seed=np.random.default_rng(seed), scramble=True)
    u = np.clip(engine.random_base2(math.ceil(math.log2(n)))[:n], 1e-10, 1 - 1e-10)
    return Points(u[:, 0], u[:, 2:], np.sqrt(NU / stats.chi2.ppf(u[:, 1], NU)))


def draw(proposal: SplitT, at: Points) -> tuple[Floats, Floats]:
    """Draws (m, n, p) and their log density (m, n): the same points for every target."""
    if proposal.weight.shape[1] > 1:
        u = _of_components(proposal, at)
        return u, log_density(proposal, u)
    straight = _two_piece(at.axes, proposal.plus, proposal.minus) * at.radius[:, None]
    eta, stretched = straight, np.zeros(straight.shape[:2])
    if proposal.bend is not None:
        shift, stretch = (part[:, 0] for part in proposal.bend(straight[:, None, :, 0]))
        eta, stretched = shift + np.exp(stretch) * straight, stretch.sum(axis=-1)
    scale = np.where(straight > 0, proposal.plus, proposal.minus)
    square = np.sum((straight / scale) ** 2, axis=-1)
    u = proposal.centre + eta @ proposal.axes[:, 0].swapaxes(-1, -2)
    return np.asarray(u), _log_t(proposal, square[:, None])[:, 0] - stretched


def _of_components(proposal: SplitT, at: Points) -> Floats:
    """Draws (m, n, p), each of its own component."""
    chosen = _component(proposal.weight, at.component)
    m = np.arange(len(chosen))[:, None]
    eta = _two_piece(at.axes, proposal.plus[m, chosen], proposal.minus[m, chosen]) * at.radius[:, None]
    if proposal.bend is not None:
        own = Bend(*(part[m, chosen] for part in (proposal.bend.shift, proposal.bend.stretch, proposal.bend.reach)))
        shift, stretch = own(eta[..., :1])
        eta = shift[..., 0, :] + np.exp(stretch[..., 0, :]) * eta
    return np.asarray(proposal.centre[m, chosen] + (proposal.axes[m, chosen] @ eta[..., None])[..., 0])


def log_density(proposal: SplitT, u: Floats) -> Floats:
    """Log density (m, n) of ``u`` (m, n, p)."""
    with np.errstate(divide="ignore"):
        weight = np.log(proposal.weight)
    if weight.shape[1] == 1:
        return log_components(proposal, u)[:, 0]
    return np.asarray(special.logsumexp(log_components(proposal, u) + weight[..., None], axis=1))


def log_components(proposal: SplitT, u: Floats) -> Floats:
    """Log density (m, K, n) of ``u`` (m, n, p) under each component."""
    eta = coordinates(proposal, u)
    stretched: Floats | float = 0.0
    if proposal.bend is not None:
        shift, stretch = (part.swapaxes(-1, -2) for part in proposal.bend(eta[..., 0, :]))
        eta, stretched = (eta - shift) * np.exp(-stretch), stretch.sum(axis=-2)
    scale = np.where(eta > 0, proposal.plus[..., None], proposal.minus[..., None])
    return _log_t(proposal, np.sum((eta / scale) ** 2, axis=-2)) - stretched


def _log_t(proposal: SplitT, square: Floats) -> Floats:
    """Log density (m, K, n) at Σ (ε_i/s_i)² = ``square`` where nothing is stretched."""
    p = proposal.centre.shape[-1]
    volume = np.linalg.slogdet(proposal.axes)[1] + np.log(0.5 * (proposal.plus + proposal.minus)).sum(-1)
    constant = math.lgamma(0.5 * (NU + p)) - math.lgamma(0.5 * NU) - 0.5 * p * math.log(NU * math.pi)
    return np.asarray(constant - volume[..., None] - 0.5 * (NU + p) * np.log1p(square / NU))


def coordinates(proposal: SplitT, u: Floats) -> Floats:
    """η (m, K, p, n) of ``u`` (m, n, p) along each component's axes."""
    inverse = np.linalg.inv(proposal.axes)
    shift = inverse @ proposal.centre[..., None]
    return np.asarray(inverse @ u[:, None].swapaxes(-1, -2) - shift)


def joined(first: SplitT, second: SplitT, share: float) -> SplitT:
    """The mixture with ``share`` of the weight on the second's components."""

    def both(a: Floats, b: Floats) -> Floats:
        return np.concatenate([a, b], axis=1)

    return SplitT(
        weight=both((1 - share) * first.weight, share * second.weight),
        centre=both(first.centre, second.centre),
        axes=both(first.axes, second.axes),
        plus=both(first.plus, second.plus),
        minus=both(first.minus, second.minus),
        bend=_both_bends(first, second),
    )


def _both_bends(first: SplitT, second: SplitT) -> Bend | None:
    """The bends of all components; those of a straight density are 0."""
    if first.bend is None and second.bend is None:
        return None
    known = first.bend or second.bend
    assert known is not None

    def of(proposal: SplitT) -> Bend:
        if proposal.bend is not None:
            return proposal.bend
        m, k, p = proposal.centre.shape
        flat = np.zeros((m, k, known.shift.shape[-2], p))
        return Bend(flat, flat, np.zeros((m, k, 2)))

    a, b = of(first), of(second)
    return Bend(
        *(np.concatenate(pair, axis=1) for pair in ((a.shift, b.shift), (a.stretch, b.stretch), (a.reach, b.reach)))
    )


def fit_half_axes(
    target: Target, weight: Floats, centre: Floats, factor: Floats, rows: Rows, *, oriented: bool = False
) -> SplitT:
    """One component per mode, with half-axes as long as the target's own drop says.

    ``factor`` (m, K, p, p) has L Lᵀ = H⁻¹; its principal axes are scaled by

        max over δ of δ/√(2 (log p(c) - log p(c ± δ a_i)))

    for the distances δ (Geweke 1989, section 3), which is 1 for a Gaussian. ``oriented`` gives the axes a sign of their
    own, so that draws do not turn with rounding.
    """
    m, k, p = centre.shape
    left, singular, _ = np.linalg.svd(factor)
    axes = (_oriented(left) if oriented else left) * singular[..., None, :]
    distances = np.array(DISTANCES)
    steps = np.concatenate([axes, -axes], axis=-1).swapaxes(-1, -2)[..., None, :] * distances[:, None]
    nodes = (centre[..., None, None, :] + steps).reshape(m, -1, p)
    height = target(np.concatenate([centre, nodes], axis=1), rows)
    drop = height[:, :k, None, None] - height[:, k:].reshape(m, k, 2 * p, len(distances))
    drop = np.where(np.isfinite(drop), np.maximum(drop, LEAST_DROP), np.inf)
    scale = np.maximum((distances / np.sqrt(2.0 * drop)).max(axis=-1), SMALLEST)
    return SplitT(weight, centre, np.asarray(axes), scale[..., :p], scale[..., p:])


def _oriented(axes: Floats) -> Floats:
    """Axes (…, p, p) whose largest entry is positive: an eigenvector's sign is left to rounding, and draws with it."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=-2)[..., None, :], axis=-2)
    return np.asarray(axes * np.sign(largest))


def _two_piece(level: Floats, plus: Floats, minus: Floats) -> Floats:
    """Quantiles of the two-piece normal with scales ``minus`` below 0 and ``plus`` above."""
    whole = plus + minus
    below = level * whole < minus
    inner = np.where(below, level * whole / (2 * minus), 0.5 + (level * whole - minus) / (2 * plus))
    return np.asarray(np.where(below, minus, plus) * special.ndtri(inner))


def _component(weight: Floats, level: Floats) -> npt.NDArray[np.int64]:
    """Component (m, n) of each draw by the inverse of the cumulative weights (m, K)."""
    edges = np.cumsum(weight, axis=1)[:, :-1]
    return np.asarray((level[None, :, None] > edges[:, None, :]).sum(axis=-1))
