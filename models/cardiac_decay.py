"""Diastolic decay of arterial pressure: time constant and asymptote, in closed form."""

from twin.model import Coordinate, Observable
from twin.models.cardiac.diastolic_decay import DiastolicDecay
from twin.priors import HalfNormal, LogNormal, Normal, Uniform
from twin.space import Parameter, Space

PRESSURES = (
    "critical closing pressure 45.5, filling pressure 18.7 mmHg (Maas et al. 2012, DOI 10.1213/ANE.0b013e318247fa44); "
    "24.2 mmHg after 13 s without a beat (Schipke et al. 2003, Am. J. Physiol. Heart Circ. Physiol. 285)"
)
TIMES = (
    "R C of adults 1.3 s (Simaan et al. 2009, DOI 10.1109/TCST.2008.912123); 2.9 s without a beat "
    "(Schipke et al. 2003, Am. J. Physiol. Heart Circ. Physiol. 285)"
)

MODEL = DiastolicDecay(
    name="cardiac_decay",
    preset="asymptote",
    source="Chemla et al. 2017, DOI 10.1016/j.acvd.2017.03.008",
    space=Space(
        (
            Parameter("tau", "s", LogNormal(1.3, 0.7), 1.3, "time constant R C of the arteries", TIMES, 0.03, 10.0),
            Parameter("P_inf", "mmHg", Normal(30.0, 15.0), 30.0, "pressure at which flow stops", PRESSURES, 0.0, 120.0),
            Parameter(
                "P_0", "mmHg", Normal(80.0, 30.0), 80.0, "pressure where the decay begins",
                "range of arterial pressures, weakly informative", 5.0, 250.0,
            ),
        )
    ),
    conditions=Space(
        (Parameter("duration", "s", Uniform(0.05, 3.0), 0.5, "length of the decay that is seen", "known input"),)
    ),
    coordinates=(Coordinate("time", "s", "time since the decay began"),),
    observables=(Observable("pressure", "mmHg", "arterial pressure", noise=HalfNormal(2.0)),),
)  # fmt: skip
PRESETS = {MODEL.preset: MODEL}
