"""The step network's solver: Newton's method in blocks, and derivatives of paths."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from twin.collocation import RadauIIA
from twin.models import catalogue
from twin.models.engine.newton import solve
from twin.models.engine.parameters import AMBIENT, NOMINAL, ambient_of, engine_of
from twin.models.engine.path import Solver, follow, grid_of, hold
from twin.models.engine.transient import transient
from twin.models.engine_air_path import four
from twin.surrogate import load

jax.config.update("jax_enable_x64", True)


def test_elimination_of_blocks_solves_the_whole_system() -> None:
    rng = np.random.default_rng(0)
    scheme = RadauIIA(3)
    hJ, right = rng.standard_normal((3, 3, 3, 5)) - 3 * np.eye(3)[:, :, None, None], rng.standard_normal((3, 3, 5))
    found = solve(scheme, hJ, right)
    for k in range(5):
        matrix = np.kron(scheme.slopes[1:, 1:], np.eye(3))
        for i in range(3):
            matrix[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] -= hJ[:, :, i, k]
        expected = np.linalg.solve(matrix, right[:, :, k].T.reshape(-1)).reshape(3, 3).T
        np.testing.assert_allclose(found[:, :, k], expected, rtol=1e-10)


def test_smaller_steps_come_nearer() -> None:
    commands, air = transient(8, 10.0), ambient_of(AMBIENT.nominal)

    def at(h: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        y = follow(grid_of(commands, NOMINAL, h=h), NOMINAL, air, Solver(hold, 4, h=h), np.zeros(()))
        return np.asarray(y)

    exact = at(0.0125)
    assert np.abs(at(0.05) - exact).max() < 0.3 * np.abs(at(0.2) - exact).max() < 0.3 * 1e-3


def test_the_shipped_network_has_the_sensitivities_of_the_equations() -> None:
    """On a window it has not seen: states within 0.05 % rms, derivatives by ln θ within 3 % rms of converged ones."""
    surrogate = load(catalogue.shipped(four)[0], four)
    commands, air = transient(4321, 20.0), ambient_of(AMBIENT.nominal)
    logs = jnp.log(jnp.asarray(four.space.nominal)) + jnp.array([-0.1, 0.05, 0.1, -0.08])

    def exact(s: jax.Array) -> jax.Array:
        engine = engine_of({name: jnp.exp(s)[i] for i, name in enumerate(four.space.names)})
        y: jax.Array = follow(grid_of(commands, NOMINAL, h=0.1), engine, air, Solver(hold, 4, h=0.1), 0 * s[0])
        return y

    def ours(s: jax.Array, record: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> jax.Array:
        theta = jnp.exp(s)
        y: jax.Array = surrogate.fields(theta, AMBIENT.nominal)["path"](record)
        return y

    def both(path: Callable[[jax.Array], jax.Array]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
        """Derivatives and values, of one program."""
        program = jax.jit(jax.jacfwd(lambda s: (path(s),) * 2, has_aux=True))
        return [np.asarray(part) for part in program(logs)]

    (slopes, truth), (mine, found) = both(exact), both(partial(ours, record=np.stack(list(commands), axis=1)))
    mean = truth.mean(axis=1, keepdims=True)
    assert np.sqrt(np.mean(((found - truth) / mean) ** 2)) < 5e-4
    wrong = np.sqrt(np.mean((mine - slopes) ** 2, axis=1) / np.mean(slopes**2, axis=1))
    assert wrong.max() < 0.03
