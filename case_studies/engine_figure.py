"""The health of an engine over time, drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from twin.inference.monitor.monitor import Monitor
from twin.inference.monitor.record import State, Step
from twin.inference.monitor.windows import WindowFit
from twin.space import Floats

COLUMNS = 3


def draw(
    path: Path, monitor: Monitor[WindowFit], steps: Sequence[Step], state: State, hours: Floats, truth: Floats
) -> None:
    """Bands of all that may change, limits, alarms, and the truth (W, p) less its mean while the baseline was made."""
    names = monitor.movable
    rows = -(-len(names) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 2.3 * rows))
    axes = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    known = [step for step in steps if step.belief is not None]
    when = np.array([step.time for step in known])
    bands = np.stack([monitor.bands(step.belief) for step in known if step.belief is not None])
    alarms = [alarm for step in steps for alarm in step.alarms]
    for axis, name in zip(axes.flat, names, strict=False):
        j = monitor.names.index(name)
        axis.fill_between(when, bands[:, j, 0], bands[:, j, 2], alpha=0.3, linewidth=0)
        axis.plot(when, bands[:, j, 1], label="posterior")
        shift = bands[0, j, 1] - truth[hours <= when[0], j].mean()
        axis.plot(hours, truth[:, j] + shift, "k:", linewidth=1, label="truth, from the baseline on")
        if name in monitor.rules.limits and state.baseline is not None:
            limit = monitor.fit.theta(np.full(len(monitor.names), monitor.limit(state.baseline, name)))[j]
            axis.axhline(limit, color="0.4", linewidth=0.8, linestyle="--", label="limit")
        for alarm in alarms:
            if alarm.parameter == name:
                axis.axvline(alarm.time, color="tab:red" if alarm.kind == "change" else "tab:orange", linewidth=1)
        axis.set_title(f"{name} [{monitor.fit.space.parameters[j].unit}]", fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis in axes[-1]:
        axis.set_xlabel("hours in service", fontsize=8)
    axes.flat[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
