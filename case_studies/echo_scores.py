"""What the echo study is judged by: errors and coverage of volumes, contraction of parameters, detected stenosis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import rankdata

from twin.case_studies.echo_patients import Truth
from twin.inference.rungs.importance import resample
from twin.inference.units.amortised import Decoder, Weighed
from twin.inference.units.solve import UnitAnswer
from twin.models.cardiac.echo_curve import EchoCurve
from twin.models.cardiac.solved_beats import solved
from twin.space import Floats

DRAWS = 400
LEVELS = (0.05, 0.95)
INFORMED = 0.10
"""Contraction below which a parameter counts as not informed."""
AT_ONCE = 5000


@dataclass(frozen=True, eq=False)
class Volumes:
    """Posterior draws (n, draws) of EDV, ESV [mL] and EF [%]."""

    EDV: Floats
    ESV: Floats

    @property
    def ejection(self) -> Floats:
        """EF (n, draws)."""
        return 100 * (self.EDV - self.ESV) / self.EDV


def of_weighed(found: Weighed, seed: int) -> Floats:
    """Equally weighted draws (n, DRAWS, p) of θ."""
    rng = np.random.default_rng(seed)
    return np.stack([t[resample(w, DRAWS, rng)] for t, w in zip(found.theta, found.log_weights, strict=True)])


def of_answers(answers: Sequence[UnitAnswer], seed: int) -> Floats:
    """The same of the ladder's answers."""
    rng = np.random.default_rng(seed)
    return np.stack([a.theta[resample(a.log_weights, DRAWS, rng)] for a in answers])


def volumes(forward: EchoCurve, theta: Floats) -> Volumes:
    """EDV and ESV of draws (n, draws, p)."""
    flat = theta.reshape(-1, theta.shape[-1])
    with torch.no_grad():
        parts = [forward.extremes(torch.as_tensor(flat[i : i + AT_ONCE])) for i in range(0, len(flat), AT_ONCE)]
    EDV, ESV = (np.concatenate([np.asarray(part[k]) for part in parts]).reshape(theta.shape[:2]) for k in (0, 1))
    return Volumes(EDV, ESV)


def volume_scores(found: Volumes, truths: Sequence[Truth]) -> dict[str, dict[str, float]]:
    """For EDV, ESV, EF: mean absolute error, in per cent of the truth, coverage and mean width of 90 % intervals."""
    exact = {"EDV": [t.EDV for t in truths], "ESV": [t.ESV for t in truths], "EF": [t.fraction for t in truths]}
    table = {}
    for name, draws in (("EDV", found.EDV), ("ESV", found.ESV), ("EF", found.ejection)):
        true = np.array(exact[name])
        error = draws.mean(axis=1) - true
        low, high = np.quantile(draws, LEVELS, axis=1)
        table[name] = {
            "mae": float(np.abs(error).mean()),
            "mape": float(100 * np.abs(error / true).mean()),
            "bias": float(error.mean()),
            "coverage90": float(100 * np.mean((low <= true) & (true <= high))),
            "width90": float(np.mean(high - low)),
        }
    return table


def contraction(decoder: Decoder, theta: Floats) -> dict[str, float]:
    """1 - posterior sd/prior sd of each parameter in unconstrained coordinates, mean over videos [%]."""
    prior = decoder.space.unconstrain(decoder.space.draw(4000, 0)).std(axis=0)
    posterior = decoder.space.unconstrain(theta).std(axis=1).mean(axis=0)
    return dict(zip(decoder.space.names, (100 * (1 - posterior / prior)).tolist(), strict=True))


def impedance_contraction(decoder: Decoder, theta: Floats) -> float:
    """1 - posterior sd/prior sd [%] of the pressures' own coordinate, w = Σ_i d_i log θ_i/s_i², mean over videos.

    d is 1 for elastances, resistances and inertance, -1 for compliances, s_i the prior's log-sd. Impedances times k
    leave V unchanged, and a priori w is independent of all that they leave unchanged: a video says nothing of w.
    """
    names, s = decoder.space.names, decoder.space
    up = dict.fromkeys(("Emax", "Emin", "Rs", "Rm", "Ra", "Rc", "Ls"), 1.0) | dict.fromkeys(("Cr", "Cs", "Ca"), -1.0)
    columns = [names.index(name) for name in up]
    prior = np.log(s.draw(4000, 0)[:, columns])
    weights = np.array(list(up.values())) / prior.var(axis=0)
    spread = (np.log(theta[..., columns]) @ weights).std(axis=1).mean()
    return float(100 * (1 - spread / (prior @ weights).std()))


def parameter_coverage(decoder: Decoder, theta: Floats, truths: Sequence[Truth]) -> dict[str, float]:
    """How many of the 90 % intervals hold the true parameter [%]; the delay has no truth."""
    names = [name for name in decoder.space.names if name != "delay"]
    true = np.stack([t.theta for t in truths])
    low, high = np.quantile(theta[..., : len(names)], LEVELS, axis=1)
    return dict(zip(names, (100 * np.mean((low <= true) & (true <= high), axis=0)).tolist(), strict=True))


def pressure_spread(forward: EchoCurve, theta: Floats, draws: int) -> float:
    """Mean over videos of the standard deviation of mean arterial pressure [mmHg], solved at some draws each."""
    some = theta[:, :draws].reshape(-1, theta.shape[-1])
    phase, _, pressure = solved(vars(forward.loop(some)))
    mean = np.trapezoid(pressure, phase, axis=1).reshape(len(theta), -1)
    return float(np.nanstd(mean, axis=1).mean())


def area_under_curve(healthy: Floats, ill: Floats) -> float:
    """P(score of an ill one > score of a healthy one), ties half (Mann and Whitney 1947)."""
    ranks = rankdata(np.concatenate([healthy, ill]))[len(healthy) :]
    return float((ranks.sum() - len(ill) * (len(ill) + 1) / 2) / (len(healthy) * len(ill)))


def detection(decoder: Decoder, forward: EchoCurve, theta: Floats, ill: Floats) -> dict[str, Any]:
    """How well posterior means tell stenosis (``ill`` True) from health; no label of either was ever seen."""
    column = decoder.space.index("Rm")
    found = volumes(forward, theta)
    scores = {
        "mitral resistance": np.log(theta[..., column]).mean(axis=1),
        "ejection fraction": found.ejection.mean(axis=1),
        "minus EDV": -found.EDV.mean(axis=1),
    }
    auc = {name: area_under_curve(s[~ill.astype(bool)], s[ill.astype(bool)]) for name, s in scores.items()}
    typical = {
        name: float(np.exp(scores["mitral resistance"][rows].mean()))
        for name, rows in (("healthy", ~ill.astype(bool)), ("stenotic", ill.astype(bool)))
    }
    return {"auc": auc, "Rm_geometric_mean": typical}
