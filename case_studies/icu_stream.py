"""A time constant carried from beat to beat: ``python -m twin.case_studies.icu_stream --out runs/icu-fleet``.

Streams (``inference/stream``) over the typical beats of a recording, in which R C and the asymptote walk by one or
another q, run side by side. The evidence p(beat | beats before) chooses among them, and says whether carrying is better
than taking each beat alone. Before a beat is taken in it is predicted, and what was measured is held against that:
coverage of 90 % bands, and the misfit rᵀS⁻¹r/n of a beat's n readings under the mean and covariance S that were
predicted, which is 1 on average where these are right.

The beats' own posteriors come from the store that ``icu_fleet.py`` keeps; what it lacks is solved first.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from twin.atomic import replaced
from twin.case_studies.cardiac_icu import RECORDS, measured_of
from twin.case_studies.commands import require_folder
from twin.case_studies.console import console, say
from twin.case_studies.icu_figure import draw_stream
from twin.case_studies.icu_fleet import Patient, patient, solve
from twin.inference.fleet.executors import Here
from twin.inference.fleet.record import ACCEPTED, records_of
from twin.inference.fleet.store import read_store
from twin.inference.likelihood import Likelihood
from twin.inference.rungs.importance import resample
from twin.inference.stream.advance import Info, Stream, Streaming, advance, begin
from twin.inference.stream.path import moments
from twin.inference.stream.windows import Window, windows
from twin.space import Floats

CARRIED = ("tau", "P_inf")
ASIDE = {"P_0": 0.2, "noise_pressure": 0.1, "correlation_pressure": 0.1}
"""q of the others [1/√s]: where a decay begins is new in each beat, and how noisy it is may change."""
STEPS = (0.003, 0.01, 0.03, 0.1)
"""q of R C and the asymptote, in standard deviations of their priors per √s."""
HORIZON, PARTICLES = 3, 512
FIRST = 10
"""Beats that are not scored: from the prior on, little can be predicted."""
BAND = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class Carried:
    """A stream over n beats: R C by quantiles (n, 3) [s], the sd (n,) of u_tau, and how each beat was predicted.

    ``covered`` (n,) is the share of a beat's readings within the predicted band, ``misfit`` (n,) the beat's;
    ``evidence`` (n,) is log p(beat | those before), ``refused`` the beats that could not be taken in.
    """

    q: float
    tau: Floats
    sd: Floats
    covered: Floats
    misfit: Floats
    evidence: Floats
    refused: int


@dataclass(frozen=True)
class Scored:
    """Of a stream behind its first beats: sums and medians, see ``Carried``.

    ``narrower`` is the median ratio of its sd of log R C to that of the beats alone, ``misfits`` the quantiles of 10,
    50 and 90 % of the beats' misfits and ``misfit`` their mean.
    """

    q: float
    evidence: float
    narrower: float
    covered: float
    misfit: float
    misfits: tuple[float, ...]
    refused: int


def typical(one: Patient) -> list[int]:
    """Which of the patient's decays are watched and in beats that are not set aside."""
    watched = set(one.watched)
    return [i for i, d in enumerate(one.decays) if d.beat in watched and not d.beat.irregular]


def windows_of(one: Patient, which: Sequence[int]) -> tuple[Likelihood, list[Window]]:
    """The likelihood of the patient's decays, and a window for some of them at their beats' onsets [s]."""
    likelihood, ((y, mask),) = measured_of(one.beats, one.decays, following=True)
    times = [one.time(one.decays[i].beat) for i in which]
    return likelihood, windows(likelihood, times, [(y[which], mask[which])])


def streaming(likelihood: Likelihood, q: float, seed: int) -> Streaming:
    """A stream in which everything walks, R C and the asymptote by ``q``."""
    walk = {**ASIDE, **dict.fromkeys(CARRIED, q)}
    return Streaming(likelihood, walk=walk, horizon=HORIZON, particles=PARTICLES, seed=seed)


def carry(settings: Streaming, beats: Sequence[Window]) -> Carried:
    """The stream from the prior over all beats."""
    stream, j = begin(settings), settings.likelihood.space.index("tau")
    rows: list[tuple[float, ...]] = []
    taus, refused = [], 0
    for beat in beats:
        told = predicted(settings, stream, beat)
        stream, info = advance(settings, stream, beat)
        refused += bool(info.reason)
        _, root = moments(stream.swarm.paths.u, stream.swarm.weights)
        rows.append((float(np.linalg.norm(root[j])), *told, info.log_evidence))
        taus.append(_quantiles(settings, stream, j))
    sd, covered, misfit, evidence = np.array(rows).T
    return Carried(settings.walk["tau"], np.array(taus), sd, covered, misfit, evidence, refused)


def predicted(settings: Streaming, stream: Stream, beat: Window) -> tuple[float, float]:
    """Coverage and misfit of a beat by replicates of it at the particles, which have walked since the last one."""
    rng = np.random.default_rng([settings.seed, stream.count, 1])
    rows = resample(stream.swarm.log_weights, settings.particles, rng)
    u = stream.swarm.paths.u[rows]
    dt = beat.time - stream.time if stream.count else 0.0
    step = settings.steps * np.sqrt(dt) * rng.standard_normal((len(u), len(settings.walking)))
    u[:, list(settings.walking)] += step
    theta = np.asarray(settings.density.theta(u))
    seen = beat.data[0].mask[0, :, 0]
    new = settings.likelihood.replicate(theta, stream.count)[0][:, seen, 0]
    y = beat.data[0].y[0, seen, 0]
    low, high = np.quantile(new, BAND, axis=0)
    away = y - new.mean(axis=0)
    return float(np.mean((low <= y) & (y <= high))), _misfit(away, np.cov(new.T), len(new))


