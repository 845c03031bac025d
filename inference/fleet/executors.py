"""Who does the tasks of a long run: this process, processes of this machine, or a cluster (``executor_dask.py``).

What all tasks share is made once per worker: ``prepare`` is shipped there and called, and gives the function that does
one task. Both must be picklable: importable functions, ``functools.partial`` of them, plain records. Tasks are taken
as workers become free, a few ahead at most; results come in any order. What fails is data.
"""

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Got = TypeVar("Got", covariant=True)
Work = Callable[[T], R]

TRIES = 2
"""Workers that a task may end before it is given up."""
STARTS = 3
"""Workers in a row that may end before they are ready."""


@dataclass(frozen=True)
class Failed:
    """Why a task has no result."""

    reason: str


class Executor(Protocol):
    """Does tasks."""

    def run(
        self, prepare: Callable[[], Work[T, R]], tasks: Iterable[tuple[int, T]]
    ) -> Iterator[tuple[int, R | Failed]]:
        """Numbers of tasks with their results, as they are ready."""
        ...


@dataclass(frozen=True)
class Here:
    """The process that asks, one task after the other."""

    def run(
        self, prepare: Callable[[], Work[T, R]], tasks: Iterable[tuple[int, T]]
    ) -> Iterator[tuple[int, R | Failed]]:
        """Numbers of tasks with their results, in order."""
        work = prepare()
        with ThreadPoolExecutor(1) as thread:
            for number, task in tasks:
                yield number, outcome(thread.submit(work, task))


@dataclass(frozen=True)
class Processes:
    """``workers`` processes of this machine (default: one per core that this one may use), each of one thread.

    They are started afresh and not forked, since JAX has threads; so a script that runs a fleet needs
    ``if __name__ == "__main__":``. A process that dies is replaced and its task is done again; a task that ends two is
    given up. RuntimeError when process after process dies before it is ready.
    """

    workers: int | None = None

    def run(
        self, prepare: Callable[[], Work[T, R]], tasks: Iterable[tuple[int, T]]
    ) -> Iterator[tuple[int, R | Failed]]:
        """Numbers of tasks with their results, as they are ready."""
        source, again = iter(tasks), deque[tuple[int, T]]()
        ended, unready = Counter[int](), 0
        pool = [_started(prepare) for _ in range(self.workers or cores())]
        try:
            while pool:
                pool = [w for w in pool if w.busy or w.begins(again.popleft() if again else next(source, None))]
                for worker in _heard(pool):
                    result, task = worker.answer(), worker.task
                    if not isinstance(result, _End):
                        unready, worker.task = 0, None
                        if task is not None:
                            yield task[0], result
                        continue
                    if task is None:
                        unready += 1
                        _require_starts(unready, result)
                    else:
                        ended[task[0]] += 1
                        if ended[task[0]] < TRIES:
                            again.append(task)
                        else:
                            yield task[0], Failed(f"{TRIES} worker processes died of it ({result.how})")
                    pool[pool.index(worker)] = _started(prepare)
        finally:
            for worker in pool:
                worker.process.kill()
                worker.process.join()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Done(Protocol[Got]):
    """Something done, as ``concurrent.futures`` and Dask have it."""

    def exception(self) -> BaseException | None:
        """What went wrong."""
        ...

    def result(self) -> Got:
        """What came of it."""
        ...


def outcome(future: Done[R]) -> R | Failed:
    """The result of something done, or why there is none."""
    error = future.exception()
    return future.result() if error is None else Failed(f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class _End:
    """How a process ended."""

    how: str


class _Ready:
    """A process's first answer."""


@dataclass(eq=False)
class _Worker:
    """A process, our end of its pipe, and the task that it is at; it answers first when it is ready for one."""

    process: SpawnProcess
    pipe: Connection
    task: tuple[int, Any] | None = None
    busy: bool = True

    def begins(self, task: tuple[int, Any] | None) -> bool:
        """Whether the process has something to do; without a task it is let go."""
        self.task, self.busy = task, task is not None
        if task is None:
            self.pipe.close()
            self.process.join()
        else:
            with suppress(BrokenPipeError, ConnectionResetError):  # it died: its pipe ends, which is heard next
                self.pipe.send(task[1])
        return self.busy

    def answer(self) -> Any:
        """What the process sent, or how it ended."""
        try:
            found = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode or 0
            return _End(f"signal {-code}" if code < 0 else f"exit code {code}")
        self.busy = False
        return found


def _heard(pool: Sequence[_Worker]) -> list[_Worker]:
    """The processes that have answered or ended, at least one of them."""
    ready = wait([worker.pipe for worker in pool]) if pool else []
    return [worker for worker in pool if worker.pipe in ready]


def _require_starts(unready: int, last: _End) -> None:
    if unready == STARTS:
        raise RuntimeError(
            f"{STARTS} worker processes in a row died before they were ready ({last.how}); what they said stands above"
        )


def _started(prepare: Callable[[], Work[Any, Any]]) -> _Worker:
    """A new process, with one thread for linear algebra."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(prepare, theirs), daemon=True)
    with _one_thread():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _one_thread() -> Iterator[None]:
    """What processes started meanwhile find in their environment."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _serve(prepare: Callable[[], Work[Any, Any]], pipe: Connection) -> None:
    """Does tasks until the other end of the pipe is closed or gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, which gets it too, decides
    work = prepare()
    with ThreadPoolExecutor(1) as thread, suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(_Ready())
        while True:
            pipe.send(outcome(thread.submit(work, pipe.recv())))
