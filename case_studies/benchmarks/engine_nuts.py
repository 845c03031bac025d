"""The posterior by the step network against NUTS on an independent direct solver, for one window of the engine.

``python -m twin.case_studies.benchmarks.engine_nuts [--seed 0] [--draws 500] [--json]``

The window is ST-1 (``engine_window.py``). Direct: the explicit Runge-Kutta method with 10 ms, which shares neither
scheme nor network nor Newton's method with the surrogate, under NumPyro's No-U-Turn sampler; derivatives go forward
through the 6000 steps, four at once, which is cheaper than backward. Ours: the ladder on the surrogate.
"""

import argparse
import json
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from numpyro.diagnostics import effective_sample_size
from rich.table import Table

from twin.arrays import Array, namespace, to_numpy
from twin.case_studies.console import console
from twin.case_studies.engine_window import TRUTH, experiment_of, window
from twin.case_studies.forwards import forward_of
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.rungs.modes import find_modes
from twin.model import Coordinate, Observable
from twin.models.engine.actuators import drive_at
from twin.models.engine.air_path import Drive
from twin.models.engine.channels import measured
from twin.models.engine.fixed_step import nodes_of, run
from twin.models.engine.identified import commands_of
from twin.models.engine.parameters import AMBIENT, NOMINAL, ambient_of, engine_of
from twin.models.engine_air_path import four
from twin.space import Floats, Space

ACCEPT, DEPTH = 0.8, 6
WARMUP = 200


@dataclass(frozen=True)
class Direct:
    """The engine by the explicit solver, as a forward map under JAX."""

    space: Space = four.space
    conditions: Space = AMBIENT
    coordinates: tuple[Coordinate, ...] = four.coordinates
    observables: tuple[Observable, ...] = four.observables

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Readings (*batch, n, 7)."""
        if isinstance(theta, jax.Array):
            return _forwards(lambda t: self._readings(t, c, to_numpy(x)))(theta)
        return self._readings(theta, c, to_numpy(x))

    def _readings(self, theta: Array, c: Array, x: Floats) -> Array:
        commands = commands_of(x)
        values = {name: theta[..., i] for i, name in enumerate(self.space.names)}
        engine, air = engine_of(values), ambient_of(to_numpy(c))
        y = run(nodes_of(commands), engine, air, 0 * theta[..., 0])
        free = (1,) * (y.ndim - 2)
        drive = Drive(
            *(namespace(y).asarray(column.reshape(-1, *free)) for column in drive_at(commands, commands.time, NOMINAL))
        )
        return measured(y, drive, engine, air, values)

    def error(self, c: Array, x: Array) -> None:
        """None: it is the reference here."""


def _forwards(function: Any) -> Any:
    """The same function of θ (p,) or (*batch, p), whose backward derivatives are made by forward ones."""
    once = jax.custom_vjp(function)

    def both(theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        p = theta.shape[-1]
        ways = jnp.broadcast_to(jnp.eye(p).reshape(p, *(1,) * (theta.ndim - 1), p), (p, *theta.shape))
        values, slopes = jax.vmap(lambda way: jax.jvp(function, (theta,), (way,)))(ways)
        return values[0], slopes

    def back(slopes: jax.Array, g: jax.Array) -> tuple[jax.Array]:
        return (jnp.moveaxis((slopes * g).sum(axis=(-1, -2)), 0, -1),)

    once.defvjp(both, back)
    return once


def compare(seed: int, draws: int) -> list[dict[str, Any]]:
    """By parameter: the direct posterior's mean and sd, how ours differs, and by how much NUTS itself may be off."""
    experiment = experiment_of(window(TRUTH), seed)
    ours, direct = (Likelihood(forward, [experiment]) for forward in (forward_of(four), Direct()))
    density = density_of(ours)
    quick = sample_ladder(density, seed=seed)
    exact = sample_nuts(
        density_of(direct), seed=seed, draws=draws, warmup=WARMUP, target_accept=ACCEPT, max_tree_depth=DEPTH,
        modes=find_modes(density, seed=seed),
    )  # fmt: skip
    flat = quick.theta.reshape(-1, quick.theta.shape[-1])
    rows = []
    for i, name in enumerate(ours.scales.names):
        chains = exact.theta[..., i]
        mean, sd = float(chains.mean()), float(chains.std())
        rows.append(
            {
                "parameter": name, "mean": mean, "sd": sd, "shift": float(flat[:, i].mean() - mean) / sd,
                "sd_ratio": float(flat[:, i].std()) / sd, "ess": float(effective_sample_size(chains)),
                "diverging": int(exact.stats["diverging"].sum()), "speed": exact.seconds / quick.seconds,
            }
        )  # fmt: skip
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=500, help="of each of four chains")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = compare(options.seed, options.draws)
    if options.json:
        console().print_json(json.dumps(rows))
        return
    table = Table("parameter", "direct mean", "direct sd", "ours: shift in sds", "sd ratio", "effective draws of NUTS")
    for row in rows:
        table.add_row(
            row["parameter"], f"{row['mean']:.5g}", f"{row['sd']:.3g}", f"{row['shift']:+.3f}",
            f"{row['sd_ratio']:.3f}", f"{row['ess']:.0f}",
        )  # fmt: skip
    console().print(table)
    console().print(f"{rows[0]['diverging']} divergences; NUTS took {rows[0]['speed']:.0f} times as long")


if __name__ == "__main__":
    main()
