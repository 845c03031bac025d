"""Which further measurement would say the most: expected information gain before it is made.

With F the Fisher information of the present data and F⁺ that of a candidate, both on the scale of the priors
(``information.py``), the expected reduction of entropy in the linear-Gaussian approximation is

    gain = E_θ [½ log det(I + F + F⁺) - ½ log det(I + F)]   [nats]

(Lindley 1956, Ann. Math. Stat. 27, 986; Chaloner & Verdinelli 1995, Stat. Sci. 10, 273), exact for a linear model, and
independent of how a parameter is written. One nat shrinks the volume of the posterior by a factor e. The average is
over θ drawn from what is known now: from the prior before any data, from the posterior after them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.experiment import Experiment
from twin.inference.autoregression import correlation_name, step_of
from twin.inference.identifiability.directions import Direction
from twin.inference.identifiability.information import Valid, covariance, information
from twin.inference.likelihood import Likelihood
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Candidate:
    """A measurement that could be made: conditions, abscissa (n, d) and the observables that would be read."""

    name: str
    conditions: Mapping[str, float]
    x: Floats
    observables: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Gain:
    """What a candidate is expected to add.

    ``gain`` [nats] with the standard error of its average over draws; ``contraction`` (p,) is added to each
    parameter's; ``sharpening`` (k,) is the ratio of standard deviations, after over before, along the directions asked
    for (its negative logarithm is the gain [nats] about that combination alone). NaN where no draw was ``used``.
    """

    name: str
    gain: float
    error: float
    contraction: Floats
    sharpening: Floats
    used: int


def rank(
    likelihood: Likelihood,
    candidates: Sequence[Candidate],
    theta: Floats,
    *,
    along: Sequence[Direction] = (),
    valid: Valid | None = None,
) -> tuple[Gain, ...]:
    """The candidates, most informative first, given the likelihood's own data; draws θ (n, P) of its extended space.

    ``valid`` says where a candidate would end, as at a cut-off voltage; without it every point counts. ValueError
    where conditions, observables or abscissa do not fit the forward map.
    """
    now = information(likelihood, theta)
    weights = np.array([d.weights for d in along]).reshape(-1, now.matrix.shape[-1])
    found = []
    for candidate in candidates:
        other = imagined(likelihood, candidate)
        new = information(other, carried_over(likelihood, other, theta), valid)
        usable = now.finite & new.finite
        found.append(gain_of(candidate.name, now.matrix[usable], new.matrix[usable], weights))
    return tuple(sorted(found, key=lambda g: -g.gain if np.isfinite(g.gain) else np.inf))


def gain_of(name: str, now: Floats, new: Floats, weights: Floats) -> Gain:
    """The gain from informations (n, p, p) at n draws, along weights (k, p)."""
    n, p = now.shape[:2]
    if n == 0:
        return Gain(name, np.nan, np.nan, np.full(p, np.nan), np.full(len(weights), np.nan), 0)
    gains = information_gain(now, new)
    before, after = covariance(now), covariance(now + new)
    shrunk = np.diagonal(before - after, axis1=-2, axis2=-1)
    along = [np.einsum("ki,nij,kj->nk", weights, c, weights) for c in (before, after)]
    error = float(np.std(gains, ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    sharpening = np.exp(np.mean(0.5 * np.log(along[1] / along[0]), axis=0))
    return Gain(name, float(np.mean(gains)), error, shrunk.mean(axis=0), sharpening, n)


def information_gain(now: Floats, new: Floats) -> Floats:
    """½ log det(I + F + F⁺) - ½ log det(I + F) (*batch,) [nats]."""
    identity = np.eye(now.shape[-1])
    return np.asarray(0.5 * (np.linalg.slogdet(identity + now + new)[1] - np.linalg.slogdet(identity + now)[1]))


def imagined(likelihood: Likelihood, candidate: Candidate) -> Likelihood:
    """The likelihood of the candidate alone, all of its values measured."""
    coordinates = tuple(c.name for c in likelihood.forward.coordinates)[: candidate.x.shape[1]]
    y = np.zeros((len(candidate.x), len(candidate.observables)))
    experiment = Experiment(
        candidate.name, candidate.conditions, coordinates, candidate.x, candidate.observables, y, {},
        sd=np.broadcast_to(_errors(likelihood, candidate.observables), y.shape),
    )  # fmt: skip
    follow = tuple(n for n in likelihood.autoregressive if n in candidate.observables and len(y) > 1)
    return replace(
        likelihood, experiments=(experiment,), noise_per_experiment=False, discrepancy=None, autoregressive=follow
    )


def _errors(likelihood: Likelihood, observables: tuple[str, ...]) -> Floats:
    """Known standard errors (q,): the geometric mean of those measured, else the usual ones; 0 where sampled."""
    found = []
    for name in observables:
        usual = [o.sd for o in likelihood.forward.observables if o.name == name and o.sd is not None]
        stated = [
            b.own[b.mask[:, j], j]
            for b in likelihood.blocks
            for j, measured in enumerate(b.experiment.observables)
            if measured == name and usual
        ]
        known = np.concatenate(stated) if stated else np.square(usual)
        found.append(float(np.exp(0.5 * np.mean(np.log(known)))) if len(known) else 0.0)
    return np.array(found)


def carried_over(likelihood: Likelihood, other: Likelihood, theta: Floats) -> Floats:
    """θ in the extended space of the candidate: same model parameters, same noise of same observables.

    Where each experiment has its own noise scale, their geometric mean; where none was measured, the prior's median.
    A correlation of neighbouring errors is that of the candidate's spacing.
    """
    names = likelihood.space.names
    extended = np.broadcast_to(other.space.nominal, (len(theta), len(other.space))).copy()
    p = len(likelihood.forward.space)
    extended[:, :p] = theta[:, :p]
    for i, name in enumerate(other.space.names[p:], start=p):
        own = [names.index(n) for n in names if n == name or n.startswith(f"{name}[")]
        if own:
            extended[:, i] = np.exp(np.mean(np.log(theta[:, own]), axis=1))
    for name in other.autoregressive:
        spacing = step_of(other.experiments, name) / step_of(likelihood.experiments, name)
        extended[:, other.space.index(correlation_name(name))] **= spacing
    return extended
