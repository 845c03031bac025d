"""What the presets of the single-particle models have in common: axes, conditions, priors of multipliers."""

from twin.model import Coordinate, Observable
from twin.priors import HalfNormal, LogNormal, Uniform
from twin.space import Parameter

TIME = Coordinate("time", "s", "time since the current was switched on")
CURRENT = Coordinate("current", "A", "current of the interval that ends here, where it is not constant", optional=True)
VOLTAGE = Observable("voltage", "V", "terminal voltage", noise=HalfNormal(0.010))

SD_LOG = 0.421
"""log-sd that puts 90 % of a multiplier's prior within a factor of two: ln 2/1.645."""


def multiplier(name: str, meaning: str) -> Parameter:
    """A factor on a literature value: LogNormal with median 1, 90 % within a factor of two."""
    return Parameter(name, "1", LogNormal(1.0, SD_LOG), 1.0, meaning, "weakly informative: 90 % within x/÷ 2")


def c_rate(low: float, high: float, nominal: float) -> Parameter:
    """The current in units of nominal capacity per hour."""
    meaning = "current over nominal capacity, positive on discharge"
    return Parameter("c_rate", "1/h", Uniform(low, high), nominal, meaning, "known input")


def temperature(low: float, high: float, nominal: float) -> Parameter:
    """The cell's temperature, taken as uniform and constant."""
    return Parameter("temperature", "K", Uniform(low, high), nominal, "cell temperature", "known input")


def start_voltage(low: float, high: float, nominal: float) -> Parameter:
    """The rested voltage that fixes the state of charge at the start."""
    meaning = "open-circuit voltage before the current is switched on"
    return Parameter("start_voltage", "V", Uniform(low, high), nominal, meaning, "known input")
