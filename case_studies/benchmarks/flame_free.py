"""Burning velocities over the whole box: surrogate, closed-form start and Newton's method, and Cantera, side by side.

``python -m twin.case_studies.benchmarks.flame_free [--flames 200] [--seed 0] [--json]``

Flames of methane in air with one step, drawn evenly: φ 0.55 to 1.3, T_u 290 to 450 K, p 1 to 20 atm (evenly in ln p),
Ea 20 to 50 kcal/mol, orders 0.2 to 1.2 and 0.3 to 1.2, transport 0.8 to 1.2. The truth is our own front with 24 nodes,
solved to the end. Cantera solves the same flames with two grids; its error is of the first order in ``slope``.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from twin.case_studies.console import console, say
from twin.case_studies.forwards import forward_of
from twin.models.flame.cantera_reference import burning_velocity, solution
from twin.models.flame.free import FreeFlame
from twin.models.flame.fronts import BAR, GAS, STEP
from twin.models.flame.kinetics import Law
from twin.models.flame.unburnt import fresh
from twin.models.flame_free import one_step
from twin.space import Floats
from twin.surrogate import Surrogate

LOW = np.array([0.55, 290.0, np.log(1.01325), 20.0, 0.2, 0.3, 0.8])
HIGH = np.array([1.3, 450.0, np.log(20.265), 50.0, 1.2, 1.2, 1.2])
"""φ, T_u [K], ln(p/bar), Ea [kcal/mol], orders, spread."""
SLOPES = (0.016, 0.004)
STEP_OF_DIFFERENCES = 1e-4
BATCH = 512


def draws(count: int, seed: int) -> tuple[Floats, Floats]:
    """θ (n, 5) and rows (n, 3)."""
    z = np.random.default_rng(seed).uniform(LOW, HIGH, (count, len(LOW)))
    theta = np.stack([0 * z[:, 0], z[:, 3], z[:, 4], z[:, 5], z[:, 6]], axis=1)
    return theta, np.stack([z[:, 0], z[:, 1], np.exp(z[:, 2])], axis=1)


def ways() -> dict[str, Callable[[Any, Any], Any]]:
    """S_L [cm/s] of θ (*batch, 5) and a row (1, 3)."""
    shipped = forward_of(one_step)
    assert isinstance(shipped, Surrogate)
    bare = replace(shipped, network=_Nothing(), weights={})
    found = {f"closed form, Newton x {n}": _way(bare, n) for n in range(4)}
    return found | {f"network, Newton x {n}": _way(shipped, n) for n in (0, 1)}


def _way(surrogate: Surrogate, corrections: int) -> Callable[[Any, Any], Any]:
    own = replace(surrogate, model=replace(one_step, corrections=corrections))
    c = one_step.conditions.nominal

    def velocity(theta: Any, row: Any) -> Any:
        return own(theta, c, row)[..., 0, 0]

    return velocity


class _Nothing:
    """A network that adds nothing to the closed form."""

    inputs, outputs = one_step.inputs, one_step.outputs

    def init(self, generator: object) -> dict[str, Any]:
        """No weights."""
        return {}

    def __call__(self, weights: object, x: Any) -> Any:
        """0."""
        return 0 * x[..., :1]


def measure(flames: int, seed: int) -> dict[str, Any]:
    """Errors of ln S_L (in %) and costs."""
    theta, rows = draws(flames, seed)
    c = one_step.conditions.nominal
    truth = np.array([one_step.simulate(t[None], c, x[None])[0, 0, 0] for t, x in zip(theta, rows, strict=True)])
    slopes = np.stack([_differences(one_step, t, x[None]) for t, x in zip(theta, rows, strict=True)])
    found: dict[str, Any] = {"failed": int(np.isnan(truth).sum()), "ways": {}}
    for name, way in ways().items():
        off = np.array([float(np.log(way(t, x[None]) / y)) for t, x, y in zip(theta, rows, truth, strict=True)])
        own = np.stack([np.asarray(jax.jacfwd(lambda t, x=x, way=way: jnp.log(way(t, x[None])))(jnp.asarray(t)))
                        for t, x in zip(theta, rows, strict=True)])  # fmt: skip
        wrong = np.sqrt(np.nanmean((own - slopes) ** 2, axis=0) / np.nanmean(slopes**2, axis=0))
        found["ways"][name] = _summary(off) | {"slopes": (100 * wrong).tolist(), "seconds": _seconds(way, theta, rows)}
    found["cantera"] = _cantera(theta, rows, truth, forward_of(one_step))
    return found


def _summary(off: Floats) -> dict[str, float]:
    size = 100 * np.abs(off[np.isfinite(off)])
    return {"median": float(np.median(size)), "p99": float(np.quantile(size, 0.99)), "largest": float(size.max())}


def _differences(model: FreeFlame, theta: Floats, row: Floats) -> Floats:
    """∂ ln S_L/∂θ (5,) of solved fronts, by central differences."""
    c, step = model.conditions.nominal, STEP_OF_DIFFERENCES * np.maximum(np.abs(theta), 1.0)
    ends = [np.log(model.simulate(theta + s * np.diag(step), c, row)[:, 0, 0]) for s in (1, -1)]
    return np.asarray((ends[0] - ends[1]) / (2 * step))


def _seconds(way: Callable[[Any, Any], Any], theta: Floats, rows: Floats) -> float:
    """Of one flame with all its derivatives, compiled, many at once at one condition."""
    many = jnp.asarray(np.resize(theta, (BATCH, theta.shape[1])))
    run = jax.jit(jax.vmap(jax.value_and_grad(lambda t: jnp.log(way(t, rows[:1])))))
    jax.block_until_ready(run(many))
    begin = time.perf_counter()
    jax.block_until_ready(run(many))
    return (time.perf_counter() - begin) / BATCH


def _cantera(theta: Floats, rows: Floats, truth: Floats, shipped: Any) -> dict[str, Any]:
    c = one_step.conditions.nominal
    ours = np.array([float(shipped(t, c, x[None])[0, 0]) for t, x in zip(theta, rows, strict=True)])
    found = np.full((len(truth), len(SLOPES)), np.nan)
    seconds = np.zeros(len(SLOPES))
    for i, (t, (phi, T_u, p)) in enumerate(zip(theta, rows, strict=True)):
        law = one_step.kinetics(t)
        orders = tuple(float(order) for order in law.orders)
        of = fresh(GAS, STEP, np.array([phi]), np.array([T_u]), np.array([BAR * p]))
        phase = solution(GAS, STEP, Law(float(np.exp(law.ln_A)) * float(t[4]), 0.0, float(law.Ea), orders))
        for j, slope in enumerate(SLOPES):
            begin = time.perf_counter()
            found[i, j] = 100 * burning_velocity(phase, T_u, BAR * p, of.Y[0], slope=slope)[0]
            seconds[j] += time.perf_counter() - begin
    off = np.log(found / truth[:, None])
    solved = np.isfinite(off).all(axis=1)
    return {
        "failed": int((~solved).sum()),
        "coarse": _summary(off[:, 0]), "fine": _summary(off[:, 1]),
        "surrogate against the fine": _summary(np.log(ours / found[:, 1])),
        "seconds": (seconds / len(truth)).tolist(),
    }  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flames", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with jax.enable_x64(True):
        found = measure(options.flames, options.seed)
    if options.json:
        console().print_json(json.dumps(found))
        return
    theirs = found["cantera"]
    table = Table("way", "median %", "99 % below", "largest %", "slopes off by %", "time, and gradient")
    for name, row in found["ways"].items():
        table.add_row(
            name, f"{row['median']:.4f}", f"{row['p99']:.4f}", f"{row['largest']:.4f}",
            ", ".join(f"{v:.3f}" for v in row["slopes"]), f"1/{theirs['seconds'][1] / row['seconds']:.0f}",
        )  # fmt: skip
    for j, name in enumerate(("coarse", "fine")):
        row = theirs[name]
        table.add_row(
            f"Cantera, slope {SLOPES[j]:g}", f"{row['median']:.4f}", f"{row['p99']:.4f}", f"{row['largest']:.4f}", "",
            f"{theirs['seconds'][j] / theirs['seconds'][1]:.2f}, value alone",
        )  # fmt: skip
    console().print(table)
    row = theirs["surrogate against the fine"]
    say(f"surrogate against Cantera: median {row['median']:.3f} %, largest {row['largest']:.3f} %")
    say(f"{found['failed']} fronts and {theirs['failed']} flames of Cantera were not found")


if __name__ == "__main__":
    main()
