"""Equivalent circuit of a lithium-ion cell without a parameter set, in closed form: discharges and pulses."""

from twin.models.battery.circuit import Circuit
from twin.models.battery.circuit_curve import Line, PlateauAndKnee
from twin.models.battery.presets import CURRENT, TIME, VOLTAGE, start_voltage
from twin.priors import LogNormal, Normal
from twin.space import Parameter, Space

CIRCUIT = "equivalent circuit: Hu, Li, Peng 2012, DOI 10.1016/j.jpowsour.2011.10.013"
FULL, EMPTY = 4.2, 2.5
"""[V] Usual limits of cells of graphite against LCO, NMC or NCA: end of charge, end of discharge."""
VAGUE, ORDERED = 1.0, 0.7
"""log-sd: 90 % within a factor of five; 90 % within a factor of three, which keeps the pairs in order."""
GIVEN = "known input"


def element(name: str, unit: str, median: float, meaning: str, sd_log: float = VAGUE) -> Parameter:
    """A positive number with a LogNormal prior."""
    factor = 5 if sd_log == VAGUE else 3
    return Parameter(name, unit, LogNormal(median, sd_log), median, meaning, f"vague: 90 % within x/÷ {factor}")


def pair(k: int, resistance: float, tau: float, sd_log: float) -> tuple[Parameter, Parameter]:
    """Resistance and time constant of the k-th pair."""
    return (
        element(f"R{k}", "Ohm", resistance, f"resistance of pair {k}"),
        element(f"tau{k}", "s", tau, f"time constant of pair {k}, resistance times capacitance", sd_log),
    )


CURVES = "shapes of LCO, NMC and NCA cells against graphite, weakly informative; after DOI 10.3390/en9110900"
SHAPE = (
    Parameter(
        "U_plateau", "V", Normal(3.65, 0.12), 3.65, "where the plateau would end without a knee",
        CURVES, 3.2, 3.95,
    ),
    Parameter("bend", "1", LogNormal(2.0, 0.4), 2.0, "exponent of the plateau over state of charge", CURVES, 1.0, 6.0),
    Parameter("knee", "1", LogNormal(0.07, 0.7), 0.07, "width of the knee, as a share of Q", CURVES, 0.003, 1.0),
)  # fmt: skip
CAPACITY = element("Q", "A*h", 3.0, f"charge between the open-circuit voltages {FULL} and {EMPTY} V")
SLOPE = element("slope", "V/(A*h)", 0.5, "fall of the open-circuit voltage and of what is slower than the pulse")
LOADED = Parameter("current", "A", Normal(2.0, 0.5), 2.0, "current under load, positive on discharge", GIVEN, -1e3, 1e3)
DURATION = Parameter("duration", "s", Normal(10.0, 2.0), 10.0, "length of pulse and of rest behind", GIVEN, 0.1, 1e4)
SERIES = element("R0", "Ohm", 0.05, "series resistance: all that answers before the first reading")


def _discharge(preset: str, pairs: tuple[tuple[Parameter, Parameter], ...]) -> Circuit:
    return Circuit(
        name="battery_circuit",
        preset=preset,
        source=CIRCUIT,
        curve=PlateauAndKnee(FULL, EMPTY),
        pairs=len(pairs),
        pulse=False,
        cut_off=EMPTY,
        space=Space((CAPACITY, SERIES, *(p for both in pairs for p in both), *SHAPE)),
        conditions=Space((LOADED, start_voltage(3.0, 4.25, 4.19))),
        coordinates=(TIME, CURRENT),
        observables=(VOLTAGE,),
    )


def _pulse(preset: str, pairs: tuple[tuple[Parameter, Parameter], ...]) -> Circuit:
    return Circuit(
        name="battery_circuit",
        preset=preset,
        source=CIRCUIT,
        curve=Line(),
        pairs=len(pairs),
        pulse=True,
        cut_off=EMPTY,
        space=Space((SERIES, *(p for both in pairs for p in both), SLOPE)),
        conditions=Space((LOADED, start_voltage(2.0, 4.5, 3.7), DURATION)),
        coordinates=(TIME, CURRENT),
        observables=(VOLTAGE,),
    )


MODEL = _discharge("one_pair", (pair(1, 0.03, 60.0, VAGUE),))
PRESETS = {
    model.preset: model
    for model in (
        MODEL,
        _discharge("two_pairs", (pair(1, 0.03, 30.0, ORDERED), pair(2, 0.03, 500.0, ORDERED))),
        _pulse("pulse_one_pair", (pair(1, 0.01, 2.0, VAGUE),)),
        _pulse("pulse_two_pairs", (pair(1, 0.01, 0.5, ORDERED), pair(2, 0.01, 5.0, ORDERED))),
    )
}
