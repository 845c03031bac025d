"""Forecasts of a fade hold the truth as often as they say, and see only what they are given."""

import numpy as np
import pytest

from twin.inference.monitor.power_law import POWERS, crossings, fits_of
from twin.space import Floats


def faded(seed: int, n: int = 300) -> tuple[Floats, float]:
    """Values with slow deviations, and a limit that is reached some time after the 80th."""
    rng = np.random.default_rng(seed)
    power, memory, loss = rng.uniform(0.5, 1.0), rng.uniform(0.0, 0.97), rng.uniform(0.2, 0.5)
    away = np.zeros(n)
    for k in range(1, n):
        away[k] = memory * away[k - 1] + 0.01 * rng.standard_normal()
    return 1.9 - loss * (np.arange(1, n + 1) / 80) ** power + away, 1.9 - loss * float(rng.uniform(1.15, 1.6))


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = []
    for seed in range(40):
        values, limit = faded(seed)
        below = np.flatnonzero(values[80:] < limit)
        if len(below):
            q05, q95 = np.quantile(crossings(values[:80], limit, 400, 200, seed), [0.05, 0.95])
            held.append(q05 <= 81 + below[0] <= q95)
    assert len(held) > 30
    assert np.mean(held) > 0.8


def test_without_deviations_the_crossing_is_that_of_the_law() -> None:
    power = float(POWERS[4])
    k = np.arange(1, 200)
    values = 2.0 - 0.4 * (k / 80) ** power + 1e-6 * np.random.default_rng(0).standard_normal(len(k))
    found = crossings(values[:80], 1.5, 200, 100, 0)
    truth = int(np.flatnonzero(values < 1.5)[0]) + 1
    assert np.quantile(found, 0.05) >= truth - 1
    assert np.quantile(found, 0.95) <= truth + 1
    best = max(fits_of(values[:80]), key=lambda fit: fit.log_evidence)
    assert best.power == power


def test_what_never_fades_is_forecast_to_last() -> None:
    values = 2.0 + 0.01 * np.random.default_rng(1).standard_normal(60)
    assert np.mean(np.isinf(crossings(values, 1.0, 100, 100, 0))) > 0.95
    with pytest.raises(ValueError, match="at least 10 values"):
        crossings(values[:9], 1.0, 10, 10, 0)


def test_laws_are_weighed_by_the_evidence_of_correlated_errors() -> None:
    """Against dense algebra: |R|^(-1/2) |XᵀR⁻¹X|^(-1/2) S^(-(n-2)/2), R_ij = ρ^|i-j|/(1 - ρ²)."""
    values, _ = faded(3)
    values, n = values[:30], 30
    k = np.arange(1, n + 1)

    def direct(power: float, memory: float) -> float:
        R = memory ** np.abs(k[:, None] - k) / (1 - memory**2)
        X = np.stack([np.ones(n), -((k / n) ** power)], axis=1)
        inner = X.T @ np.linalg.solve(R, X)
        left = values - X @ np.linalg.solve(inner, X.T @ np.linalg.solve(R, values))
        square = left @ np.linalg.solve(R, left)
        return float(-0.5 * (np.linalg.slogdet(R)[1] + np.linalg.slogdet(inner)[1] + (n - 2) * np.log(square)))

    fits = fits_of(values)
    ours = np.array([fit.log_evidence for fit in fits])
    dense = np.array([direct(fit.power, fit.memory) for fit in fits])
    np.testing.assert_allclose(ours - ours[0], dense - dense[0], atol=1e-8)


def test_a_forecast_begins_where_the_last_value_is() -> None:
    """A deviation that is remembered is still there in the next value: what starts below the limit is there at once."""
    k = np.arange(1, 81)
    rng = np.random.default_rng(0)
    away = np.zeros(80)
    for i in range(1, 80):
        away[i] = 0.97 * away[i - 1] + 0.003 * rng.standard_normal()
    away[-8:] -= np.linspace(0.0, 0.06, 8)
    values = 2.0 - 0.1 * k / 80 + away
    found = crossings(values, float(values[-1]) + 0.02, 100, 200, 0)
    assert np.mean(found == 81) > 0.9
