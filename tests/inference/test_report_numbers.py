"""Numbers and priors in the report: short, and never other than they are."""

from typing import Any

import numpy as np
import pytest

from twin.inference.report.numbers import Digits, digits, given, interval, mean_and_sd, number, prior_text
from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Floats, Parameter


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (1.30312, 0.0123, "1.303 ± 0.012"),
        (1.30312, 0.0996, "1.30 ± 0.10"),
        (-0.0321, 0.061, "−0.032 ± 0.061"),
        (1.3e-14, 1.2e-15, "(1.30 ± 0.12) ×10⁻¹⁴"),
        (1234.5, 67.8, "1234 ± 68"),
        (2.5e9, 1.0e8, "(2.50 ± 0.10) ×10⁹"),
        (20.58, 3.94, "20.6 ± 3.9"),
        (0.8, 0.0, "0.800 ± 0"),
        (0.0, 0.0, "0 ± 0"),
    ],
)
def test_a_standard_deviation_has_two_digits_and_the_mean_matches(mean: float, sd: float, text: str) -> None:
    assert mean_and_sd(mean, sd) == text


def test_numbers_are_short_and_keep_their_size() -> None:
    assert interval(1.2e-14, 1.4e-14, digits(1.3e-14, 1.2e-15)) == "[1.20, 1.40] ×10⁻¹⁴"
    assert [number(v) for v in (0.0, 400.0, 0.25812, 1.2e-7, None, float("inf"))] == [
        "0", "400", "0.258", "1.20 ×10⁻⁷", "–", "–"
    ]  # fmt: skip
    assert [given(v) for v in (0.5, 0.7, 400.0, 1.0, 2e-7)] == ["0.5", "0.7", "400", "1", "2 ×10⁻⁷"]
    values: Floats = 10.0 ** np.random.default_rng(0).uniform(-20, 20, 300)
    for value in values:
        form: Digits = digits(float(value), float(value) / 50)
        assert float(form.show(float(value))) * 10.0**form.exponent == pytest.approx(value, rel=2e-3)


def test_priors_read_as_words_with_their_cuts() -> None:
    def text(prior: Any, **box: float) -> str:
        return prior_text(Parameter("a", "1", prior, 1.0, "", "", **box))

    assert text(Normal(0.9, 0.03), lower=0.5, upper=1.0) == "normal 0.9 ± 0.03, cut to [0.5, 1]"
    assert text(LogNormal(1.0, 0.421)) == "log-normal, median 1, 90 % in [0.5, 2]"
    assert text(Uniform(-0.1, 0.4)) == "uniform on [−0.1, 0.4]"
    assert text(Beta(2.0, 2.0)).startswith("beta(2, 2), 90 % in [0.135, 0.865]")
    assert text(HalfNormal(0.02), upper=0.1) == "half-normal, scale 0.02, cut to ≤ 0.1"
