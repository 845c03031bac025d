"""The honest baseline without physics: principal components of solved curves, a Gaussian process for each.

Curves over the scaled abscissa, inputs ln θ and c standardised over the training set, squared-exponential kernel with
one length per input and a noise floor, both by maximum marginal likelihood (Rasmussen and Williams 2006, eq. 5.8).
Optionally on what a cheaper map leaves over.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, linalg, optimize

from twin.model import Model
from twin.space import Floats
from twin.training.build import Solves

COMPONENTS = 8
START_LENGTH, START_NOISE = 2.0, 1e-4
NARROW, WIDE = np.log(1e-7), np.log(50.0)

Map = Callable[[Floats, Floats, Floats], Floats]
"""θ (*batch, p), c (k,), x (n, d) -> y (*batch, n, q)."""


@dataclass(frozen=True, eq=False)
class Process:
    """Posterior mean of one component: kernel lengths (d,), training inputs (N, d), weights (N,)."""

    lengths: Floats
    inputs: Floats
    weights: Floats

    def __call__(self, at: Floats) -> Floats:
        """Values (n,) at inputs (n, d)."""
        return np.asarray(kernel(at, self.inputs, self.lengths) @ self.weights)


def kernel(a: Floats, b: Floats, lengths: Floats) -> Floats:
    """exp(-½ Σ ((a - b)/l)²) (len a, len b)."""
    scaled = [(side / lengths)[:, None, :] for side in (a, b)]
    return np.asarray(np.exp(-0.5 * np.sum((scaled[0] - np.swapaxes(scaled[1], 0, 1)) ** 2, axis=-1)))


def fit(inputs: Floats, values: Floats) -> Process:
    """Lengths and noise of the largest marginal likelihood, the amplitude in closed form."""

    def factor(logs: Floats) -> tuple[Floats, Floats]:
        covariance = kernel(inputs, inputs, np.exp(logs[:-1])) + np.exp(logs[-1]) ** 2 * np.eye(len(inputs))
        lower = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(inputs)))
        return lower, np.asarray(linalg.cho_solve((lower, True), values))

    def cost(logs: Floats) -> float:
        lower, weights = factor(logs)
        return float(len(values) / 2 * np.log(values @ weights) + np.log(np.diag(lower)).sum())

    dimension = inputs.shape[1]
    start = np.log([*[START_LENGTH] * dimension, START_NOISE])
    bounds = [(np.log(0.1), WIDE)] * dimension + [(NARROW, 0.0)]
    found = optimize.minimize(cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    return Process(np.exp(found.x[:-1]), inputs, factor(found.x)[1])


def trained(model: Model, solves: Solves, below: Map | None = None) -> Map:
    """A map from reference solves; with ``below`` on the difference from that map."""
    curves = solves.y[..., 0]
    if below is not None:
        curves = curves - lower_curves(below, solves)
    raw = np.concatenate([np.log(solves.theta), solves.c], axis=1)
    centre, spread = raw.mean(axis=0), raw.std(axis=0)
    mean = curves.mean(axis=0)
    left, sizes, shapes = np.linalg.svd(curves - mean, full_matrices=False)
    kept = min(COMPONENTS, len(sizes))
    processes = [fit((raw - centre) / spread, left[:, i] / left[:, i].std()) for i in range(kept)]
    factors = np.array([left[:, i].std() * sizes[i] for i in range(kept)])
    fraction = np.linspace(0.0, 1.0, curves.shape[1])

    def predict(theta: Floats, c: Floats, x: Floats) -> Floats:
        at = (np.concatenate([np.log(theta), np.broadcast_to(c, (len(theta), len(c)))], axis=1) - centre) / spread
        scores = np.stack([process(at) for process in processes], axis=-1) * factors
        curve = interpolate.CubicSpline(fraction, mean + scores @ shapes[:kept], axis=-1)
        values = curve(x[:, 0] / model.abscissa(c, 2)[-1, 0])[..., None]
        return np.asarray(values if below is None else values + below(theta, c, x))

    return predict


def lower_curves(below: Map, solves: Solves) -> Floats:
    """The cheaper map (N, n) at the solves' own inputs."""
    each = zip(solves.theta, solves.c, solves.x, strict=True)
    return np.stack([np.asarray(below(theta[None], c, x))[0, :, 0] for theta, c, x in each])
