"""Workers of a Dask cluster (Rocklin 2015; https://distributed.dask.org), on this machine or on many.

What all tasks share goes to every worker once, as a plugin, and to workers that join later or are started again. A task
whose worker is lost is done again by another, as often as the cluster's ``distributed.scheduler.allowed-failures``
says; then it is given up.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from distributed import Client, Future, Worker, WorkerPlugin, as_completed, get_worker

from twin.inference.fleet.executors import Failed, R, T, Work, outcome

AHEAD = 2
"""Tasks that are out per thread of the cluster."""


@dataclass(frozen=True)
class Dask:
    """``cluster`` is a client, or the address of a scheduler such as ``tcp://10.0.0.1:8786``.

    A cluster with one thread per worker is best. Without workers a run waits for some.
    """

    cluster: Client | str

    def run(
        self, prepare: Callable[[], Work[T, R]], tasks: Iterable[tuple[int, T]]
    ) -> Iterator[tuple[int, R | Failed]]:
        """Numbers of tasks with their results, as they are ready."""
        if isinstance(self.cluster, Client):
            yield from _run(self.cluster, prepare, tasks)
            return
        with Client(self.cluster, set_as_default=False) as client:
            yield from _run(client, prepare, tasks)


class _Prepared(WorkerPlugin):
    """Makes what does the tasks, once per worker."""

    def __init__(self, name: str, prepare: Callable[[], Work[Any, Any]]) -> None:
        self.name, self.prepare = name, prepare

    def setup(self, worker: Worker) -> None:
        self.work = self.prepare()


def _run(client: Client, prepare: Callable[[], Work[T, R]], tasks: Iterable[tuple[int, T]]) -> Iterator[Any]:
    name, source, out = f"twincal-{uuid.uuid4().hex}", iter(tasks), dict[Any, tuple[int, Future[R]]]()

    def sent(count: int) -> Iterator[Future[R]]:
        for number, task in islice(source, count):
            future = client.submit(_work, name, task, key=f"{name}-{number}", pure=False)
            out[future.key] = number, future
            yield future

    client.wait_for_workers(1)
    client.register_plugin(_Prepared(name, prepare))
    try:
        waiting = as_completed(sent(AHEAD * sum(client.nthreads().values())), loop=client.loop)
        for future in waiting:
            number, _ = out[future.key]
            found = outcome(future)
            del out[future.key]
            waiting.update(sent(1))
            yield number, found
    finally:
        client.cancel([future for _, future in out.values()])
        client.unregister_worker_plugin(name)


def _work(name: str, task: Any) -> Any:
    """One task, by the function that this worker has."""
    prepared = get_worker().plugins[name]
    assert isinstance(prepared, _Prepared)
    return prepared.work(task)
