"""A setting that XLA needs before JAX first computes: no thread pool inside an operation.

With it, programs that solve many small linear systems at once (jaxlib 0.10, two cores) can wait for each other for
ever: every worker sleeps and no work is left that could wake it (PyAutoLabs/PyAutoFit issues 1528 and 1530 report the
same). Chunks of units run in threads of their own, so little is lost. A value that the user has set stays.
"""

import os

FLAG = "--xla_cpu_multi_thread_eigen"


def without_thread_pool() -> None:
    """Adds the flag to ``XLA_FLAGS``; without effect where JAX has already computed something."""
    flags = os.environ.get("XLA_FLAGS", "")
    if FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}=false".strip()
