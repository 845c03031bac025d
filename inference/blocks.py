"""Experiments made ready for the likelihood: checked against the forward map, cut to arrays, indexed.

The extended space holds, in this order: the forward map's θ, one noise scale per observable whose error is not known
(or per observable and experiment), one discrepancy size per observable, and the coefficients of patterns that cannot
be integrated out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from twin.arrays import Array, namespace
from twin.error import ForwardError
from twin.experiment import Experiment
from twin.inference.discrepancy import Discrepancy
from twin.model import Forward, Observable, known_errors
from twin.priors import HalfNormal
from twin.slide import Ahead, ahead_of, and_beyond, slide_along
from twin.space import Floats, Parameter, Space, nearest


class Curve(NamedTuple):
    """Predictions y (*batch, n, q), and their slide (*batch, n, q) where the forward map's error asks for it."""

    y: Array
    slide: Array | None


@dataclass(frozen=True, eq=False)
class Block:
    """One experiment: n abscissae, q observables.

    ``columns`` picks its observables from the forward map's; ``y`` is 0 where ``mask`` is False; ``own`` (n, q) is
    the measurement's own variance; ``error`` the forward map's, of these observables; ``noise`` gives the index of
    each observable's noise scale in the extended θ, None where ``own`` is all of its noise; ``ahead`` says where a step
    ahead of each abscissa lies, None where the forward map's error does not slide along its curve.
    """

    experiment: Experiment
    c: Array
    x: Array
    columns: tuple[int, ...]
    y: Array
    mask: Array
    own: Array
    error: ForwardError | None
    noise: tuple[int | None, ...]
    ahead: Ahead | None = None

    @cached_property
    def points(self) -> npt.NDArray[np.int64]:
        """The measured values' positions in the flattened (n q)."""
        return np.flatnonzero(self.mask.ravel())

    def observed(self, y: Array) -> Array:
        """The experiment's observables (*batch, n, q) of all that the forward map gives."""
        if self.columns == tuple(range(y.shape[-1])):
            return y
        return namespace(y).stack([y[..., j] for j in self.columns], axis=-1)

    @property
    def slides(self) -> bool:
        """Whether the forward map's error slides along its curve."""
        return self.ahead is not None

    @property
    def places(self) -> Array:
        """Where the forward map is asked: the abscissae (n, d), and one beyond the end for a slide (n + 1, d)."""
        return and_beyond(self.x) if self.slides else self.x

    def seen(self, y: Array) -> Curve:
        """Its predictions and their slide, of all that the forward map gives at ``places``."""
        y = self.observed(y)
        return Curve(y, None) if self.ahead is None else Curve(y[..., :-1, :], slide_along(y, self.ahead))

    def curve(self, forward: Forward, theta: Array) -> Curve:
        """What the forward map predicts of the experiment at θ (*batch, p)."""
        return self.seen(forward(theta, self.c, self.places))


def require_fit(forward: Forward, experiment: Experiment) -> None:
    """ValueError when coordinates, observables, units, conditions or errors are not what the forward map asks for."""
    wanted = tuple(c.name for c in forward.coordinates)
    least = sum(not c.optional for c in forward.coordinates)
    given = experiment.coordinates
    if len(given) < least or given != wanted[: len(given)]:
        raise ValueError(f"{experiment.name}: coordinates must be {wanted}, got {given}")
    known = {o.name: o for o in forward.observables}
    for name in experiment.observables:
        if name not in known:
            raise ValueError(f"{experiment.name}: no observable {name!r}{nearest(name, tuple(known))}")
        unit = experiment.units.get(name, known[name].unit)
        if unit != known[name].unit:
            raise ValueError(f"{experiment.name}: {name} must be in {known[name].unit}, got {unit}")
        _require_error(experiment, known[name])
    forward.conditions.pack(experiment.conditions)
    forward.conditions.require_inside(experiment.conditions, experiment.name)


def noise_name(observable: str, experiment: Experiment | None) -> str:
    """``noise_voltage``, or ``noise_voltage[first]`` where each experiment has its own."""
    return f"noise_{observable}" + (f"[{label(experiment)}]" if experiment else "")


def label(experiment: Experiment) -> str:
    """The experiment's name without what a NetCDF file reads as separators: slashes and blanks."""
    return experiment.name.replace("/", "-").replace(" ", "_")


