"""What a fleet's page costs: seconds to write, size, and how long a browser takes to open, sort, filter and drill down.

``python -m twin.case_studies.benchmarks.fleet_page [--units 10000] [--windows 40] [--json]``

A made-up fleet of five parameters (``fleet_demo_page``). All times are of the processor, so that other work on the
machine does not count: of this process to write, of the page's main thread for the rest, until it is laid out again;
actions are medians of five. Needs Chromium and ``playwright``.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from playwright.sync_api import Page
from rich.table import Table

from twin.case_studies.benchmarks.browser import browser, chromium
from twin.case_studies.console import console
from twin.case_studies.fleet_demo_page import demo_page
from twin.inference.fleet.page import write_fleet_page

REPEATS = 5
LAID_OUT = "document.body.offsetHeight"
SORT = f"document.querySelectorAll('#heads button')[4].click(); {LAID_OUT}"
TURN = f"document.getElementById('after').click(); {LAID_OUT}"
FILTER = (
    "const box = document.getElementById('text'); box.value = box.value ? '' : '99'; "
    f"box.dispatchEvent(new Event('input')); {LAID_OUT}"
)
DRILL = f"location.hash = location.hash ? '' : document.querySelector('#rows a').hash; {LAID_OUT}"
SETTLE_MS = 200


class Clock:
    """Processor time of a page's main thread."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """So far, since the page's process began."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return float({entry["name"]: entry["value"] for entry in metrics}["TaskDuration"])

    def of(self, action: Callable[[], object]) -> float:
        """What an action takes, with what the page does right after it."""
        start = self.seconds()
        action()
        self.page.wait_for_timeout(SETTLE_MS)
        return self.seconds() - start


def measured(page: Page, path: Path) -> dict[str, float]:
    """Processor seconds to open (the second time, in a process that runs), milliseconds of each action."""
    page.goto(path.as_uri())
    clock = Clock(page)
    found = {"open_s": clock.of(page.reload)}
    for name, action in (("sort_ms", SORT), ("turn_ms", TURN), ("filter_ms", FILTER), ("drill_ms", DRILL)):
        act = partial(page.evaluate, f"() => {{ {action}; }}")
        found[name] = 1e3 * statistics.median(clock.of(act) for _ in range(REPEATS))
    return found


def run(units: int, windows: int, executable: str) -> dict[str, float]:
    """All figures for a fleet of that size."""
    fleet = demo_page(units, windows)
    with tempfile.TemporaryDirectory() as folder, browser(executable) as context:
        path = Path(folder) / "fleet.html"
        start = time.process_time()
        write_fleet_page(fleet, path)
        written = {"write_s": time.process_time() - start, "size_mb": path.stat().st_size / 1e6}
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
