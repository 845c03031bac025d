"""Whether to believe a posterior: each check has a value, a limit and a meaning, and passes or fails.

A check that does not apply (divergences of an importance sample) has no value and does not count.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from twin.inference import _arviz
from twin.inference.posterior import Posterior, Series
from twin.priors import LogNormal, Uniform
from twin.space import Floats, Parameter

RHAT_LIMIT = 1.01  # Vehtari et al. 2021
ESS_LIMIT = 400.0  # Vehtari et al. 2021: 100 per chain
BFMI_LIMIT = 0.3  # Betancourt 2016, arXiv 1604.00695; Stan's warning
KHAT_LIMIT = 0.7  # Vehtari et al. 2024
EDGE_WIDTH, EDGE_LIMIT = 0.01, 0.05
SURROGATE_LIMIT = 1.0 / 3.0  # adds 5 % to the noise's standard deviation
COVERAGE_LIMITS = (0.8, 0.97)
FAILURE_LIMIT = 0.05


@dataclass(frozen=True)
class Check:
    """One reason to believe or not. ``value`` is None where the check does not apply."""

    name: str
    value: float | None
    limit: float | tuple[float, float]
    passed: bool
    unit: str
    meaning: str


def run_checks(posterior: Posterior) -> tuple[Check, ...]:
    """All checks, in the order of the report."""
    return (
        check_rhat(posterior),
        check_ess(posterior),
        check_divergences(posterior),
        check_bfmi(posterior),
        check_khat(posterior),
        check_surrogate_error(posterior),
        check_domain_edge(posterior),
        check_predictive(posterior),
        check_verification(posterior),
        check_failures(posterior),
    )


def check_rhat(posterior: Posterior) -> Check:
    """Largest rank-normalised split R-hat of all parameters; a chain that never moves counts as infinite."""
    values = [_rhat(posterior.draws(name)) for name in posterior.space.names]
    worst = int(np.argmax(values))
    meaning = f"chains agree; worst: {posterior.space.names[worst]}"
    return _at_most("rhat_max", values[worst], RHAT_LIMIT, "1", meaning)


def check_ess(posterior: Posterior) -> Check:
    """Smallest effective sample size, bulk and tail, of all parameters."""
    values = [min(effective(posterior, name)) for name in posterior.space.names]
    worst = int(np.argmin(values))
    meaning = f"effective draws; fewest: {posterior.space.names[worst]}"
    return _at_least("ess_min", values[worst], ESS_LIMIT, "draws", meaning)


def check_divergences(posterior: Posterior) -> Check:
    """Number of divergent transitions."""
    diverging = posterior.stats.get("diverging")
    count = None if diverging is None else float(np.sum(diverging))
    return _at_most("divergences", count, 0.0, "transitions", "places the sampler could not follow")


def check_bfmi(posterior: Posterior) -> Check:
    """Smallest Bayesian fraction of missing information, E[(ΔE)²]/Var[E], of the chains."""
    energy = posterior.stats.get("energy")
    value = None if energy is None else float(np.min(bfmi(energy)))
    return _at_least("bfmi", value, BFMI_LIMIT, "1", "how freely the sampler moves between energies")


def check_khat(posterior: Posterior) -> Check:
    """Shape of the importance weights' tail."""
    return _at_most("khat", posterior.khat, KHAT_LIMIT, "1", "tail of the importance weights")


def check_surrogate_error(posterior: Posterior) -> Check:
    """Largest ratio over the series of the surrogate's error to the noise, both as root mean squares."""
    ratios = [math.sqrt(np.mean(s.surrogate**2) / np.mean(s.noise**2)) for s in posterior.series]
    worst = int(np.argmax(ratios))
    used = posterior.metadata.get("surrogate_error", "unknown")
    meaning = f"surrogate's error over noise; largest: {posterior.series[worst].name}; in the likelihood: {used}"
    return _at_most("surrogate_error", ratios[worst], SURROGATE_LIMIT, "1", meaning)


def check_domain_edge(posterior: Posterior) -> Check:
    """Largest posterior mass within 1 % of the width of the domain from one of its bounds."""
    masses = [edge_mass(p, posterior.draws(p.name)) for p in posterior.space.parameters]
    worst = int(np.argmax(masses))
    meaning = f"posterior held by the domain's edge; most: {posterior.space.names[worst]}"
    return _at_most("domain_edge", masses[worst], EDGE_LIMIT, "1", meaning)