def noise_space(forward: Forward, experiments: Sequence[Experiment], per_experiment: bool) -> Space:
    """One scale per observable that was measured with an error that is not known, with the observable's prior."""
    parameters = []
    for observable in forward.observables:
        if observable.noise is None:
            continue
        owners = [e for e in experiments if observable.name in e.observables]
        for owner in owners if per_experiment else owners[:1]:
            name = noise_name(observable.name, owner if per_experiment else None)
            meaning = f"noise scale of {observable.name}"
            source = "prior of the model's observable"
            parameters.append(Parameter(name, observable.unit, observable.noise, observable.typical, meaning, source))
    return Space(tuple(parameters))


def noise_scales(block: Block, theta: Array) -> Array:
    """The sampled noise scales (*batch, q) in the extended θ (*batch, P), 0 where the error is known."""
    xp = namespace(theta)
    none = xp.zeros_like(theta[..., 0])
    return xp.stack([none if j is None else theta[..., j] for j in block.noise], axis=-1)


def size_space(forward: Forward, experiments: Sequence[Experiment], discrepancy: Discrepancy | None) -> Space:
    """Sizes of the discrepancy; empty without one. ValueError for an observable nobody measured."""
    if discrepancy is None:
        return Space(())
    units = {o.name: o.unit for o in forward.observables}
    measured = tuple(dict.fromkeys(name for e in experiments for name in e.observables))
    sizes = []
    for name, scale in discrepancy.scale.items():
        if name not in measured:
            raise ValueError(f"discrepancy: no observable {name!r} was measured{nearest(name, measured)}")
        meaning = f"size of {name}'s model error"
        prior = HalfNormal(scale)
        sizes.append(Parameter(size_name(name), units[name], prior, scale, meaning, discrepancy.source))
    return Space(tuple(sizes))


def size_name(observable: str) -> str:
    """``discrepancy_voltage``."""
    return f"discrepancy_{observable}"


def prepare(forward: Forward, experiment: Experiment, space: Space, *, noise_per_experiment: bool) -> Block:
    """The block of one experiment whose nuisance parameters stand in ``space``."""
    names = [o.name for o in forward.observables]
    columns = tuple(names.index(name) for name in experiment.observables)
    measured = [forward.observables[j] for j in columns]
    c = forward.conditions.pack(experiment.conditions)
    mask = np.asarray(experiment.mask, dtype=bool)
    owner = experiment if noise_per_experiment else None
    error = forward.error(c, experiment.x)
    return Block(
        experiment=experiment,
        c=c,
        x=experiment.x,
        columns=columns,
        y=np.where(mask, experiment.y, 0.0),
        mask=mask,
        own=_own_error(experiment, measured) ** 2,
        error=None if error is None else error.of(columns),
        noise=tuple(None if o.noise is None else space.index(noise_name(o.name, owner)) for o in measured),
        ahead=ahead_of(and_beyond(experiment.x)) if error is not None and error.slides else None,
    )


def _own_error(experiment: Experiment, measured: Sequence[Observable]) -> Floats:
    """The stated standard errors (n, q); where nothing was measured, what the observable's readings usually have."""
    usual = known_errors(measured, len(experiment.x))
    if experiment.sd is None:
        return usual
    stated = np.where(usual > 0, np.isfinite(experiment.sd) & (experiment.sd > 0), experiment.mask)
    return np.where(stated, experiment.sd, usual)


def _require_error(experiment: Experiment, observable: Observable) -> None:
    """ValueError where a value was measured whose error has no sampled scale and is not stated either."""
    if observable.noise is not None:
        return
    j = experiment.observables.index(observable.name)
    rows = np.flatnonzero(experiment.mask[:, j])
    stated = np.full(len(rows), np.nan) if experiment.sd is None else experiment.sd[rows, j]
    bad = ~(np.isfinite(stated) & (stated > 0))
    if np.any(bad):
        got = "no sd" if experiment.sd is None else f"{stated[bad][0]:g} at row {rows[bad][0]} of {len(experiment.x)}"
        raise ValueError(
            f"{experiment.name}: the error of {observable.name} is not sampled and must be known: expected a finite "
            f"sd > 0 {observable.unit} at every measured value, got {got}; state it in the experiment's sd (usual for "
            f"this observable: {observable.typical:g} {observable.unit}), or mask values without one"
        )
