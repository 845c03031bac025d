"""Errors of submodels that grow over their range: what a map that was fitted on another engine of the type has.

    f → f (1 + ε s),     s = (argument - middle)/half width

over the usual range of the argument, so that ε is the relative error at its ends. A constant factor is the business of
other parameters (areas, efficiencies, η_sc, k_Wc, k_vol). Sizes: Wahlström and Eriksson 2011.
"""

from collections.abc import Mapping

from twin.arrays import Array
from twin.models.engine.constants import Engine

RANGES: Mapping[str, tuple[float, float]] = {
    "tilt_vol": (1350.0, 650.0),
    "tilt_T_e": (105.0, 65.0),
    "tilt_egr": (0.35, 0.35),
    "tilt_Wc": (6500.0, 2500.0),
    "tilt_eta_c": (0.25, 0.12),
    "tilt_eta_t": (0.6, 0.25),
}
"""Middle and half width of n_e [rpm], u_δ [mg], f_egr, ω_t [rad/s], W_c [kg/s] and BSR."""


def tilted(value: Array, name: str, argument: Array, engine: Engine) -> Array:
    """The submodel's value with its error, if the engine has one."""
    error = getattr(engine.extensions, name)
    if error is None:
        return value
    middle, width = RANGES[name]
    return value * (1 + error * (argument - middle) / width)
