"""Diastolic decay of arterial pressure: all that pressure alone tells of the arteries' load.

With the valve shut, a compliance C empties through a resistance R towards the pressure P_∞ at which flow stops:

    τ dP/dt = P_∞ - P,   τ = R C        P(t) = P_∞ + (P_0 - P_∞) exp(-t/τ)

(Frank 1899; with an asymptote: Chemla et al. 2017, Arch. Cardiovasc. Dis. 110, 659, DOI 10.1016/j.acvd.2017.03.008).
R and C do not appear one by one: without a flow only their product is known, whatever the quality of the pressure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp

from twin.arrays import Array, like, namespace
from twin.experiment import Experiment
from twin.field import ExactField
from twin.model import Coordinate, Fields, Mask, Observable
from twin.models.cardiac.beats import find_beats
from twin.models.cardiac.diastole import decays, pressures
from twin.models.cardiac.waveform import regular
from twin.space import Floats, Space, nearest
from twin.table import Table

COLUMNS = ("time", "ABP", "segment")
TOLERANCE = 1e-9
"""Relative and absolute tolerance of the reference solver."""


@dataclass(frozen=True)
class DiastolicDecay:
    """θ = (τ [s], P_∞ [mmHg], P_0 [mmHg])."""

    name: str
    preset: str
    source: str
    space: Space
    conditions: Space
    coordinates: tuple[Coordinate, ...]
    observables: tuple[Observable, ...]

    def exact(self, theta: Array, c: Array) -> Fields:
        """``pressure`` [mmHg] over t [s] with its derivative."""
        tau, asymptote, begin = (theta[..., i, None] for i in range(3))
        xp = namespace(theta)

        def pressure(times: Array) -> Array:
            return asymptote + (begin - asymptote) * xp.exp(-like(times, theta) / tau)

        def slope(times: Array) -> Array:
            return -(begin - asymptote) / tau * xp.exp(-like(times, theta) / tau)

        return {"pressure": ExactField(("t",), pressure, {"t": ExactField(("t",), slope)})}

    def observe(self, u: Fields, theta: Array, c: Array, x: Array) -> Array:
        """Arterial pressure [mmHg] (*batch, n, 1)."""
        return u["pressure"](x[:, 0])[..., None]

    def __call__(self, theta: Array, c: Array, x: Array) -> Array:
        """Arterial pressure [mmHg] (*batch, n, 1) at times (n, 1) [s] since the decay began."""
        return self.observe(self.exact(theta, c), theta, c, x)

    def error(self, c: Array, x: Array) -> None:
        """None: the form is exact."""

    def simulate(self, theta: Floats, c: Floats, x: Floats) -> Floats:
        """τ dP/dt = P_∞ - P by DOP853 (b, n, 1); NaN where it failed."""
        return np.stack([_integrated(draw, x[:, 0]) for draw in theta])[..., None]

    def valid(self, y: Floats) -> Mask:
        """True everywhere: the next beat is not part of the experiment."""
        return np.ones(y.shape[:-1], dtype=bool)

    def abscissa(self, c: Floats, n: int) -> Floats:
        """n times (n, 1) over the duration."""
        return np.linspace(0.0, float(c[self.conditions.index("duration")]), n)[:, None]

    def experiments(self, table: Table, given: Mapping[str, float]) -> Experiment:
        """The mean decay of the typical beats in a recording of arterial pressure (columns time and ABP).

        Raises ValueError for missing columns and where no beat is usable.
        """
        for name in given:
            self.conditions.index(name)
        for name in table.rename:
            if name not in COLUMNS:
                raise ValueError(f"--column {name}: a recording has no such quantity{nearest(name, COLUMNS)}")
        parts = [part for _, part in table.by("segment")] if table.has("segment") else [table]
        try:
            time, mean, note = _mean_decay(parts)
        except ValueError as error:
            raise ValueError(f"{table.path}: {error}") from error
        conditions = {"duration": float(time[-1])} | dict(given)
        self.conditions.require_inside(conditions, table.path)
        return Experiment(
            name=table.label,
            conditions=conditions,
            coordinates=("time",),
            x=time[:, None],
            observables=("pressure",),
            y=mean[:, None],
            units={"time": "s", "pressure": "mmHg"},
            source=table.source,
            notes=(note,),
        )


def _mean_decay(parts: list[Table]) -> tuple[Floats, Floats, str]:
    """Times [s], mean pressures [mmHg] and a remark; cut where half of the decays have ended."""
    beats = find_beats([regular(part.increasing("time", "s"), part.number("ABP", "mmHg")) for part in parts])
    found = tuple(d for d in decays(beats) if not d.beat.irregular)
    if not found:
        raise ValueError(f"no typical beat has a diastole long enough to see it decay: {beats.note}")
    rows = pressures(beats, found)
    n = int(np.median(np.isfinite(rows).sum(axis=1)))
    rows = rows[np.isfinite(rows).sum(axis=1) >= n, :n]
    note = f"mean of {len(rows)} diastolic decays; {beats.note}"
    return beats.recordings[0].step * np.arange(n, dtype=np.float64), np.asarray(rows.mean(axis=0)), note


def _integrated(draw: Floats, times: Floats) -> Floats:
    tau, asymptote, begin = draw.tolist()

    def slope(_: float, p: Floats) -> Floats:
        return np.asarray((asymptote - p) / tau)

    span = (min(0.0, float(times[0])), float(times[-1]))
    found = solve_ivp(slope, span, [begin], method="DOP853", t_eval=times, rtol=TOLERANCE, atol=TOLERANCE)
    return np.asarray(found.y[0]) if found.success else np.full(len(times), np.nan)
