"""Many windows of one length on one time base: their drives, stacked.

One program serves all of them, with the drives as its data: a compiled step is the same whatever the commands are.
"""

from collections.abc import Sequence

import numpy as np

from twin.models.engine.actuators import Commands
from twin.models.engine.air_path import Drive
from twin.models.engine.parameters import NOMINAL
from twin.models.engine.path import Grid, grid_of


def stacked(windows: Sequence[Commands], axis: int = 0) -> Grid:
    """Drive (W, K, s) at the stages and (W, n) at the readings, with the windows along ``axis``.

    ValueError where a window's times, counted from its first, are not those of the first window.
    """
    first = windows[0].time - windows[0].time[0]
    for k, commands in enumerate(windows):
        own = commands.time - commands.time[0]
        if own.shape != first.shape or not np.allclose(own, first, rtol=0.0, atol=1e-9):
            raise ValueError(
                f"window {k}: expected {len(first)} rows over {first[-1]:g} s as in the first window, "
                f"got {len(own)} over {own[-1]:g} s; resample the windows to one time base"
            )
    grids = [grid_of(commands, NOMINAL) for commands in windows]

    def columns(drives: Sequence[Drive]) -> Drive:
        return Drive(*(np.stack(column, axis=axis) for column in zip(*drives, strict=True)))

    return grids[0]._replace(stages=columns([g.stages for g in grids]), readings=columns([g.readings for g in grids]))
