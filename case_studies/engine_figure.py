"""The health of an engine over time, drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from twin.inference.monitor import Monitor
from twin.inference.monitor_record import Step
from twin.space import Floats

COLUMNS = 3


def draw(path: Path, monitor: Monitor, steps: Sequence[Step], hours: Floats, truth: Floats) -> None:
    """Bands of every parameter, its limit and the truth relative to its first value, refused windows, alarms."""
    rows = -(-len(monitor.names) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 2.3 * rows))
    axes = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    known = [step for step in steps if step.belief is not None]
    when = np.array([step.time for step in known])
    bands = np.stack([monitor.bands(step.belief) for step in known if step.belief is not None])
    alarms = [alarm for step in steps for alarm in step.alarms]
    for j, name in enumerate(monitor.names):
        axis = axes.flat[j]
        axis.fill_between(when, bands[:, j, 0], bands[:, j, 2], alpha=0.3, linewidth=0)
        axis.plot(when, bands[:, j, 1], label="posterior")
        shift = bands[0, j, 1] - truth[int(np.searchsorted(hours, when[0])), j]
        axis.plot(hours, truth[:, j] + shift, "k:", linewidth=1, label="truth, from the baseline on")
        for alarm in alarms:
            if alarm.parameter == name:
                axis.axvline(alarm.time, color="tab:red" if alarm.kind == "change" else "tab:orange", linewidth=1)
        axis.set_title(f"{name} [{monitor.fit.space.parameters[j].unit}]", fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(monitor.names) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("hours in service", fontsize=8)
    axes.flat[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
