"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from twin.case_studies.console import console, say
from twin.training.loop import Progress as Position

LINES = 10
"""Lines per stage where there is no terminal."""


@contextmanager
def training_progress() -> Iterator[Callable[[Position], None]]:
    """A function that shows where training stands."""
    screen = console(error=True)
    if not screen.is_terminal:
        yield _lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen) as bar:
        tasks: dict[str, TaskID] = {}

        def show(at: Position) -> None:
            if at.stage not in tasks:
                tasks[at.stage] = bar.add_task(at.stage, total=at.steps)
            bar.update(tasks[at.stage], completed=at.step, description=f"{at.stage} loss {at.loss:.2e}")

        yield show


@contextmanager
def counting_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A function of how many are done and how many there are, for work of equal pieces."""
    screen = console(error=True)
    if not screen.is_terminal:
        yield _counted_lines(what)
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, whole: bar.update(task, completed=done, total=whole)


def _counted_lines(what: str) -> Callable[[int, int], None]:
    shown: dict[str, int] = {}

    def show(done: int, whole: int) -> None:
        tenth = done * LINES // max(whole, 1)
        if shown.get("tenth") != tenth and (tenth in (0, LINES) or tenth > shown.get("tenth", -1)):
            shown["tenth"] = tenth
            say(f"{what} {done}/{whole}")

    return show


def _lines() -> Callable[[Position], None]:
    shown: dict[str, int] = {}

    def show(at: Position) -> None:
        tenth = at.step * LINES // at.steps
        if shown.get(at.stage, -1) < tenth:
            shown[at.stage] = tenth
            say(f"{at.stage} {at.step}/{at.steps} loss {at.loss:.2e} after {at.seconds:.0f} s")

    return show
