"""Processes that solve: as many as there are cores, and none that outlives the program."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait

from twin.case_studies.console import StoppedError


@contextmanager
def workers(count: int | None = None) -> Iterator[Executor]:
    """An executor of ``count`` processes (default: one per core this process may use).

    They are started afresh and not forked, since JAX and PyTorch have threads, and end with the program however it
    ends. Work that nobody waits for any more is not begun. StoppedError when one of them is killed.
    """
    number = count or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count or os.cpu_count() or 1
    pool = ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), initializer=_settle)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise StoppedError(
            "a solver process died (killed, or out of memory); what was solved is kept, the same command goes on there"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _settle() -> None:
    """One thread per process, and a watch that ends the process when its parent is gone."""
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
