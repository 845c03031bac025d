"""Few-shot transfer: one body of features of time for all windows, trained once and frozen; heads and parameters after.

    y_s(t) = Σ_k w_ks Φ_k(t),     Φ the last hidden layer of a network of time

The body is trained with a head for each state of many windows, by simulated trajectories of engines off by up to 15 %.
For a new window Φ and Φ' are evaluated once; heads and parameters are found by Gauss-Newton's method on readings and
equations. That is collocation in a learned basis (``collocation.py``), so B-splines are what it must beat.
"""

import numpy as np
import torch

from twin.case_studies.benchmarks.engine_seeds.networks_of_time import Output, TimeNetworks, features, tau_of
from twin.case_studies.benchmarks.engine_seeds.splines import Basis, gauss_points
from twin.case_studies.benchmarks.engine_seeds.task import AIR, NAMES, NOMINAL_THETA
from twin.models.engine.parameters import engine_of
from twin.models.engine.path import Solver, follow, hold
from twin.models.engine.transient import transient
from twin.models.engine.windows import stacked
from twin.space import Floats
from twin.training.first_order import Adam
from twin.training.lbfgs import LBFGS
from twin.training.loop import Trained, train
from twin.training.problem import Problem, TorchRows, TorchWeights

WINDOWS, SPREAD, FIRST_SEED = 24, 0.15, 2000
FEATURES = (64, 160)
BODY = "body"
CORRECTIONS = 4
"""Iterations of Newton's method for the trajectories."""
KEPT = 1e-7
"""Of the features' singular values, relative to the largest: smaller ones are noise of rounding."""
TOLERANCE = np.array([2e-2, 2e-2, 5e-3])
"""q [1/√s]: what the features cannot follow, unlike splines, must count as an error of the equations."""
CONTINUATION = (10.0, 1.0)
"""Factors of the tolerance, one after the other."""


def trajectories(count: int, seed: int) -> tuple[Floats, Floats]:
    """Times (n,) and scaled states (3 count, n) of engines on transients of their own."""
    rng = np.random.default_rng(seed)
    windows = [transient(FIRST_SEED + k) for k in range(count)]
    theta = NOMINAL_THETA * np.exp(rng.uniform(-SPREAD, SPREAD, (count, 4)))
    engine = engine_of(dict(zip(NAMES, theta.T, strict=True)))
    y = follow(stacked(windows, axis=-1), engine, AIR, Solver(hold, CORRECTIONS), np.zeros(count))
    return windows[0].time, np.moveaxis(np.asarray(y), 1, -1).reshape(-1, len(windows[0].time))


def network(heads: int) -> TimeNetworks:
    """A body with linear heads."""
    return TimeNetworks({BODY: tuple(Output(f"head {i}", 1.0, 1.0) for i in range(heads))}, FEATURES, 0)


def trained_body(seed: int, *, windows: int = WINDOWS, epochs: int = 1000, polish: int = 50) -> Trained:
    """Weights of the body and its heads by regression on trajectories, relative to their means."""
    time, y = trajectories(windows, seed)
    tau, _ = tau_of(time)
    wanted = torch.as_tensor(y / y.mean(axis=1, keepdims=True)).T
    last = len(FEATURES)

    def rows(weights: TorchWeights) -> TorchRows:
        h, _ = features(weights, BODY, last, tau)
        said = h @ weights[f"{BODY}.w{last}"] + weights[f"{BODY}.b{last}"]
        return {"states": 100 * (said - wanted)}

    problem = Problem(network(len(y)), 0, anchors=rows)
    stages = (Adam(epochs, rate=3e-3, resample=10**9, dtype=torch.float64), LBFGS(polish, resample=10**9))
    return train(problem, stages, seed=seed)


def learned_basis(weights: TorchWeights, time: Floats) -> Basis:
    """The frozen body's features and a constant, made orthonormal over the collocation points."""
    points, integral = gauss_points(time)
    (inner, slope), (outer, _) = (_features(weights, time, at) for at in (points, time))
    _, size, turn = np.linalg.svd(inner * np.sqrt(integral)[:, None], full_matrices=False)
    kept = turn[size > KEPT * size[0]].T / size[size > KEPT * size[0]]
    return Basis(points, integral, inner @ kept, slope @ kept, outer @ kept, kept.shape[1])


def _features(weights: TorchWeights, time: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Φ and Φ' (m, K + 1) at times of a window, the last of them the constant."""
    half = float(time[-1] - time[0]) / 2
    tau = torch.as_tensor((at - time[0]) / half - 1)
    value, slope = (part.numpy() for part in features(weights, BODY, len(FEATURES), tau))
    one = np.ones((len(at), 1))
    return np.concatenate([value, one], axis=1), np.concatenate([slope / half, 0 * one], axis=1)
