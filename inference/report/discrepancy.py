"""The report's section on what the discrepancy takes from the parameters: the posterior with and without it."""

from collections.abc import Mapping
from typing import Any

from twin.inference.posterior import Posterior
from twin.inference.report.numbers import NONE, mean_and_sd, number, unit_text
from twin.inference.report.tables import Section

Summary = Mapping[str, Any]


def discrepancy(posterior: Posterior, summary: Summary) -> Section | None:
    """Every parameter that both have, and by how many standard deviations it moves."""
    without = posterior.metadata.get("without_discrepancy")
    if without is None:
        return None
    rows = [
        _row(name, entry, summary["parameters"][name])
        for name, entry in without["parameters"].items()
        if name in summary["parameters"]
    ]
    content = {"rows": rows, "setting": posterior.metadata.get("discrepancy"), "rung": without["rung"]}
    return Section("With and without the discrepancy", "discrepancy", "discrepancy.html.j2", content)


def _row(name: str, plain: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, str]:
    moved = (entry["mean"] - plain["mean"]) / plain["sd"] if plain["sd"] > 0 else None
    ratio = entry["sd"] / plain["sd"] if plain["sd"] > 0 else None
    return {
        "name": name,
        "unit": unit_text(entry["unit"]),
        "without": mean_and_sd(plain["mean"], plain["sd"]),
        "with": mean_and_sd(entry["mean"], entry["sd"]),
        "moved": NONE if moved is None else number(moved, 2),
        "ratio": NONE if ratio is None else number(ratio, 2),
    }
