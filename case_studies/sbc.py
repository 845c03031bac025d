"""``twin sbc``: data by the reference solver, posteriors by the surrogate, ranks of the truth.

Only a reference solver outside the loop can show the surrogate's own bias; data simulated with the surrogate would
fit it whatever it does. Reference solves and finished data sets are kept, and a run that was stopped goes on.
"""

import json
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.atomic import replaced_folder
from twin.case_studies.commands import require_folder
from twin.case_studies.console import Exit, console, interruptible, say
from twin.case_studies.forwards import forward_of, with_fixed
from twin.case_studies.progress import counting_progress
from twin.case_studies.sampling import TREATMENTS
from twin.case_studies.verification import Solver, finished_store, solve_for
from twin.case_studies.workers import workers
from twin.experiment import Experiment
from twin.inference.blocks import noise_scales
from twin.inference.likelihood import Likelihood, Measured
from twin.inference.report.sbc import write_sbc
from twin.inference.sbc import Trial, summarise_sbc, weighted_position
from twin.inference.units.solve import UnitAnswer, Units, solve_units
from twin.model import Forward, Model, known_errors
from twin.models import catalogue
from twin.solves import signature_of
from twin.space import Floats, nearest
from twin.store import Store, digest
from twin.surrogate import Surrogate

FEWEST = 20
"""Fewer data sets say nothing about uniformity."""
PROBES = 4


@dataclass(frozen=True)
class Plan:
    """What is simulated and how it is calibrated.

    ``span`` is the share of the experiment that is measured, ``measure`` names what is (empty: every observable).
    """

    model: str
    n: int
    preset: str | None = None
    surrogate: Path | None = None
    surrogate_error: str = "marginalised"
    condition: tuple[tuple[str, float], ...] = ()
    fix: tuple[tuple[str, float], ...] = ()
    points: int = 100
    span: float = 1.0
    seed: int = 0
    measure: tuple[str, ...] = ()


