"""What one evaluation of a forward map costs under JAX, value and gradient by θ."""

import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from twin.model import Forward
from twin.space import Floats

BATCH = 1000
REPEATS = 30


def cost_of(forward: Forward, c: Floats, x: Floats, *, repeats: int = REPEATS) -> dict[str, float]:
    """Median time of ½ Σ y² and its gradient: ``single_ms`` for one θ, ``batch_us`` per θ in a batch of 1000."""

    def energy(theta: jax.Array) -> jax.Array:
        return 0.5 * jnp.sum(forward(theta, c, x) ** 2)

    with jax.enable_x64(True):
        one = jax.jit(jax.value_and_grad(energy))
        many = jax.jit(jax.vmap(jax.value_and_grad(energy)))
        theta = jnp.asarray(forward.space.sobol(1024, 0)[:BATCH])
        single = _median_seconds(lambda: jax.block_until_ready(one(theta[0])), 10 * repeats)
        batch = _median_seconds(lambda: jax.block_until_ready(many(theta)), repeats)
    return {"single_ms": 1e3 * single, "batch_us": 1e6 * batch / BATCH}


def _median_seconds(job: Callable[[], object], repeats: int) -> float:
    job()
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        job()
        taken.append(time.perf_counter() - begin)
    return float(np.float64(statistics.median(taken)))
