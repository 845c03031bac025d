"""What was not measured and is predicted all the same, and how far the data inform it.

An echo says little about pressures, though every draw of its posterior has some. So the spread of a predicted number
over the posterior's draws is set beside its spread over the prior's: where most of it is left, the prediction is the
prior's and the data have no part in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.forward import in_chunks
from twin.inference.blocks import label
from twin.inference.likelihood import Likelihood
from twin.inference.posterior import Posterior
from twin.space import Floats

DRAWS = 1000
LEFT = 0.7
"""Of the prior predictive standard deviation, half of its variance: where as much is left, a number is not informed."""


@dataclass(frozen=True)
class Outcome:
    """A number that was not measured: posterior mean, sd and 90 % interval, and the prior predictive mean and sd.

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

    @property
    def left(self) -> float:
        """Posterior over prior predictive standard deviation."""
        return self.sd / self.prior_sd if self.prior_sd > 0 else 1.0

    @property
    def informed(self) -> bool:
        """Whether the data leave clearly less of the spread than the prior had."""
        return self.left < LEFT


def outcomes(likelihood: Likelihood, posterior: Posterior) -> tuple[Outcome, ...]:
    """All observables that are single numbers (with a known error) and were not measured, of each experiment.

    Draws where the prediction is not finite are left out, on both sides.
    """
    theta, prior = _thinned(posterior.theta.reshape(-1, posterior.theta.shape[-1])), _thinned(posterior.prior)
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
            found += _of(likelihood, label(block.experiment), wanted, after, before)
    return tuple(found)


def not_informed(found: Sequence[Outcome]) -> tuple[str, ...]:
    """Observables that no experiment's data inform, each once."""
    known = {o.observable for o in found if o.informed}
    return tuple(dict.fromkeys(o.observable for o in found if o.observable not in known))


def _of(likelihood: Likelihood, experiment: str, wanted: Sequence[int], after: Floats, before: Floats) -> list[Outcome]:
    made = []
    for k, j in enumerate(wanted):
        observable = likelihood.forward.observables[j]
        values, prior = (y[np.isfinite(y[:, k]), k] for y in (after, before))
        if len(values) and len(prior):
            low, high = np.quantile(values, (0.05, 0.95))
            made.append(
                Outcome(
                    experiment, observable.name, observable.unit, float(values.mean()), float(values.std()),
                    float(low), float(high), float(prior.mean()), float(prior.std()),
                )
            )  # fmt: skip
    return made


def _thinned(draws: Floats) -> Floats:
    return draws[:: max(1, len(draws) // DRAWS)][:DRAWS]
