"""What one evaluation of a forward map costs under JAX, value and gradient by θ.

A batch is evaluated in chunks of 50 (``jax.lax.map``), whose intermediate arrays stay in the processor's cache: with
all thousand at once, fetching fresh memory from the system costs three to five times the arithmetic.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from twin.model import Forward
from twin.space import Floats

BATCH = 1000
CHUNK = 50
REPEATS = 30


def cost_of(forward: Forward, c: Floats, x: Floats, *, repeats: int = REPEATS) -> dict[str, float]:
    """Median time of ½ Σ y² and its gradient: ``single_ms`` for one θ, ``batch_us`` per θ in a batch of 1000."""

    def energy(theta: jax.Array) -> jax.Array:
        return 0.5 * jnp.sum(forward(theta, c, x) ** 2)

    with jax.enable_x64(True):
        one = jax.jit(jax.value_and_grad(energy))
        many = jax.jit(lambda batch: jax.lax.map(jax.value_and_grad(energy), batch, batch_size=CHUNK))
        theta = jnp.asarray(forward.space.sobol(1024, 0)[:BATCH])
        first = theta[0]
        single = median_seconds(lambda: jax.block_until_ready(one(first)), 10 * repeats)
        batch = median_seconds(lambda: jax.block_until_ready(many(theta)), repeats)
    return {"single_ms": 1e3 * single, "batch_us": 1e6 * batch / BATCH}


def median_seconds(job: Callable[[], object], repeats: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Median time of a job by ``clock``, after two calls to warm up [s]."""
    taken = []
    for i in range(-2, repeats):
        begin = clock()
        job()
        if i >= 0:
            taken.append(clock() - begin)
    return float(np.median(taken))
