"""The verdict: a surrogate's posterior against the true solver, corrected where it can be, refused where not.

1. The true solver is asked at draws of the posterior; their weights (``comparison.py``) confirm or correct it.
2. Where they cannot, the surrogate is refined at these draws (``twin/refined.py``), sampled again and asked again.
3. The last resort are Markov chains on the true solver itself (``delayed_acceptance.py``), within a time budget.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twin.inference import _arviz
from twin.inference.checks import ESS_LIMIT, KHAT_LIMIT, RHAT_LIMIT
from twin.inference.comparison import Comparison, compare, smoothed, true_log_likelihood, truth_of
from twin.inference.delayed_acceptance import sample_delayed
from twin.inference.density import density_of
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample, Sampler
from twin.inference.treatment import Treatment
from twin.inference.verdict_record import Solved, Verdict, in_words, largest, step_of, verdict_of
from twin.refined import refine
from twin.space import Floats

SHIFT_LIMIT = 0.1
"""Posterior standard deviations by which a mean may move and the posterior still counts as confirmed."""
GENTLE = 0.25
"""Largest shift that weights alone correct. Beyond it tails that no draw reached are missed, even where k-hat passes:
at 0.5 sd spreads came out 8 % too small, while a refinement costs a few seconds and is exact to the sampling noise."""
SETTLED = 0.05
"""The same, between the correction by all draws' smooth weights and that by the solved draws alone."""

Solve = Callable[[Floats], tuple[Floats, ...]]
"""θ (m, p) of the forward map -> true solutions (m, n, q) per experiment, NaN where there is none."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Diligence:
    """What a verdict may cost: draws to solve at, rounds of refinement, seconds of chains on the true solver."""

    draws: int = 200
    rounds: int = 3
    seconds: float = 300.0


@dataclass(frozen=True, eq=False)
class Case:
    """What stays the same throughout: the solver, how to sample, what it may cost."""

    solve: Solve
    sampler: Sampler
    diligence: Diligence
    seed: int
    say: Say


def verify(likelihood: Likelihood, sample: Sample, case: Case) -> Verdict:
    """The verdict on a sample of the likelihood's posterior."""
    asked = ask(likelihood, sample, case, round_=0)
    first = compare(likelihood, _drawn(sample, case, 0), asked.y)
    steps = [step_of("posterior", likelihood, sample, first)]
    if trusted(first) and largest(first.shift) < SHIFT_LIMIT:
        return verdict_of("confirmed", likelihood, sample, steps, asked, likelihood)
    if trusted(first) and largest(first.shift) < GENTLE:
        corrected = reweighted(likelihood, sample, first, asked)
        if corrected is not None:
            return verdict_of("corrected", *corrected, steps, asked, likelihood)
    return escalate(likelihood, sample, asked, steps, case)


def ask(likelihood: Likelihood, sample: Sample, case: Case, round_: int) -> Solved:
    """The true solver at some of a sample's draws."""
    theta = _drawn(sample, case, round_)
    return Solved(_of_truth(likelihood, theta), case.solve(theta[:, : len(likelihood.forward.space)]))


def trusted(found: Comparison) -> bool:
    """Whether the weights may be used."""
    return bool(found.khat <= KHAT_LIMIT)


def reweighted(
    likelihood: Likelihood, sample: Sample, found: Comparison, asked: Solved
) -> tuple[Likelihood, Sample] | None:
    """All draws re-weighted, by the surrogate's error as the solved draws show it; None where that does not hold.

    The few solved draws could be re-weighted without any model of the error, but are few. Both must agree.
    """
    corrected = replace(refined(likelihood, asked, asked.theta), surrogate_error=Treatment.PLUG_IN)
    gap = found.weights @ asked.theta - _weighted_mean(likelihood, corrected, found, asked)
    if not largest(gap / found.scale[: len(gap)]) < SETTLED:
        return None
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    own = _of_truth(likelihood, flat)
    log_weights, khat = smoothed(_in_parts(corrected, own) - _in_parts(likelihood, flat))
    if not khat <= KHAT_LIMIT:
        return None
    weights = np.exp(log_weights).reshape(sample.theta.shape[:2])
    draws = own.reshape(*sample.theta.shape[:2], -1)
    rng = np.random.default_rng(sample.seed)
    ess = 1.0 / float(np.sum(weights**2))
    capped = ess if sample.weight_ess is None else ess * sample.weight_ess / flat.shape[0]
    new = np.stack([chain[_systematic(w, rng)] for chain, w in zip(draws, weights, strict=True)])
    return corrected, replace(sample, theta=new, khat=khat, weight_ess=capped, reason=f"{sample.reason}; re-weighted")


def refined(likelihood: Likelihood, asked: Solved, around: Floats) -> Likelihood:
    """The likelihood with its forward map refined in the region of the draws ``around``."""
    p = len(likelihood.forward.space)
    theta = asked.theta[:, :p]
    places, differences = [], []
    for block, y in zip(likelihood.blocks, asked.y, strict=True):
        answer = np.asarray(likelihood.forward(theta, block.c, block.x))
        wide = np.full(answer.shape, np.nan)
        wide[..., list(block.columns)] = y
        places.append((block.c, block.x))
        differences.append(answer - wide)
    forward = refine(likelihood.forward, theta, places, differences, around=around[:, :p])
    return replace(likelihood, forward=forward, surrogate_error=Treatment.MARGINALISED)


