"""How long charts run without a change, against simulation, the printed table and the stated rate."""

import numpy as np
import pytest

from twin.inference.monitor.run_length import run_length, threshold_for

UNCAPPED = 100.0


@pytest.mark.parametrize(("threshold", "mean"), [(4.0, 335.4), (5.0, 930.9)])
def test_run_lengths_are_those_of_the_literature(threshold: float, mean: float) -> None:
    """One-sided charts with k = ½ (Montgomery, Introduction to Statistical Quality Control, two-sided 168 and 465)."""
    assert abs(run_length(threshold, 1.0, UNCAPPED) / mean - 1) < 2e-3


@pytest.mark.parametrize("size", [0.5, 1.0, 2.0])
def test_a_simulated_chart_runs_as_long_as_stated(size: float) -> None:
    stated, share, units = 400.0, 0.4, 1500
    threshold = threshold_for(stated, size, share)
    rng, sums, runs, alive = np.random.default_rng(0), np.zeros(units), np.zeros(units), np.ones(units, dtype=bool)
    while alive.any():
        ratio = size * rng.standard_normal(units) - 0.5 * size**2
        sums = np.maximum(0.0, sums + np.minimum(ratio, share * threshold))
        runs += alive
        alive &= sums <= threshold
    assert abs(runs.mean() - stated) < 4 * runs.std() / np.sqrt(units)


def test_rarer_alarms_need_higher_thresholds_and_too_frequent_ones_are_refused() -> None:
    found = [threshold_for(windows, 1.0, 0.4) for windows in (1e2, 1e3, 1e5, 1e7)]
    assert np.all(np.diff(found) > 1.0)
    with pytest.raises(ValueError, match="at least 2 windows"):
        threshold_for(1.0, 1.0, 0.4)
