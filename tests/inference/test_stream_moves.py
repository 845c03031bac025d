"""Moves leave a law as it is, find it from elsewhere, and are taken for granted where the law is the fitted one."""

import numpy as np
import pytest

from twin.inference.stream.moves import Fitted, Law, fitted, memory, moved, placed
from twin.inference.stream.path import Paths, links_of, path_of, whitened
from twin.space import Floats

N, WINDOWS = 2048, 6
EQUAL = np.full(N, -np.log(N))


def still(u: Floats) -> Paths:
    """Particles of which nothing walks, at one window."""
    return Paths(u, np.zeros((len(u), 1, 0)), ())


def banana(paths: Paths) -> tuple[Floats, Floats]:
    """a ~ N(0, 1), b | a ~ N(a²/2, 0.2²)."""
    a, b = paths.u.T
    return np.zeros((len(a), 1)), -0.5 * a**2 - 0.5 * ((b - 0.5 * a**2) / 0.2) ** 2


def bananas(seed: int) -> Floats:
    a, e = np.random.default_rng(seed).standard_normal((2, N))
    return np.column_stack([a, 0.5 * a**2 + 0.2 * e])


def after(law: Law, at: Fitted, paths: Paths, seed: int = 1) -> Paths:
    fits, value = law(paths)
    done = moved(law, at, paths, fits, value, np.random.default_rng(seed))
    assert done.work.remembered <= 0.2
    return done.paths


def walks(seed: int) -> Paths:
    """Two coordinates, of which the second walks with steps N(0, 0.3²), from N(0, 1)."""
    rng = np.random.default_rng(seed)
    walked = np.cumsum(np.concatenate([rng.standard_normal((N, 1)), 0.3 * rng.standard_normal((N, WINDOWS - 1))], 1), 1)
    u = np.column_stack([rng.standard_normal(N) + walked[:, -1], walked[:, -1]])
    return Paths(u, walked[..., None], (1,))


def walk(paths: Paths) -> tuple[Floats, Floats]:
    w = paths.walked[..., 0]
    value = -0.5 * w[:, 0] ** 2 - 0.5 * np.sum((np.diff(w) / 0.3) ** 2, axis=1)
    return np.zeros((len(w), WINDOWS)), value - 0.5 * (paths.u[:, 0] - w[:, -1]) ** 2


def test_moves_leave_a_banana_as_it_is() -> None:
    begin = still(bananas(0))
    done = after(banana, fitted(begin, EQUAL), begin).u
    assert memory(begin, still(done)) < 0.2
    np.testing.assert_allclose(done.mean(axis=0), [0.0, 0.5], atol=0.08)
    np.testing.assert_allclose(done.std(axis=0), [1.0, np.sqrt(0.04 + 0.5)], atol=0.08)
    np.testing.assert_allclose((done[:, 1] - 0.5 * done[:, 0] ** 2).std(), 0.2, rtol=0.06)


def test_moves_bring_particles_to_a_law_that_they_are_not_yet_under() -> None:
    wide = still(bananas(0) + 0.7 * np.random.default_rng(2).standard_normal((N, 2)))
    done = after(banana, fitted(wide, EQUAL), wide).u
    np.testing.assert_allclose((done[:, 1] - 0.5 * done[:, 0] ** 2).std(), 0.2, rtol=0.08)
    np.testing.assert_allclose(done[:, 0].std(), 1.0, rtol=0.08)


def test_moves_leave_walks_as_they_are() -> None:
    begin = walks(0)
    done = after(walk, fitted(begin, EQUAL), begin)
    steps = np.diff(done.walked[..., 0])
    np.testing.assert_allclose(steps.std(axis=0), 0.3, rtol=0.07)
    np.testing.assert_allclose(np.corrcoef(steps.T) - np.eye(WINDOWS - 1), 0.0, atol=0.1)
    np.testing.assert_allclose(done.walked[:, 0, 0].std(), 1.0, rtol=0.07)
    np.testing.assert_allclose((done.u[:, 0] - done.u[:, 1]).std(), 1.0, rtol=0.07)
    np.testing.assert_array_equal(done.u[:, 1], done.walked[:, -1, 0])


def test_every_move_under_the_fitted_law_itself_is_accepted() -> None:
    begin = walks(0)
    at = fitted(begin, EQUAL)

    def law(paths: Paths) -> tuple[Floats, Floats]:
        return np.zeros((N, WINDOWS)), placed(at, paths).log_fitted

    fits, value = law(begin)
    done = moved(law, at, begin, fits, value, np.random.default_rng(0))
    assert done.work.acceptance == pytest.approx(1.0)


def test_whitening_a_path_is_undone_by_colouring_it_and_leaves_unit_scale() -> None:
    paths = walks(3)
    links = links_of(paths, np.exp(EQUAL))
    xi = whitened(links, paths)
    np.testing.assert_allclose(path_of(links, paths.u, xi).walked, paths.walked, atol=1e-10)
    np.testing.assert_allclose(np.cov(xi.T), np.eye(WINDOWS - 1), atol=0.1)


def test_links_of_a_random_walk_are_those_of_its_backward_law() -> None:
    paths = walks(4)
    links = links_of(paths, np.exp(EQUAL))
    for s in range(WINDOWS - 1):
        before, after_ = 1.0 + 0.09 * s, 1.0 + 0.09 * (s + 1)
        assert links.slope[s, 1, 0] == pytest.approx(before / after_, abs=0.05)
        assert links.noise[s, 0, 0] == pytest.approx(0.3 * np.sqrt(before / after_), rel=0.06)
