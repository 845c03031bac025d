"""The report's sections that are tables and words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.inference.posterior import Posterior, Series
from twin.inference.report.figures_draws import sparkline
from twin.inference.report.numbers import (
    NONE,
    digits,
    given,
    interval,
    mean_and_sd,
    number,
    percent,
    prior_text,
    unit_text,
)
from twin.inference.report.summary import INFORMED
from twin.inference.report.words import Row
from twin.space import Parameter

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """A heading, the address it can be reached at, the template of its body and what that shows."""

    title: str
    anchor: str
    template: str
    content: Mapping[str, Any]


def checks(rows: Sequence[Row]) -> Section:
    """Every check with value, limit, outcome and meaning."""
    return Section("Checks", "checks", "checks.html.j2", {"rows": rows})


def parameters(posterior: Posterior, summary: Summary) -> Section:
    """Prior and posterior of what is reported one by one; the latent ones are counted."""
    rows = [
        _parameter_row(p, posterior, summary["parameters"][p.name])
        for p in posterior.space.parameters
        if p.name not in posterior.latent
    ]
    content = {"rows": rows, "latent": len(posterior.latent), "informed_limit": percent(INFORMED)}
    return Section("Parameters", "parameters", "parameters.html.j2", content)


def _parameter_row(parameter: Parameter, posterior: Posterior, entry: Mapping[str, Any]) -> dict[str, Any]:
    form = digits(entry["mean"], entry["sd"])
    shrunk = float(entry["contraction"])
    return {
        "name": parameter.name,
        "meaning": parameter.meaning,
        "source": parameter.source,
        "unit": unit_text(parameter.unit),
        "prior": prior_text(parameter),
        "spark": sparkline(parameter, posterior.draws(parameter.name)),
        "posterior": mean_and_sd(entry["mean"], entry["sd"]),
        "interval": interval(entry["q05"], entry["q95"], form),
        "rhat": NONE if entry["rhat"] is None else f"{entry['rhat']:.3f}",
        "ess": f"{number(_whole(entry['ess_bulk']))} / {number(_whole(entry['ess_tail']))}",
        "contraction": percent(shrunk),
        "bar": f"{100.0 * min(1.0, max(0.0, shrunk)):.1f}" if math.isfinite(shrunk) else "0",
        "flags": _flags(parameter, entry),
    }


def _flags(parameter: Parameter, entry: Mapping[str, Any]) -> list[str]:
    """What a reader must know about one parameter."""
    low, high = (float(v) for v in parameter.prior.scipy().ppf([0.005, 0.995]))
    outside = entry["q05"] > high or entry["q95"] < low
    found = {
        "not informed by your data": not entry["informed"],
        "wider than the prior": entry["contraction"] < -0.1,
        "outside the prior's 99 % range": outside,
    }
    return [flag for flag, holds in found.items() if holds]


def _whole(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(math.floor(value))


def surrogate(posterior: Posterior, summary: Summary) -> Section:
    """The forward map's own error beside the noise, series by series."""
    used = str(posterior.metadata.get("surrogate_error", "unknown"))
    content = {"used": used, "rows": [_surrogate_row(s) for s in posterior.series]}
    return Section("Surrogate error", "surrogate", "surrogate.html.j2", content)


def _surrogate_row(series: Series) -> dict[str, str]:
    error, noise = (math.sqrt(float(np.mean(v**2))) for v in (series.surrogate, series.noise))
    return {
        "experiment": series.experiment,
        "observable": series.observable,
        "unit": unit_text(series.unit),
        "error": number(error, 2),
        "largest": number(float(np.max(series.surrogate)), 2),
        "noise": number(noise, 2),
        "ratio": percent(error / noise) if noise > 0 else NONE,
    }


def setup(posterior: Posterior, summary: Summary) -> Section:
    """Conditions and remarks of each experiment, and the laws of what remains."""
    metadata = posterior.metadata
    units = metadata.get("units", {})
    experiments = [
        {
            "name": str(e["name"]),
            "conditions": [(k, given(float(v), 5), units.get(k, "")) for k, v in e["conditions"].items()],
            "source": e.get("source"),
            "notes": e.get("notes", ()),
        }
        for e in metadata.get("experiments", ())
    ]
    content = {
        "experiments": experiments,
        "noise": metadata.get("noise"),
        "scales": _scales(metadata),
        "discrepancy": metadata.get("discrepancy"),
        "surrogate_error": metadata.get("surrogate_error"),
    }
    return Section("Experiments and assumptions", "setup", "setup.html.j2", content)


def _scales(metadata: Mapping[str, Any]) -> str:
    """Where the noise scales come from, and which errors follow one another, in words."""
    known, follow = (", ".join(metadata.get(key, ())) for key in ("known_errors", "autoregressive"))
    sampled = ["one scale per observable", "sampled with the parameters"]
    if metadata.get("noise_per_experiment"):
        sampled[0] += " and experiment"
    if known:
        sampled.append(f"that of {known} known and not sampled")
    if known and not metadata.get("sampled_errors"):
        sampled = ["with the standard errors that the data state"]
    if follow:
        sampled.append(
            f"errors of {follow} follow one another by a first-order autoregression whose correlation is sampled"
        )
    return ", ".join(sampled)


def provenance(posterior: Posterior, summary: Summary) -> Section:
    """What is needed to repeat the run."""
    weights = posterior.khat is not None
    content = {
        "sampler": posterior.sampler,
        "rung": posterior.rung,
        "reason": posterior.reason,
        "seed": posterior.seed,
        "seconds": number(float(summary.get("seconds", posterior.seconds))),
        "shape": posterior.theta.shape[:2],
        "khat": number(posterior.khat) if weights else None,
        "weight_ess": number(_whole(posterior.weight_ess)) if weights else None,
        "command": posterior.metadata.get("command"),
        "data": summary.get("data", ()),
        "versions": dict(summary.get("versions") or posterior.versions),
    }
    return Section("Provenance", "provenance", "provenance.html.j2", content)
