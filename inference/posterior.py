"""A posterior as it is kept: draws by name, what they predict, what was measured, how they came about."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from twin.inference.blocks import Block, label
from twin.inference.discrepancy import Discrepancy
from twin.inference.likelihood import Likelihood
from twin.inference.sample import Sample
from twin.refined import Refined
from twin.space import Floats, Space

PACKAGES = ("twincal", "numpy", "scipy", "jax", "numpyro", "torch", "pyro-ppl", "arviz", "xarray")


@dataclass(frozen=True, eq=False)
class Series:
    """One observable of one experiment at its m measured points.

    ``x`` (m, d), ``y`` (m,); ``predictive`` (chains, s, m) are new measurements drawn at thinned draws;
    ``fitted`` (m,) is the posterior mean of the noise-free prediction, ``model`` (m,) the same without
    discrepancy; ``noise`` (m,) is the posterior median of the noise law's scale; ``surrogate`` (m,) the forward
    map's own error; ``log_likelihood`` (chains, draws, m).
    """

    experiment: str
    observable: str
    unit: str
    coordinates: tuple[str, ...]
    x: Floats
    y: Floats
    fitted: Floats
    model: Floats
    noise: Floats
    surrogate: Floats
    predictive: Floats
    log_likelihood: Floats

    @property
    def name(self) -> str:
        """``voltage[first]``."""
        return f"{self.observable}[{self.experiment}]"


@dataclass(frozen=True, eq=False)
class Posterior:
    """Draws ``theta`` (chains, draws, P) over the extended ``space`` and all that is needed to judge them.

    ``prior`` (n, P) are prior draws; ``stats`` sampler statistics (chains, draws); ``metadata`` is plain data
    that fits into JSON: model, conditions, surrogate, names of latent parameters.
    """

    space: Space
    theta: Floats
    prior: Floats
    series: tuple[Series, ...]
    stats: Mapping[str, Floats]
    sampler: str
    rung: str
    reason: str
    seed: int
    seconds: float
    khat: float | None
    weight_ess: float | None
    versions: Mapping[str, str]
    metadata: Mapping[str, Any]

    def draws(self, name: str) -> Floats:
        """Draws (chains, draws) of one parameter."""
        column: Floats = self.theta[..., self.space.index(name)]
        return column

    @property
    def latent(self) -> tuple[str, ...]:
        """Parameters that are sampled but not reported one by one."""
        return tuple(self.metadata.get("latent", ()))

    @property
    def log_likelihood(self) -> Floats:
        """Pointwise log likelihood (chains, draws, points), series after series."""
        return np.concatenate([s.log_likelihood for s in self.series], axis=-1)


def assemble(
    likelihood: Likelihood,
    sample: Sample,
    *,
    metadata: Mapping[str, Any] | None = None,
    replicates: int = 400,
    prior_draws: int = 1024,
) -> Posterior:
    """The posterior record of a sample: predictive draws, pointwise likelihood, prior draws, provenance.

    ``metadata`` (what the caller knows: model name, preset, data files) is kept beside what is known here.
    """
    return Posterior(
        space=likelihood.space,
        theta=sample.theta,
        prior=likelihood.space.sobol(prior_draws, sample.seed),
        series=_all_series(likelihood, sample, replicates),
        stats=sample.stats,
        sampler=sample.sampler,
        rung=sample.rung,
        reason=sample.reason,
        seed=sample.seed,
        seconds=sample.seconds,
        khat=sample.khat,
        weight_ess=sample.weight_ess,
        versions=versions(),
        metadata={**describe(likelihood), **(metadata or {})},
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the draws rest on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def describe(likelihood: Likelihood) -> dict[str, Any]:
    """The likelihood's choices in plain data."""
    exact = all(b.error is None for b in likelihood.blocks)
    measured = {name for e in likelihood.experiments for name in e.observables}
    return {
        "noise": repr(likelihood.noise),
        "noise_per_experiment": likelihood.noise_per_experiment,
        "known_errors": [o.name for o in likelihood.forward.observables if o.noise is None and o.name in measured],
        "sampled_errors": [o.name for o in likelihood.forward.observables if o.noise and o.name in measured],
        "autoregressive": list(likelihood.autoregressive),
        "surrogate_error": "exact" if exact else _treated(likelihood),
        "discrepancy": None if likelihood.discrepancy is None else _described(likelihood.discrepancy),
        "latent": list(likelihood.latent),
        "units": {
            **{c.name: c.unit for c in likelihood.forward.coordinates},
            **{p.name: p.unit for p in likelihood.forward.conditions.parameters},
        },
        "experiments": [
            {
                "name": e.name,
                "conditions": {k: float(v) for k, v in e.conditions.items()},
                "source": None if e.source is None else {**vars(e.source)},
                "notes": list(e.notes),
            }
            for e in likelihood.experiments
        ],
    }


