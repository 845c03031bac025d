"""Numbers and priors as people read them.

A standard deviation is shown with two significant digits and everything that belongs to it with as many decimals.
"""

import math
from dataclasses import dataclass

from twin.priors import Beta, HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Digits:
    """How numbers that belong together are written: decimals after the point, common power of ten."""

    decimals: int
    exponent: int

    def show(self, value: float) -> str:
        """The value over the power of ten, without the power."""
        if not math.isfinite(value):
            return NONE
        return f"{value / 10.0**self.exponent:.{self.decimals}f}".replace("-", MINUS)

    @property
    def power(self) -> str:
        """``×10⁻¹⁴``, or nothing."""
        return f"×10{str(self.exponent).translate(SUPERSCRIPTS)}" if self.exponent else ""


def digits(centre: float, spread: float) -> Digits:
    """Digits such that ``spread`` keeps two significant ones; the larger of the two sets the power of ten."""
    largest = max((abs(v) for v in (centre, spread) if math.isfinite(v)), default=0.0)
    if largest == 0.0:
        return Digits(0, 0)
    magnitude = math.floor(math.log10(largest))
    exponent = magnitude if magnitude < -3 or magnitude > 5 else 0
    unsure = spread if math.isfinite(spread) and spread > 1e-9 * largest else largest * 0.1
    last = math.floor(math.log10(unsure)) - 1
    if float(f"{unsure:.1e}") >= 10.0 ** (last + 2):  # 0.0996 is written 0.10
        last += 1
    return Digits(max(0, exponent - last), exponent)


def mean_and_sd(mean: float, sd: float) -> str:
    """``1.303 ± 0.012``, ``(1.30 ± 0.12) ×10⁻¹⁴``."""
    form = digits(mean, sd)
    text = f"{form.show(mean)} ± {form.show(sd) if sd > 1e-9 * abs(mean) or not math.isfinite(sd) else 0}"
    return f"({text}) {form.power}" if form.power else text


def interval(low: float, high: float, form: Digits) -> str:
    """``[1.283, 1.323]`` in the digits of its parameter."""
    return f"[{form.show(low)}, {form.show(high)}] {form.power}".strip()


def number(value: float | None, significant: int = 3) -> str:
    """A number that stands alone; a dash for none."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value)).replace("-", MINUS)
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -3 or magnitude > 5:
        mantissa = f"{value / 10.0**magnitude:.{significant - 1}f}"
        return f"{mantissa} ×10{str(magnitude).translate(SUPERSCRIPTS)}".replace("-", MINUS)
    return f"{value:.{max(0, significant - 1 - magnitude)}f}".replace("-", MINUS)


def given(value: float, significant: int = 3) -> str:
    """A number that somebody chose (a limit, a prior): no more zeros than it needs."""
    text = number(value, significant)
    mantissa, gap, power = text.partition(" ")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + gap + power


def percent(share: float) -> str:
    """``93 %``."""
    return f"{100.0 * share:.0f} %".replace("-", MINUS) if math.isfinite(share) else NONE


def unit_text(unit: str) -> str:
    """The unit; a dash for a pure number."""
    return NONE if unit in ("", "1") else unit


def prior_text(parameter: Parameter) -> str:
    """The prior in words, with the domain where it cuts the prior."""
    law, prior = parameter.prior.scipy(), parameter.prior
    low, high = (given(float(law.ppf(q))) for q in (0.05, 0.95))
    match prior:
        case Normal(mean, sd):
            text = f"normal {given(mean)} ± {given(sd)}"
        case LogNormal(median, _):
            text = f"log-normal, median {given(median)}, 90 % in [{low}, {high}]"
        case Uniform(start, end):
            text = f"uniform on [{given(start)}, {given(end)}]"
        case Beta(a, b):
            text = f"beta({given(a)}, {given(b)}), 90 % in [{low}, {high}]"
        case HalfNormal(scale):
            text = f"half-normal, scale {given(scale)}"
        case _:
            text = f"{type(prior).__name__}, 90 % in [{low}, {high}]"
    return text + _cut(parameter)


def _cut(parameter: Parameter) -> str:
    support, (low, high) = parameter.prior.support, parameter.bounds
    below, above = low > support[0], high < support[1]
    if below and above:
        return f", cut to [{given(low)}, {given(high)}]"
    if below or above:
        return f", cut to ≥ {given(low)}" if below else f", cut to ≤ {given(high)}"
    return ""
