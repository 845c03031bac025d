"""What a study samples: its likelihood, without and with a discrepancy, and what the reference solver makes of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twin.case_studies.console import say as say_aloud
from twin.case_studies.forwards import forward_of, with_fixed
from twin.case_studies.progress import counting_progress
from twin.case_studies.study import HELD_OUT, Study
from twin.case_studies.verification import verified
from twin.experiment import Experiment
from twin.inference.density import density_of
from twin.inference.discrepancy import Discrepancy
from twin.inference.held_out import held_out_error
from twin.inference.ladder import sample_ladder
from twin.inference.likelihood import Likelihood
from twin.inference.noise import Gaussian, Noise, StudentT
from twin.inference.nuts_numpyro import sample_nuts
from twin.inference.pyro_engine import sample_pyro_nuts, sample_svi
from twin.inference.rungs.laplace import sample_laplace
from twin.inference.sample import Sample, Sampler
from twin.inference.treatment import Treatment
from twin.inference.verdict import Diligence
from twin.model import Model
from twin.space import nearest

SAMPLERS: dict[str, Sampler] = {
    "ladder": sample_ladder,
    "nuts": sample_nuts,
    "laplace": sample_laplace,
    "svi": sample_svi,
    "pyro-nuts": sample_pyro_nuts,
}
NOISES: dict[str, Noise] = {"gaussian": Gaussian(), "student-t": StudentT(nu=4.0)}
TREATMENTS = {treatment.value: treatment for treatment in Treatment}
LEAST_DRAWS = 25
"""Fewer solves than these have no tail from which k-hat could be read."""

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Sampled:
    """A sample and the likelihood it belongs to, with what the report tells of them beside the draws."""

    likelihood: Likelihood
    sample: Sample
    told: dict[str, Any]


def require_names(study: Study) -> None:
    """ValueError for a sampler, noise law or treatment that does not exist, or options that do not go together."""
    for option, value, known in (
        ("sampler", study.sampler, SAMPLERS),
        ("noise law", study.noise, NOISES),
        ("treatment of the surrogate's error", study.surrogate_error, TREATMENTS),
    ):
        if value not in known:
            raise ValueError(f"no {option} {value!r}{nearest(value, tuple(known))}")
    if 0 < study.verify < LEAST_DRAWS:
        raise ValueError(f"--verify {study.verify}: expected 0 or at least {LEAST_DRAWS} draws; 200 is a good number")
    if study.autoregressive and not NOISES[study.noise].gaussian:
        raise ValueError(f"--autoregressive goes with --noise gaussian only, got --noise {study.noise}")
    if study.orthogonal and not study.discrepancy:
        raise ValueError("--orthogonal: there is no discrepancy to keep orthogonal; add --discrepancy observable=size")
    if HELD_OUT in study.discrepancy.values() and not study.hold_out:
        raise ValueError("--discrepancy held-out: no experiment is held out; name some with --hold-out VALUE of --by")
    if study.hold_out and study.by is None:
        raise ValueError("--hold-out: give the column that tells experiments apart with --by")


def likelihood_of(study: Study, model: Model, experiments: list[Experiment]) -> Likelihood:
    """Forward map and noise as the study wants them, without a discrepancy."""
    known = tuple(dict.fromkeys(name for e in experiments for name in e.observables))
    for option, names in (("discrepancy", study.discrepancy), ("autoregressive", study.autoregressive)):
        for name in names:
            if name not in known:
                raise ValueError(f"--{option} {name}: no such observable was measured{nearest(name, known)}")
    return Likelihood(
        forward=with_fixed(forward_of(model, study.surrogate), study.fix),
        experiments=experiments,
        noise=NOISES[study.noise],
        surrogate_error=TREATMENTS[study.surrogate_error],
        autoregressive=study.autoregressive,
    )


def sampled(study: Study, model: Model, likelihood: Likelihood, held_out: list[Experiment], say: Say) -> Sampled:
    """The posterior of a study. With a discrepancy also the one without it, which gives the other its setting."""
    sampler = SAMPLERS[study.sampler]
    say(f"sampling {len(likelihood.space)} parameters with {study.sampler}")
    sample = sampler(density_of(likelihood), seed=study.seed)
    say(f"{sample.rung}: {sample.reason}")
    told: dict[str, Any] = {}
    if study.discrepancy:
        told["without_discrepancy"] = _told(likelihood, sample)
        likelihood = with_discrepancy(study, likelihood, sample, held_out, say)
        say(f"sampling {len(likelihood.space)} parameters with the discrepancy")
        sample = sampler(density_of(likelihood), seed=study.seed)
        say(f"{sample.rung}: {sample.reason}")
    if study.verify:
        return _judged(study, model, Sampled(likelihood, sample, told), say)
    return Sampled(likelihood, sample, told)


def with_discrepancy(
    study: Study, likelihood: Likelihood, plain: Sample, held_out: list[Experiment], say: Say
) -> Likelihood:
    """The likelihood with the study's discrepancy, its sizes and directions set by the posterior without it."""
    flat = plain.theta.reshape(-1, plain.theta.shape[-1])
    scale = {k: float(v) for k, v in study.discrepancy.items() if v != HELD_OUT}
    source = "user"
    asked = [k for k, v in study.discrepancy.items() if v == HELD_OUT]
    if asked:
        found = held_out_error(likelihood, flat[:: max(1, len(flat) // 400)], held_out)
        for name in asked:
            if name not in found:
                raise ValueError(f"--discrepancy {name}=held-out: noise explains the held-out data; leave it away")
            say(f"held-out error of {name} beyond the noise: {found[name]:.3g}")
            scale[name] = found[name]
        source = "held-out data: " + ", ".join(e.name for e in held_out)
    p = len(likelihood.forward.space)
    at = flat[:, :p].mean(axis=0) if study.orthogonal else None
    return replace(likelihood, discrepancy=Discrepancy(scale=scale, orthogonal_at=at, source=source))


def _judged(study: Study, model: Model, before: Sampled, say: Say) -> Sampled:
    say(f"asking the reference solver at {study.verify} draws")
    with counting_progress("reference solves") as progress:
        verdict = verified(
            model, before.likelihood, before.sample, SAMPLERS[study.sampler],
            diligence=Diligence(draws=study.verify, seconds=study.verify_seconds), seed=study.seed, say=say_aloud,
            progress=progress,
        )  # fmt: skip
    say(f"verdict: {verdict.name}")
    return Sampled(verdict.likelihood, verdict.sample, before.told | {"verification": verdict.record})


def _told(likelihood: Likelihood, sample: Sample) -> dict[str, Any]:
    """Mean and standard deviation by parameter, in plain data."""
    flat = sample.theta.reshape(-1, sample.theta.shape[-1])
    parameters = {
        name: {"mean": float(np.mean(flat[:, i])), "sd": float(np.std(flat[:, i]))}
        for i, name in enumerate(likelihood.scales.names)
    }
    return {"rung": sample.rung, "reason": sample.reason, "parameters": parameters}
