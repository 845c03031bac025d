"""What a likelihood makes of its forward map's own error."""

from enum import Enum


class Treatment(Enum):
    """An explicit choice, which the report prints.

    Stuart & Teckentrup 2018 (Math. Comp. 87, 721) call the first two mean-based and marginal approximations.
    """

    PLUG_IN = "plug-in"
    """The error's mean is subtracted, its spread is left out."""
    MARGINALISED = "marginalised"
    """Its mean is subtracted and its covariance is added to the noise's."""
    NONE = "none"
    """The forward map is taken as it is."""
