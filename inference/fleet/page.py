"""One self-contained page about a fleet: what needs attention, every unit in a table, each unit's history.

Counts, alarms and what the page is about are written here; table and histories are drawn by its script
(``templates/fleet_*.js``) from the data it holds (``page_data.py``). The page may run that script and use that style
sheet and nothing else: it names their hashes, so that no text of a unit can act and nothing is fetched.
"""

import base64
import hashlib
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from twin.atomic import replaced
from twin.inference.fleet.page_data import fleet_data, last_finite, most_windows
from twin.inference.fleet.page_units import STATES, FleetAlarm, FleetPage, FleetUnit, require_fleet
from twin.inference.report.numbers import given, mean_and_sd, percent, unit_text
from twin.inference.report.page import environment

SCRIPTS = ("fleet_read.js", "fleet_figures.js", "fleet_table.js", "fleet_unit.js", "fleet_start.js")
MOST_ALARMS = 8
"""Alarms at the top, the newest."""
MOST_PLAIN = 200
"""Units in the table for readers whose browser runs no script."""
SIGNS = {"alarm": "▲", "watch": "◆", "refused": "✕", "learning": "○", "well": "✓"}


def write_fleet_page(page: FleetPage, path: Path) -> None:
    """Writes the page in one move. ValueError where the records do not fit together."""
    text = render_fleet(page)
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render_fleet(page: FleetPage) -> str:
    """The page as text: the same records give the same bytes."""
    require_fleet(page)
    style = source("fleet.css")
    script = "(() => {\n'use strict';\n" + "".join(map(source, SCRIPTS)) + "})();\n"
    content = {
        "page": page,
        "signs": SIGNS,
        "counts": [(state, sum(unit.state == state for unit in page.units)) for state in STATES],
        "facts": facts(page),
        "remarks": remarks(page),
        "alarms": newest_alarms(page),
        "alarm_count": sum(len(unit.alarms) for unit in page.units),
        "plain": [plain_row(unit) for unit in attention_order(page)[:MOST_PLAIN]],
        "unit_text": unit_text,
        "style": Markup(style),
        "script": Markup(script),
        "policy": f"default-src 'none'; img-src data:; style-src '{hash_of(style)}'; script-src '{hash_of(script)}'",
        "data": inert(fleet_data(page)),
    }
    return environment().get_template("fleet.html.j2").render(content)


def source(name: str) -> str:
    """A file of the templates folder as it stands."""
    return (resources.files("twin.inference") / "templates" / name).read_text(encoding="utf-8")


def hash_of(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def inert(data: Any) -> Markup:
    """Compact JSON that no parser of HTML takes for a tag, whatever its texts hold."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def facts(page: FleetPage) -> list[tuple[str, str]]:
    """The line below the title."""
    windows = sum(len(unit.time) for unit in page.units)
    refused = sum(bool(reason) for unit in page.units for reason in unit.refusals)
    newest = max((float(unit.time[-1]) for unit in page.units if len(unit.time)), default=math.nan)
    return [
        ("Model", page.model),
        ("Preset", page.preset or "none"),
        ("Units", f"{len(page.units):,}"),
        ("Windows", f"{windows - refused:,} fitted, {refused:,} refused"),
        ("Newest window", f"{given(newest, 6)} {page.unit_of_time}"),
        ("Made", page.made),
    ]


def remarks(page: FleetPage) -> list[str]:
    """The notes given, and what the page leaves out."""
    most = most_windows(page)
    longer = sum(len(unit.time) > most for unit in page.units)
    left_out = f"Of {longer:,} units with more than {most:,} windows, {most:,} evenly spaced ones are drawn and listed."
    return [*page.notes, left_out] if longer else list(page.notes)


def newest_alarms(page: FleetPage) -> list[dict[str, str]]:
    """The newest alarms of the fleet, with the address of the unit's history."""
    raised = [(alarm, unit) for unit in page.units for alarm in unit.alarms]
    raised.sort(key=lambda pair: (-pair[0].time, pair[1].name))
    return [alarm_row(alarm, unit) for alarm, unit in raised[:MOST_ALARMS]]


def alarm_row(alarm: FleetAlarm, unit: FleetUnit) -> dict[str, str]:
    """An alarm in words."""
    return {
        "unit": unit.name if unit.name.strip() else "(blank)",
        "address": f"#unit={quote(unit.name, safe='')}",
        "time": given(alarm.time, 6),
        "kind": alarm.kind,
        "parameter": alarm.parameter,
        "since": given(alarm.since, 6),
        "probability": percent(alarm.probability),
    }


def attention_order(page: FleetPage) -> list[FleetUnit]:
    """Units by state, then by how likely they are beyond a limit, then by name."""
    return sorted(page.units, key=lambda unit: (STATES.index(unit.state), -worst(unit), unit.name))


def worst(unit: FleetUnit) -> float:
    """The largest probability of being beyond a limit; 0 where none is known."""
    return max((limit.beyond for limit in unit.limits if math.isfinite(limit.beyond)), default=0.0)


def plain_row(unit: FleetUnit) -> dict[str, Any]:
    """A unit's newest numbers as text."""
    half = 0.5 * (unit.high - unit.low)
    columns = range(unit.median.shape[1])
    known = any(math.isfinite(limit.beyond) for limit in unit.limits)
    return {
        "name": unit.name,
        "state": unit.state,
        "time": given(float(unit.time[-1]) if len(unit.time) else math.nan, 6),
        "values": [mean_and_sd(last_finite(unit.median[:, j]), last_finite(half[:, j])) for j in columns],
        "beyond": percent(worst(unit) if known else math.nan),
    }
