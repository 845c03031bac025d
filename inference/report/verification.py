"""The report's section on what the reference solver says."""

from collections.abc import Mapping
from typing import Any

from twin.inference.posterior import Posterior
from twin.inference.report.numbers import NONE, number, percent, unit_text
from twin.inference.report.tables import Section

Summary = Mapping[str, Any]


def verification(posterior: Posterior, summary: Summary) -> Section | None:
    """Every comparison, by how much each parameter moved, and the surrogate's error at the draws."""
    record = posterior.metadata.get("verification")
    if record is None:
        return None
    compared = [step for step in record["steps"] if "parameters" in step]
    content = {
        "solves": record["solves"],
        "failed": record["failed"],
        "ended": record["ended_early"],
        "late": record["ended_late"],
        "rows": [_step(step) for step in record["steps"]],
        "parameters": [_parameter(name, compared) for name in compared[0]["parameters"]],
        "names": [step["what"] for step in compared],
        "errors": [_error(row) for row in record["error"]],
    }
    return Section("Held against the reference solver", "verification", "verification.html.j2", content)


def _step(step: Mapping[str, Any]) -> dict[str, str]:
    if "khat" not in step:
        told = step.get("outcome") or (
            f"R-hat {step['rhat']:.3f}, ESS {step['ess']:.0f}, {step['steps']} steps kept per chain, "
            f"{percent(step['accepted'])} accepted"
        )
        return {"what": step["what"], "n": NONE, "khat": NONE, "ess": NONE, "shift": NONE, "told": told}
    return {
        "what": step["what"],
        "n": str(step["n"]),
        "khat": "not finite" if step["khat"] is None else number(step["khat"], 2),
        "ess": number(float(int(step["ess"]))),
        "shift": f"{number(step['largest_shift'], 2)} sd",
        "told": f"sampled by {step['rung']}",
    }


def _parameter(name: str, compared: list[Mapping[str, Any]]) -> dict[str, Any]:
    cells = []
    for step in compared:
        found = step["parameters"][name]
        cells.append(
            f"{number(found['shift'], 2)} ± {number(found['shift_error'], 1)} sd; spread × {number(found['sd_ratio'])}"
        )
    return {"name": name, "cells": cells}


def _error(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "experiment": row["experiment"],
        "observable": row["observable"],
        "unit": unit_text(row["unit"]),
        "bias": number(row["bias"], 2) if "bias" in row else NONE,
        "rms": number(row["rms"], 2) if "rms" in row else NONE,
    }
