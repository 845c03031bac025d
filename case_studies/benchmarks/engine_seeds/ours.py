"""The package's own ways: Gauss-Newton's mode with Laplace's spread, and the ladder, on the shipped step network.

The mode is that of likelihood alone under known noise, by forward-mode Jacobians of the compiled path. The program
takes the commands as data: it is compiled once for all windows of one length, here on another window, off the clock.
The ladder is what ``twin calibrate`` runs, with priors, unknown noise and compilation.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from twin.arrays import like
from twin.case_studies.benchmarks.engine_seeds.task import NAMES, NOMINAL_THETA, TO_SCALED, Answer, Task
from twin.case_studies.engine_window import SENSORS
from twin.case_studies.forwards import forward_of
from twin.inference.density import density_of
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.models.engine.parameters import AMBIENT, NOMINAL
from twin.models.engine.path import Grid, grid_of
from twin.models.engine_air_path import four
from twin.space import Floats
from twin.surrogate import Surrogate

ITERATIONS, ENOUGH = 20, 1e-6

Predict = Callable[[Any, Any, Any], Any]
"""z (4,), the drives at stages and at readings -> channels (n, 4)."""


def predictor(like_this: Grid) -> Predict:
    """Readings, scaled, of the shipped network's path over drives of the shape of a grid's."""
    surrogate = forward_of(four)
    assert isinstance(surrogate, Surrogate)
    which = np.array([[o.name for o in four.observables].index(sensor) for sensor in SENSORS])

    def predict(z: Any, stages: Any, readings: Any) -> Any:
        theta = jnp.asarray(NOMINAL_THETA) * jnp.exp(z)
        weights = {name: like(w, theta) for name, w in surrogate.weights.items()}

        def network(x: Any) -> Any:
            return surrogate.network(weights, x)

        fields = four.lift(network, theta, jnp.asarray(AMBIENT.nominal))
        grid = like_this._replace(stages=stages, readings=readings)
        return four.readings(grid, fields, theta)[:, which] * jnp.asarray(TO_SCALED)

    return predict


def mode(task: Task, other: Task) -> Answer:
    """Gauss-Newton's method from nominal values; ``other`` is the window to compile on."""
    grid = grid_of(task.commands, NOMINAL)
    with jax.enable_x64(True):
        predict = predictor(grid)
        value, slope = jax.jit(predict), jax.jit(jax.jacfwd(predict))
        _search(other, value, slope)
        begin = time.process_time()
        z, covariance, count = _search(task, value, slope)
        seconds = time.process_time() - begin
        states = np.asarray(value(z, *_drives(task)))[:, :3].T
    return Answer("mode and Laplace", z, states, seconds, epochs=count, sd=np.sqrt(np.diag(covariance)))


def _search(task: Task, value: Predict, slope: Predict) -> tuple[Floats, Floats, int]:
    """z, covariance and iterations."""
    drives, z, count = _drives(task), np.zeros(4), 0
    while count < ITERATIONS:
        count += 1
        r = ((np.asarray(value(z, *drives)) - task.readings) / task.sd).ravel()
        J = (np.asarray(slope(z, *drives)) / task.sd[:, None]).reshape(-1, 4)
        covariance: Floats = np.linalg.inv(J.T @ J).astype(float)
        step = -covariance @ (J.T @ r)
        z = z + step
        if step @ (J.T @ J) @ step < ENOUGH:
            break
    return z, covariance, count


def _drives(task: Task) -> tuple[Any, Any]:
    grid = grid_of(task.commands, NOMINAL)
    return grid.stages, grid.readings


def ladder(task: Task, seed: int) -> Answer:
    """The default sampler's mean and sd."""
    begin = time.process_time()
    sample = sample_ladder(density_of(Likelihood(forward_of(four), [task.experiment])), seed=seed)
    z = np.log(sample.theta[..., : len(NAMES)].reshape(-1, len(NAMES)) / NOMINAL_THETA)
    seconds = time.process_time() - begin
    with jax.enable_x64(True):
        states = np.asarray(predictor(grid_of(task.commands, NOMINAL))(z.mean(axis=0), *_drives(task)))[:, :3].T
    return Answer(f"ladder ({sample.rung})", z.mean(axis=0), states, seconds, sd=z.std(axis=0))
