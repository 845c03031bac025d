"""What a fleet's page costs: seconds to write, size, and how long a browser takes to open, sort, filter and drill down.

``python -m twin.case_studies.benchmarks.fleet_page [--units 10000] [--windows 40] [--json]``

A made-up fleet of five parameters (``fleet_demo_page``). Times in the browser are medians of repeated clicks until the
page is laid out again. Needs Chromium and ``playwright``.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page
from rich.table import Table

from twin.case_studies.benchmarks.browser import browser, chromium
from twin.case_studies.console import console
from twin.case_studies.fleet_demo_page import demo_page
from twin.inference.fleet_page import write_fleet_page

REPEATS = 5
SETTLED = "document.body.offsetHeight; return performance.now() - start; }"
SORT = "() => { const start = performance.now(); document.querySelectorAll('#heads button')[4].click(); " + SETTLED
TURN = "() => { const start = performance.now(); document.getElementById('after').click(); " + SETTLED
FILTER = (
    "() => { const start = performance.now(); const box = document.getElementById('text'); "
    "box.value = box.value ? '' : '99'; box.dispatchEvent(new Event('input')); " + SETTLED
)
DRILL = (
    "() => new Promise((done) => { const start = performance.now(); addEventListener('hashchange', () => { "
    "document.body.offsetHeight; done(performance.now() - start); }, { once: true }); "
    "document.querySelector('#rows a').click(); })"
)
OPENED = "performance.timing.loadEventEnd - performance.timing.navigationStart"
HEAP = "performance.memory.usedJSHeapSize / 1e6"


def measured(page: Page, path: Path) -> dict[str, float]:
    """Seconds to open; milliseconds of each action; megabytes that the script holds."""
    page.goto(path.as_uri())
    page.wait_for_function("performance.timing.loadEventEnd > 0")
    found = {"open_s": page.evaluate(OPENED) / 1e3, "heap_mb": page.evaluate(HEAP)}
    for name, action in (("sort_ms", SORT), ("turn_ms", TURN), ("filter_ms", FILTER)):
        found[name] = statistics.median(page.evaluate(action) for _ in range(REPEATS))
    found["drill_ms"] = page.evaluate(DRILL)
    return found


def run(units: int, windows: int, executable: str) -> dict[str, float]:
    """All figures for a fleet of that size."""
    fleet = demo_page(units, windows)
    with tempfile.TemporaryDirectory() as folder, browser(executable) as context:
        path = Path(folder) / "fleet.html"
        start = time.perf_counter()
        write_fleet_page(fleet, path)
        written = {"write_s": time.perf_counter() - start, "size_mb": path.stat().st_size / 1e6}
        return written | measured(context.new_page(), path)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="cost of a fleet's page")
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--windows", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    executable = chromium()
    if executable is None:
        raise SystemExit("no Chromium is installed: apt-get install chromium")
    figures = run(arguments.units, arguments.windows, executable)
    if arguments.json:
        console().print(json.dumps(figures))
        return
    table = Table("figure", "value", title=f"{arguments.units} units, {arguments.windows} windows, 5 parameters")
    for name, value in figures.items():
        table.add_row(name, f"{value:.3g}")
    console().print(table)


if __name__ == "__main__":
    main()
