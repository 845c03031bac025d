"""How much of the answer comes from the prior: power-scaling sensitivity.

Prior or likelihood is raised to a power α,

    p_α(θ | y) ∝ p(θ)^α p(y | θ)        or        p(θ) p(y | θ)^α,

which the draws of α = 1 follow by importance weights p(θ)^(α-1) or p(y | θ)^(α-1), Pareto-smoothed. Sensitivity is
how fast the marginal of a parameter moves, with D the cumulative Jensen-Shannon distance and δ = 0.01:

    sensitivity = (D(1, 1 + δ) + D(1, 1/(1 + δ))) / (2 log₂(1 + δ))

Kallioinen, Paananen, Bürkner & Vehtari 2024, Stat. Comput. 34:57 (arXiv 2107.14054), with the step, the threshold
and the diagnoses of their package priorsense. The densities are those of θ, not of the sampler's z; how far a marginal
moves is measured in log θ under a LogNormal prior, else in θ.
"""

import math
from typing import Any

import numpy as np
from scipy.special import xlog1py

from twin.inference._arviz import ess_bulk, psis
from twin.inference.checks import natural
from twin.inference.posterior import Posterior
from twin.space import Floats, Space

DELTA = 0.01
"""Step in α: small, so that the weights are nearly equal and the difference is a derivative."""
THRESHOLD = 0.05
"""Above this a parameter counts as sensitive (Kallioinen et al. 2024)."""
NOISE = 0.5
"""95 % of the sensitivities to an unrelated part of deviation s stay below NOISE s/√ESS: simulated, for normal and
uniform draws and chi-squared log densities of 2 to 20 degrees of freedom."""

CONFLICT = "prior-data conflict"
PRIOR_DECIDES = "the prior decides"
NOTHING = "-"


def power_scaling(posterior: Posterior, log_likelihood: Floats) -> dict[str, Any]:
    """Sensitivity of every reported parameter to prior and likelihood as plain data, with k-hat of the weights.

    ``log_likelihood`` (chains, draws) is the joint log likelihood of ``posterior.theta``, given the latent parameters
    where there are any; constants may be left out.

    The prior that is scaled is the joint one of all parameters that are not latent. Those of noise scales and of the
    discrepancy's size belong to it: they were chosen too, and one that is too narrow moves everything else. The
    standard normal prior of latent coefficients does not: it is the law of a random function, and of a hierarchy only
    the top is scaled (Kallioinen et al. 2024).

    Truncation is a constant and drops out: bounds stay where they are, and a uniform prior has no sensitivity.
    ValueError where shapes differ or a density is not finite.
    """
    parameters = [p for p in posterior.space.parameters if p.name not in posterior.latent]
    shape = posterior.theta.shape[:2]
    if log_likelihood.shape != shape:
        raise ValueError(f"the joint log likelihood must have one value per draw {shape}, got {log_likelihood.shape}")
    theta = np.stack([posterior.draws(p.name) for p in parameters], axis=-1)
    log_prior = np.asarray(Space(tuple(parameters)).log_prior(theta), dtype=np.float64)
    marginals = np.stack([natural(p, posterior.draws(p.name)).ravel() for p in parameters], axis=-1)
    prior, prior_khat = sensitivities(marginals, log_prior.ravel())
    likelihood, likelihood_khat = sensitivities(marginals, log_likelihood.ravel())
    noise = {"prior": _noise(posterior, log_prior), "likelihood": _noise(posterior, log_likelihood)}
    limits = {part: max(THRESHOLD, value) for part, value in noise.items()}
    return {
        "source": "Kallioinen et al. 2024, arXiv 2107.14054",
        "delta": DELTA,
        "threshold": THRESHOLD,
        "noise": noise,
        "khat": {"prior": _finite(prior_khat), "likelihood": _finite(likelihood_khat)},
        "parameters": {
            p.name: {
                "prior": float(to_prior),
                "likelihood": float(to_data),
                "diagnosis": diagnose(to_prior > limits["prior"], to_data > limits["likelihood"]),
            }
            for p, to_prior, to_data in zip(parameters, prior, likelihood, strict=True)
        },
    }


def sensitivities(draws: Floats, log_part: Floats) -> tuple[Floats, float]:
    """Sensitivity (p,) of ``draws`` (n, p) to the part of the density whose logarithm is ``log_part`` (n,).

    With it the larger of the two k-hats; a constant part has neither. ValueError where ``log_part`` is not finite.
    """
    wrong = int(np.sum(~np.isfinite(log_part)))
    if wrong:
        raise ValueError(f"expected finite log densities at all draws, got {wrong} of {len(log_part)} that are not")
    found, tails = np.zeros(draws.shape[1]), []
    if np.ptp(log_part) == 0:
        return found, 0.0
    for alpha in (1.0 / (1.0 + DELTA), 1.0 + DELTA):
        with np.errstate(over="ignore"):  # ArviZ 0.x: exp(∞) of a profile likelihood, whose weight is then 0
            log_weights, khat = psis((alpha - 1.0) * log_part)
        weights = np.exp(log_weights)
        found = found + np.array([distance(column, weights) for column in draws.T])
        tails.append(khat)
    return found / (2.0 * math.log2(1.0 + DELTA)), max(tails)


def distance(draws: Floats, weights: Floats) -> float:
    """Cumulative Jensen-Shannon distance of ``draws`` (n,) from themselves weighted with ``weights`` (n,), in [0, 1].

    With P and Q the two distribution functions between smallest and largest draw, and M = (P + Q)/2,

        D² = ∫ P log₂(P/M) + Q log₂(Q/M) dx / ∫ P + Q dx,

    and the larger of that and the same for -x, so that the sign of a parameter plays no part (Kallioinen et al.
    2024; Nguyen & Vreeken 2015). 0 where nothing moves.
    """
    order = np.argsort(draws, kind="stable")
    widths = np.diff(draws[order])
    if not np.any(widths):
        return 0.0
    even = np.arange(1, len(draws)) / len(draws)
    share = np.cumsum(weights[order] / np.sum(weights))[:-1]
    return math.sqrt(max(_divergence(even, share, widths), _divergence(1.0 - even, 1.0 - share, widths)))


def diagnose(to_prior: bool, to_likelihood: bool) -> str:
    """What it means that a parameter is sensitive to its prior, to the likelihood, or to both."""
    if not to_prior:
        return NOTHING
    return CONFLICT if to_likelihood else PRIOR_DECIDES


def _divergence(p: Floats, q: Floats, widths: Floats) -> float:
    """D² from values of P and Q on intervals of the given widths.

    With d = (P - Q)/(P + Q) the integrand is M ((1 + d) log₂(1 + d) + (1 - d) log₂(1 - d)): no cancellation.
    """
    both = np.maximum(p + q, np.finfo(np.float64).tiny)
    d = np.clip((p - q) / both, -1.0, 1.0)
    terms = 0.5 * both * (xlog1py(1.0 + d, d) + xlog1py(1.0 - d, -d)) / math.log(2.0)
    return max(0.0, float(np.sum(widths * terms) / np.sum(widths * both)))


def _noise(posterior: Posterior, log_part: Floats) -> float:
    """Sensitivity that so few draws show to a part (chains, draws) that does not matter; weights bound their number."""
    if np.ptp(log_part) == 0:
        return 0.0
    most = log_part.size if posterior.weight_ess is None else posterior.weight_ess
    return NOISE * float(np.std(log_part)) / math.sqrt(max(1.0, min(ess_bulk(log_part), most)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
