"""What may be free in a patient, with priors: the heart, the circulation, and how it was measured."""

from twin.priors import LogNormal, Normal, Prior, Uniform
from twin.space import Parameter, Space

SIMAAN = "Simaan et al. 2009, DOI 10.1109/TCST.2008.912123"
CHEN = "Chen et al. 2001, DOI 10.1016/S0735-1097(01)01651-5"
STERGIOPULOS = "Stergiopulos et al. 1999, DOI 10.1152/ajpheart.1999.276.1.H81"
CUFF = "85 subjects, cuff less invasive central pressure: -2.6 ± 9.0 and +6.1 ± 7.0 mmHg; 80 % taken as persistent"
PERSISTENT = 0.8
"""Share of the cuff's error variance that does not change from reading to reading."""

NARROW = 0.6
"""Of the wide log-sds: then 93 % of draws have a systolic pressure of 85-190 mmHg and an output of 2.5-9 L/min."""

MEDIAN = {
    "Emax": 2.0, "Emin": 0.06, "SBV": 283.0, "Rs": 1.0, "Cs": 1.33, "Rc": 0.04, "Ls": 0.0008, "Ca": 0.12, "Rm": 0.006,
    "Ra": 0.002, "Cr": 4.4,
}  # fmt: skip
SPREAD = {
    "Emax": 0.45, "Emin": 0.35, "SBV": 0.25, "Rs": 0.30, "Cs": 0.35, "Rc": 0.40, "Ls": 0.7, "Ca": 0.7, "Rm": 0.5,
    "Ra": 0.7, "Cr": 0.35,
}  # fmt: skip
"""Wide log-sds."""

CIRCULATION = ("Emax", "Emin", "V0", "SBV", "Rs", "Cs", "Rc", "Ls", "Ca", "Rm", "Ra", "Cr")
"""Parameters of the loop, in the order of θ."""

LIMITS = {
    "Emax": (0.3, 8.0), "Emin": (0.02, 0.25), "V0": (-5.0, 40.0), "SBV": (100.0, 700.0), "Rs": (0.35, 3.0),
    "Cs": (0.3, 4.0), "Rc": (0.01, 0.2), "Ls": (1e-4, 0.01), "Ca": (0.01, 0.8), "Rm": (0.003, 0.12),
    "Ra": (2e-4, 0.25), "Cr": (1.0, 15.0),
}  # fmt: skip

ABOUT = {
    "Emax": ("mmHg/mL", "largest elastance of the left ventricle", f"range 0.4-8.4, {CHEN}"),
    "Emin": ("mmHg/mL", "smallest elastance of the left ventricle", SIMAAN),
    "V0": ("mL", "ventricular volume at no pressure", "published ranges 4-40 mL"),
    "SBV": ("mL", "stressed blood volume of the loop", f"invariant of the loop of {SIMAAN}"),
    "Rs": ("mmHg s/mL", "systemic vascular resistance", STERGIOPULOS),
    "Cs": ("mL/mmHg", "systemic arterial compliance", STERGIOPULOS),
    "Rc": ("mmHg s/mL", "characteristic resistance of the aorta", STERGIOPULOS),
    "Ls": ("mmHg s²/mL", "inertance of the blood in the aorta", f"{SIMAAN}; three times that in {STERGIOPULOS}"),
    "Ca": ("mL/mmHg", "compliance of the aortic root", f"{SIMAAN}; four times that in {STERGIOPULOS}"),
    "Rm": ("mmHg s/mL", "resistance of the mitral valve, 0.1 in stenosis", SIMAAN),
    "Ra": ("mmHg s/mL", "resistance of the aortic valve, 0.25 in severe stenosis", SIMAAN),
    "Cr": ("mL/mmHg", "compliance of left atrium and veins", SIMAAN),
}

HEART_RATE = Parameter("HR", "1/min", Uniform(35.0, 180.0), 75.0, "heart rate", "known input, ECG or cuff")

PUMP_SPEED = Parameter(
    "pump_speed", "rpm", Uniform(6000.0, 15000.0), 9000.0, "speed of a left ventricular assist pump",
    f"{SIMAAN}; below 6000 rpm blood flows back through it",
)  # fmt: skip


def circulation(share: float, **changed: Prior) -> Space:
    """The loop's parameters with log-sds of ``share`` of the wide ones, and priors ``changed`` by name."""
    priors: dict[str, Prior] = {name: LogNormal(MEDIAN[name], share * SPREAD[name]) for name in MEDIAN}
    priors |= {"V0": Normal(10.0, 8.0)} | changed
    parameters = []
    for name in CIRCULATION:
        unit, meaning, source = ABOUT[name]
        nominal = float(priors[name].scipy().median())
        parameters.append(Parameter(name, unit, priors[name], nominal, meaning, source, *LIMITS[name]))
    return Space(tuple(parameters))


def _persistent(bias: float, sd: float) -> Normal:
    return Normal(bias, sd * PERSISTENT**0.5)


OBSERVATION = Space(
    (
        Parameter("HR_error", "1/min", Normal(0.0, 1.0), 0.0, "true heart rate less the given one",
                  "a monitor's rounding and averaging", -5.0, 5.0),
        Parameter("cuff_SBP", "mmHg", _persistent(-2.6, 9.0), -2.6, "cuff less central systolic pressure", CUFF,
                  -40.0, 40.0),
        Parameter("cuff_DBP", "mmHg", _persistent(6.1, 7.0), 6.1, "cuff less central diastolic pressure", CUFF,
                  -40.0, 40.0),
        Parameter("volume_scale", "1", LogNormal(1.0, 0.1), 1.0, "measured over true ventricular volume",
                  "foreshortened views; echo reads lower than magnetic resonance", 0.6, 1.6),
        Parameter("delay", "s", Normal(0.0, 0.1), 0.0, "lag of the pressure trace behind the activation",
                  "transit time and trigger are unknown", -0.5, 0.5),
        Parameter("pressure_offset", "mmHg", Normal(0.0, 2.0), 0.0, "error of the pressure transducer's zero",
                  "1 cm of height is 0.78 mmHg", -15.0, 15.0),
        Parameter("catheter", "s", LogNormal(0.008, 0.5), 0.008, "time constant of the fluid-filled catheter",
                  "first order, corner at 10-40 Hz", 0.001, 0.03),
    )
)  # fmt: skip
"""How measurements differ from what the model means by them."""
