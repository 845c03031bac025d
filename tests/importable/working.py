"""Work for executors, in a module that their processes can import."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

from twin.inference.fleet.executors import Processes


def given(work: Callable[[float], float]) -> Callable[[float], float]:
    """The work itself."""
    return work


def broken() -> Callable[[float], float]:
    """Cannot be made."""
    raise OSError("no such surrogate")


def marking(folder: Path) -> Callable[[float], int]:
    """Work that says which process it runs in, after it left a mark of being made there."""
    (folder / uuid4().hex).write_text(str(os.getpid()))
    return _where


def slow(seconds: float) -> Callable[[float], float]:
    """The square root, after a while."""
    return partial(_slowly, seconds)


def deadly(value: float) -> float:
    """The square root; a negative number ends the process."""
    if value < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return math.sqrt(value)


def _where(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _slowly(seconds: float, value: float) -> float:
    time.sleep(seconds)
    return math.sqrt(value)


if __name__ == "__main__":
    list(Processes(1).run(partial(marking, Path(sys.argv[1])), ((i, 0.1) for i in range(1000))))
