"""Whoever does the tasks, all are done, and those that fail say why."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from working import broken, deadly, given, marking, slow

from twin.inference.fleet.executor_dask import Dask
from twin.inference.fleet.executors import Executor, Failed, Here, Processes

TASKS = list(enumerate([4.0, 9.0, -1.0, 16.0]))
RIGHT = {0: 2.0, 1: 3.0, 3: 4.0}


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers, which are processes that a nanny starts again."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found:
        yield found


@pytest.fixture(params=["here", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "dask":
        cluster: LocalCluster = request.getfixturevalue("cluster")
        return Dask(cluster.scheduler_address)
    return Here() if request.param == "here" else Processes(2)


def test_every_task_has_its_result_or_the_reason_why_not(executor: Executor) -> None:
    found = dict(executor.run(partial(given, math.sqrt), TASKS))
    failed = found.pop(2)
    assert found == RIGHT
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("ValueError: ")


def test_what_is_shared_is_made_once_per_worker(executor: Executor, tmp_path: Path) -> None:
    found = dict(executor.run(partial(marking, tmp_path), [(i, 0.01) for i in range(12)]))
    made = [int(path.read_text()) for path in tmp_path.iterdir()]
    assert len(made) == len(set(made)) <= 2
    assert set(found.values()) <= set(made)
    assert len(found) == 12


def test_tasks_are_taken_as_workers_become_free(executor: Executor) -> None:
    taken = []

    def tasks() -> Iterator[tuple[int, float]]:
        for i in range(30):
            taken.append(i)
            yield i, 4.0

    steps = executor.run(partial(given, math.sqrt), tasks())
    next(steps)
    assert len(taken) <= 6
    assert len(list(steps)) == 29


def test_a_run_that_is_given_up_leaves_no_process(tmp_path: Path) -> None:
    steps = Processes(2).run(partial(marking, tmp_path), ((i, 0.01) for i in range(1000)))
    worker = next(steps)[1]
    assert isinstance(worker, int)
    assert _alive(worker)
    steps.close()  # type: ignore[attr-defined]
    _until(lambda: not _alive(worker))


def test_processes_end_with_the_one_that_asked_however_it_ends(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "importable" / "working.py"
    with subprocess.Popen([sys.executable, str(script), str(tmp_path)]) as asking:
        _until(lambda: any(path.read_text() for path in tmp_path.iterdir()))
        asking.kill()
    (mark,) = tmp_path.iterdir()
    _until(lambda: not _alive(int(mark.read_text())))


def test_a_task_that_ends_its_process_twice_is_given_up_and_the_others_are_done() -> None:
    found = dict(Processes(2).run(partial(given, deadly), TASKS))
    assert {i: value for i, value in found.items() if i != 2} == RIGHT
    assert found[2] == Failed("2 worker processes died of it (signal 9)")


def test_processes_that_cannot_be_made_ready_end_the_run() -> None:
    with pytest.raises(RuntimeError, match="3 worker processes in a row died before they were ready"):
        list(Processes(1).run(broken, TASKS))


def test_a_worker_of_a_cluster_that_is_killed_loses_no_task(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
        steps = Dask(client).run(partial(slow, 0.1), ((i, float(i)) for i in range(20)))
        found = dict([next(steps), next(steps)])
        os.kill(victim, signal.SIGKILL)
        found |= dict(steps)
    assert found == {i: math.sqrt(i) for i in range(20)}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _until(held: Callable[[], bool]) -> None:
    for _ in range(200):
        if held():
            return
        time.sleep(0.05)
    raise AssertionError("never")
