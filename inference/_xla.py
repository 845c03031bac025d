"""A setting that XLA needs before JAX first computes: enough threads for linear algebra that waits for itself.

On a CPU, jaxlib 0.10 spreads a batch of small LAPACK solves over its thread pool and lets the thread that asked wait.
Solves that do not depend on each other run at once, and with as many of them as there are threads (one per core) all
wait and none is left to work: the program sleeps for ever. ``NPROC`` is what XLA takes for the number of cores.
PyAutoLabs/PyAutoFit issues 1528 and 1530 report the same sleep.
"""

import os

THREADS = 32
"""``twin sbc cardiac_loop`` slept at 2 and ended at 16 and at 32. How many are enough for any program is not known."""


def with_enough_threads() -> None:
    """Raises ``NPROC`` to ``THREADS``; without effect where JAX has already computed something."""
    stated = os.environ.get("NPROC", "")
    if not (stated.isdigit() and int(stated) >= THREADS):
        os.environ["NPROC"] = str(THREADS)
