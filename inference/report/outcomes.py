"""The report's section on numbers that were not measured."""

from collections.abc import Mapping
from typing import Any

from twin.inference.outcomes import PULLED, Outcome
from twin.inference.posterior import Posterior
from twin.inference.report.numbers import digits, interval, mean_and_sd, percent, unit_text
from twin.inference.report.tables import Section

FLAG = "not informed by your data"


def outcomes(posterior: Posterior, summary: Mapping[str, Any]) -> Section | None:
    """Each predicted number with what the data leave of its prior spread; None where every number was measured."""
    found = tuple(Outcome(**entry) for entry in posterior.metadata.get("outcomes", ()))
    if not found:
        return None
    content = {"rows": [_row(o) for o in found], "limit": percent(PULLED)}
    return Section("What was not measured", "outcomes", "outcomes.html.j2", content)


def _row(outcome: Outcome) -> dict[str, Any]:
    form = digits(outcome.mean, outcome.sd)
    return {
        "experiment": outcome.experiment,
        "observable": outcome.observable,
        "unit": unit_text(outcome.unit),
        "prior": mean_and_sd(outcome.prior_mean, outcome.prior_sd),
        "posterior": mean_and_sd(outcome.mean, outcome.sd),
        "interval": interval(outcome.q05, outcome.q95, form),
        "left": percent(outcome.left),
        "pull": percent(outcome.pull),
        "flags": () if outcome.informed else (FLAG,),
    }
