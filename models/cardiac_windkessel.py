"""Windkessel loads of the aorta in closed form: two to five elements, priors of a human adult or vague ones."""

from twin.model import Coordinate, Observable
from twin.models.cardiac.windkessel import ClosedFormWindkessel
from twin.models.cardiac.windkessel_circuits import FIVE, FOUR, THREE, TWO, Circuit
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

SIMAAN = "Simaan et al. 2009, DOI 10.1109/TCST.2008.912123"
STERGIOPULOS = "Stergiopulos et al. 1999, DOI 10.1152/ajpheart.1999.276.1.H81"
SVR = "systemic vascular resistance of adults, 800-1400 dyn s/cm5, and the unit value of " + SIMAAN
VAGUE = 1.0
"""log-sd of the vague priors: 90 % within a factor of five, for animals and prepared hearts."""
RESISTANCE, COMPLIANCE, INERTANCE = "mmHg*s/mL", "mL/mmHg", "mmHg*s^2/mL"


def _element(
    name: str, unit: str, median: float, sd_log: float, human: tuple[float, float], wide: tuple[float, float],
    meaning: str, source: str,
) -> tuple[Parameter, Parameter]:  # fmt: skip
    """The element with the prior of a human adult, and with a vague one."""
    adult = Parameter(name, unit, LogNormal(median, sd_log), median, meaning, source, *human)
    vague = Parameter(name, unit, LogNormal(median, VAGUE), median, meaning, f"vague, around {source}", *wide)
    return adult, vague


ELEMENTS = {
    adult.name: (adult, vague)
    for adult, vague in (
        _element("R", RESISTANCE, 1.0, 0.30, (0.35, 3.0), (0.05, 50.0), "peripheral resistance", SVR),
        _element("C", COMPLIANCE, 1.33, 0.35, (0.3, 4.0), (0.03, 30.0), "arterial compliance", SIMAAN),
        _element("Zc", RESISTANCE, 0.04, 0.40, (0.01, 0.2), (0.001, 1.0), "characteristic impedance", SIMAAN),
        _element("L", INERTANCE, 0.005, 0.7, (2e-4, 0.1), (1e-5, 1.0), "total arterial inertance", STERGIOPULOS),
        _element("Rs", RESISTANCE, 1.0, 0.30, (0.35, 3.0), (0.05, 50.0), "systemic resistance", SVR),
        _element("Cs", COMPLIANCE, 1.33, 0.35, (0.3, 4.0), (0.03, 30.0), "systemic arterial compliance", SIMAAN),
        _element("Rc", RESISTANCE, 0.04, 0.40, (0.01, 0.2), (0.001, 1.0), "characteristic resistance", SIMAAN),
        _element("Ls", INERTANCE, 8e-4, 0.7, (1e-4, 0.01), (1e-5, 0.1), "inertance of the blood", SIMAAN),
        _element("Ca", COMPLIANCE, 0.12, 0.7, (0.01, 0.8), (1e-4, 3.0), "compliance of the aortic root", SIMAAN),
    )
}
OFFSET = Parameter(
    "flow_offset", "mL/s", Normal(0.0, 5.0), 0.0, "added to the measured flow: the probe's zero is off by as much",
    "mean flows of four segments of one pig at rest, 26-33 mL/s (Pigot et al. 2021)", -60.0, 60.0,
)  # fmt: skip
DELAY = Parameter(
    "flow_delay", "s", Normal(0.0, 0.010), 0.0, "time by which the flow was recorded later than the pressure",
    "a first-order filter of 20 Hz is late by 8 ms, 5 cm between the sensors are 10 ms at 5 m/s", -0.04, 0.04,
)  # fmt: skip
CONDITIONS = Space(
    (
        Parameter("period", "s", Uniform(0.29, 2.5), 0.8, "heart period, one beat", "known input"),
        Parameter("venous_pressure", "mmHg", Uniform(-10.0, 40.0), 0.0, "pressure behind the circuit", "known input"),
    )
)
COORDINATES = (
    Coordinate("time", "s", "equally spaced over one heart period"),
    Coordinate("flow", "mL/s", "measured flow into the aorta at that time"),
)
PRESSURE = Observable("pressure", "mmHg", "aortic pressure", noise=HalfNormal(4.0))


def _preset(name: str, circuit: Circuit, source: str, *, vague: bool = False) -> ClosedFormWindkessel:
    elements = tuple(ELEMENTS[element][int(vague)] for element in circuit.elements)
    return ClosedFormWindkessel(
        name="cardiac_windkessel",
        preset=f"{name}_vague" if vague else name,
        source=source,
        circuit=circuit,
        space=Space((*elements, OFFSET, DELAY)),
        conditions=CONDITIONS,
        coordinates=COORDINATES,
        observables=(PRESSURE,),
    )


WESTERHOF = "Westerhof, Lankhaar, Westerhof 2009, DOI 10.1007/s11517-008-0359-2"
CIRCUITS = {
    "five_element": (FIVE, SIMAAN),
    "four_element": (FOUR, STERGIOPULOS),
    "three_element": (THREE, WESTERHOF),
    "two_element": (TWO, WESTERHOF),
}
PRESETS = {
    model.preset: model
    for vague in (False, True)
    for model in (_preset(name, circuit, source, vague=vague) for name, (circuit, source) in CIRCUITS.items())
}
MODEL = PRESETS["five_element"]
