"""The figure of the echo study: a video's frames, its volume curve, posteriors against truths, and detection."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from twin.case_studies.echo_patients import Truth
from twin.case_studies.echo_posterior import GRID, Timed
from twin.case_studies.echo_scores import LEVELS, Volumes
from twin.models.cardiac.avi import Frames
from twin.space import Floats

BLUE, ORANGE = "#0072B2", "#D55E00"


def draw(
    frames: Frames,
    timed: Timed,
    predicted: Floats,
    found: Volumes,
    truths: Sequence[Truth],
    scores: tuple[Floats, Floats],
) -> Figure:
    """``predicted`` (draws, m) is log V of the first video's posterior, ``scores`` log R_m of healthy and stenotic."""
    figure = Figure(figsize=(11.0, 6.5), layout="constrained")
    axes = figure.subplots(2, 3)
    _show(axes[0, 0], frames)
    _curve(axes[0, 1], timed, predicted)
    names = (("EDV [mL]", found.EDV, [t.EDV for t in truths]), ("ESV [mL]", found.ESV, [t.ESV for t in truths]),
             ("EF [%]", found.ejection, [t.fraction for t in truths]))  # fmt: skip
    for axis, (label, draws, true) in zip((axes[0, 2], axes[1, 0], axes[1, 1]), names, strict=True):
        low, high = np.quantile(draws, LEVELS, axis=1)
        axis.vlines(true, low, high, color="0.7", lw=0.8)
        axis.plot(true, draws.mean(axis=1), ".", ms=3, color=BLUE)
        axis.axline((true[0], true[0]), slope=1, color="0.4", lw=0.8)
        axis.set_xlabel(f"true {label}")
        axis.set_ylabel("posterior mean and 90 %")
    edges = np.linspace(min(map(np.min, scores)), max(map(np.max, scores)), 25)
    for values, label, colour in zip(scores, ("healthy", "stenotic"), (BLUE, ORANGE), strict=True):
        axes[1, 2].hist(values / np.log(10), edges / np.log(10), color=colour, alpha=0.6, label=label)
    axes[1, 2].set_xlabel("posterior mean of log10 mitral resistance")
    axes[1, 2].legend(frameon=False)
    figure.suptitle("Validated on phantoms only")
    return figure


def _show(axis: Axes, frames: Frames) -> None:
    axis.imshow(np.concatenate([frames[0], frames[len(frames) // 6]], axis=1), cmap="gray", vmin=0, vmax=255)
    axis.set_axis_off()


def _curve(axis: Axes, timed: Timed, predicted: Floats) -> None:
    seen = timed.mask[0]
    sd = np.sqrt(np.diagonal(timed.covariance[0]))
    axis.errorbar(GRID[seen], np.exp(timed.mean[0][seen]), np.exp(timed.mean[0][seen]) * sd[seen], fmt=".", color="0.5",
                  label="read off the video")  # fmt: skip
    low, high = np.quantile(np.exp(predicted), LEVELS, axis=0)
    axis.fill_between(GRID, low, high, color=BLUE, alpha=0.4, lw=0, label="posterior, 90 %")
    axis.set_xlabel("time since the beginning of systole [s]")
    axis.set_ylabel("volume [mL]")
    axis.legend(frameon=False, fontsize=8)
