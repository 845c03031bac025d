"""A surrogate's posterior held against the true solver: importance weights at draws of it.

At draws θ_s of the posterior p̃ that was sampled, with L the likelihood of the true solver and L̃ the one used,

    w_s ∝ L(θ_s)/L̃(θ_s),     E[g] ≈ Σ w_s g(θ_s)

Weights are Pareto-smoothed; the tail's shape k-hat says whether they may be used (Vehtari et al. 2024). Both averages
are taken over the same draws, so that their difference is far more exact than either.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from twin.inference._arviz import psis
from twin.inference.blocks import Block
from twin.inference.likelihood import Likelihood
from twin.inference.treatment import Treatment
from twin.space import Floats

LATE = 0.01
"""Share of an experiment's values that a true solution may lack at its end and still be compared."""
NEARLY_EQUAL = 0.1
"""Range of log weights below which no draw counts 10 % more than another and k-hat has nothing to say."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """N draws ``theta`` (N, P) with the true solver's answer.

    ``log_ratio`` (N,) is log L/L̃: -∞ where the true solution ends well before the data, NaN where the solver failed.
    ``log_weights`` (N,) are smoothed and normalised, -∞ for failures.
    """

    theta: Floats
    log_ratio: Floats
    log_weights: Floats
    khat: float

    @property
    def failed(self) -> npt.NDArray[np.bool_]:
        """Draws at which the true solver gave no answer (N,)."""
        return np.isnan(self.log_ratio)

    @property
    def weights(self) -> Floats:
        """Weights (N,) that sum to 1."""
        return np.asarray(np.exp(self.log_weights))

    @property
    def ess(self) -> float:
        """Kish's effective sample size 1/Σw²."""
        return float(1.0 / np.sum(self.weights**2))

    @property
    def scale(self) -> Floats:
        """Standard deviations (P,) of the draws with an answer, unweighted; 1 where nothing moves."""
        sd = self.theta[~self.failed].std(axis=0)
        return np.where(sd > 0, sd, 1.0)

    @property
    def shift(self) -> Floats:
        """(weighted - unweighted mean)/sd of each parameter (P,)."""
        plain = self.theta[~self.failed].mean(axis=0)
        return np.asarray((self.weights @ self.theta - plain) / self.scale)

    @property
    def shift_error(self) -> Floats:
        """Monte Carlo standard error of the shifts (P,), by the delta method for a ratio."""
        answered = ~self.failed
        centred = (self.theta - self.weights @ self.theta) / self.scale
        n = int(answered.sum())
        terms = (n * self.weights - 1.0)[answered, None] * centred[answered]
        return np.asarray(terms.std(axis=0) / np.sqrt(n))

    @property
    def sd_ratio(self) -> Floats:
        """Weighted over unweighted standard deviation of each parameter (P,)."""
        mean = self.weights @ self.theta
        return np.asarray(np.sqrt(self.weights @ (self.theta - mean) ** 2) / self.scale)


def truth_of(likelihood: Likelihood) -> Likelihood:
    """The same likelihood with a forward map that does not err."""
    return replace(likelihood, surrogate_error=Treatment.NONE)


def compare(likelihood: Likelihood, theta: Floats, solved: tuple[Floats, ...]) -> Comparison:
    """Draws θ (N, P) of the likelihood's posterior with the true solutions (N, n, q) per experiment."""
    log_ratio = true_log_likelihood(likelihood, theta, solved) - likelihood.log_prob(theta)
    log_weights, khat = smoothed(log_ratio)
    return Comparison(theta, log_ratio, log_weights, khat)


def true_log_likelihood(likelihood: Likelihood, theta: Floats, solved: tuple[Floats, ...]) -> Floats:
    """log L (N,): NaN where the solver failed in an experiment, -∞ where a solution ends well before the data do.

    A solution may lack up to ``LATE`` of an experiment's values (a discharge that ends a sample early): there is
    nothing to compare these with, and the forward map is taken at its word.
    """
    truth = truth_of(likelihood)
    own = theta[..., [likelihood.space.index(name) for name in truth.space.names]]
    plain = likelihood.predict(theta, discrepancy=False)
    predicted = tuple(np.where(np.isfinite(y), y, f) for y, f in zip(solved, plain, strict=True))
    value = np.asarray(truth.log_prob(own, predicted=predicted))
    ended = np.any([lacking(y, b) > LATE for y, b in zip(solved, likelihood.blocks, strict=True)], axis=0)
    failed = np.any([~np.isfinite(y).any(axis=(1, 2)) for y in solved], axis=0)
    return np.where(failed, np.nan, np.where(ended, -np.inf, value))


def lacking(solved: Floats, block: Block) -> Floats:
    """Share (N,) of an experiment's measured values at which true solutions (N, n, q) have ended."""
    return np.asarray((~np.isfinite(solved) & block.mask).sum(axis=(1, 2)) / block.mask.sum())


def smoothed(log_ratio: Floats) -> tuple[Floats, float]:
    """Smoothed log weights (N,), normalised, and k-hat; infinite where no draw is possible under the true solver."""
    log_weights, usable = np.full(len(log_ratio), -np.inf), np.isfinite(log_ratio)
    if not usable.any():
        return np.where(np.isnan(log_ratio), -np.inf, -np.log(max(1, np.sum(~np.isnan(log_ratio))))), np.inf
    kept = log_ratio[usable]
    if np.ptp(kept) < NEARLY_EQUAL:
        log_weights[usable] = kept - np.logaddexp.reduce(kept)
        return log_weights, 0.0
    log_weights[usable], khat = psis(kept)
    return log_weights, khat
