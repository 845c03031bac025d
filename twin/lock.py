"""One writer at a time: what a run holds is refused to others."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from twin.atomic import require_writable

NAME = ".lock"


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made if there is none, until the block ends, or the process does in whatever way.

    The file ``.lock`` that stays in it says nothing by itself. ValueError where another run holds the folder.
    """
    require_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / NAME, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"{folder}: another run is writing here; wait until it has ended, or choose another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()
