"""Pictures of a fleet's page for the documentation: its table, and the history of a unit that fails.

``python -m twin.case_studies.benchmarks.fleet_page_pictures --out docs/images``

The fleet is made up (``fleet_demo_page``). Needs Chromium and ``playwright``.
"""

import argparse
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from twin.case_studies.benchmarks.browser import browser, chromium
from twin.case_studies.fleet_demo_page import FAST, demo_page
from twin.inference.fleet.page import write_fleet_page

COLOURS = 128
"""Enough for text and lines."""
VIEWS = {"fleet_page.png": ("", 1380, 1060), "fleet_unit.png": (f"#unit=cell-{FAST + 1}", 1200, 1010)}
"""Address, width and height [px] by file."""


def picture(page: Page, address: str, width: int, height: int) -> Image.Image:
    """The page at an address as it is seen without scrolling."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto("about:blank")
    page.goto(address)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)


def main() -> None:
    """Writes both pictures."""
    parser = argparse.ArgumentParser(description="pictures of a fleet's page")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    executable = chromium()
    if executable is None:
        raise SystemExit("no Chromium is installed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, browser(executable) as context:
        path = Path(folder) / "fleet.html"
        write_fleet_page(demo_page(), path)
        page = context.new_page()
        for name, (address, width, height) in VIEWS.items():
            picture(page, path.as_uri() + address, width, height).save(arguments.out / name, optimize=True)


if __name__ == "__main__":
    main()
