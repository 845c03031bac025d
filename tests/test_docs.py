"""The Python examples of the docs and the README run, each page in one namespace and an empty folder."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def run_examples(page: Path) -> int:
    """Runs a page's blocks at the line numbers they have there; gives their number."""
    text, namespace = page.read_text(), {"__name__": "__docs__"}
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        above = text.count("\n", 0, block.start("code"))
        exec(compile("\n" * above + block["code"], page, "exec"), namespace)
    return len(blocks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_examples(page) == page.read_text().count("```python\n")


def test_a_wrong_example_fails_at_its_own_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nx = 1\n```\n\ntext\n\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError) as caught:
        run_examples(page)
    assert caught.traceback[-1].lineno == 9


def test_every_page_is_reached_from_the_first() -> None:
    named = set(re.findall(r"^([\w/]+)$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE))
    assert {page.stem for page in PAGES[1:]} - {"index"} <= named
