"""What is measured at the bedside: numbers with their known errors, and two curves over a beat.

The central 90 % of a single reading's error is 1.645 ``sd`` wide on either side. A cuff's persistent bias is a
parameter (``cuff_SBP``, ``cuff_DBP``), so that repeated readings do not average it away; here stands what changes from
reading to reading.
"""

from twin.model import Coordinate, Observable
from twin.models.cardiac.parameters import PERSISTENT
from twin.priors import HalfNormal

TIME = Coordinate("time", "s", "time since the ventricle's activation began")

CUFF_SD = (9.0, 7.0)
"""Systolic and diastolic [mmHg], against invasive central pressure."""


def _known(name: str, unit: str, meaning: str, sd: float) -> Observable:
    return Observable(name, unit, meaning, noise=None, sd=sd)


VARYING = (1 - PERSISTENT) ** 0.5

NUMBERS = (
    _known("EDV", "mL", "largest volume of the left ventricle", 12.0),
    _known("ESV", "mL", "smallest volume of the left ventricle", 8.0),
    _known("SV", "mL", "stroke volume", 10.0),
    _known("EF", "%", "ejection fraction", 5.0),
    _known("SBP", "mmHg", "systolic pressure by cuff", CUFF_SD[0] * VARYING),
    _known("DBP", "mmHg", "diastolic pressure by cuff", CUFF_SD[1] * VARYING),
    _known("MAP", "mmHg", "mean arterial pressure, invasive", 3.0),
    _known("LVEDP", "mmHg", "ventricular pressure at end diastole, by catheter", 2.0),
    _known("Pla", "mmHg", "mean left atrial pressure, as by wedge", 3.0),
    _known("CO", "L/min", "cardiac output, as by thermodilution", 0.6),
    _known("SW", "J", "stroke work, area of the pressure-volume loop", 0.15),
)
CURVES = (
    Observable("volume", "mL", "volume of the left ventricle, as by echocardiography", HalfNormal(6.0)),
    Observable("pressure", "mmHg", "aortic pressure as a fluid-filled catheter shows it", HalfNormal(4.0)),
)
OBSERVABLES = (*NUMBERS, *CURVES)
