"""Weak-constraint collocation: states in a linear basis, parameters, and a tolerance for the equations.

    y_s(t) = Σ_k w_ks Φ_k(t),     cost = Σ (reading - prediction)²/sd² + Σ_s ∫ (y_s' - f_s(y, θ, u))²/q_s² dt + rest

so the equations hold up to white noise of density q. The record starts at rest: f = 0 at its first time. Gauss-Newton's
method with a tolerance that shrinks; the matrix is banded but for the rows of the parameters, which are eliminated
last, and their block of its inverse is Laplace's covariance. Ramsay, Hooker, Campbell, Cao 2007 (generalised
profiling), DOI 10.1111/j.1467-9868.2007.00610.x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_solve_banded, cholesky_banded

from twin.case_studies.benchmarks.engine_seeds.linearised import linearised
from twin.case_studies.benchmarks.engine_seeds.splines import Basis, Matrix
from twin.case_studies.benchmarks.engine_seeds.task import Task
from twin.models.engine.actuators import drive_at
from twin.models.engine.air_path import Drive
from twin.models.engine.parameters import NOMINAL
from twin.space import Floats

TOLERANCE = np.array([2e-4, 2e-4, 5e-5])
"""q [1/√s] of the scaled states."""
CONTINUATION = (1000.0, 100.0, 10.0, 1.0)
"""Factors of the tolerance, one after the other."""
SOFTNESS = 1e-4
"""Of the clips where the factor is 1, and in proportion: exact ones have a corner where the EGR's flow ends."""
REST = 1e-2
"""[1/s] by which the first rates may differ from 0."""
SMOOTH = 0.1
"""[1/√s] of the changes that the first guess allows."""
ITERATIONS, ENOUGH = 30, 1e-5
DAMPINGS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Shares of the normal matrix's diagonal that are added, until a step lowers the cost (Levenberg and Marquardt)."""


