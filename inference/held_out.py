"""How large a model's error is, from experiments that were not fitted."""

from collections.abc import Sequence

import numpy as np

from twin.experiment import Experiment
from twin.inference.likelihood import Likelihood
from twin.space import Floats


def held_out_error(likelihood: Likelihood, theta: Floats, experiments: Sequence[Experiment]) -> dict[str, float]:
    """By observable, the root mean square of the error that noise does not explain, in the observable's unit.

        s² = mean (y - E f)² - mean σ² - mean Var f,    means over the experiments' values, E and Var over θ (N, P)

    for draws θ of a posterior that was fitted to other data. Observables whose noise explains all are left out.
    """
    other = Likelihood(likelihood.forward, experiments, likelihood.noise, surrogate_error=likelihood.surrogate_error)
    own = theta[:, [likelihood.space.index(name) for name in other.scales.names]]
    excess: dict[str, list[Floats]] = {}
    for block, mean, scale in zip(other.blocks, other.predict(own, discrepancy=False), other.scale(own), strict=True):
        for j, observable in enumerate(block.experiment.observables):
            seen = block.mask[:, j]
            f, sigma = mean[:, seen, j], scale[:, seen, j]
            square = (block.y[seen, j] - f.mean(axis=0)) ** 2 - (sigma**2).mean(axis=0) - f.var(axis=0)
            excess.setdefault(observable, []).append(square)
    found = {name: float(np.mean(np.concatenate(parts))) for name, parts in excess.items()}
    return {name: float(np.sqrt(value)) for name, value in found.items() if value > 0}