def _misfit(away: Floats, covariance: Floats, draws: int) -> float:
    """rᵀS⁻¹r/n; the inverse of a covariance of few draws is too large by (draws - 1)/(draws - n - 2)."""
    n = len(away)
    return float(away @ np.linalg.solve(covariance, away)) / n * (draws - n - 2) / (draws - 1)


def _quantiles(settings: Streaming, stream: Stream, j: int) -> Floats:
    alive = stream.swarm.log_weights > -np.inf
    values = np.asarray(settings.density.theta(stream.swarm.paths.u[alive]))[:, j]
    order = np.argsort(values)
    weights = stream.swarm.weights[alive][order]
    return np.asarray(np.interp((0.05, 0.5, 0.95), np.cumsum(weights) - 0.5 * weights, values[order]))


def alone(likelihood: Likelihood, beats: Sequence[Window], seed: int) -> Floats:
    """log p(beat) (n,) of each under the prior."""
    settings = streaming(likelihood, STEPS[0], seed)
    infos: list[Info] = [advance(settings, begin(settings), beat)[1] for beat in beats]
    return np.array([info.log_evidence for info in infos])


def by_itself(one: Patient, out: Path, times: Sequence[float]) -> tuple[Floats, Floats]:
    """By each beat's own posterior: quantiles (n, 3) of R C [s] and sd (n,) of u_tau, NaN where not to be trusted."""
    known = {r.time: r for r in records_of(read_store(out / "store" / one.name))}
    found = [known[time] for time in times]
    sds = [float(np.sqrt(r.u_covariance[0, 0])) if r.verdict == ACCEPTED else np.nan for r in found]
    return np.array([r.quantiles[:, 0] for r in found]), np.array(sds)


def scored(carried: Carried, sd: Floats) -> Scored:
    """The sums; ``sd`` (n,) is that of the beats alone."""
    misfit = carried.misfit[FIRST:]
    return Scored(
        q=carried.q,
        evidence=float(carried.evidence[FIRST:].sum()),
        narrower=float(np.nanmedian((carried.sd / sd)[FIRST:])),
        covered=float(carried.covered[FIRST:].mean()),
        misfit=float(misfit.mean()),
        misfits=tuple(np.quantile(misfit, (0.1, 0.5, 0.9)).tolist()),
        refused=carried.refused,
    )


def table_of(found: Sequence[Scored], alone: float) -> Table:
    """A row per q; evidence relative to that of each beat alone."""
    table = Table("q [1/√s]", "log evidence over beats alone", "sd of log R C to that of beats alone",
                  "90 % band covers", "misfit: mean (10, 50, 90 %)")  # fmt: skip
    for one in found:
        shares = ", ".join(f"{value:.2f}" for value in one.misfits)
        table.add_row(f"{one.q:g}", f"{one.evidence - alone:+.0f}", f"{one.narrower:.2f}",
                      f"{one.covered:.0%}", f"{one.misfit:.2f} ({shares})")  # fmt: skip
    return table


def main() -> None:
    """Carries, compares, writes ``stream.json`` and ``stream.png``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("runs/icu-fleet"))
    parser.add_argument("--recording", choices=[r.name for r in RECORDS], default=RECORDS[0].name, metavar="NAME")
    parser.add_argument("--beats", type=int, help="the first ones only")
    parser.add_argument("--steps", type=float, nargs="+", default=list(STEPS), metavar="Q")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    require_folder(options.out)
    one = patient(next(r for r in RECORDS if r.name == options.recording), options.beats)
    solve([one], options.out, Here())
    which = typical(one)
    say(f"{one.name}: {len(which)} typical beats with a decay, of {len(one.watched)} beats")
    likelihood, beats = windows_of(one, which)
    times = [beat.time for beat in beats]
    (bands, sd), streams = by_itself(one, options.out, times), []
    for q in options.steps:
        streams.append(carry(streaming(likelihood, q, options.seed), beats))
        say(f"q = {q:g}: log evidence {streams[-1].evidence[FIRST:].sum():.1f}, {streams[-1].refused} beats refused")
    reference = float(alone(likelihood, beats[FIRST:], options.seed).sum())
    found = [scored(stream, sd) for stream in streams]
    best = max(range(len(found)), key=lambda i: found[i].evidence)
    console().print(table_of(found, reference))
    say(f"chosen by the evidence: q = {found[best].q:g}")
    about = {"recording": one.name, "beats": len(beats), "scored": len(beats) - FIRST, "alone": reference}
    with replaced(options.out / "stream.json") as temporary:
        temporary.write_text(json.dumps({**about, "streams": [asdict(s) for s in found]}, indent=1) + "\n")
    figure = draw_stream(np.array(times), bands, streams[best].tau, found[best].q)
    figure.savefig(options.out / "stream.png", dpi=100)


if __name__ == "__main__":
    main()
