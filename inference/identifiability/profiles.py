"""Profile likelihoods: how far one parameter can be moved before the others can no longer make up for it.

    drop(a) = max_θ log p(y | θ) - max_{θ: θ_i = a} log p(y | θ),   interval: drop ≤ ½ χ²₁(0.9) = 1.35

(Raue et al. 2009, Bioinformatics 25, 1923). The nuisance parameters keep their values. The prior enters only as a
range: the parameter is moved over its central 99.9 %, the others may go as far as six prior standard deviations. A
drop that stays below the limit up to the end leaves the interval open there: the data do not bound the parameter on
that side (practical non-identifiability).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from twin.inference.density import prior_whitening
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.climb import NOBODY, Hill, climb
from twin.inference.standard import from_standard, standard
from twin.space import Floats

LEVEL = 0.9
LIMIT = 0.5 * float(chi2.ppf(LEVEL, 1))
"""Drop [nats] at the ends of the interval."""
BEYOND = 2.0 * LIMIT
"""Drop up to which a profile is followed."""
END = 3.29
"""Normal quantile of the prior's central 99.9 %, the range of the parameter that is held."""
ROAM = 6.0
"""The same of the others."""
GROWTH = 1.3
"""Of each step over the one before."""
MOST = 40
"""Steps to either side."""


@dataclass(frozen=True, eq=False)
class Profile:
    """One parameter's ``values`` (k,), rising, with the ``drop`` (k,) [nats]; ``low`` and ``high`` end its interval.

    An end is None where the interval is open.
    """

    name: str
    unit: str
    values: Floats
    drop: Floats
    low: float | None
    high: float | None

    @property
    def open_sides(self) -> tuple[str, ...]:
        """``left``, ``right``, both or none."""
        return tuple(side for side, end in (("left", self.low), ("right", self.high)) if end is None)


@dataclass(frozen=True, eq=False)
class Walk:
    """Profiles being followed to one side: places (k, m, p) and heights (k, m) after k steps, m of them."""

    places: Floats
    heights: Floats


def profiles(likelihood: Likelihood, theta: Floats) -> tuple[Profile, ...]:
    """The profile of every parameter of the model, around the highest likelihood that is reached from θ (P,).

    ValueError where the likelihood is not finite at θ.
    """
    space = likelihood.forward.space
    p = len(space)
    hill = _hill(likelihood, theta)
    start = np.clip(hill.whitening.inverse(np.asarray(space.unconstrain(theta[None, :p]))), hill.low, hill.high)
    if not np.isfinite(hill.height(start)).all():
        raise ValueError(f"the likelihood is not finite at {dict(zip(space.names, theta[:p].tolist(), strict=True))}")
    top, height = climb(hill, start, np.array([NOBODY]), iterations=40)
    walks = _walk(hill, top[0], float(height[0]), box(likelihood, theta, END))
    best = max(float(height[0]), float(walks.heights.max()))
    return tuple(_profile(likelihood, hill, walks, i, best) for i in range(p))


def _hill(likelihood: Likelihood, theta: Floats) -> Hill:
    """The likelihood where the parameters may roam."""
    space = likelihood.forward.space
    low, high = box(likelihood, theta, ROAM)
    return Hill(likelihood, prior_whitening(space), theta[len(space) :], low, high)


def box(likelihood: Likelihood, theta: Floats, reach: float) -> tuple[Floats, Floats]:
    """Ends (p,) in w of ``reach`` prior standard deviations, widened where θ lies outside."""
    space = likelihood.forward.space
    at = standard(space, theta[: len(space)])
    ends = np.stack([np.minimum(-reach, at - 1.0), np.maximum(reach, at + 1.0)])
    w = prior_whitening(space).inverse(np.asarray(space.unconstrain(from_standard(space, ends))))
    return w[0], w[1]


def _walk(hill: Hill, top: Floats, height: float, ends: tuple[Floats, Floats]) -> Walk:
    """From the top outward, down (first half of the walkers) and up in every parameter, each from its last place."""
    p = len(top)
    held = np.tile(np.arange(p), 2)
    side = np.repeat([-1.0, 1.0], p)
    room = np.maximum(np.where(side > 0, ends[1][held] - top[held], top[held] - ends[0][held]), 0.0)
    length = np.minimum(0.5 * _spread(hill, top)[held], room / 8.0)
    w, level = np.tile(top, (2 * p, 1)), np.full(2 * p, height)
    places, heights = [w], [level]
    rows = np.arange(2 * p)
    for _ in range(MOST):
        going = rows[(level > height - BEYOND) & (np.abs(w[rows, held] - top[held]) < room * (1.0 - 1e-9))]
        if not len(going):
            break
        w, level = w.copy(), level.copy()
        gone = np.abs(w[going, held[going]] - top[held[going]])
        w[going, held[going]] = top[held[going]] + side[going] * np.minimum(gone + length[going], room[going])
        w[going], level[going] = climb(hill, w[going], held[going])
        length = GROWTH * length
        places.append(w)
        heights.append(level)
    return Walk(np.stack(places), np.stack(heights))


def _spread(hill: Hill, top: Floats) -> Floats:
    """Cramér-Rao standard deviations (p,) at the top; large where there is no limit."""
    matrix = hill.curvature(top[None])[0]
    return np.asarray(np.sqrt(np.diagonal(np.linalg.inv(matrix + 1e-4 * np.eye(len(top))))))


def _profile(likelihood: Likelihood, hill: Hill, walks: Walk, i: int, best: float) -> Profile:
    parameter = likelihood.forward.space.parameters[i]
    p = len(likelihood.forward.space)
    down, up = (_side(hill.theta(walks.places[:, row])[:, i], best - walks.heights[:, row]) for row in (i, p + i))
    values = np.concatenate([down[0][::-1], up[0][1:]])
    drop = np.concatenate([down[1][::-1], up[1][1:]])
    kept = np.isfinite(drop)
    return Profile(parameter.name, parameter.unit, values[kept], drop[kept], _crossing(*down), _crossing(*up))


def _side(values: Floats, drop: Floats) -> tuple[Floats, Floats]:
    """Values and drops from the top outward, without the steps after the walker stood still."""
    moved = np.concatenate([[True], np.diff(values) != 0.0])
    return values[moved], drop[moved]


def _crossing(values: Floats, drop: Floats) -> float | None:
    """Where the drop first passes the limit, its root taken as linear in between; None if it never does."""
    over = np.flatnonzero(drop > LIMIT)
    if not len(over):
        return None
    k = int(over[0])
    if k == 0 or not np.isfinite(drop[k]):
        return float(values[max(0, k - 1)])
    near, far = np.sqrt(np.maximum(drop[k - 1 : k + 1], 0.0))
    share = (np.sqrt(LIMIT) - near) / (far - near)
    return float(values[k - 1] + share * (values[k] - values[k - 1]))
