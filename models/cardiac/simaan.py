"""Priors around one published patient, for a posterior that is known by another sampler on the exact solver."""

from collections.abc import Mapping
from types import MappingProxyType

from twin.priors import LogNormal, Prior

NOMINAL: Mapping[str, float] = MappingProxyType({
    "Emax": 2.0, "Emin": 0.06, "V0": 10.0, "SBV": 282.7, "Rs": 1.0, "Cs": 1.33, "Rc": 0.0398, "Ls": 0.0005, "Ca": 0.08,
    "Rm": 0.005, "Ra": 0.001, "Cr": 4.4,
})  # fmt: skip
"""Simaan et al. 2009, DOI 10.1109/TCST.2008.912123; units as in ``parameters.py``."""
SPREAD: Mapping[str, float] = MappingProxyType({
    "Emax": 0.35, "Emin": 0.35, "V0": 0.5, "SBV": 0.25, "Rs": 0.25, "Cs": 0.30, "Rc": 0.35, "Ls": 0.4, "Ca": 0.4,
    "Rm": 0.5, "Ra": 0.5, "Cr": 0.3,
})  # fmt: skip
"""Log-sds."""


def priors() -> Mapping[str, Prior]:
    """Log-normal priors by name."""
    return {name: LogNormal(NOMINAL[name], SPREAD[name]) for name in NOMINAL}
