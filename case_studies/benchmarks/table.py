"""How a benchmark is asked for and how it answers: two options, one table or its JSON."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from twin.case_studies.console import console, say

WIDTH = 200
"""Least width of a printed table, in characters, so that no figure is cut."""
Row = Mapping[str, Any]
"""Cells by column; a missing cell stays blank."""


@dataclass(frozen=True)
class Options:
    """``quick`` shrinks sets and repeats to a smoke test; ``as_json`` prints the rows instead of a table."""

    quick: bool
    as_json: bool


def options(description: str | None) -> Options:
    """The command line of a benchmark."""
    given = parser(description).parse_args()
    return Options(quick=given.quick, as_json=given.json)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The two options, to which a benchmark may add its own."""
    found = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    found.add_argument("--quick", action="store_true", help="small sets and few repeats: shows that it runs")
    found.add_argument("--json", action="store_true", help="rows as JSON")
    return found


def show(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Prints the rows; columns in the order in which they first appear."""
    if as_json:
        console().print_json(json.dumps({"title": title, "rows": [dict(row) for row in rows]}))
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="left" if name == columns[0] else "right")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in columns))
    out = console()
    out.width = max(out.width, WIDTH)
    out.print(table)


def remark(text: str) -> None:
    """Progress, on standard error."""
    say(text)


def cell(value: Any) -> str:
    """Three significant digits for numbers."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
