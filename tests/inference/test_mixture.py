"""Mixtures fitted to weighted draws."""

import numpy as np

from twin.inference.rungs.mixture import fit_mixture


def test_draws_that_went_astray_do_not_count_whatever_their_weight() -> None:
    rng = np.random.default_rng(0)
    u = rng.standard_normal((1, 400, 2))
    log_weights = np.where(np.arange(400) < 300, -np.log(300.0), -np.inf)[None]
    factor = np.eye(2)[None]
    far = u.copy()
    far[:, 300:] = np.where(np.arange(100)[:, None] < 50, np.nan, 1e200)
    near = fit_mixture(u, log_weights, factor, 3)
    found = fit_mixture(far, np.full((1, 400), -np.log(300.0)), factor, 3)
    np.testing.assert_array_equal(found.centre, near.centre)
    np.testing.assert_array_equal(found.weight, near.weight)
    np.testing.assert_array_equal(found.axes, near.axes)


def test_a_sample_that_went_astray_as_a_whole_still_gives_a_proposal() -> None:
    found = fit_mixture(np.full((1, 50, 2), np.inf), np.full((1, 50), -np.log(50.0)), np.eye(2)[None], 3)
    for part in (found.weight, found.centre, found.axes):
        assert np.isfinite(part).all()
