"""A headless Chromium, as tests and benchmarks of pages drive it. Needs ``playwright`` (extra ``test``)."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import BrowserContext, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Where a Chromium is installed, if one is."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser(executable: str) -> Iterator[BrowserContext]:
    """A browser with an empty profile of its own, ended when the block ends."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="twin.chromium.") as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=executable, headless=True, args=list(FLAGS)
        )
        try:
            yield context
        finally:
            context.close()
