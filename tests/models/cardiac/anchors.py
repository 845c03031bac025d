"""Published patients and their limit cycles, from an LSODA integration at rtol 1e-8 and from ModularCirc 0.3.0."""

from collections.abc import Mapping

from twin.models.cardiac.loop import Loop

NOMINAL = {
    "HR": 75.0, "Emax": 2.0, "Emin": 0.06, "V0": 10.0, "SBV": 282.71, "Rs": 1.0, "Cs": 1.33, "Rc": 0.0398, "Ls": 0.0005,
    "Ca": 0.08, "Rm": 0.005, "Ra": 0.001, "Cr": 4.4,
}  # fmt: skip


def volume(start: float, patient: Mapping[str, float]) -> float:
    """SBV [mL] of a beat that starts at a volume, the arteries at 75 mmHg."""
    return start * (1 + patient["Cr"] * patient["Emin"]) + 75 * (patient["Cs"] + patient["Ca"])


CHANGES: Mapping[str, Mapping[str, float]] = {
    "A": {},
    "B": {"HR": 60.0, "Emax": 1.7, "Emin": 0.05, "Ra": 0.002, "V0": 1.0,
          "SBV": volume(150, NOMINAL | {"Emin": 0.05})},
    "C": {"HR": 60.0},
    "D": {"Emax": 0.6, "Rm": 0.05, "SBV": volume(100, NOMINAL)},
    "E": {"Emax": 0.9, "Rs": 1.3, "V0": 20.0, "SBV": 330.0},
}  # fmt: skip

FOUND: Mapping[str, Mapping[str, float]] = {
    "A": {"EDV": 138.223, "ESV": 68.0923, "EF": 50.7375, "SBP": 119.575, "DBP": 79.5898, "MAP": 97.7988,
          "LVEDP": 7.6802, "Pla": 10.1350, "CO": 5.25983, "SW": 0.99606},
    "B": {"EDV": 150.496, "ESV": 68.3028, "EF": 54.6149, "SBP": 117.461, "DBP": 70.174, "MAP": 91.699,
          "LVEDP": 7.4645, "Pla": 9.5060, "CO": 4.9316, "SW": 1.1198},
    "C": {"EDV": 149.188, "ESV": 67.112, "EF": 55.0151, "SBP": 117.557, "DBP": 70.783, "MAP": 92.389,
          "LVEDP": 8.3402, "Pla": 10.313, "CO": 4.9246, "SW": 1.1170},
    "D": {"EDV": 137.824, "ESV": 108.038, "EF": 21.6115, "SBP": 59.773, "DBP": 40.724, "MAP": 48.332,
          "LVEDP": 7.6210, "Pla": 11.100, "CO": 2.23393, "SW": 0.19243},
    "E": {"EDV": 187.409, "ESV": 138.810, "EF": 25.9318, "SBP": 108.870, "DBP": 77.951, "MAP": 90.708,
          "LVEDP": 10.033, "Pla": 11.736, "CO": 3.6449, "SW": 0.59991},
}  # fmt: skip

ASSISTED: Mapping[float, Mapping[str, float]] = {
    8000: {"EDV": 118.20, "ESV": 92.40, "EF": 21.82, "MAP": 60.58, "Pla": 11.16, "CO": 2.965},
    10000: {"EDV": 91.17, "ESV": 62.22, "EF": 31.76, "MAP": 80.48, "Pla": 11.22, "CO": 4.155},
    12000: {"EDV": 58.55, "ESV": 30.12, "EF": 48.56, "MAP": 104.96, "Pla": 10.71, "CO": 5.655},
    13300: {"EDV": 35.01, "ESV": 19.43, "EF": 44.52, "MAP": 123.52, "Pla": 8.93, "CO": 6.875},
}
"""Case D with a pump at speeds [rpm]."""

COUNTERFACTUAL: tuple[tuple[Mapping[str, float], Mapping[str, float]], ...] = (
    ({"Rs": 0.7}, {"EDV": 10.58, "ESV": -3.51, "EF": 5.73, "SBP": -2.80, "DBP": -9.75, "MAP": -6.65, "CO": 1.06,
                   "Pla": 1.02, "LVEDP": 0.63}),
    ({"Emax": 1.4}, {"EDV": -13.26, "ESV": -21.96, "EF": 6.97, "SBP": 15.64, "DBP": 11.32, "MAP": 13.67, "CO": 0.65,
                     "Pla": -0.47, "LVEDP": -0.80}),
    ({"SBV": 0.85}, {"EDV": -25.11, "ESV": -17.82, "EF": -0.48, "SBP": -16.33, "DBP": -11.70, "MAP": -13.61,
                     "CO": -0.55, "Pla": -1.76, "LVEDP": -1.51}),
    ({"HR": 0.8, "Emax": 0.9}, {"EDV": 11.72, "ESV": 5.83, "EF": 1.43, "SBP": -6.28, "DBP": -9.61, "MAP": -7.85,
                                "CO": -0.38, "Pla": 0.28, "LVEDP": 0.70}),
)  # fmt: skip
"""Factors on case E, and the differences they make."""


def patient(name: str, **more: float) -> Loop:
    return Loop(**{**NOMINAL, **CHANGES[name], **more})
