"""Leave-one-out against the conjugate normal model, where the answer is known."""

import numpy as np
import pytest
from scipy import stats

from twin.inference.loo import difference, leave_one_out
from twin.space import Floats


def conjugate(y: Floats, *, shift: float = 0.0, n: int = 4000) -> Floats:
    """Pointwise log densities (2, n/2, m) of y ~ N(μ + shift, 1) at draws of μ's posterior under a N(0, 10²) prior."""
    precision = len(y) + 0.01
    mu = np.random.default_rng(0).normal(np.sum(y - shift) / precision, precision**-0.5, n)
    return np.asarray(stats.norm.logpdf(y, mu[:, None] + shift, 1.0)).reshape(2, n // 2, len(y))


def test_it_is_the_exact_predictive_density_of_each_reading() -> None:
    y = np.random.default_rng(1).normal(0.5, 1.0, 40)
    exact = []
    for i in range(len(y)):
        rest = np.delete(y, i)
        precision = len(rest) + 0.01
        exact.append(stats.norm.logpdf(y[i], rest.sum() / precision, np.sqrt(1 + 1 / precision)))
    found = leave_one_out(conjugate(y))
    np.testing.assert_allclose(found.pointwise, exact, atol=0.01)
    assert found.elpd == pytest.approx(np.sum(exact), abs=0.1)
    assert found.se == pytest.approx(np.sqrt(len(y) * np.var(exact, ddof=1)), rel=0.02)
    assert found.unreliable == 0


def test_an_outlier_is_not_to_be_trusted() -> None:
    y = np.append(np.random.default_rng(1).normal(0.0, 1.0, 5), 12.0)
    found = leave_one_out(conjugate(y))
    assert found.khat[-1] > 0.7
    assert found.unreliable >= 1


def test_the_true_model_predicts_better_than_one_with_too_little_noise() -> None:
    y = np.random.default_rng(2).normal(0.0, 2.0, 60)
    narrow = conjugate(y)
    mu = np.random.default_rng(0).normal(y.mean(), 2.0 / np.sqrt(60), 4000)
    right = np.asarray(stats.norm.logpdf(y, mu[:, None], 2.0)).reshape(2, 2000, 60)
    gain, error = difference(leave_one_out(right), leave_one_out(narrow))
    assert gain > 3 * error
    assert difference(leave_one_out(narrow), leave_one_out(narrow)) == (0.0, 0.0)
