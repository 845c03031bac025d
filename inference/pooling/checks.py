"""Whether to believe a population: the checks of ``checks.py`` over its numbers and all of its units."""

import math

import numpy as np

from twin.inference import _arviz
from twin.inference.checks import BFMI_LIMIT, ESS_LIMIT, KHAT_LIMIT, RHAT_LIMIT, Check, bfmi
from twin.inference.pooling.pooled import Pooled
from twin.space import Floats

SHARE_LIMIT = 0.1
"""Share of the units that may be refused, or count by their Gaussian evidence."""


def check_pooled(pooled: Pooled) -> tuple[Check, ...]:
    """All checks; those of chains do not apply to the two-stage way, those of weights not to NUTS."""
    return (*_of_chains(pooled), *_of_weights(pooled), _of_refused(pooled))


def _of_chains(pooled: Pooled) -> list[Check]:
    names, series = _named(pooled)
    rhat, ess = [], []
    if pooled.reweighting is None:
        rhat = [_finite(_arviz.rhat(values)) for values in series]
        ess = [min(_arviz.ess_bulk(values), _arviz.ess_tail(values)) for values in series]
    worst = names[int(np.argmax(rhat))] if rhat else "none"
    fewest = names[int(np.argmin(ess))] if ess else "none"
    stats = pooled.stats
    diverging = float(np.sum(stats["diverging"])) if "diverging" in stats else None
    energy = float(np.min(bfmi(stats["energy"]))) if "energy" in stats else None
    return [
        _most("rhat_max", max(rhat) if rhat else None, RHAT_LIMIT, "1", f"chains agree; worst: {worst}"),
        _least("ess_min", min(ess) if ess else None, ESS_LIMIT, "draws", f"effective draws; fewest: {fewest}"),
        _most("divergences", diverging, 0.0, "transitions", "places the sampler could not follow"),
        _least("bfmi", energy, BFMI_LIMIT, "1", "how freely the sampler moves between energies"),
    ]


def _of_weights(pooled: Pooled) -> list[Check]:
    found = pooled.reweighting
    khat, ess, share, named = None, None, None, ""
    if found is not None:
        khat, ess, share = found.khat, found.ess, len(found.by_gaussian) / len(pooled.rows)
        named = ", ".join(map(str, found.by_gaussian))
    meaning = f"units that count by their Gaussian evidence: {named or 'none'}"
    return [
        _most("khat", khat, KHAT_LIMIT, "1", "weights from the closed form to the units' draws"),
        _least("weight_ess", ess, ESS_LIMIT, "draws", "effective draws of these weights"),
        _most("gaussian_units", share, SHARE_LIMIT, "1", meaning),
    ]


def _of_refused(pooled: Pooled) -> Check:
    refused = len(pooled.refused)
    named = ", ".join(map(str, pooled.refused))
    share = refused / (refused + len(pooled.rows))
    return _most("refused_units", share, SHARE_LIMIT, "1", f"units that could not be used: {named or 'none'}")


def _named(pooled: Pooled) -> tuple[list[str], list[Floats]]:
    """Every number's name and draws (chains, draws); common parameters once."""
    names, series = list(pooled.law.hyper.names), [*np.moveaxis(pooled.hyper, -1, 0)]
    for j in [*pooled.law.pooled, *pooled.law.own]:
        names += [f"{pooled.law.space.names[j]} of unit {row}" for row in pooled.rows]
        series += [*np.moveaxis(pooled.u[..., j], -1, 0)]
    return names, series


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _most(name: str, value: float | None, limit: float, unit: str, meaning: str) -> Check:
    return Check(name, value, limit, value is None or bool(value <= limit), unit, meaning)


def _least(name: str, value: float | None, limit: float, unit: str, meaning: str) -> Check:
    return Check(name, value, limit, value is None or bool(value >= limit), unit, meaning)