def escalate(likelihood: Likelihood, sample: Sample, asked: Solved, steps: list[dict[str, Any]], case: Case) -> Verdict:
    """Refined surrogates, sampled and asked again, then chains on the true solver."""
    latest, current, now = asked.theta, likelihood, sample
    for k in range(1, case.diligence.rounds + 1):
        case.say(f"{in_words(steps[-1])}: refinement {k}")
        current = refined(likelihood, asked, latest)
        now = case.sampler(density_of(current), seed=case.seed + k)
        new = ask(current, now, case, round_=k)
        found = compare(current, _drawn(now, case, k), new.y)
        steps.append(step_of(f"refinement {k}", current, now, found))
        asked, latest = asked.and_more(new), new.theta
        if trusted(found) and largest(found.shift) < SHIFT_LIMIT:
            return verdict_of("corrected", current, now, steps, asked, likelihood)
        if trusted(found) and k == case.diligence.rounds:
            corrected = reweighted(current, now, found, new)
            if corrected is not None:
                return verdict_of("corrected", *corrected, steps, asked, likelihood)
    return last_resort(likelihood, current, now, asked, steps, case)


def last_resort(
    likelihood: Likelihood, current: Likelihood, now: Sample, asked: Solved, steps: list[dict[str, Any]], case: Case
) -> Verdict:
    """Chains on the true solver with the best surrogate as guide; not trustworthy where they do not converge."""
    case.say(f"chains on the reference solver for at most {case.diligence.seconds:g} s")
    density, p = density_of(current), len(likelihood.forward.space)

    def true(z: Floats) -> Floats:
        theta = density.space.constrain(z)
        solved = case.solve(theta[:, :p])
        with np.errstate(invalid="ignore"):
            rest = np.asarray(density(z)) - np.asarray(current.log_prob(theta))
            return np.asarray(rest + true_log_likelihood(current, theta, solved))

    try:
        chains = sample_delayed(density, true, now, seed=case.seed + 17, seconds=case.diligence.seconds)
    except ValueError as problem:
        steps.append({"what": "delayed acceptance", "outcome": str(problem)})
        return verdict_of("not trustworthy", current, now, steps, asked, likelihood)
    rhat = max(_arviz.rhat(chains.theta[..., i]) for i in range(chains.theta.shape[-1]))
    ess = min(_arviz.ess_bulk(chains.theta[..., i]) for i in range(chains.theta.shape[-1]))
    steps.append({
        "what": "delayed acceptance", "rhat": float(rhat), "ess": float(ess), "steps": chains.theta.shape[1],
        "accepted": float(np.mean(chains.stats["acceptance_rate"])),
    })  # fmt: skip
    good = rhat <= RHAT_LIMIT and ess >= ESS_LIMIT
    truth = replace(current, surrogate_error=Treatment.PLUG_IN)
    flat = _of_truth(current, chains.theta.reshape(-1, chains.theta.shape[-1]))
    kept = replace(chains, theta=flat.reshape(*chains.theta.shape[:2], -1))
    return verdict_of("corrected" if good else "not trustworthy", truth, kept, steps, asked, likelihood)


def _drawn(sample: Sample, case: Case, round_: int) -> Floats:
    """Draws (N, P) without replacement, spread over chains and draws."""
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    rng = np.random.default_rng([case.seed, round_])
    return np.asarray(flat[rng.choice(len(flat), size=min(case.diligence.draws, len(flat)), replace=False)])


def _of_truth(likelihood: Likelihood, theta: Floats) -> Floats:
    """The columns of the truth's space: without sampled coefficients of the surrogate's error."""
    return np.asarray(theta[..., [likelihood.space.index(name) for name in truth_of(likelihood).space.names]])


def _weighted_mean(likelihood: Likelihood, corrected: Likelihood, found: Comparison, asked: Solved) -> Floats:
    """Mean (P,) of the solved draws under the corrected surrogate."""
    log_ratio = np.asarray(corrected.log_prob(asked.theta)) - np.asarray(likelihood.log_prob(found.theta))
    log_weights, _ = smoothed(np.where(found.failed, np.nan, log_ratio))
    return np.asarray(np.exp(log_weights) @ asked.theta)


def _in_parts(likelihood: Likelihood, theta: Floats, size: int = 500) -> Floats:
    parts = [np.asarray(likelihood.log_prob(theta[i : i + size])) for i in range(0, len(theta), size)]
    return np.concatenate(parts)


def _systematic(weights: Floats, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of as many draws as there are weights, in the chain's order, by systematic resampling."""
    cumulative = np.cumsum(weights / weights.sum())
    places = (rng.uniform() + np.arange(len(weights))) / len(weights)
    return np.searchsorted(cumulative, places).clip(max=len(weights) - 1)
