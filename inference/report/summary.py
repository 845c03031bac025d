"""The numbers of a posterior as plain data, as ``summary.json`` has them."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from twin.inference import _arviz
from twin.inference.checks import Check, covered, effective, natural, run_checks
from twin.inference.outcomes import Outcome
from twin.inference.posterior import Posterior
from twin.space import Parameter, Space

INFORMED = 0.3
"""Below this contraction a parameter counts as not informed by the data."""


def contraction(parameter: Parameter, posterior: Posterior) -> float:
    """1 - Var_posterior/Var_prior, of log θ under a LogNormal prior; the prior truncated to its bounds."""
    grid = (np.arange(4096) + 0.5)[:, None] / 4096
    before = natural(parameter, Space((parameter,)).from_unit(grid))
    after = natural(parameter, posterior.draws(parameter.name))
    return float(1.0 - np.var(after) / np.var(before))


def summarise(posterior: Posterior, checks: tuple[Check, ...] | None = None) -> dict[str, Any]:
    """The keys ``parameters``, ``outcomes``, ``fit`` and ``checks`` of summary.json.

    Numbers that are not finite become None.
    """
    return {
        "parameters": {
            p.name: _parameter(p, posterior) for p in posterior.space.parameters if p.name not in posterior.latent
        },
        "outcomes": [_outcome(Outcome(**entry)) for entry in posterior.metadata.get("outcomes", ())],
        "fit": [
            {
                "experiment": s.experiment,
                "observable": s.observable,
                "unit": s.unit,
                "rmse": float(np.sqrt(np.mean((s.fitted - s.y) ** 2))),
                "n": len(s.y),
                "coverage90": float(np.mean(covered(s))),
            }
            for s in posterior.series
        ],
        "checks": {
            c.name: {"value": _finite(c.value), "limit": _limit(c.limit), "pass": c.passed}
            for c in (run_checks(posterior) if checks is None else checks)
        },
    }


def _parameter(parameter: Parameter, posterior: Posterior) -> dict[str, Any]:
    draws = posterior.draws(parameter.name)
    bulk, tail = effective(posterior, parameter.name)
    low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95))
    shrunk = contraction(parameter, posterior)
    return {
        "unit": parameter.unit,
        "mean": float(np.mean(draws)),
        "sd": float(np.std(draws)),
        "q05": float(low),
        "q50": float(middle),
        "q95": float(high),
        "rhat": _finite(_arviz.rhat(draws)),
        "ess_bulk": bulk,
        "ess_tail": tail,
        "contraction": shrunk,
        "informed": bool(shrunk >= INFORMED),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {**asdict(outcome), "left": outcome.left, "informed": outcome.informed}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _limit(limit: float | tuple[float, float]) -> float | list[float]:
    return list(limit) if isinstance(limit, tuple) else limit