def run(plan: Plan, out: Path, *, time_budget: float | None, as_json: bool) -> Exit:
    """Simulates, calibrates, writes the folder."""
    require_folder(out)
    require_plan(plan)
    model = catalogue.model(plan.model, plan.preset)
    forward = with_fixed(forward_of(model, plan.surrogate), dict(plan.fix))
    likelihood = imagined(model, forward, plan)
    trials = interruptible(lambda: all_trials(model, likelihood, plan), time_budget)
    names = likelihood.scales.names
    summary = summarise_sbc(trials, names, {p.name: p.unit for p in likelihood.scales.parameters})
    summary |= {"model": model.name, "preset": model.preset, "seed": plan.seed, "points": plan.points}
    facts = _facts(model, forward, plan)
    with replaced_folder(out) as folder:
        (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        (folder / "trials.json").write_text(json.dumps([asdict(t) for t in trials], indent=1) + "\n")
        write_sbc(summary, trials, folder / "sbc.html", title=f"{model.name} {model.preset}", facts=facts)
    if as_json:
        console().print_json(json.dumps(summary))
    else:
        _print(summary)
        console().print(f"report: {out / 'sbc.html'}", markup=False)
    return Exit.DONE if summary["passed"] else Exit.CHECK_FAILED


def require_plan(plan: Plan) -> None:
    """ValueError for numbers that cannot be."""
    if plan.n < FEWEST:
        raise ValueError(f"--n {plan.n}: expected at least {FEWEST} data sets; 200 is a good number")
    if not 0 < plan.span <= 1:
        raise ValueError(f"--span {plan.span:g}: expected a share of the experiment in (0, 1]")
    if plan.points < 1:
        raise ValueError(f"--points {plan.points}: expected at least 1 measured point")
    if plan.surrogate_error not in TREATMENTS:
        known = nearest(plan.surrogate_error, tuple(TREATMENTS))
        raise ValueError(f"no treatment of the surrogate's error {plan.surrogate_error!r}{known}")


def imagined(model: Model, forward: Forward, plan: Plan) -> Likelihood:
    """The likelihood of the plan's experiment, with zeros for data."""
    model.conditions.require_inside(dict(plan.condition), "--condition")
    c = model.conditions.pack(dict(plan.condition))
    conditions = model.conditions.unpack(c)
    x = model.abscissa(c, math.ceil((plan.points - 1) / plan.span) + 1)[: plan.points]
    names = measured_names(forward, plan)
    coordinates = tuple(co.name for co in forward.coordinates)[: x.shape[1]]
    units = {o.name: o.unit for o in forward.observables}
    y = np.zeros((len(x), len(names)))
    sd = known_errors([o for o in forward.observables if o.name in names], len(x))
    experiment = Experiment("simulated", conditions, coordinates, x, names, y, units, sd=sd)
    return Likelihood(forward, [experiment], surrogate_error=TREATMENTS[plan.surrogate_error])


def measured_names(forward: Forward, plan: Plan) -> tuple[str, ...]:
    """The plan's observables in the map's order. ValueError for an unknown one, or a scale to learn from one point."""
    known = tuple(o.name for o in forward.observables)
    for name in plan.measure:
        if name not in known:
            raise ValueError(f"--measure {name}: no such observable{nearest(name, known)}")
    chosen = [o for o in forward.observables if not plan.measure or o.name in plan.measure]
    sampled = [o.name for o in chosen if o.noise is not None]
    if plan.points < 2 and sampled:
        raise ValueError(
            f"--points {plan.points}: expected at least 2 measured points, from which to learn the error of "
            f"{', '.join(sampled)}"
        )
    return tuple(o.name for o in chosen)


def all_trials(model: Model, likelihood: Likelihood, plan: Plan) -> list[Trial]:
    """The trials of all data sets, in order; those of an earlier run with the same plan are not done again."""
    say(f"{plan.n} data sets of {len(likelihood.blocks[0].y)} points, {len(likelihood.space)} parameters")
    with workers() as executor:
        store, kept = finished_store("solves"), finished_store("sbc")
        truths, measured, failed = simulated(model, likelihood, plan, executor, store)
    known = _key(model, likelihood, plan)
    found: dict[int, Trial] = {}
    for i in range(plan.n):
        content = kept.get(digest(known, str(i)))
        if content is not None:
            found[i] = Trial(**json.loads(content))
    with counting_progress("data sets") as progress:
        for trial in _missing(likelihood, plan, truths, measured, failed, found):
            found[trial.index] = trial
            kept.put(digest(known, str(trial.index)), json.dumps(asdict(trial)).encode())
            progress(len(found), plan.n)
    return [found[i] for i in range(plan.n)]


def simulated(
    model: Model, likelihood: Likelihood, plan: Plan, executor: Executor | None, store: Store | None
) -> tuple[Floats, Measured, dict[int, str]]:
    """Prior draws (n, P), their noisy reference solutions, and why some data sets have none."""
    truths = likelihood.space.draw(plan.n, plan.seed)
    with counting_progress("reference solves") as progress:
        solve = solve_for(likelihood, Solver(model, executor, store, progress))
        (y,) = solve(truths[:, : len(likelihood.forward.space)])
    failed = {}
    for i, curve in enumerate(y):
        if not np.isfinite(curve).any():
            failed[i] = "the reference solver gave no answer"
        elif not np.isfinite(curve).all():
            failed[i] = "the reference solution ends before the experiment does (shorten it with --span)"
    (scale,) = likelihood.scale(truths)
    (noise,) = likelihood.disturbances(truths, np.random.default_rng([plan.seed, 1]))
    mask = np.isfinite(y)
    return truths, ((np.where(mask, y + _own(likelihood, scale, truths) * noise, 0.0), mask),), failed


def _own(likelihood: Likelihood, scale: Floats, truths: Floats) -> Floats:
    """The noise's own standard deviation: without the surrogate's error, which real data do not have."""
    block = likelihood.blocks[0]
    sigma = noise_scales(block, truths)[:, None, :]
    return np.broadcast_to(np.sqrt(sigma**2 + block.own), scale.shape)


def _missing(
    likelihood: Likelihood, plan: Plan, truths: Floats, measured: Measured, failed: dict[int, str],
    found: Mapping[int, Trial],
) -> Iterator[Trial]:  # fmt: skip
    """Trials that are not yet known, as they are ready."""
    names = likelihood.scales.names
    left = np.array([i for i in range(plan.n) if i not in found and i not in failed], dtype=np.int64)
    for i in (i for i in failed if i not in found):
        yield Trial(
            i, dict(zip(names, truths[i].tolist(), strict=True)), {}, {}, {}, {}, {}, "none", "", None, failed[i]
        )
    if not len(left):
        return
    ((y, mask),) = measured
    for answer in solve_units(Units(likelihood, seed=plan.seed), ((y[left], mask[left]),)):
        i = int(left[answer.unit])
        yield trial_of(i, answer, truths[i], names, np.random.default_rng([plan.seed, 2, i]))


def trial_of(index: int, answer: UnitAnswer, truth: Floats, names: tuple[str, ...], rng: np.random.Generator) -> Trial:
    """What is kept of one posterior."""
    known = dict(zip(names, truth.tolist(), strict=True))
    if not answer.converged:
        return Trial(index, known, {}, {}, {}, {}, {}, answer.rung, answer.reason, None, "the sampler did not converge")
    theta, weights = _independent(answer)
    position = {n: weighted_position(theta[:, j], weights, known[n], rng) for j, n in enumerate(names)}
    low, high = answer.quantile(np.array([0.05, 0.95]))

    def named(values: Floats) -> dict[str, float]:
        return dict(zip(names, values.tolist(), strict=True))

    khat = answer.khat if math.isfinite(answer.khat) else None
    return Trial(
        index, known, position, named(answer.mean), named(answer.sd), named(low), named(high), answer.rung,
        answer.reason, khat,
    )  # fmt: skip


def _independent(answer: UnitAnswer) -> tuple[Floats, Floats | None]:
    """Draws that may be counted: weighted ones as they are, chains thinned to their effective number."""
    if np.ptp(answer.log_weights) > 0:
        return answer.theta, np.exp(answer.log_weights)
    step = max(1, math.ceil(len(answer.theta) / max(answer.ess, 1.0)))
    return answer.theta[::step], None


def _key(model: Model, likelihood: Likelihood, plan: Plan) -> str:
    """Digest of all that a trial depends on, but for its number: of the forward map its answers at a few points."""
    probes = likelihood.space.sobol(PROBES, 0)
    (answers,), (scale,) = likelihood.predict(probes), likelihood.scale(probes)
    told = (answers.tobytes(), scale.tobytes())
    return digest(signature_of(model), repr(plan), repr(likelihood.space), *told, _code())


def _code() -> str:
    """Digest of the inference's source files."""
    folder = Path(__file__).parent.parent / "inference"
    return digest(*(path.read_bytes() for path in sorted(folder.glob("*.py"))))


def _facts(model: Model, forward: Forward, plan: Plan) -> dict[str, str]:
    inner = getattr(forward, "forward", forward)
    return {
        "Model": model.name,
        "Preset": model.preset,
        "Data by": "the reference solver",
        "Posterior by": f"surrogate, {inner.mode}" if isinstance(inner, Surrogate) else "closed form",
        "Data sets": f"{plan.n} of {plan.points} points",
        "Seed": str(plan.seed),
    }


def _print(summary: dict[str, Any]) -> None:
    out = console()
    for name, p in summary["parameters"].items():
        out.print(f"{name:>16}: {_told(p)}", markup=False)
    out.print(
        f"{summary['n']} data sets, {summary['failed']} without a posterior; rungs: "
        + ", ".join(f"{k} {v}" for k, v in summary["rungs"].items())
        + ("; calibrated" if summary["passed"] else "; NOT calibrated"),
        markup=False,
    )


def _told(p: Mapping[str, Any]) -> str:
    if p.get("p_value") is None:
        return "too few posteriors to judge"
    c = p["coverage90"]
    return (
        f"ranks {'uniform' if p['uniform'] else 'NOT uniform'} (p = {p['p_value']:.3g}); 90 % intervals hold "
        f"{100 * c['share']:.0f} % [{100 * c['low']:.0f}, {100 * c['high']:.0f}]"
    )
