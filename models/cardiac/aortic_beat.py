"""From a table of aortic pressure and flow to the experiment of one heart period.

Needs the columns time, P_ao and Q_ao; a column segment cuts recordings whose clock starts anew. A short table is one
beat and taken as it is; from a longer one the typical beats are cut, foot to foot, and averaged phase by phase.
"""

from collections.abc import Mapping

import numpy as np

from twin.experiment import Experiment
from twin.models.cardiac.beats import RECIPE, Beats, find_beats, resampled
from twin.models.cardiac.waveform import regular
from twin.space import Floats, Space, nearest
from twin.table import Table

COLUMNS = ("time", "P_ao", "Q_ao", "segment")
PHASES = 100
"""Samples of an averaged beat."""
FEWEST = 20
"""Rows below which a beat has no shape: ten harmonics."""
LONGEST_BEAT = 2.0
"""[s]: a table that lasts longer holds several beats."""
JUMP = 3.0
"""A single beat closes when the step from its last to its first pressure is at most so many times its largest step."""


def read(conditions: Space, table: Table, given: Mapping[str, float]) -> Experiment:
    """One period: x (n, 2) of times [s] and flows [mL/s], y (n, 1) of pressures [mmHg].

    Raises ValueError for missing columns, a table without a whole beat, conditions outside the valid range.
    """
    for name in given:
        conditions.index(name)
    for name in table.rename:
        if name not in COLUMNS:
            raise ValueError(f"--column {name}: a beat's table has no such quantity{nearest(name, COLUMNS)}")
    parts = [part for _, part in table.by("segment")] if table.has("segment") else [table]
    times = [part.increasing("time", "s") for part in parts]
    pressure = [part.number("P_ao", "mmHg") for part in parts]
    flow = [part.number("Q_ao", "mL/s") for part in parts]
    if len(parts) == 1 and times[0][-1] - times[0][0] < LONGEST_BEAT:
        x, y, period, note = _single(table, times[0], pressure[0], flow[0])
    else:
        x, y, period, note = _average(table, times, pressure, flow)
    known = conditions.unpack(conditions.nominal) | {"period": period} | dict(given)
    conditions.require_inside(known, table.path)
    return Experiment(
        name=table.label,
        conditions=known,
        coordinates=("time", "flow"),
        x=x,
        observables=("pressure",),
        y=y[:, None],
        units={"time": "s", "flow": "mL/s", "pressure": "mmHg"},
        source=table.source,
        notes=(note,),
    )


Beat = tuple[Floats, Floats, float, str]
"""x (n, 2), y (n,), period [s], and a remark."""


def _single(table: Table, times: Floats, pressure: Floats, flow: Floats) -> Beat:
    """All rows as one period: the next beat begins one step after the last row."""
    if len(times) < FEWEST:
        raise ValueError(
            f"{table.path}: {len(times)} rows of measurements in {table.label}; expected a whole beat of at least "
            f"{FEWEST}"
        )
    step = float(times[-1] - times[0]) / (len(times) - 1)
    jump, largest = abs(float(pressure[0] - pressure[-1])), float(np.abs(np.diff(pressure)).max())
    if jump > JUMP * largest:
        raise ValueError(
            f"{table.path}: {table.label} lasts {times[-1] - times[0]:.3g} s and is taken as one beat, but its "
            f"pressure does not close: {pressure[-1]:.4g} mmHg in the last row, {pressure[0]:.4g} mmHg in the first. "
            f"Give exactly one heart period, or several beats to cut it from"
        )
    period = step * len(times)
    note = f"all {len(times)} rows taken as one beat of {period:.4g} s, {60 / period:.1f}/min"
    return np.stack([times - times[0], flow], axis=1), pressure, period, note


def _average(table: Table, times: list[Floats], pressure: list[Floats], flow: list[Floats]) -> Beat:
    """The mean of the typical beats at ``PHASES`` phases of their mean period."""
    waves = [regular(t, p) for t, p in zip(times, pressure, strict=True)]
    try:
        beats = find_beats(waves, RECIPE)
        _require_typical(beats)
    except ValueError as error:
        raise ValueError(f"{table.path}: {error}") from error
    flows = [regular(t, q).pressure for t, q in zip(times, flow, strict=True)]
    y = np.mean([resampled(waves[b.recording].pressure, b, PHASES) for b in beats.typical], axis=0)
    q = np.mean([resampled(flows[b.recording], b, PHASES) for b in beats.typical], axis=0)
    period = float(np.mean([b.period for b in beats.typical]))
    note = f"mean of {len(beats.typical)} beats, {60 / period:.1f}/min; {beats.note}"
    return np.stack([period * np.arange(PHASES) / PHASES, q], axis=1), y, period, note


def _require_typical(beats: Beats) -> None:
    if not beats.typical:
        raise ValueError(f"no usable beat is left to average: {beats.note}; choose another stretch of the recording")
