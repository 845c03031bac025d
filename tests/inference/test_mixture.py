"""Mixtures fitted to weighted draws."""

import numpy as np

from twin.inference.mixture import fit_mixture


def test_draws_without_weight_do_not_count_even_at_infinity() -> None:
    rng = np.random.default_rng(0)
    u = rng.standard_normal((1, 400, 2))
    log_weights = np.where(np.arange(400) < 300, -np.log(300.0), -np.inf)[None]
    factor = np.eye(2)[None]
    far = u.copy()
    far[:, 300:] = np.where(np.arange(100)[:, None] < 50, np.inf, 1e200)
    near, found = (fit_mixture(draws, log_weights, factor, 3) for draws in (u, far))
    np.testing.assert_array_equal(found.centre, near.centre)
    np.testing.assert_array_equal(found.weight, near.weight)
    assert np.isfinite(found.axes).all()