def _treated(likelihood: Likelihood) -> str:
    """What was made of the forward map's error."""
    return "refined" if isinstance(likelihood.forward, Refined) else likelihood.surrogate_error.value


def _described(discrepancy: Discrepancy) -> str:
    """The discrepancy in words."""
    scales = ", ".join(f"{name} {scale:.4g}" for name, scale in discrepancy.scale.items())
    kept = "" if discrepancy.orthogonal_at is None else "; orthogonal to the parameters' sensitivities"
    return f"prior scale of {scales} ({discrepancy.source}); {discrepancy.kernel!r}{kept}"


def _all_series(likelihood: Likelihood, sample: Sample, replicates: int) -> tuple[Series, ...]:
    chains, draws, p = sample.theta.shape
    thin = np.unique(np.linspace(0, draws - 1, min(draws, max(1, replicates // chains))).astype(int))
    theta = sample.theta[:, thin].reshape(-1, p)
    pointwise = _in_chunks(likelihood, sample.theta.reshape(-1, p)).reshape(chains, draws, -1)
    parts = zip(
        likelihood.blocks,
        likelihood.predict(theta),
        likelihood.predict(theta, discrepancy=False),
        likelihood.scale(theta),
        likelihood.replicate(theta, sample.seed),
        likelihood.forward_error(theta),
        strict=True,
    )
    found, start = [], 0
    for block, mean, plain, scale, new, error in parts:
        own = pointwise[..., start : start + len(block.points)]
        start += len(block.points)
        for j, observable in enumerate(block.experiment.observables):
            rows = np.flatnonzero(block.mask[:, j])
            if not len(rows):
                continue
            cut = tuple(a[:, rows, j] for a in (mean, plain, scale, new, error))
            here = own[..., block.points % len(block.columns) == j]
            found.append(_series(likelihood, block, j, observable, rows, cut, here, chains))
    return tuple(found)


def _series(
    likelihood: Likelihood,
    block: Block,
    j: int,
    observable: str,
    rows: np.ndarray[Any, np.dtype[np.intp]],
    cut: tuple[Floats, ...],
    log_likelihood: Floats,
    chains: int,
) -> Series:
    mean, plain, scale, new, error = cut
    return Series(
        experiment=label(block.experiment),
        observable=observable,
        unit=likelihood.forward.observables[block.columns[j]].unit,
        coordinates=block.experiment.coordinates,
        x=block.x[rows],
        y=block.y[rows, j],
        fitted=mean.mean(axis=0),
        model=plain.mean(axis=0),
        noise=np.median(scale, axis=0),
        surrogate=np.sqrt(np.mean(error**2, axis=0)),
        predictive=new.reshape(chains, -1, len(rows)),
        log_likelihood=log_likelihood,
    )


def _in_chunks(likelihood: Likelihood, theta: Floats, size: int = 500) -> Floats:
    """Pointwise log likelihood of many draws, a chunk at a time to bound the memory."""
    return np.concatenate([likelihood.pointwise(part) for part in np.array_split(theta, -(-len(theta) // size))])
