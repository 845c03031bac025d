"""The training a model recommends for itself: network and stages."""

from dataclasses import dataclass

from twin.networks import Network
from twin.training.stage import Stage


@dataclass(frozen=True)
class Recipe:
    """Defaults of ``twin train``: what is trained, by which stages, on how many solves where data are used.

    ``scale`` weighs reference data: an observable's error of this size counts as a residual of one; one number, or one
    per observable. A solve is known at ``points`` abscissae. ``solves`` of 0: equations alone train it.
    """

    network: Network
    stages: tuple[Stage, ...]
    solves: int
    scale: float | tuple[float, ...]
    points: int = 100
    own_solves: int = 0
    """Solutions of its own equations that a ``Solved`` model teaches."""
    robust: bool = False
    """Whether misfits to solutions above ``scale`` count by their size and not its square."""
    stationary: bool = False
    """Whether errors have one law along the whole abscissa: those of a record come with its inputs, at any time."""
    sliding: bool = False
    """Whether errors include a relative error of the abscissa, which counts by the predicted curve's slope: those of a
    discharge whose voltage falls into a wall, a little early or late."""