@dataclass(frozen=True, eq=False)
class Collocated:
    """z (4,), Laplace's covariance (4, 4), states (3, n) at the readings, iterations, rms misfit of the rates [1/s]."""

    z: Floats
    covariance: Floats
    states: Floats
    iterations: int
    misfit: Floats


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised; ``drive`` is that at collocation points and then at readings, ``softness`` that of clips."""

    task: Task
    basis: Basis
    drive: Drive
    q: Floats
    softness: float = 0.0


@dataclass(frozen=True, eq=False)
class Rows:
    """Scaled rows (R,) and their Jacobians by w (R, 3 K), state by state within a function, and by z (R, 4)."""

    r: Floats
    by_w: Matrix
    by_z: Floats


def collocate(
    task: Task, basis: Basis, *, tolerance: Floats = TOLERANCE, continuation: Sequence[float] = CONTINUATION
) -> Collocated:
    """Parameters and states of a window."""
    drive = drive_at(task.commands, np.concatenate([basis.points, task.time]), NOMINAL)
    w, z, count = first_guess(task, basis), np.zeros(4), 0
    for factor in continuation:
        problem = Problem(task, basis, drive, factor * tolerance, factor * SOFTNESS)
        rows, gain = rows_of(w, z, problem), np.inf
        for _ in range(ITERATIONS):
            before = float(rows.r @ rows.r)
            if gain < ENOUGH * before:
                break
            w, z, rows = _searched(rows, w, z, problem)
            gain, count = before - float(rows.r @ rows.r), count + 1
    rows = rows_of(w, z, Problem(task, basis, drive, tolerance))
    _, _, covariance = newton_step(rows, basis.reach)
    m = 3 * len(basis.points)
    left = rows.r[-m:].reshape(-1, 3) * tolerance / np.sqrt(basis.weights)[:, None]
    return Collocated(z, covariance, (basis.readings @ w).T, count, np.sqrt(np.mean(left**2, axis=0)))


def first_guess(task: Task, basis: Basis) -> Floats:
    """w (K, 3): readings of the states, smoothed."""
    a = basis.readings.T @ basis.readings
    b = basis.slope.T @ (sparse.diags(basis.weights) @ basis.slope)
    a, b = _dense(a), _dense(b)
    columns = []
    for s in range(3):
        matrix = a / task.sd[s] ** 2 + b / SMOOTH**2
        matrix[np.diag_indices(len(matrix))] += 1e-9 * np.trace(matrix) / len(matrix)
        columns.append(np.linalg.solve(matrix, basis.readings.T @ task.readings[:, s] / task.sd[s] ** 2))
    return np.stack(columns, axis=1)


def rows_of(w: Floats, z: Floats, problem: Problem) -> Rows:
    """Readings, rest and equations, in this order."""
    task, basis, q = problem.task, problem.basis, problem.q
    m = len(basis.points)
    y, at = np.concatenate([basis.value @ w, basis.readings @ w]), _wide(basis.readings)
    here = linearised(y.T, z, problem.drive, problem.softness)
    states = (y[m:] - task.readings[:, :3]) / task.sd[:3]
    egr = (here.egr[m:] - task.readings[:, 3]) / task.sd[3]
    per_state = np.tile(1 / task.sd[:3], len(task.time))
    egr_by = _rows(here.egr_by[:3, None, m:]) @ at / task.sd[3]
    rest_by = _rows(here.rates_by[:3, :, m : m + 1]) @ at[:3] / REST
    scale = (np.sqrt(basis.weights)[:, None] / q).ravel()
    equation = scale * ((basis.slope @ w) - here.rates[:, :m].T).ravel()
    equation_by = _wide(basis.slope) - _rows(here.rates_by[:3, :, :m]) @ _wide(basis.value)
    blocks = [sparse.diags(per_state) @ at, egr_by, rest_by, sparse.diags(scale) @ equation_by]
    by_z = [
        np.zeros((3 * len(task.time), 4)),
        here.egr_by[3:, m:].T / task.sd[3],
        here.rates_by[3:, :, m].T / REST,
        -scale[:, None] * np.moveaxis(here.rates_by[3:, :, :m], 0, -1).swapaxes(0, 1).reshape(-1, 4),
    ]
    r = np.concatenate([states.ravel(), egr, here.rates[:, m] / REST, equation])
    stacked = sparse.vstack(blocks, format="csr") if sparse.issparse(at) else np.concatenate(blocks)
    return Rows(r, stacked, np.concatenate(by_z))


def newton_step(rows: Rows, reach: int, damping: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """-(JᵀJ)⁻¹ Jᵀ r as changes of w (K, 3) and z (4,), and the block (4, 4) of (JᵀJ)⁻¹ by z; its diagonal damped."""
    normal, mixed = _dense(rows.by_w.T @ rows.by_w), rows.by_w.T @ rows.by_z
    size, width = len(normal), min(3 * reach + 2, len(normal) - 1)
    band = np.zeros((width + 1, size))
    for i in range(width + 1):
        band[i, : size - i] = np.diagonal(normal, -i)
    band[0] += damping * band[0] + 1e-12 * band[0].max()
    direct = rows.by_z.T @ rows.by_z * (1 + damping * np.eye(4))
    factor = (cholesky_banded(band, lower=True), True)
    g_w, g_z = rows.by_w.T @ rows.r, rows.by_z.T @ rows.r
    eliminated = cho_solve_banded(factor, np.column_stack([mixed, g_w]))
    covariance = np.linalg.inv(direct - mixed.T @ eliminated[:, :4])
    dz = -covariance @ (g_z - mixed.T @ eliminated[:, 4])
    dw = -eliminated[:, 4] - eliminated[:, :4] @ dz
    return dw.reshape(-1, 3), dz, covariance


def _searched(rows: Rows, w: Floats, z: Floats, problem: Problem) -> tuple[Floats, Floats, Rows]:
    """After the least damped step that lowers the cost; as before where none does."""
    for damping in DAMPINGS:
        dw, dz, _ = newton_step(rows, problem.basis.reach, damping)
        with np.errstate(invalid="ignore", over="ignore"):
            after = rows_of(w + dw, z + dz, problem)
        if after.r @ after.r < rows.r @ rows.r:
            return w + dw, z + dz, after
    return w, z, rows


def _wide(matrix: Matrix) -> Matrix:
    """(N, K) -> (3 N, 3 K): the same for each of the three states."""
    if isinstance(matrix, sparse.csr_matrix):
        return sparse.kron(matrix, sparse.csr_matrix(np.eye(3)), format="csr")
    return np.kron(matrix, np.eye(3))


def _rows(by: Floats) -> Any:
    """Derivatives by the states (3, R, N) as a sparse matrix (N R, 3 N)."""
    blocks = np.ascontiguousarray(np.moveaxis(by, (0, 1, 2), (2, 1, 0)))
    n = np.arange(len(blocks) + 1)
    return sparse.bsr_matrix((blocks, n[:-1], n), shape=(by.shape[1] * len(blocks), 3 * len(blocks)))


def _dense(matrix: Matrix) -> Floats:
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
