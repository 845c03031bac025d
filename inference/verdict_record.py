"""What is kept of a verdict: every comparison with the true solver, in plain data."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twin.inference.comparison import LATE, Comparison, lacking
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.space import Floats


@dataclass(frozen=True, eq=False)
class Solved:
    """Draws of the extended θ (N, P) by the names of the truth's space, with true solutions per experiment."""

    theta: Floats
    y: tuple[Floats, ...]

    def and_more(self, other: "Solved") -> "Solved":
        """Both together."""
        pairs = zip(self.y, other.y, strict=True)
        return Solved(np.concatenate([self.theta, other.theta]), tuple(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True, eq=False)
class Verdict:
    """A posterior to report, the likelihood it belongs to, and how it came to be believed or not."""

    name: str
    likelihood: Likelihood
    sample: Sample
    record: dict[str, Any] = field(default_factory=dict)


def verdict_of(
    name: str, likelihood: Likelihood, sample: Sample, steps: list[dict[str, Any]], asked: Solved, first: Likelihood
) -> Verdict:
    """The verdict with its record in plain data."""
    failed = np.any([~np.isfinite(y).any(axis=(1, 2)) for y in asked.y], axis=0)
    missing = np.max([lacking(y, b) for y, b in zip(asked.y, first.blocks, strict=True)], axis=0)
    record = {
        "verdict": name,
        "solves": len(asked.theta),
        "failed": int(failed.sum()),
        "failed_share": float(failed.mean()),
        "ended_early": int(((missing > LATE) & ~failed).sum()),
        "ended_late": int(((missing > 0) & (missing <= LATE)).sum()),
        "steps": steps,
        "error": _errors(first, asked),
    }
    return Verdict(name, likelihood, sample, record)


def step_of(what: str, likelihood: Likelihood, sample: Sample, found: Comparison) -> dict[str, Any]:
    """A comparison in plain data; numbers that are not finite become None."""
    names = likelihood.scales.names
    khat = found.khat if np.isfinite(found.khat) else None
    return {
        "what": what,
        "rung": sample.rung,
        "n": len(found.theta),
        "failed": int(found.failed.sum()),
        "khat": khat,
        "ess": found.ess,
        "largest_shift": largest(found.shift[: len(names)]),
        "parameters": {
            name: {"shift": float(s), "shift_error": float(e), "sd_ratio": float(r)}
            for name, s, e, r in zip(names, found.shift, found.shift_error, found.sd_ratio, strict=False)
        },
    }


def _errors(likelihood: Likelihood, asked: Solved) -> list[dict[str, Any]]:
    """Mean and root mean square of surrogate minus true solution at the solved draws, series by series."""
    rows = []
    theta = asked.theta[:, : len(likelihood.forward.space)]
    for block, y in zip(likelihood.blocks, asked.y, strict=True):
        away = np.asarray(block.observed(likelihood.forward(theta, block.c, block.x))) - y
        for j, observable in enumerate(block.experiment.observables):
            values = away[..., j][np.isfinite(away[..., j]) & block.mask[:, j]]
            unit = likelihood.forward.observables[block.columns[j]].unit
            row: dict[str, Any] = {"experiment": block.experiment.name, "observable": observable, "unit": unit}
            if len(values):
                row |= {"bias": float(values.mean()), "rms": float(np.sqrt(np.mean(values**2)))}
            rows.append(row)
    return rows


def in_words(step: dict[str, Any]) -> str:
    """``k-hat 0.83, means move by 2.1 sd``."""
    khat = "no draw is possible" if step["khat"] is None else f"k-hat {step['khat']:.2f}"
    return f"{khat}, means move by {step['largest_shift']:.2f} sd"


def largest(values: Floats) -> float:
    """The largest size."""
    return float(np.max(np.abs(values)))
