"""The figures of ``icu_fleet.py`` and ``icu_stream.py``: parameters beat by beat, with what was raised."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twin.case_studies.fleet_outputs import Findings
from twin.case_studies.icu_alarms import Weighed
from twin.inference.fleet.watch import UnitHistory
from twin.space import Floats

LABELS = {"tau": "R C [s]", "P_inf": "P_inf [mmHg]", "P_0": "P_0 [mmHg]"}


def draw(findings: Findings, alarms: Sequence[Weighed]) -> Figure:
    """Medians with 90 % intervals over time, a column per unit that has left its baseline; alarms are shaded."""
    shown = [h for h in findings.histories if h.state.baseline is not None] or list(findings.histories)
    names = findings.monitor.names
    figure = Figure(figsize=(3.6 * len(shown), 1.9 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), len(shown), sharex="col", squeeze=False)
    for column, history in zip(axes.T, shown, strict=True):
        for ax, name in zip(column, names, strict=True):
            _series(ax, history, findings.names.index(name))
            for alarm in alarms:
                if (alarm.unit, alarm.parameter) == (history.unit, name):
                    ax.axvspan(alarm.since, alarm.time, color="#D55E00", alpha=0.25, lw=0)
                    ax.axvline(alarm.time, color="#D55E00", lw=0.8)
        column[0].set_title(history.unit)
        column[0].set_yscale("log")
        column[-1].set_xlabel("time [s]")
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(LABELS.get(name, name))
    return figure


def _series(ax: Axes, history: UnitHistory, j: int) -> None:
    bands = np.array([record.quantiles[:, j] for record in history.records])
    ax.vlines(history.times, bands[:, 0], bands[:, 2], lw=0.5, color="#56B4E9")
    ax.plot(history.times, bands[:, 1], ".", ms=2, color="0.2")


def draw_stream(times: Floats, alone: Floats, carried: Floats, q: float) -> Figure:
    """R C by each beat alone and as carried, quantiles of 5, 50 and 95 % (n, 3) over times (n,) [s]."""
    figure = Figure(figsize=(7.0, 3.0), layout="constrained")
    ax = figure.subplots()
    ax.vlines(times, alone[:, 0], alone[:, 2], lw=0.7, color="#56B4E9")
    ax.plot(times, alone[:, 1], ".", ms=2, color="#0072B2", label="each beat alone")
    ax.fill_between(times, carried[:, 0], carried[:, 2], color="#D55E00", alpha=0.3, lw=0)
    ax.plot(times, carried[:, 1], color="#D55E00", lw=1.0, label=f"carried, q = {q:g} per √s")
    ax.set_yscale("log")
    ax.set_xlabel("time [s]")
    ax.set_ylabel("R C [s], 90 % intervals")
    ax.legend(frameon=False, fontsize=8)
    return figure
