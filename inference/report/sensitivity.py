"""The report's section about prior and likelihood sensitivity."""

from collections.abc import Mapping
from typing import Any

from twin.inference.checks import KHAT_LIMIT
from twin.inference.posterior import Posterior
from twin.inference.power_scaling import CONFLICT, NOTHING, PRIOR_DECIDES
from twin.inference.report.numbers import given, number
from twin.inference.report.tables import Section

WORDS: Mapping[str, str] = {
    CONFLICT: "Prior and data disagree, and the answer is a compromise. Check where both come from; a model that "
    "lacks something shows like this too.",
    PRIOR_DECIDES: "The data say little against the prior. Quote the prior's source with the number.",
}
"""What a reader is to make of a diagnosis."""


def sensitivity(posterior: Posterior, summary: Mapping[str, Any]) -> Section | None:
    """Sensitivities and diagnosis of every parameter; nothing where they were not computed."""
    found = posterior.metadata.get("sensitivity")
    if found is None:
        return None
    threshold = float(found["threshold"])
    names = [name for name in posterior.space.names if name in found["parameters"]]
    content = {
        "rows": [_row(name, found["parameters"][name]) for name in names],
        "words": [(said, text) for said, text in WORDS.items() if _any(found, said)],
        "threshold": given(threshold),
        "noise": number(max(found["noise"].values()), 2) if max(found["noise"].values()) > threshold else None,
        "khat": {part: number(value, 2) for part, value in found["khat"].items()},
        "unsure": [part for part, value in found["khat"].items() if value is None or value > KHAT_LIMIT],
        "khat_limit": given(KHAT_LIMIT),
    }
    return Section("Prior and likelihood sensitivity", "sensitivity", "sensitivity.html.j2", content)


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    said = str(entry["diagnosis"])
    return {
        "name": name,
        "prior": f"{entry['prior']:.3f}",
        "likelihood": f"{entry['likelihood']:.3f}",
        "diagnosis": "" if said == NOTHING else said,
    }


def _any(found: Mapping[str, Any], said: str) -> bool:
    return any(entry["diagnosis"] == said for entry in found["parameters"].values())