def check_predictive(posterior: Posterior) -> Check:
    """Share of measured points inside their 90 % predictive band, for each series and for all together.

    The value is the share farthest from 0.9 relative to its limits. Few points scatter: the limits widen to the
    99 % interval of the binomial distribution where that is wider, and where errors follow one another, so that points
    leave the band together, to that of replicated measurements.
    """
    inside = {s.name: covered(s) for s in posterior.series}
    again = {s.name: _inside(s, s.predictive) for s in posterior.series}
    if len(inside) > 1:
        inside["all"], again["all"] = (np.concatenate(list(v.values()), axis=-1) for v in (inside, again))
    together = posterior.metadata.get("autoregressive")
    excess, shares, limits = {}, {}, {}
    for name, hits in inside.items():
        low, high = np.array(binom.interval(0.99, len(hits), 0.9)) / len(hits)
        least, most = np.quantile(again[name].mean(axis=-1), (0.005, 0.995)) if together else (low, high)
        limits[name] = (float(min(COVERAGE_LIMITS[0], low, least)), float(max(COVERAGE_LIMITS[1], high, most)))
        shares[name] = float(np.mean(hits))
        excess[name] = max(limits[name][0] - shares[name], shares[name] - limits[name][1])
    worst = max(excess, key=lambda name: excess[name])
    meaning = f"points inside their 90 % predictive band; worst: {worst}"
    passed = bool(excess[worst] <= 0)
    return Check("posterior_predictive", shares[worst], limits[worst], passed, "1", meaning)


def check_verification(posterior: Posterior) -> Check:
    """k-hat of the weights that hold the posterior against the reference solver; infinite where none could be had."""
    record = posterior.metadata.get("verification")
    if record is None:
        return Check("verification", None, KHAT_LIMIT, True, "1", "the reference solver was not asked")
    last = [step["khat"] for step in record["steps"] if "khat" in step][-1]
    khat = math.inf if last is None else float(last)
    verdict = record["verdict"]
    count = len(record["steps"])
    meaning = f"weights towards the reference solver at step {count} of {count}; verdict: {verdict}"
    return Check("verification", khat, KHAT_LIMIT, verdict != "not trustworthy", "1", meaning)


def check_failures(posterior: Posterior) -> Check:
    """Share of the draws asked at which the reference solver gave no answer."""
    record = posterior.metadata.get("verification")
    share = None if record is None else float(record["failed_share"])
    asked = "" if record is None else f": {record['failed']} of {record['solves']}"
    return _at_most("reference_failures", share, FAILURE_LIMIT, "1", f"draws without a reference solution{asked}")


def covered(series: Series) -> npt.NDArray[np.bool_]:
    """Which points (m,) lie inside the central 90 % of their predictive draws."""
    return _inside(series, series.y)


def effective(posterior: Posterior, name: str) -> tuple[float, float]:
    """Bulk and tail effective sample size; importance weights bound both from above."""
    draws = posterior.draws(name)
    cap = math.inf if posterior.weight_ess is None else posterior.weight_ess
    return min(_arviz.ess_bulk(draws), cap), min(_arviz.ess_tail(draws), cap)


def bfmi(energy: Floats) -> Floats:
    """E[(E_t - E_{t-1})²]/Var[E] per chain (Betancourt 2016, eq. 3.2)."""
    fraction: Floats = np.mean(np.diff(energy, axis=1) ** 2, axis=1) / np.var(energy, axis=1)
    return fraction


def edge_mass(parameter: Parameter, draws: Floats) -> float:
    """Largest share of draws within 1 % of the width from a bound that cuts the prior; 0 without such a bound.

    A uniform prior's own ends count, natural ends (0 of a scale, 0 and 1 of a Beta) do not. Widths are taken in
    log θ under a LogNormal prior; an open side ends at the prior's outermost 0.1 %.
    """
    support, bounds = parameter.prior.support, parameter.bounds
    flat = isinstance(parameter.prior, Uniform)
    cuts = [flat or bounds[0] > support[0], flat or bounds[1] < support[1]]
    if not any(cuts):
        return 0.0
    law = parameter.prior.scipy()
    outer = [float(law.ppf(0.001)), float(law.ppf(0.999))]
    ends = np.array([b if cut else o for b, cut, o in zip(bounds, cuts, outer, strict=True)])
    low, high = natural(parameter, ends)
    at = natural(parameter, draws)
    margin = EDGE_WIDTH * (high - low)
    shares = [np.mean(at < low + margin) if cuts[0] else 0.0, np.mean(at > high - margin) if cuts[1] else 0.0]
    return float(max(shares))


def natural(parameter: Parameter, values: Floats) -> Floats:
    """Log θ under a LogNormal prior, else θ: the scale on which the prior's width means something."""
    return np.log(values) if isinstance(parameter.prior, LogNormal) else values


def _inside(series: Series, y: Floats) -> npt.NDArray[np.bool_]:
    """Which of the values y (…, m) do."""
    low, high = np.quantile(series.predictive, (0.05, 0.95), axis=(0, 1))
    return np.asarray((y >= low) & (y <= high))


def _rhat(draws: Floats) -> float:
    value = _arviz.rhat(draws)
    return value if math.isfinite(value) else math.inf


def _at_most(name: str, value: float | None, limit: float, unit: str, meaning: str) -> Check:
    return Check(name, value, limit, value is None or bool(value <= limit), unit, meaning)


def _at_least(name: str, value: float | None, limit: float, unit: str, meaning: str) -> Check:
    return Check(name, value, limit, value is None or bool(value >= limit), unit, meaning)
