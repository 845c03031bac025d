"""What was not measured and is predicted all the same, and how far the data inform it.

An echo says little about pressures, though every draw of its posterior has some, and narrower than the prior's: the
flow is known, and the prior of the resistance does the rest. So two things are told of a predicted number g. First its
spread over the posterior's draws beside that over the prior's. Second what of it the data cannot see: on the scale u
of the priors (``standard.py``), with the Fisher information F, the posterior's mean stays away from the truth by
(I + F)⁻¹ (prior mean - truth), whatever the noise. The root mean square of that pull over the prior, relative to g's
own spread there, is

    pull = |(I + F)⁻¹ ∇g| / |∇g|,

0 where the data alone fix the number, 1 where they are blind to it, and λ noise variances per prior variance of a
measured number give 1/(1 + λ).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.forward import in_chunks
from twin.inference.blocks import Block, label
from twin.inference.identifiability.information import STEP, Information, information
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import Posterior
from twin.space import Floats

DRAWS = 1000
POINTS = 16
"""Draws at which the pull is computed."""
PULLED = 0.5
"""From this pull on a number comes from the prior: its own measurement with as much noise as prior spread gives 0.5."""


@dataclass(frozen=True)
class Outcome:
    """A number that was not measured: posterior mean, sd and 90 % interval, prior predictive mean and sd, and the pull.

    It is the mean over the experiment's abscissa of the prediction without noise.
    """

    experiment: str
    observable: str
    unit: str
    mean: float
    sd: float
    q05: float
    q95: float
    prior_mean: float
    prior_sd: float
    pull: float

    @property
    def left(self) -> float:
        """Posterior over prior predictive standard deviation."""
        return self.sd / self.prior_sd if self.prior_sd > 0 else 1.0

    @property
    def informed(self) -> bool:
        """Whether the data say more about it than the prior."""
        return self.pull < PULLED


def outcomes(likelihood: Likelihood, posterior: Posterior) -> tuple[Outcome, ...]:
    """All observables that are single numbers (with a known error) and were not measured, of each experiment.

    Draws where the prediction is not finite are left out, on both sides.
    """
    flat = posterior.theta.reshape(-1, posterior.theta.shape[-1])
    theta, prior, few = _thinned(flat, DRAWS), _thinned(posterior.prior, DRAWS), _thinned(flat, POINTS)
    known: Information | None = None
    p = len(likelihood.forward.space)
    found: list[Outcome] = []
    for block in likelihood.blocks:
        seen = np.any(block.mask, axis=0).tolist()
        measured = {o for o, any_ in zip(block.experiment.observables, seen, strict=True) if any_}
        wanted = [j for j, o in enumerate(likelihood.forward.observables) if o.noise is None and o.name not in measured]
        if wanted:
            after, before = (
                in_chunks(likelihood.forward, draws[:, :p], block.c, block.x)[..., wanted].mean(axis=1)
                for draws in (theta, prior)
            )
            known = known or information(likelihood, few)
            pulls = _pulls(likelihood, block, wanted, few, known)
            found += _of(likelihood, label(block.experiment), wanted, after, before, pulls)
    return tuple(found)


def not_informed(found: Sequence[Outcome]) -> tuple[str, ...]:
    """Observables that no experiment's data inform, each once."""
    known = {o.observable for o in found if o.informed}
    return tuple(dict.fromkeys(o.observable for o in found if o.observable not in known))


def _of(
    likelihood: Likelihood, experiment: str, wanted: Sequence[int], after: Floats, before: Floats, pulls: Floats
) -> list[Outcome]:
    made = []
    for k, j in enumerate(wanted):
        observable = likelihood.forward.observables[j]
        values, prior = (y[np.isfinite(y[:, k]), k] for y in (after, before))
        if len(values) and len(prior):
            low, high = np.quantile(values, (0.05, 0.95))
            made.append(
                Outcome(
                    experiment, observable.name, observable.unit, float(values.mean()), float(values.std()),
                    float(low), float(high), float(prior.mean()), float(prior.std()), float(pulls[k]),
                )
            )  # fmt: skip
    return made


def _pulls(likelihood: Likelihood, block: Block, wanted: Sequence[int], theta: Floats, found: Information) -> Floats:
    """The pull (k,) of the wanted numbers by the information at draws θ (n, P); 1 where they depend on nothing."""
    p = len(likelihood.forward.space)
    shifts = STEP * found.reach[:, :, None] * np.eye(p)
    with np.errstate(all="ignore"):
        ahead, behind = (
            np.asarray(likelihood.forward(theta[:, None, :p] + side * shifts, block.c, block.x))[..., wanted]
            for side in (1.0, -1.0)
        )
    slopes = (ahead - behind).mean(axis=-2) / (2.0 * STEP)
    good = found.finite & np.isfinite(slopes).all(axis=(1, 2))
    if not good.any():
        return np.ones(len(wanted))
    blind = np.linalg.solve(np.eye(p) + found.matrix[good], slopes[good])
    size, left = (np.sum(part**2, axis=(0, 1)) for part in (slopes[good], blind))
    return np.sqrt(np.where(size > 0, left / np.where(size > 0, size, 1.0), 1.0))


def _thinned(draws: Floats, most: int) -> Floats:
    return draws[:: max(1, len(draws) // most)][:most]
