"""The tables of the afterload study, as text that the docs take over."""

from collections.abc import Sequence
from typing import Any

EXPECTED = {"human": {"Rs": 0.76, "Cs": 1.30, "Rc": 0.039}}
"""Least-squares values of the five-element circuit with the clocks as given, which intervals are asked to hold."""
SHOWN = ("Rs", "Cs", "Rc", "Ls", "Ca", "flow_offset", "flow_delay")


def fits_table(fits: Sequence[dict[str, Any]]) -> str:
    """Root-mean-square residual [mmHg] and parameters of the point fits."""
    lines = ["", "| subject | circuit | rmse [mmHg] | parameters |", "|---|---|---|---|"]
    for row in fits:
        marked = {k: f"{k} {v:.3g}" + (" (bound)" if k in row["at_bound"] else "") for k, v in row["theta"].items()}
        values = ", ".join(marked.values())
        lines.append(f"| {row['subject']} | {row['circuit']} | {row['rmse']:.2f} | {values} |")
    return "\n".join(lines)


def intervals_table(rows: Sequence[dict[str, Any]]) -> str:
    """Medians and 90 % intervals of the five-element circuit, a line per reading; values outside are named."""
    head = " | ".join(SHOWN)
    lines = ["", f"| subject | reading | {head} | misses |", "|" + "---|" * (len(SHOWN) + 3)]
    for row in rows:
        if row["circuit"] == "five_element":
            cells = " | ".join(_interval(row["parameters"].get(name)) for name in SHOWN)
            missed = ", ".join(misses(row)) if row["subject"] in EXPECTED else "-"
            lines.append(f"| {row['subject']} | {row['reading']} | {cells} | {missed or 'none'} |")
    return "\n".join(lines)


def misses(row: dict[str, Any]) -> list[str]:
    """Parameters whose 90 % interval leaves out the expected value."""
    wanted = EXPECTED.get(row["subject"], {})
    return [k for k, v in wanted.items() if not row["parameters"][k]["q05"] <= v <= row["parameters"][k]["q95"]]


def models_table(rows: Sequence[dict[str, Any]]) -> str:
    """Predictive comparison of the circuits under each reading."""
    lines = [
        "",
        "| subject | reading | circuit | rmse [mmHg] | elpd | against five elements | k-hat > 0.7 | rung |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        against = "" if row["circuit"] == "five_element" else f"{row['behind']:+.1f} ± {row['behind_se']:.1f}"
        lines.append(
            f"| {row['subject']} | {row['reading']} | {row['circuit']} | {row['rmse']:.2f} | {row['elpd']:.1f} "
            f"± {row['elpd_se']:.1f} | {against} | {row['unreliable']} | {row['rung']} |"
        )
    return "\n".join(lines)


def _interval(of: dict[str, Any] | None) -> str:
    return "0 (held)" if of is None else f"{of['q50']:.3g} [{of['q05']:.3g}, {of['q95']:.3g}]"
