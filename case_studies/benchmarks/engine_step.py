"""Step network and direct solvers of the engine, side by side: errors, sensitivities, cost.

``python -m twin.case_studies.benchmarks.engine_step [--windows 32] [--batch 256] [--json]``

Windows of 60 s are standard transients of other seeds with A_egrmax, eta_sc, h_tot and A_vgtmax off by up to 15 %. The
truth is Radau IIA with steps of 50 ms, solved to the end. Errors are relative to the channels' means, sensitivities
∂y/∂ln θ are compared as root mean squares over windows and time; the worst of the three states is shown.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from twin.arrays import Array, like
from twin.case_studies.console import console
from twin.case_studies.forwards import forward_of
from twin.models.engine.actuators import Commands
from twin.models.engine.fixed_step import Nodes, nodes_of, run
from twin.models.engine.guess import guess_by
from twin.models.engine.parameters import AMBIENT, NOMINAL, ambient_of, engine_of
from twin.models.engine.path import Grid, Solver, follow, grid_of, hold
from twin.models.engine.transient import transient
from twin.models.engine_air_path import four
from twin.space import Floats
from twin.surrogate import Surrogate

SPREAD = 0.15
FIRST_SEED = 1000
"""Far from the seeds of training."""
FINE = 0.05
"""[s]"""
REPEATS = 3


@dataclass(frozen=True)
class Way:
    """``prepare`` makes arrays of commands; ``follow`` ln θ (*batch, 4) and these -> scaled states (3, n, *batch)."""

    prepare: Callable[[Commands], Any]
    follow: Callable[[Array, Any], Array]


def network_guess(theta: Array) -> Any:
    """The shipped network's guess for engines θ (*batch, 4)."""
    surrogate = forward_of(four)
    assert isinstance(surrogate, Surrogate)
    weights = {name: like(w, theta) for name, w in surrogate.weights.items()}
    values = {name: theta[..., i] for i, name in enumerate(four.space.names)}
    return guess_by(partial(surrogate.network, weights), engine_of(values), ambient_of(AMBIENT.nominal))


def by_steps(corrections: int, *, network: bool, h: float = 0.2) -> Way:
    """Radau IIA with so many iterations of Newton's method, from the network's guess or from none."""

    def follow_all(logs: Array, data: Grid) -> Array:
        theta = jnp.exp(logs)
        engine = engine_of({name: theta[..., i] for i, name in enumerate(four.space.names)})
        guess = network_guess(theta) if network else hold
        return follow(data, engine, ambient_of(AMBIENT.nominal), Solver(guess, corrections, h=h), 0 * theta[..., 0])

    return Way(lambda commands: grid_of(commands, NOMINAL, h=h), follow_all)


def _explicit(logs: Array, data: Nodes) -> Array:
    theta = jnp.exp(logs)
    engine = engine_of({name: theta[..., i] for i, name in enumerate(four.space.names)})
    return run(data, engine, ambient_of(AMBIENT.nominal), 0 * theta[..., 0])


BY_RUNGE_KUTTA = Way(nodes_of, _explicit)
"""The explicit direct solver."""


WAYS: dict[str, Way] = {
    "direct, Runge-Kutta 10 ms": BY_RUNGE_KUTTA,
    "direct, Newton x 1": by_steps(1, network=False),
    "direct, Newton x 2": by_steps(2, network=False),
    "network alone": by_steps(0, network=True),
    "network, Newton x 1": by_steps(1, network=True),
    "network, Newton x 2": by_steps(2, network=True),
}


def measure(windows: int, batch: int, seed: int) -> list[dict[str, Any]]:
    """One row per way."""
    rng = np.random.default_rng(seed)
    nominal = np.log(four.space.nominal)
    cases = [(transient(FIRST_SEED + k), nominal + rng.uniform(-SPREAD, SPREAD, 4)) for k in range(windows)]
    truth, slopes = _answers(by_steps(4, network=False, h=FINE), cases)
    return [{"way": name, **_row(way, cases, truth, slopes, batch)} for name, way in WAYS.items()]


def _answers(way: Way, cases: list[tuple[Commands, Floats]]) -> tuple[Floats, Floats]:
    """States (W, 3, n) and their derivatives by ln θ (W, 3, n, 4)."""
    value, slope = jax.jit(way.follow), jax.jit(jax.jacfwd(way.follow))
    data = [(jnp.asarray(logs), way.prepare(commands)) for commands, logs in cases]
    y, slopes = ([np.asarray(function(*one)) for one in data] for function in (value, slope))
    return np.stack(y), np.stack(slopes)


def _row(way: Way, cases: list[tuple[Commands, Floats]], truth: Floats, slopes: Floats, batch: int) -> dict[str, Any]:
    y, own = _answers(way, cases)
    error = (y - truth) / truth.mean(axis=-1, keepdims=True)
    wrong = np.sqrt(np.mean((own - slopes) ** 2, axis=(0, 2)) / np.mean(slopes**2, axis=(0, 2)))
    commands, logs = cases[0]
    data = way.prepare(commands)
    many = jnp.asarray(np.repeat(logs[None], batch, axis=0))
    return {
        "rms": np.sqrt(np.mean(error**2, axis=(0, 2))).tolist(),
        "largest": float(np.abs(error).max()),
        "sensitivity": wrong.max(axis=0).tolist(),
        "seconds_per_window": _seconds(jax.jit(way.follow), many, data) / batch,
        "seconds_jacobian": _seconds(jax.jit(jax.jacfwd(way.follow)), jnp.asarray(logs), data),
    }


def _seconds(function: Callable[..., Any], *at: Any) -> float:
    """The fastest of a few runs, after compilation."""
    jax.block_until_ready(function(*at))
    found = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        jax.block_until_ready(function(*at))
        found.append(time.perf_counter() - begin)
    return min(found)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with jax.enable_x64(True):
        rows = measure(options.windows, options.batch, options.seed)
    out = console()
    if options.json:
        out.print_json(json.dumps(rows))
        return
    slowest = max(row["seconds_per_window"] for row in rows)
    longest = max(row["seconds_jacobian"] for row in rows)
    table = Table(
        "way", "rms % p_im, p_em, w_t", "largest %", "sensitivities off by %", "windows/s", "speed", "Jacobian"
    )
    for row in rows:
        table.add_row(
            row["way"],
            ", ".join(f"{100 * v:.4f}" for v in row["rms"]),
            f"{100 * row['largest']:.3f}",
            ", ".join(f"{100 * v:.2f}" for v in row["sensitivity"]),
            f"{1 / row['seconds_per_window']:.0f}",
            f"x {slowest / row['seconds_per_window']:.1f}",
            f"x {longest / row['seconds_jacobian']:.1f}",
        )
    out.print(table)


if __name__ == "__main__":
    main()
